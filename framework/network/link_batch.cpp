// Batches in bytes.
#include "network/link_batch.hpp"

#include <bit>
#include <cstring>

namespace tokamak::network {
namespace {

static_assert(std::endian::native == std::endian::little, "numbers are copied as they are");

constexpr std::uint16_t failed_flag = 1; // no frame: the request could not be answered

template <class T>
void put(std::vector<std::byte>& to, std::size_t at, T value) {
  std::memcpy(to.data() + at, &value, sizeof value);
}

template <class T>
T get(std::span<const std::byte> from, std::size_t at) {
  T value;
  std::memcpy(&value, from.data() + at, sizeof value);
  return value;
}

constexpr std::size_t padded(std::size_t n) { return (n + 7) & ~std::size_t{7}; }

} // namespace

std::uint64_t link_message::cost() const {
  if (target == link_address) return 0;
  std::uint64_t bytes = batch_writer::record_size;
  if (!frame.storage) return bytes;
  bytes += frame.bytes().size();
  for (const auto& a : frame.attachments()) bytes += a.bytes().size();
  return bytes;
}

void batch_writer::add(const link_message& m) {
  const auto body = m.frame.storage ? m.frame.bytes() : std::span<const std::byte>();
  const auto at = bytes_.size();
  bytes_.resize(at + record_size + padded(body.size()));
  put(bytes_, at, static_cast<std::uint32_t>(body.size()));
  put(bytes_, at + 4, static_cast<std::uint16_t>(m.frame.type));
  put(bytes_, at + 6, m.frame.storage ? std::uint16_t{0} : failed_flag);
  put(bytes_, at + 8, m.target);
  put(bytes_, at + 16, m.sender);
  put(bytes_, at + 24, m.request);
  if (!body.empty()) std::memcpy(bytes_.data() + at + record_size, body.data(), body.size());
}

std::vector<std::byte> batch_writer::take(const received_bytes& received, std::size_t n_attachments) {
  std::byte header[frame_header::size];
  frame_header{static_cast<frame_type>(n_attachments)}.write(header);
  std::memcpy(bytes_.data(), header, sizeof header);
  put(bytes_, 8, received[0]);
  put(bytes_, 16, received[1]);
  return std::exchange(bytes_, std::vector<std::byte>(header_size));
}

namespace {

struct record_place {
  std::size_t at, size; // of its FlatBuffer
};

/// Where each record's FlatBuffer is.
expected<std::vector<record_place>> find_records(std::span<const std::byte> bytes) {
  std::vector<record_place> found;
  for (auto at = batch_writer::header_size; at < bytes.size();) {
    const auto left = bytes.size() - at;
    const auto size = left >= batch_writer::record_size ? get<std::uint32_t>(bytes, at) : 0;
    if (left < batch_writer::record_size || left - batch_writer::record_size < padded(size))
      return fail(errc::corrupt, fmt::format("record at byte {} of a batch of {} is cut", at, bytes.size()));
    found.push_back({at + batch_writer::record_size, size});
    at += batch_writer::record_size + padded(size);
  }
  return found;
}

/// What the frames of a batch share, so that none needs memory of its own.
struct batch_storage {
  attachment bytes;
  std::vector<detail::frame_storage> frames;
};

} // namespace

expected<batch> read_batch(const attachment& part, std::vector<attachment> attachments, const frame_limits& limits) {
  const auto bytes = part.bytes();
  if (bytes.size() < batch_writer::header_size)
    return fail(errc::corrupt, fmt::format("batch of {} bytes; at least {} expected", bytes.size(), batch_writer::header_size));
  const auto header = frame_header::read(bytes.first(frame_header::size));
  if (!header) return fail(header.error());
  if (const auto promised = static_cast<std::size_t>(header->type); promised != attachments.size())
    return fail(errc::corrupt, fmt::format("batch with {} attachments; {} expected", attachments.size(), promised));
  const auto places = find_records(bytes);
  if (!places) return fail(places.error());
  const bool single = !attachments.empty();
  if (single && places->size() > 1) return fail(errc::corrupt, fmt::format("batch with attachments and {} records; one expected", places->size()));
  batch out;
  out.received = {get<std::uint64_t>(bytes, 8), get<std::uint64_t>(bytes, 16)};
  out.messages.resize(places->size());
  const auto storage = std::make_shared<batch_storage>(batch_storage{part, std::vector<detail::frame_storage>(places->size())});
  for (std::size_t i = 0; i < places->size(); ++i) {
    const auto [at, size] = (*places)[i];
    const auto head = bytes.subspan(at - batch_writer::record_size);
    auto& m = out.messages[i];
    m.target = get<std::uint64_t>(head, 8);
    m.sender = get<std::uint64_t>(head, 16);
    m.request = get<std::uint64_t>(head, 24);
    if ((get<std::uint16_t>(head, 6) & failed_flag) != 0) continue;
    auto& kept = storage->frames[i];
    kept.data = bytes.data() + at;
    kept.size = size;
    if (single) kept.attachments = std::move(attachments);
    auto frame = read_in_place(static_cast<frame_type>(get<std::uint16_t>(head, 4)), detail::shared_storage(storage, &kept), limits);
    if (!frame) return fail(frame.error());
    m.frame = std::move(*frame);
  }
  if (single && (out.messages.empty() || !out.messages.front().frame.storage)) return fail(errc::corrupt, "batch with attachments and no frame; one expected");
  return out;
}

} // namespace tokamak::network
