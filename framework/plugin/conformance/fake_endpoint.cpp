// The endpoint's side of a request: what real members would answer, in an order that changes with the seed.
#include "plugin/conformance/fake_endpoint.hpp"

#include <algorithm>

namespace tokamak::plugin::conformance {
namespace {

tk_status refuse(tk_error* out, errc code, std::string why) {
  if (out) *out = to_tk(error{code, std::move(why), {}});
  return static_cast<tk_status>(code);
}

} // namespace

fake_endpoint::fake_endpoint(scenario s, std::uint32_t n_members, std::uint64_t seed, std::uint64_t first_id,
                             std::uint64_t& clock_us)
    : scenario_(s),
      n_members_(n_members),
      random_(seed),
      first_id_(first_id),
      next_id_(first_id),
      clock_us_(clock_us) {}

const tk_fusion_host& fake_endpoint::host() {
  static const tk_fusion_host functions = [] {
    tk_fusion_host h{};
    h.size = sizeof h;
    h.open = &open;
    h.extend = &extend;
    h.generate = &generate;
    h.fork = &fork;
    h.truncate = &truncate;
    h.close = [](void* call, std::uint64_t id) {
      if (self(call).may("close")) self(call).sequences_.erase(id);
    };
    h.emit = [](void* call, const std::int32_t*, std::size_t n, tk_string) {
      if (self(call).may("emit")) self(call).delivered_ += n;
    };
    h.forward = [](void* call, const tk_sequence_event* e) {
      if (self(call).may("forward")) self(call).delivered_ += e->n_tokens;
    };
    h.finish = [](void* call, tk_finish reason, tk_string) {
      if (reason <= TK_FINISH_NONE || reason > TK_FINISH_ERROR)
        self(call).note(fmt::format("finished with the unknown reason {}", reason));
      self(call).end(false, {});
    };
    h.fail = [](void* call, tk_status code, tk_string message) {
      if (code <= TK_OK || code > TK_INTERNAL) self(call).note(fmt::format("failed with the unknown code {}", code));
      self(call).end(true, std::string(from_tk(message)));
    };
    h.set_timer = [](void* call, std::uint64_t delay_us, std::uint64_t id) {
      if (self(call).may("set_timer")) self(call).timers_.push_back({id, self(call).clock_us_ + delay_us});
    };
    return h;
  }();
  return functions;
}

bool fake_endpoint::may(const char* what) {
  if (ended_ || gone_) note(fmt::format("called {} after the request was over", what));
  return !ended_ && !gone_;
}

void fake_endpoint::end(bool failed, std::string why) {
  if (!may(failed ? "fail" : "finish")) return;
  ended_ = true;
  failed_ = failed;
  failure_ = std::move(why);
}

fake_endpoint::sequence* fake_endpoint::find(std::uint64_t id, const char* what, tk_error* e) {
  if (!may(what)) return refuse(e, errc::cancelled, "the request is over"), nullptr;
  if (id <= first_id_ || id > next_id_)
    note(fmt::format("called {} for a sequence that this request did not open", what));
  const auto it = sequences_.find(id);
  if (it == sequences_.end()) return refuse(e, errc::not_found, "no such sequence"), nullptr;
  return &it->second;
}

tk_status fake_endpoint::open(void* call, const tk_open* how, std::uint64_t* id, tk_error* e) {
  auto& me = self(call);
  if (!me.may("open")) return refuse(e, errc::cancelled, "the request is over");
  if (how->size < sizeof(tk_open)) me.note("called open with a tk_open whose size is not set");
  if (how->target >= me.n_members_) {
    me.note(fmt::format("opened member {} of {}", how->target, me.n_members_));
    return refuse(e, errc::invalid_argument, "no such member");
  }
  if (me.scenario_.refuse) return refuse(e, errc::overloaded, "queue full");
  *id = ++me.next_id_;
  me.sequences_[*id] = {how->generate, how->generate > 0, 0, 8};
  if (how->generate) me.events_.push_back({*id, 0, 0, 0});
  return TK_OK;
}

tk_status fake_endpoint::extend(void* call, std::uint64_t id, std::uint64_t op, const std::int32_t*, std::size_t n,
                                tk_string text, std::uint32_t top, tk_error* e) {
  auto& me = self(call);
  auto* s = me.find(id, "extend", e);
  if (!s) return TK_NOT_FOUND;
  const auto added = static_cast<std::uint32_t>(n ? n : std::max<std::size_t>(1, text.size / 4));
  s->length += added;
  me.computed_ += added;
  me.events_.push_back({id, op, 1, top});
  return TK_OK;
}

tk_status fake_endpoint::generate(void* call, std::uint64_t id, std::uint32_t n, tk_error* e) {
  auto* s = self(call).find(id, "generate", e);
  if (!s) return TK_NOT_FOUND;
  s->credit += n;
  if (n) self(call).events_.push_back({id, 0, 0, 0});
  return TK_OK;
}

tk_status fake_endpoint::fork(void* call, std::uint64_t id, std::uint32_t length, std::uint64_t* child, tk_error* e) {
  auto& me = self(call);
  auto* s = me.find(id, "fork", e);
  if (!s) return TK_NOT_FOUND;
  *child = ++me.next_id_;
  me.sequences_[*child] = {0, false, s->generated, length ? length : s->length};
  return TK_OK;
}

tk_status fake_endpoint::truncate(void* call, std::uint64_t id, std::uint32_t length, tk_error* e) {
  auto* s = self(call).find(id, "truncate", e);
  if (!s) return TK_NOT_FOUND;
  s->length = std::min(s->length, length);
  return TK_OK;
}

bool fake_endpoint::begin(fusion_instance& fusion) {
  constexpr std::string_view prompt = "What is the capital of France?";
  tk_request r{};
  r.size = sizeof r;
  r.id = first_id_;
  r.prompt_text = to_tk(prompt);
  r.n_messages = 1;
  r.max_tokens = scenario_.max_tokens;
  auto call = fusion.begin(r, host(), this);
  if (!call) {
    end(true, call.error().message);
    return false;
  }
  call_ = std::move(*call);
  if (ended_) finish_call();
  return true;
}

/// Ends the request in the plugin, which may not call anything any more.
void fake_endpoint::finish_call() {
  gone_ = true;
  call_ = {};
}

bool fake_endpoint::advance() {
  if (!call_) return false;
  if (scenario_.cancel_after >= 0 && n_events_++ >= scenario_.cancel_after) {
    finish_call();
    return false;
  }
  if (!events_.empty()) {
    // Events of one sequence keep their order; sequences overtake each other.
    const std::uint64_t chosen = events_[random_() % events_.size()].sequence;
    const auto it = std::find_if(events_.begin(), events_.end(), [&](const event& e) { return e.sequence == chosen; });
    const event e = *it;
    events_.erase(it);
    if (const auto s = sequences_.find(e.sequence); s != sequences_.end()) {
      if (e.positions) deliver_candidates(e, s->second);
      else deliver_tokens(e.sequence, s->second);
    }
  } else if (!timers_.empty()) {
    const auto next = std::min_element(timers_.begin(), timers_.end(),
                                       [](const timer& a, const timer& b) { return a.due_us < b.due_us; });
    const timer t = *next;
    timers_.erase(next);
    clock_us_ = std::max(clock_us_, t.due_us);
    call_.on_timer(t.id);
  } else {
    return false;
  }
  if (ended_) finish_call();
  return true;
}

void fake_endpoint::deliver_tokens(std::uint64_t id, sequence& s) {
  if (scenario_.error_after >= 0 && s.generated >= scenario_.error_after) {
    const tk_error why = to_tk(error{errc::unavailable, "the engine was lost", {}});
    return deliver_end(id, TK_FINISH_ERROR, &why, {});
  }
  std::uint32_t n = std::min<std::uint32_t>(s.credit, 1 + static_cast<std::uint32_t>(random_() % 4));
  bool stop = false;
  if (scenario_.stop_after >= 0 && s.generated + static_cast<int>(n) >= scenario_.stop_after) {
    n = static_cast<std::uint32_t>(std::max(0, scenario_.stop_after - s.generated));
    stop = true;
  }
  std::vector<std::int32_t> tokens(n);
  for (auto& t : tokens) t = static_cast<std::int32_t>(random_() % 50);
  s.credit -= n;
  s.generated += static_cast<int>(n);
  s.length += n;
  computed_ += n;
  if (stop) return deliver_end(id, TK_FINISH_STOP, nullptr, std::move(tokens));
  if (s.credit == 0 && s.one_shot) return deliver_end(id, TK_FINISH_LENGTH, nullptr, std::move(tokens));
  if (s.credit > 0) events_.push_back({id, 0, 0, 0});
  const std::string text(n, 'x');
  tk_sequence_event e{};
  e.size = sizeof e;
  e.sequence = id;
  e.tokens = tokens.data();
  e.n_tokens = tokens.size();
  e.text = to_tk(text);
  e.length = s.length;
  e.prompt_tokens = 8;
  call_.on_event(e);
}

void fake_endpoint::deliver_candidates(const event& from, const sequence& s) {
  const std::uint32_t top = std::min(from.top, 20u);
  std::vector<tk_candidate> candidates;
  for (std::uint32_t i = 0; i < top; ++i)
    candidates.push_back({static_cast<std::int32_t>(random_() % 50), -0.5f - static_cast<float>(i), to_tk("x")});
  tk_sequence_event e{};
  e.size = sizeof e;
  e.sequence = from.sequence;
  e.op = from.op;
  e.candidates = candidates.data();
  e.n_positions = top ? 1 : 0;
  e.n_candidates = top;
  e.length = s.length;
  e.prompt_tokens = 8;
  call_.on_event(e);
}

void fake_endpoint::deliver_end(std::uint64_t id, tk_finish why, const tk_error* error,
                                std::vector<std::int32_t> tokens) {
  const std::string text(tokens.size(), 'x');
  tk_sequence_event e{};
  e.size = sizeof e;
  e.sequence = id;
  e.tokens = tokens.data();
  e.n_tokens = tokens.size();
  e.text = to_tk(text);
  e.finish = why;
  e.error = error;
  e.length = sequences_.at(id).length;
  e.prompt_tokens = 8;
  sequences_.erase(id);
  std::erase_if(events_, [&](const event& other) { return other.sequence == id; });
  call_.on_event(e);
}

} // namespace tokamak::plugin::conformance
