// One step of all stacks at once: reads a byte, then calls and returns until each stack has a state on top that reads the next byte.
#pragma once

#include <algorithm>

#include "json_schema/automaton.hpp"
#include "json_schema/json_schema.hpp"

namespace tokamak::json_schema {

class stacks {
 public:
  /// Grows `frames`, where the frames below the tops lie.
  stacks(const automaton& rules, std::vector<frame>& frames) : rules_(rules), frames_(frames) {}

  bool may_end() const { return may_end_; }

  /// The tops after `byte`.
  void step(std::span<const frame> tops, std::uint8_t byte, std::vector<frame>& out) {
    begin(out);
    for (const frame& top : tops) {
      const edge* e = rules_.find(top.state, byte);
      if (e == nullptr || !allowed(e->count, top) || (e->opens && depth(top) >= max_stack_depth)) continue;
      frame next = top;
      next.state = e->to;
      if (e->count == counting::one) {
        if (next.room != endless) --next.room;
        if (next.need > 0) --next.need;
      }
      settle(next, out);
    }
  }
  void begin(std::vector<frame>& out) {
    out.clear();
    may_end_ = false;
    mark_ = frames_.size();
    seen_.clear();
  }
  /// Adds to `out` the tops that read, from `at` on.
  void settle(const frame& at, std::vector<frame>& out) {
    const state& s = rules_.at(at.state);
    if (s.n_calls == 0 && !s.accepts) return add(at, out);
    todo_.assign(1, at);
    while (!todo_.empty()) {
      const frame f = todo_.back();
      todo_.pop_back();
      if (std::find(seen_.begin(), seen_.end(), f) != seen_.end()) continue;
      seen_.push_back(f);
      const state& here = rules_.at(f.state);
      if (here.n_edges > 0) add(f, out);
      if (here.accepts) {
        if (f.below == nowhere) may_end_ = true;
        else todo_.push_back(frames_[f.below]);
      }
      const auto calls = rules_.calls(here);
      for (auto c = calls.rbegin(); c != calls.rend(); ++c) // the first one is followed first
        if (allowed(c->guard, f)) todo_.push_back(entered(*c, f));
    }
  }

 private:
  static bool allowed(counting guard, const frame& f) { return guard == counting::none || (guard == counting::one ? f.room > 0 : f.need == 0); }
  std::size_t depth(const frame& f) const {
    std::size_t n = 0;
    for (auto b = f.below; b != nowhere; b = frames_[b].below) ++n;
    return n;
  }
  void add(const frame& f, std::vector<frame>& out) const {
    if (out.size() < max_stacks && std::find(out.begin(), out.end(), f) == out.end()) out.push_back(f);
  }
  frame entered(const call& c, const frame& f) {
    if (c.enter == nowhere) return {c.then, f.need, f.room, f.below};
    if (rules_.at(c.then).ends()) return {c.enter, c.need, c.room, f.below}; // nothing to come back for
    const frame back{c.then, f.need, f.room, f.below};
    const auto fresh = frames_.begin() + static_cast<std::ptrdiff_t>(std::min(mark_, frames_.size()));
    auto same = std::find(fresh, frames_.end(), back);
    if (same == frames_.end()) same = frames_.insert(frames_.end(), back);
    return {c.enter, c.need, c.room, static_cast<std::uint32_t>(same - frames_.begin())};
  }

  const automaton& rules_;
  std::vector<frame>& frames_;
  std::vector<frame> todo_, seen_;
  std::size_t mark_ = 0;
  bool may_end_ = false;
};

} // namespace tokamak::json_schema
