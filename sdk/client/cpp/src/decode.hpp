// FlatBuffers from the service as client values. Every function verifies the bytes first: whatever they are,
// the result is a value or `corrupt`.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "tokamak/client_error.hpp"
#include "tokamak/client_types.hpp"

namespace tokamak::client_detail {

using byte_view = std::span<const std::uint8_t>; ///< REQUIRES 16-byte alignment of the data

struct received_chunk {
  std::uint64_t id = 0;
  client_chunk chunk;                ///< text as sent, not yet checked for UTF-8
  std::optional<client_error> error; ///< finish was `error`
};

struct received_error {
  std::uint64_t op = 0;
  client_error error;
};

template <class T>
struct received_answer {
  std::uint64_t op = 0;
  T value;
};

client_result<std::vector<received_chunk>> decode_chunks(byte_view data);
client_result<received_error> decode_error_reply(byte_view data);
client_result<received_answer<std::vector<client_model>>> decode_model_list(byte_view data);
client_result<received_answer<client_status>> decode_status_report(byte_view data);
client_result<received_answer<client_drained>> decode_drained(byte_view data);

} // namespace tokamak::client_detail
