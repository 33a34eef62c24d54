// The host's side of the plugin ABI: what an instance may ask for (tk_host), its options (tk_options) and
// errors as they cross the border (tk_error).
#pragma once

#include <tokamak/plugin.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <string_view>

#include "base/error.hpp"
#include "base/option_tree.hpp"

namespace tokamak::plugin {

/// What one instance is given. The functions are called on any thread of the instance and must not throw.
struct host_settings {
  std::string name;                           ///< of the instance in log lines, e.g. "engine.main.scheduler"
  std::string file;                           ///< topology file, for the positions in errors
  std::function<std::uint64_t()> now_us;      ///< monotonic, e.g. over an actor clock; empty: time stands at 0
  std::function<std::uint64_t()> random_u64;  ///< empty: a fixed sequence of its own (SplitMix64, seed 0)
  /// Runs the function once after so many microseconds, on any thread; empty: the instance has no timers.
  std::function<void(std::uint64_t delay_us, std::function<void()> call)> call_later;
  /// Bytes of weights that the instance has copied, on any thread, several at once; empty: they stay in memory.
  std::function<void(std::span<const std::byte> bytes)> release_weight;
  std::uint32_t threads = 1;                  ///< compute threads, the caller's included
  std::uint64_t memory_budget_bytes = 0;      ///< 0: no limit stated
};

/// Owns a tk_host and the options it serves, at one address. Lives as long as the instance that uses it.
class instance_host {
 public:
  instance_host(host_settings settings, option_value options);
  instance_host(const instance_host&) = delete;
  instance_host& operator=(const instance_host&) = delete;

  const tk_host* get() const { return &host_; }
  const tk_options* options() const;
  const host_settings& settings() const { return settings_; }
  /// Waits for a timer's call that runs; none comes afterwards. To be called before the plugin's object is destroyed.
  void end_timers();

 private:
  static std::uint64_t now_us(void* context);
  static std::uint64_t random_u64(void* context);
  static void log(void* context, std::int32_t level, tk_string event, tk_string text);
  static tk_status call_later(void* context, std::uint64_t delay_us, void (*call)(void*), void* user);
  static void release_weight(void* context, const void* data, std::uint64_t bytes);

  /// Outlives the instance, for the timers that are due after its end.
  struct timers {
    std::mutex mutex;
    bool ended = false;
  };

  host_settings settings_;
  option_value options_;
  std::mutex random_mutex_; // the ABI lets any thread of the instance ask
  std::uint64_t random_state_ = 0;
  std::shared_ptr<timers> timers_ = std::make_shared<timers>();
  tk_host host_{};
};

/// Views, for both directions.
inline tk_string to_tk(std::string_view text) { return {text.data(), text.size()}; }
inline std::string_view from_tk(tk_string text) { return {text.data, text.size}; }

/// An empty tk_error, ready to be filled by a callee.
inline tk_error empty_error() {
  tk_error e{};
  e.size = sizeof(tk_error);
  return e;
}

/// What a call that returned `status` reported. `what` ("scheduler 'continuous'", may be empty) begins the message;
/// line and column, if any, make `where` "file:line:column".
error to_error(tk_status status, const tk_error& from, std::string_view what, std::string_view file = {});

/// The reverse: code and message (cut to fit); positions are not carried.
tk_error to_tk(const error& from);

} // namespace tokamak::plugin
