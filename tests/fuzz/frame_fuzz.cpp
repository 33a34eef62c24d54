// libFuzzer target: the first byte picks a frame type, the next eight are a header, and the rest is the FlatBuffer, either as it is
// or as edits of a sound frame. Whatever verify() lets through must unpack, and what was unpacked must verify again.
#include "message/frame.hpp"

#include <cstdint>
#include <cstdlib>

using namespace tokamak;

namespace {

using byte_view = std::span<const std::byte>;

void require(bool condition) {
  if (!condition) std::abort();
}

template <class T>
void read_as(byte_view bytes) {
  const auto frame = read_frame<T>(bytes);
  if (!frame) {
    require(!frame.error().message.empty());
    return;
  }
  const auto again = make_frame<T>(frame->unpack());
  // Tables that shared a string or a vector have one each now, so only the size may have become too much.
  const auto sound = verify(frame_type_of<T>, again.bytes());
  require(sound || sound.error().code == errc::too_large);
}

/// Edits are three bytes each: a place (little endian) and what is written there.
template <class T>
void read_edited(byte_view edits) {
  const auto sound = make_frame<T>({});
  std::vector<std::byte> bytes(sound.bytes().begin(), sound.bytes().end());
  for (; edits.size() >= 3; edits = edits.subspan(3)) {
    const auto place = std::to_integer<std::size_t>(edits[0]) | std::to_integer<std::size_t>(edits[1]) << 8;
    bytes[place % bytes.size()] = edits[2];
  }
  read_as<T>(bytes);
}

template <class T>
void try_type(bool edited, byte_view bytes) {
  edited ? read_edited<T>(bytes) : read_as<T>(bytes);
}

constexpr frame_type all_types[] = {
#define TOKAMAK_LIST(name, number) frame_type::name,
    TOKAMAK_FRAME_TYPES(TOKAMAK_LIST)
#undef TOKAMAK_LIST
};

void try_header(byte_view bytes) {
  const auto header = frame_header::read(bytes);
  if (!header) {
    require(!header.error().message.empty());
    return;
  }
  std::byte written[frame_header::size];
  header->write(written);
  require(std::equal(bytes.begin(), bytes.end(), std::begin(written), std::end(written)));
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 1 + frame_header::size) return 0;
  const auto bytes = std::as_bytes(std::span(data, size));
  try_header(bytes.subspan(1, frame_header::size));
  const auto choice = data[0] & 0x7f;
  const bool edited = (data[0] & 0x80) != 0;
  const auto body = bytes.subspan(1 + frame_header::size);
  switch (all_types[static_cast<std::size_t>(choice) % std::size(all_types)]) {
#define TOKAMAK_TRY(name, number)                                                                              \
  case frame_type::name: try_type<wire::name>(edited, body); break;
    TOKAMAK_FRAME_TYPES(TOKAMAK_TRY)
#undef TOKAMAK_TRY
    case frame_type::none: break;
  }
  return 0;
}
