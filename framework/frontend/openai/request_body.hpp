// The JSON of a request's body, read within bounds: bodies are hostile.
#pragma once

#include "frontend/openai/api_error.hpp"

#include <cstddef>
#include <nlohmann/json.hpp>
#include <string_view>
#include <tl/expected.hpp>

namespace tokamak::frontend::openai {

/// Objects keep their order, which chat templates show.
using json = nlohmann::ordered_json;

struct body_limits {
  std::size_t depth = 64;            ///< of arrays and objects within each other, the outermost included
  std::size_t values = 2'000'000;    ///< each takes some memory, whatever its text is
  std::size_t key_work = 50'000'000; ///< comparisons of keys: an object of n of them takes n²/2
};

/// Errors: 400, "the body is no valid JSON: at byte 17: …" (bytes count from 0), broken UTF-8, a limit. Of a key that comes twice
/// the last one counts.
tl::expected<json, api_error> read_body(std::string_view body, const body_limits& limits = {});
/// The same, of a body that must be an object.
tl::expected<json, api_error> read_object(std::string_view body);

} // namespace tokamak::frontend::openai
