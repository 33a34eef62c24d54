// What is measured of an endpoint's requests, at the moment when something leaves for their owners: how long tokens take, how long requests are,
// and how they end. frontend/http/metrics.md says what becomes of each.
#pragma once

#include "base/error.hpp"
#include "base/histogram.hpp"
#include "message/frame.hpp"

#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

namespace tokamak::fusion {

/// What a request asks for, by the names of OpenTelemetry's gen_ai.operation.name.
enum class operation : std::uint8_t { chat, text_completion };
operation operation_of(const wire::Open& request);

/// One request so far.
struct request_times {
  operation what = operation::chat;
  std::uint64_t arrival_us = 0;
  std::uint64_t first_us = 0, last_us = 0; ///< of its tokens, once there are some
  std::uint64_t tokens = 0;
};

/// Histograms are named as they are on the wire: "prompt_tokens", "chat.time_to_first_token_seconds", and of requests that ended in an error
/// "chat.unavailable.request_duration_seconds". One thread: the endpoint's.
class request_measures {
public:
  request_measures();
  /// n > 0 tokens leave. Called with every chunk: allocates nothing.
  void tokens(request_times& r, std::size_t n, std::uint64_t now_us);
  /// The last chunk leaves.
  void ended(const request_times& r, const wire::ChunkT& last, std::uint64_t now_us);
  /// Its owner closed it, or is gone: no chunk leaves.
  void cancelled(const request_times& r, std::uint64_t now_us);
  void failed(const request_times& r, errc why, std::uint64_t now_us);

  /// Finished by stop and by length, failed, cancelled.
  std::vector<std::pair<std::string, double>> counters() const;
  /// Point into this.
  std::vector<std::pair<std::string, const histogram*>> histograms() const;

private:
  struct of_operation {
    of_operation();
    histogram first_token, output_token, duration;
    histogram& without_success(errc why);
    std::map<errc, histogram> duration_failed;
  };
  of_operation& of(operation what) { return operations_[static_cast<std::size_t>(what)]; }

  std::array<of_operation, 2> operations_;
  histogram between_tokens_, queue_, prefill_, decode_, inference_;
  histogram prompt_tokens_, completion_tokens_;
  std::uint64_t stopped_ = 0, length_ = 0, failed_ = 0, cancelled_ = 0;
};

} // namespace tokamak::fusion
