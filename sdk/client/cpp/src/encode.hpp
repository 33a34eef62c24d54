// Requests as FlatBuffers (schemas/sequence.fbs, schemas/operations.fbs).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "tokamak/client_types.hpp"

namespace tokamak::client_detail {

using bytes = std::vector<std::uint8_t>;

bytes encode_open(std::uint64_t id, const client_request& request);
bytes encode_close(std::uint64_t id);
/// `tokens`: answer tokens of the request read so far, those it was resumed with included.
bytes encode_acknowledge(std::uint64_t id, std::uint32_t tokens);
bytes encode_list_models(std::uint64_t op);
bytes encode_status_request(std::uint64_t op);
bytes encode_drain(std::uint64_t op, const std::string& node);

} // namespace tokamak::client_detail
