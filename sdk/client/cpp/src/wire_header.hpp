// The eight bytes before every message, and the frame types a client sends and receives. Copied from the wire
// contract (framework/CONTRACTS.md, "Frame") so that the client needs no framework header; a test compares them.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

namespace tokamak::client_detail {

inline constexpr std::array<std::uint8_t, 4> wire_magic{'T', 'K', 'M', 'K'};
inline constexpr std::uint8_t protocol_major = 0;
inline constexpr std::uint8_t protocol_minor = 1;
inline constexpr std::size_t header_bytes = 8;

enum class frame_type : std::uint16_t {
  open = 1,
  close = 6,
  acknowledge = 9,
  chunks = 10,
  list_models = 22,
  model_list = 23,
  status_request = 24,
  status_report = 25,
  error_reply = 26,
  drain = 28,
  drained = 29,
};

using header = std::array<std::uint8_t, header_bytes>;

inline header make_header(frame_type type) {
  const auto number = static_cast<std::uint16_t>(type);
  return {wire_magic[0], wire_magic[1], wire_magic[2], wire_magic[3], protocol_major, protocol_minor,
          static_cast<std::uint8_t>(number & 0xff), static_cast<std::uint8_t>(number >> 8)};
}

struct parsed_header {
  std::uint8_t major = 0;
  std::uint8_t minor = 0;
  std::uint16_t type = 0;

  /// While the major version is 0, any minor may break the contract; from 1 on minors are additive.
  bool speaks_our_version() const {
    return major == protocol_major && (major > 0 || minor == protocol_minor);
  }
};

/// Nothing if these are not the eight bytes of a Tokamak header.
inline std::optional<parsed_header> parse_header(std::span<const std::uint8_t> bytes) {
  if (bytes.size() != header_bytes) return std::nullopt;
  for (std::size_t i = 0; i < wire_magic.size(); ++i)
    if (bytes[i] != wire_magic[i]) return std::nullopt;
  return parsed_header{bytes[4], bytes[5], static_cast<std::uint16_t>(bytes[6] | bytes[7] << 8)};
}

} // namespace tokamak::client_detail
