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

expected<batch> read_batch(std::span<const std::byte> bytes, std::vector<attachment> attachments, const frame_limits& limits) {
  if (bytes.size() < batch_writer::header_size)
    return fail(errc::corrupt, fmt::format("batch of {} bytes; at least {} expected", bytes.size(), batch_writer::header_size));
  const auto header = frame_header::read(bytes.first(frame_header::size));
  if (!header) return fail(header.error());
  if (const auto promised = static_cast<std::size_t>(header->type); promised != attachments.size())
    return fail(errc::corrupt, fmt::format("batch with {} attachments; {} expected", attachments.size(), promised));
  batch out;
  const bool single = !attachments.empty();
  out.received = {get<std::uint64_t>(bytes, 8), get<std::uint64_t>(bytes, 16)};
  for (auto at = batch_writer::header_size; at < bytes.size();) {
    const auto left = bytes.size() - at;
    const auto size = left >= batch_writer::record_size ? get<std::uint32_t>(bytes, at) : 0;
    if (left < batch_writer::record_size || left - batch_writer::record_size < padded(size))
      return fail(errc::corrupt, fmt::format("record at byte {} of a batch of {} is cut", at, bytes.size()));
    if (single && !out.messages.empty())
      return fail(errc::corrupt, "batch with attachments and several records; one expected");
    link_message m;
    m.target = get<std::uint64_t>(bytes, at + 8);
    m.sender = get<std::uint64_t>(bytes, at + 16);
    m.request = get<std::uint64_t>(bytes, at + 24);
    if ((get<std::uint16_t>(bytes, at + 6) & failed_flag) == 0) {
      auto frame = read_any(static_cast<frame_type>(get<std::uint16_t>(bytes, at + 4)), bytes.subspan(at + batch_writer::record_size, size),
                            limits, std::exchange(attachments, {}));
      if (!frame) return fail(frame.error());
      m.frame = std::move(*frame);
    }
    out.messages.push_back(std::move(m));
    at += batch_writer::record_size + padded(size);
  }
  if (single && (out.messages.empty() || !out.messages.front().frame.storage)) return fail(errc::corrupt, "batch with attachments and no frame; one expected");
  return out;
}

} // namespace tokamak::network
