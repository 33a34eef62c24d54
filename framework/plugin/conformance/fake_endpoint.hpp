// An endpoint for one request of a fusion plugin: sequences that make up their tokens, a queue of events, timers on a
// virtual clock. Writes down what the plugin does that it must not.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <random>
#include <string>
#include <vector>

#include "plugin/fusion_instance.hpp"

namespace tokamak::plugin::conformance {

/// How the members behave.
struct scenario {
  std::uint32_t max_tokens = 16;
  int stop_after = -1;    ///< generated tokens of a sequence until it stops by itself; -1: never
  int error_after = -1;   ///< until it fails
  bool refuse = false;    ///< no sequence can be opened
  int cancel_after = -1;  ///< events until the client goes away
};

class fake_endpoint {
 public:
  /// Sequence ids begin above `first_id`, so that they tell requests apart. Timers move `clock_us` forward.
  fake_endpoint(scenario s, std::uint32_t n_members, std::uint64_t seed, std::uint64_t first_id,
                std::uint64_t& clock_us);

  /// Begins the request. False: it was refused, which ends it.
  bool begin(fusion_instance& fusion);
  /// Delivers one event, or the next timer. False: the request is over, or nothing is left that could happen.
  bool advance();
  /// The client goes away.
  void cancel() { finish_call(); }

  bool ended() const { return ended_; }
  bool failed() const { return failed_; }
  const std::string& failure() const { return failure_; }
  std::uint64_t delivered() const { return delivered_; } ///< tokens that reached the client
  std::uint64_t computed() const { return computed_; }   ///< tokens that members generated or were forced to take
  const std::string& fault() const { return fault_; }    ///< the first breach of the contract; empty: none

 private:
  struct sequence {
    std::uint32_t credit = 0;
    bool one_shot = false; ///< opened to generate: ends when the credit does
    int generated = 0;
    std::uint32_t length = 8;
  };
  struct event {
    std::uint64_t sequence = 0;
    std::uint64_t op = 0;
    std::uint32_t positions = 0, top = 0; ///< of an extend that asked for candidates
  };
  struct timer {
    std::uint64_t id;
    std::uint64_t due_us;
  };

  static fake_endpoint& self(void* call) { return *static_cast<fake_endpoint*>(call); }
  static const tk_fusion_host& host();
  static tk_status open(void* call, const tk_open* how, std::uint64_t* id, tk_error* e);
  static tk_status extend(void* call, std::uint64_t id, std::uint64_t op, const std::int32_t* tokens, std::size_t n,
                          tk_string text, std::uint32_t top, tk_error* e);
  static tk_status generate(void* call, std::uint64_t id, std::uint32_t n, tk_error* e);
  static tk_status fork(void* call, std::uint64_t id, std::uint32_t length, std::uint64_t* child, tk_error* e);
  static tk_status truncate(void* call, std::uint64_t id, std::uint32_t length, tk_error* e);

  bool may(const char* what); ///< false (and a fault) if the request is over
  sequence* find(std::uint64_t id, const char* what, tk_error* e);
  void deliver_tokens(std::uint64_t id, sequence& s);
  void deliver_candidates(const event& e, const sequence& s);
  void deliver_end(std::uint64_t id, tk_finish why, const tk_error* error, std::vector<std::int32_t> tokens);
  void end(bool failed, std::string why);
  void finish_call();
  void note(std::string why) {
    if (fault_.empty()) fault_ = std::move(why);
  }

  scenario scenario_;
  std::uint32_t n_members_;
  std::mt19937_64 random_;
  std::uint64_t first_id_, next_id_;
  std::uint64_t& clock_us_;
  fusion_instance::call call_;
  std::map<std::uint64_t, sequence> sequences_;
  std::deque<event> events_;
  std::vector<timer> timers_;
  int n_events_ = 0;
  bool ended_ = false, failed_ = false, gone_ = false;
  std::string failure_, fault_;
  std::uint64_t delivered_ = 0, computed_ = 0;
};

} // namespace tokamak::plugin::conformance
