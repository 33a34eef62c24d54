// libFuzzer target: the first byte picks a frame type, the next eight are a header, and the rest is the FlatBuffer,
// either as it is or as edits of a sound frame. Whatever verify() lets through must be readable the way receivers read
// it, must unpack, and what was unpacked must verify again.
#include "fuzz/edits.hpp"
#include "fuzz/frame_samples.hpp"

#include <cstdint>
#include <cstdlib>

using namespace tokamak;

namespace {

using byte_view = std::span<const std::byte>;

void require(bool condition) {
  if (!condition) std::abort();
}

volatile double used; // so that the reads are not dropped

template <class V>
std::size_t count(const V* vector) {
  return vector ? vector->size() : 0;
}

template <class V>
auto at(const V* vector, std::size_t i) {
  require(i < count(vector));
  return vector->Get(static_cast<flatbuffers::uoffset_t>(i));
}

// Receivers index these by numbers that stand elsewhere in the frame; of the other types, unpacking reads all.
template <class T>
void walk(const T&) {}

void walk(const wire::Sampling* s) {
  for (std::size_t i = 0; s && i < count(s->bias_tokens()); ++i) used = at(s->bias_values(), i);
}

void walk(const wire::Open& open) { walk(open.sampling()); }

void walk(const wire::Chunks& chunks) {
  for (std::size_t i = 0; i < count(chunks.items()); ++i) {
    const auto* item = at(chunks.items(), i);
    for (std::size_t t = 0; item->logprobs() && item->logprobs()->size() > 0 && t < count(item->tokens()); ++t)
      used = at(item->logprobs(), t);
    std::size_t entry = 0;
    for (std::size_t p = 0; item->top() && p < count(item->top()->counts()); ++p)
      for (std::size_t k = 0; k < at(item->top()->counts(), p); ++k, ++entry) {
        used = at(item->top()->ids(), entry) + at(item->top()->logprobs(), entry);
        if (count(item->top()->texts()) > 0) used = at(item->top()->texts(), entry)->size();
      }
  }
}

void walk(const wire::Step& step) {
  const auto sequences = count(step.sequence_ids());
  for (std::size_t s = 0; s < sequences; ++s) {
    for (auto row = at(step.row_begin(), s); row < at(step.row_begin(), s + 1); ++row)
      used = at(step.tokens(), row) + at(step.positions(), row) + (step.parents() ? at(step.parents(), row) : 0);
    for (std::size_t g = 0; g < count(step.groups()); ++g) {
      const auto* group = at(step.groups(), g);
      used = at(group->context(), s) + at(group->first_block(), s);
      for (auto i = at(group->table_begin(), s); i < at(group->table_begin(), s + 1); ++i)
        used = at(group->tables(), i);
    }
  }
  for (std::size_t i = 0; i < count(step.cache_ops()); ++i) used = at(step.cache_ops(), i)->count();
  for (std::size_t o = 0; o < count(step.output_rows()); ++o) {
    used = at(step.tokens(), at(step.output_rows(), o));
    used = at(step.output_top(), o) + static_cast<int>(at(step.output_kinds(), o));
  }
  for (std::size_t i = 0; i < count(step.opened()); ++i) walk(at(step.opened(), i)->sampling());
}

void walk(const wire::StepResult& result) {
  std::size_t entry = 0;
  for (std::size_t o = 0; o < count(result.tokens()); ++o) {
    used = at(result.tokens(), o) + at(result.logprobs(), o);
    for (std::size_t k = 0; k < at(result.top_counts(), o); ++k, ++entry)
      used = at(result.top_ids(), entry) + at(result.top_logprobs(), entry);
  }
}

void walk(const wire::LedgerEntry& entry) {
  for (std::size_t i = 0; i < count(entry.kinds()); ++i) used = static_cast<double>(at(entry.amounts(), i));
}

template <class T>
void read_as(byte_view bytes) {
  const auto frame = read_frame<T>(bytes);
  if (!frame) {
    require(!frame.error().message.empty());
    return;
  }
  walk(**frame);
  const auto again = make_frame<T>(frame->unpack());
  // Tables that shared a string or a vector have one each now, so only the size may have become too much.
  const auto sound = verify(frame_type_of<T>, again.bytes());
  require(sound || sound.error().code == errc::too_large);
}

template <class T>
void read_edited(byte_view edits) {
  const auto sound = make_frame<T>(fuzz::sample<T>());
  std::vector<std::byte> bytes(sound.bytes().begin(), sound.bytes().end());
  fuzz::apply_edits(bytes, edits);
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
