// All numbers are a pure function of (seed, request, what for), so that one option changed leaves the rest as it was.
#include "app/simulation/load.hpp"

#include "engine/sampling/philox.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <optional>

namespace tokamak::app {
namespace {

enum draw : std::uint32_t { arrival, prompt_length, answer_length, which_prefix, which_endpoint };

constexpr std::uint32_t most_tokens = 16u << 20;

std::optional<std::uint32_t> count_of(std::string_view text) {
  std::uint32_t n = 0;
  const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), n);
  if (code != std::errc() || end != text.data() + text.size() || n == 0 || n > most_tokens) return std::nullopt;
  return n;
}

/// SplitMix64's mixing (Steele, Lea & Flood 2014).
std::uint64_t mix(std::uint64_t z) {
  z += 0x9E3779B97F4A7C15;
  z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9;
  z = (z ^ z >> 27) * 0x94D049BB133111EB;
  return z ^ z >> 31;
}

} // namespace

std::vector<std::int32_t> load::prompt_of(std::size_t request) const {
  const auto& r = requests[request];
  const auto own = mix(seed ^ mix(request));
  const auto shared = mix(seed ^ mix(~r.prefix));
  std::vector<std::int32_t> tokens(r.prompt_tokens);
  for (std::uint32_t i = 0; i < r.prompt_tokens; ++i)
    tokens[i] = static_cast<std::int32_t>(4 + mix((r.prefix != 0 && i < r.prefix_tokens ? shared : own) + i) % 252);
  return tokens;
}

expected<length_distribution> length_distribution::parse(std::string_view text) {
  const auto wrong = [&] {
    return fail(errc::invalid_argument, fmt::format("'{}' is no number of tokens; expected one like 128, 16-512 or exp:128, from 1 to {}", text, most_tokens));
  };
  length_distribution d;
  std::optional<std::uint32_t> low, high;
  if (text.starts_with("exp:")) {
    d.shape_ = shape::exponential;
    low = high = count_of(text.substr(4));
  } else if (const auto dash = text.find('-'); dash != std::string_view::npos) {
    d.shape_ = shape::range;
    low = count_of(text.substr(0, dash));
    high = count_of(text.substr(dash + 1));
  } else {
    low = high = count_of(text);
  }
  if (!low || !high || *high < *low) return wrong();
  d.low_ = *low;
  d.high_ = *high;
  return d;
}

std::uint32_t length_distribution::at(double uniform) const {
  if (shape_ == shape::range) return low_ + static_cast<std::uint32_t>(uniform * (static_cast<double>(high_ - low_) + 1));
  if (shape_ == shape::fixed) return low_;
  return static_cast<std::uint32_t>(std::clamp(std::ceil(-static_cast<double>(low_) * std::log1p(-uniform)), 1.0, double{most_tokens}));
}

load make_load(const poisson_load& from, std::vector<std::string> endpoints) {
  load out;
  out.seed = from.seed;
  double at_s = 0;
  for (std::uint32_t i = 0;; ++i) {
    const auto uniform = [&](draw what) { return uniform_number(from.seed, i, what); };
    const auto one_of = [&](draw what, std::size_t n) { return static_cast<std::uint32_t>(uniform(what) * static_cast<double>(n)); };
    at_s += -std::log1p(-uniform(arrival)) / from.rate;
    if (!(at_s < from.seconds)) break;
    planned_request r;
    r.arrival_us = static_cast<std::uint64_t>(at_s * 1e6);
    r.prompt_tokens = from.prompt_tokens.at(uniform(prompt_length));
    r.max_tokens = from.max_tokens.at(uniform(answer_length));
    r.endpoint = one_of(which_endpoint, endpoints.size());
    if (from.prefixes > 0) r.prefix = 1 + one_of(which_prefix, from.prefixes);
    r.prefix_tokens = from.prefix_tokens;
    out.requests.push_back(r);
  }
  out.endpoints = std::move(endpoints);
  return out;
}

} // namespace tokamak::app
