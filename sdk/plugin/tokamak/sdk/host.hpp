// What a plugin may ask of its host.
#pragma once

#include <tokamak/sdk/failure.hpp>

#include <cstdint>
#include <string_view>

namespace tokamak::sdk {

/// A copy is as good as the original; both are valid while the instance lives, on any of its threads.
class host {
 public:
  explicit host(const tk_host* from) : host_(from) {}

  /// Monotonic; virtual in simulations. Plugins read no other clock.
  std::uint64_t now_us() const { return host_->now_us(host_->context); }
  /// Seeded by the topology in simulations.
  std::uint64_t random() const { return host_->random_u64(host_->context); }
  /// One log line under the instance's name; `event` is a stable dotted name ("cache.full").
  void log(std::int32_t level, std::string_view event, std::string_view text) const {
    host_->log(host_->context, level, to_tk(event), to_tk(text));
  }
  /// Threads to compute with, the caller's included.
  std::uint32_t threads() const { return host_->threads; }
  /// 0: no limit stated.
  std::uint64_t memory_budget_bytes() const { return host_->memory_budget_bytes; }
  /// call(user) once, after delay_us, on any thread; see tk_host. False: this host has no timers.
  bool call_later(std::uint64_t delay_us, void (*call)(void* user), void* user) const {
    return host_->call_later && host_->call_later(host_->context, delay_us, call, user) == TK_OK;
  }
  /// The instance has its own copy of these bytes of a tk_weight; see tk_host. Any thread, several at once.
  void release_weight(const void* data, std::uint64_t bytes) const {
    if (host_->release_weight) host_->release_weight(host_->context, data, bytes);
  }
  const tk_host* get() const { return host_; }

 private:
  const tk_host* host_;
};

} // namespace tokamak::sdk
