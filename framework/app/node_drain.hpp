// The drain of a node, without its actor: endpoints first, then engines, for they serve the endpoints; what has ended,
// what was cut. Pure.
#pragma once

#include "message/frame.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace tokamak::app {

/// Whether this node can pass on that `name` is to leave. Errors: not_found (with what there is), unavailable.
/// `connected`: those of the other nodes that are.
expected<void> can_ask_to_leave(const std::string& name, const std::string& own, const std::vector<std::string>& others,
                                const std::vector<std::string>& connected);

class node_drain {
public:
  enum class stage { none, endpoints, engines, done };

  void begin(std::uint64_t now_us, std::uint64_t deadline_us, std::size_t n_endpoints);
  /// All endpoints are done: so many engines are asked now.
  void ask_engines(std::size_t n_engines);
  /// One of those asked is done. True: it was the last of its stage.
  bool drained(const wire::Drained& m);
  void finish() { stage_ = stage::done; }

  stage at() const { return stage_; }
  bool running() const { return stage_ == stage::endpoints || stage_ == stage::engines; }
  /// What is left of the time.
  std::uint64_t left_us(std::uint64_t now_us) const { return now_us < end_us_ ? end_us_ - now_us : 0; }
  wire::DrainedT result(const std::string& node, std::uint64_t now_us) const;

private:
  stage stage_ = stage::none;
  std::uint64_t begun_us_ = 0, end_us_ = 0;
  std::size_t missing_ = 0;
  std::uint64_t finished_ = 0, cut_ = 0, moved_ = 0;
};

} // namespace tokamak::app
