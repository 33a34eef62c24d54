// Reading traces, with the place of what is wrong in them.
#include "app/simulation/trace.hpp"

#include "base/nearest_name.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <fstream>
#include <functional>

namespace tokamak::app {
namespace {

using nlohmann::json;

const std::vector<std::string_view> keys{"arrival", "prompt_tokens", "max_tokens", "endpoint", "prefix", "prefix_tokens"};
constexpr double most_seconds = 1e9;
constexpr std::int64_t most_tokens = 16 << 20;

tl::unexpected<error> wrong(std::string message) { return fail(errc::invalid_argument, std::move(message)); }

/// A whole number; `otherwise` where the line does not say.
expected<std::uint32_t> tokens_of(const json& line, const char* key, std::optional<std::uint32_t> otherwise) {
  const auto it = line.find(key);
  if (it == line.end() && otherwise) return *otherwise;
  if (it == line.end()) return wrong(fmt::format("no \"{}\"", key));
  const auto n = it->is_number_integer() ? it->get<std::int64_t>() : -1;
  if (n < 1 || n > most_tokens) return wrong(fmt::format("\"{}\" is {}, expected an integer from 1 to {}", key, it->dump(), most_tokens));
  return static_cast<std::uint32_t>(n);
}

expected<std::string> text_of(const json& line, const char* key) {
  const auto it = line.find(key);
  if (it == line.end()) return std::string();
  if (!it->is_string()) return wrong(fmt::format("\"{}\" is {}, expected a string", key, it->dump()));
  return it->get<std::string>();
}

expected<planned_request> request_of(const json& line, const std::vector<std::string>& endpoints) {
  if (!line.is_object()) return wrong("not a JSON object");
  for (const auto& [key, value] : line.items())
    if (std::find(keys.begin(), keys.end(), key) == keys.end())
      return wrong(fmt::format("unknown key \"{}\"{}", key, known_names(key, keys)));
  planned_request r;
  const auto arrival = line.find("arrival");
  if (arrival == line.end()) return wrong("no \"arrival\"");
  const double seconds = arrival->is_number() ? arrival->get<double>() : -1;
  if (!(seconds >= 0 && seconds <= most_seconds)) return wrong(fmt::format("\"arrival\" is {}, expected seconds from 0 on", arrival->dump()));
  r.arrival_us = static_cast<std::uint64_t>(seconds * 1e6);
  auto prompt = tokens_of(line, "prompt_tokens", std::nullopt), answer = tokens_of(line, "max_tokens", std::nullopt);
  if (!prompt) return fail(prompt.error());
  if (!answer) return fail(answer.error());
  auto prefix_tokens = tokens_of(line, "prefix_tokens", *prompt);
  auto endpoint = text_of(line, "endpoint"), prefix = text_of(line, "prefix");
  if (!prefix_tokens) return fail(prefix_tokens.error());
  if (!endpoint) return fail(endpoint.error());
  if (!prefix) return fail(prefix.error());
  r.prompt_tokens = *prompt;
  r.max_tokens = *answer;
  if (!prefix->empty()) {
    r.prefix = std::max<std::uint64_t>(1, std::hash<std::string>()(*prefix));
    r.prefix_tokens = *prefix_tokens;
  }
  if (endpoint->empty()) return r;
  const auto at = std::find(endpoints.begin(), endpoints.end(), *endpoint);
  if (at == endpoints.end()) {
    const std::vector<std::string_view> known(endpoints.begin(), endpoints.end());
    return fail(errc::not_found, fmt::format("no endpoint '{}'{}", *endpoint, known_names(*endpoint, known)));
  }
  r.endpoint = static_cast<std::uint32_t>(at - endpoints.begin());
  return r;
}

} // namespace

expected<load> read_trace(const std::string& path, std::vector<std::string> endpoints, std::uint64_t seed) {
  std::ifstream in(path);
  if (!in) return fail(errc::not_found, "cannot open the trace", path);
  load out;
  out.seed = seed;
  std::string text;
  for (std::size_t number = 1; std::getline(in, text); ++number) {
    if (text.empty()) continue;
    auto request = request_of(json::parse(text, nullptr, /*allow_exceptions=*/false), endpoints);
    if (request && !out.requests.empty() && request->arrival_us < out.requests.back().arrival_us)
      request = wrong("arrives before the request of the line before it");
    if (!request) {
      request.error().where = fmt::format("{}:{}", path, number);
      return fail(request.error());
    }
    out.requests.push_back(*request);
  }
  if (in.bad()) return fail(errc::io, "cannot read the trace", path);
  out.endpoints = std::move(endpoints);
  return out;
}

} // namespace tokamak::app
