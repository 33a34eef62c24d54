// A fusion plugin in use: the state machine behind an endpoint, one state a request.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <utility>

#include "plugin/instance.hpp"

namespace tokamak::plugin {

class fusion_instance : public instance<tk_fusion> {
 public:
  /// The plugin's state of one request. Move-only; destroying it ends the request in the plugin. Not to be destroyed
  /// inside a call of tk_fusion_host: note the end there and destroy after the call into the plugin returned.
  class call {
   public:
    call() = default;
    call(call&& other) noexcept : core_(std::move(other.core_)), state_(other.state_) {}
    call& operator=(call&& other) noexcept {
      std::swap(core_, other.core_);
      std::swap(state_, other.state_);
      return *this;
    }
    ~call() {
      if (core_) core_->table.end(core_->self, state_);
    }

    explicit operator bool() const { return core_ != nullptr; }
    /// REQUIRES: not empty, and the request is not over.
    void on_event(const tk_sequence_event& event) { core_->table.on_event(core_->self, state_, &event); }
    void on_timer(std::uint64_t id) { core_->table.on_timer(core_->self, state_, id); }

   private:
    friend class fusion_instance;
    call(std::shared_ptr<core> c, void* state) : core_(std::move(c)), state_(state) {}

    std::shared_ptr<core> core_;
    void* state_ = nullptr;
  };

  static expected<fusion_instance> create(const registry& from, const plugin_use& use, host_settings settings,
                                          std::span<const tk_fusion_member> members);

  /// Starts a request. `host` must outlive the returned call, `handle` is passed to its functions, which the plugin may
  /// use before begin returns. On an error the request is over and nothing is left of it in the plugin.
  expected<call> begin(const tk_request& request, const tk_fusion_host& host, void* handle);

  /// Upper bound of tokens computed for a request of max_tokens.
  std::uint64_t worst_case_tokens(std::uint32_t max_tokens) const {
    return table().worst_case_tokens(self(), max_tokens);
  }

 private:
  using instance::instance;
};

} // namespace tokamak::plugin
