// What the clients of a simulation ask for: requests in order of arrival, made from a seed or read from a trace.
#pragma once

#include "base/error.hpp"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace tokamak::app {

/// One request. Its prompt's tokens follow from the load's seed, its place in the list and its prefix.
struct planned_request {
  std::uint64_t arrival_us = 0;    ///< after the beginning
  std::uint32_t prompt_tokens = 1;
  std::uint32_t max_tokens = 1;    ///< answered exactly: end tokens are ignored
  std::uint32_t endpoint = 0;      ///< index in load::endpoints
  std::uint64_t prefix = 0;        ///< requests of one prefix begin with the same tokens; 0: none
  std::uint32_t prefix_tokens = 0; ///< how many of them
};

struct load {
  std::vector<std::string> endpoints;
  std::vector<planned_request> requests; ///< by arrival
  std::uint64_t seed = 1;

  /// Token ids of a request's prompt: ids from 4 to 255, which every vocabulary has.
  std::vector<std::int32_t> prompt_of(std::size_t request) const;
};

/// How many tokens: "128" (always), "16-512" (each as likely), "exp:128" (exponential, at least 1).
class length_distribution {
public:
  /// Errors: invalid_argument.
  static expected<length_distribution> parse(std::string_view text);
  /// `uniform`: in [0, 1).
  std::uint32_t at(double uniform) const;

private:
  enum class shape { fixed, range, exponential };
  shape shape_ = shape::fixed;
  std::uint32_t low_ = 1, high_ = 1; ///< range: both included; else low_ is the number, or the mean
};

/// Requests that arrive independently of each other, the times between them exponential.
struct poisson_load {
  double rate = 1;    ///< requests a second
  double seconds = 1; ///< no request arrives later
  length_distribution prompt_tokens, max_tokens;
  std::uint32_t prefixes = 0;      ///< so many shared prefixes, each as likely; 0: none
  std::uint32_t prefix_tokens = 0;
  std::uint64_t seed = 1;
};

/// Each request goes to one of the endpoints, each as likely.
load make_load(const poisson_load& from, std::vector<std::string> endpoints);

} // namespace tokamak::app
