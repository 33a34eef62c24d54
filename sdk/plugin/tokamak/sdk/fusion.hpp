// Kind fusion in C++. Derive from `fusion` and define
//   static constexpr const char *name, *summary;  [static constexpr tk_option_spec options[];]
//   MyClass(host, const option_table&, std::span<const tk_fusion_member>);  // copy what you keep of the members
//   std::uint64_t worst_case_tokens(std::uint32_t max_tokens) const;        [static void validate(const
//   option_table&);] class request {                                                         // one client request
//     request(MyClass&, const tk_request&, fusion_call);                    // throwing fails the request
//     void on_event(const tk_sequence_event&);                              [void on_timer(std::uint64_t id);]
//   };                                                                      // its destructor makes no calls
#pragma once

#include <tokamak/sdk/extension.hpp>

namespace tokamak::sdk {

/// The endpoint's functions for one request; cheap to copy, valid until the request is over. Functions that the host
/// can refuse throw a failure; what comes of them arrives as events.
class fusion_call {
 public:
  fusion_call(const tk_fusion_host* host, void* call) : host_(host), call_(call) {}

  std::uint64_t open(const tk_open& how) const {
    std::uint64_t sequence = 0;
    tk_error e = empty_error();
    check(host_->open(call_, &how, &sequence, &e), e);
    return sequence;
  }
  /// Appends forced tokens, or text where there are none; `top` > 0 asks for that many candidates of each position.
  void extend(std::uint64_t sequence, std::uint64_t op, std::span<const std::int32_t> tokens, std::string_view text,
              std::uint32_t top) const {
    tk_error e = empty_error();
    check(host_->extend(call_, sequence, op, tokens.data(), tokens.size(), to_tk(text), top, &e), e);
  }
  void generate(std::uint64_t sequence, std::uint32_t n) const {
    tk_error e = empty_error();
    check(host_->generate(call_, sequence, n, &e), e);
  }
  std::uint64_t fork(std::uint64_t sequence, std::uint32_t length) const {
    std::uint64_t child = 0;
    tk_error e = empty_error();
    check(host_->fork(call_, sequence, length, &child, &e), e);
    return child;
  }
  void truncate(std::uint64_t sequence, std::uint32_t length) const {
    tk_error e = empty_error();
    check(host_->truncate(call_, sequence, length, &e), e);
  }
  void close(std::uint64_t sequence) const { host_->close(call_, sequence); }
  void emit(std::span<const std::int32_t> tokens, std::string_view text) const {
    host_->emit(call_, tokens.data(), tokens.size(), to_tk(text));
  }
  void forward(const tk_sequence_event& event) const { host_->forward(call_, &event); }
  void finish(tk_finish reason, std::string_view stop = {}) const { host_->finish(call_, reason, to_tk(stop)); }
  void fail(tk_status code, std::string_view message) const { host_->fail(call_, code, to_tk(message)); }
  /// on_timer(id) after delay_us.
  void set_timer(std::uint64_t delay_us, std::uint64_t id) const { host_->set_timer(call_, delay_us, id); }

 private:
  const tk_fusion_host* host_;
  void* call_;
};

/// A request that one member answers: its events go to the client as they are. What direct and routes do; others may
/// begin or end so.
class relay {
 public:
  /// Opens the request's own prompt at that member. Throws what the host refuses.
  relay(fusion_call call, const tk_request& request, std::uint32_t member) : call_(call) {
    if (request.max_tokens == 0) throw failure(TK_INVALID_ARGUMENT, "max_tokens must be at least 1");
    tk_open how{};
    how.size = sizeof how;
    how.target = member;
    how.use_request_prompt = 1;
    how.generate = request.max_tokens;
    call_.open(how);
  }

  void on_event(const tk_sequence_event& event) {
    call_.forward(event);
    if (event.finish == TK_FINISH_NONE) return;
    if (event.finish == TK_FINISH_ERROR && event.error) call_.fail(event.error->code, event.error->message);
    else call_.finish(event.finish, view(event.stop));
  }

 private:
  fusion_call call_;
};

struct fusion {
  static constexpr tk_kind kind = TK_KIND_FUSION;

  /// A request with its way to fail: what its handlers throw ends it with that error.
  template <class Plugin>
  struct state {
    state(Plugin& p, const tk_request& r, fusion_call c) : call(c), request(p, r, c) {}
    fusion_call call;
    typename Plugin::request request;

    template <class Function>
    void run(Function&& f) noexcept {
      try {
        f(request);
      } catch (...) {
        tk_error e = empty_error();
        const tk_status code = report_current(&e);
        call.fail(code, e.message);
      }
    }
  };

  template <class Plugin>
  static constexpr tk_fusion table{
      sizeof(tk_fusion),
      [](const tk_host* h, const tk_options* o, const tk_fusion_member* members, std::size_t n, void** self,
         tk_error* e) { return create<Plugin>(h, o, self, e, std::span<const tk_fusion_member>(members, n)); },
      &destroy<Plugin>,
      [](void* self, const tk_request* request, const tk_fusion_host* host, void* call, void** out, tk_error* e) {
        return guard(e,
                     [&] { *out = new state<Plugin>(held<Plugin>(self).plugin, *request, fusion_call(host, call)); });
      },
      [](void*, void* s, const tk_sequence_event* event) {
        static_cast<state<Plugin>*>(s)->run([&](typename Plugin::request& r) { r.on_event(*event); });
      },
      [](void*, void* s, std::uint64_t id) {
        static_cast<state<Plugin>*>(s)->run([&](typename Plugin::request& r) {
          if constexpr (requires { r.on_timer(id); }) r.on_timer(id);
        });
      },
      [](void*, void* s) { delete static_cast<state<Plugin>*>(s); },
      [](void* self, std::uint32_t max_tokens) {
        return held<Plugin>(self).call("fusion.failed", UINT64_MAX, [&](const Plugin& p) -> std::uint64_t {
          return p.worst_case_tokens(max_tokens);
        });
      }};
};

} // namespace tokamak::sdk
