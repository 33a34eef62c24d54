// The plugin's requests become frames to members; members' chunks become events for the plugin.
#include "fusion/request_call.hpp"

#include "fusion/prompt_text.hpp"
#include "message/wire_error.hpp"

#include <algorithm>
#include <map>

namespace tokamak::fusion {
namespace {

// Ten years: no sum with a clock's reading overflows.
constexpr std::uint64_t farthest_deadline_us = 10ull * 366 * 24 * 3600 * 1'000'000;

std::string to_string(tk_string s) { return s.data ? std::string(s.data, s.size) : std::string(); }

tk_status refuse(tk_error* e, tk_status code, const std::string& message) {
  if (e) *e = plugin::to_tk(error{static_cast<errc>(code), message, {}});
  return code;
}

tk_string view_of(const flatbuffers::String* s) { return s ? tk_string{s->c_str(), s->size()} : tk_string{}; }

std::vector<tk_label> labels_of(const wire::Open& request) {
  std::vector<tk_label> out;
  for (std::uint32_t i = 0; request.metadata() && i < request.metadata()->size(); ++i) {
    const auto* l = request.metadata()->Get(i);
    out.push_back({view_of(l->key()), view_of(l->value())});
  }
  return out;
}

std::size_t characters_of(std::string_view utf8) {
  return static_cast<std::size_t>(std::count_if(utf8.begin(), utf8.end(), [](char c) { return (c & 0xC0) != 0x80; }));
}

} // namespace

/// The table's functions; each finds its call behind the opaque pointer.
struct call_functions {
  static request_call& of(void* call) { return *static_cast<request_call*>(call); }
  static std::size_t* member(request_call& c, std::uint64_t sequence) {
    const auto it = c.sequences_.find(sequence);
    return it == c.sequences_.end() ? nullptr : &it->second;
  }
  static tk_status unknown(tk_error* e, std::uint64_t sequence) {
    return refuse(e, TK_NOT_FOUND, fmt::format("no open sequence {}", sequence));
  }

  static tk_status open(void* call, const tk_open* open, std::uint64_t* sequence, tk_error* e) {
    return of(call).open(*open, sequence, e);
  }
  static tk_status extend(void* call, std::uint64_t sequence, std::uint64_t op, const std::int32_t* tokens, std::size_t n,
                          tk_string text, std::uint32_t top, tk_error* e) {
    auto& c = of(call);
    const auto* at = member(c, sequence);
    if (!at) return unknown(e, sequence);
    wire::ExtendT m;
    m.id = sequence;
    m.op = op;
    m.tokens.assign(tokens, tokens + n);
    m.text = to_string(text);
    m.top_logprobs = static_cast<std::uint8_t>(std::min(top, 255u));
    c.effects_.to_member(*at, make_frame<wire::Extend>(m));
    return TK_OK;
  }
  static tk_status generate(void* call, std::uint64_t sequence, std::uint32_t n, tk_error* e) {
    auto& c = of(call);
    const auto* at = member(c, sequence);
    if (!at) return unknown(e, sequence);
    wire::GenerateT m;
    m.id = sequence;
    m.tokens = n;
    c.effects_.to_member(*at, make_frame<wire::Generate>(m));
    return TK_OK;
  }
  static tk_status fork(void* call, std::uint64_t sequence, std::uint32_t length, std::uint64_t* child, tk_error* e) {
    auto& c = of(call);
    const auto* at = member(c, sequence);
    if (!at) return unknown(e, sequence);
    const auto where = *at;
    wire::ForkT m;
    m.id = sequence;
    m.child = *child = c.effects_.next_id();
    m.length = length;
    c.sequences_.emplace(m.child, where);
    c.effects_.opened(m.child, c.request_->id());
    c.effects_.to_member(where, make_frame<wire::Fork>(m));
    if (c.paused_) c.send_flow(where, {m.child});
    return TK_OK;
  }
  static tk_status truncate(void* call, std::uint64_t sequence, std::uint32_t length, tk_error* e) {
    auto& c = of(call);
    const auto* at = member(c, sequence);
    if (!at) return unknown(e, sequence);
    wire::TruncateT m;
    m.id = sequence;
    m.length = length;
    c.effects_.to_member(*at, make_frame<wire::Truncate>(m));
    return TK_OK;
  }
  static void close(void* call, std::uint64_t sequence) { of(call).close(sequence); }
  static void emit(void* call, const std::int32_t* tokens, std::size_t n, tk_string text) {
    auto& c = of(call);
    if (c.over_ || (n == 0 && text.size == 0)) return;
    auto& to = c.out();
    to.tokens.insert(to.tokens.end(), tokens, tokens + n);
    to.text += to_string(text);
    c.delivered_ += static_cast<std::uint32_t>(n);
  }
  static void forward(void* call, const tk_sequence_event*) {
    auto& c = of(call);
    if (c.over_ || !c.current_) return;
    const auto& from = *c.current_;
    const auto n = from.tokens() ? from.tokens()->size() : 0;
    if (n == 0 && (!from.text() || from.text()->size() == 0)) return;
    auto& to = c.out();
    for (std::uint32_t i = 0; i < n; ++i) to.tokens.push_back(from.tokens()->Get(i));
    if (from.logprobs()) to.logprobs.insert(to.logprobs.end(), from.logprobs()->begin(), from.logprobs()->end());
    if (from.text()) to.text += from.text()->str();
    if (from.top() && !to.top) to.top.reset(from.top()->UnPack());
    c.delivered_ += n;
  }
  static void finish(void* call, tk_finish reason, tk_string stop) {
    of(call).finish(static_cast<wire::FinishReason>(reason), to_string(stop));
  }
  static void fail(void* call, tk_status code, tk_string message) {
    of(call).fail({static_cast<errc>(code), to_string(message), {}});
  }
  static void set_timer(void* call, std::uint64_t delay_us, std::uint64_t id) {
    auto& c = of(call);
    c.effects_.set_timer(c.request_->id(), delay_us, id);
  }
  static const tk_fusion_host table;
};

const tk_fusion_host call_functions::table = {
    sizeof(tk_fusion_host), open, extend, generate, fork, truncate, close, emit, forward, finish, fail, set_timer};

request_call::request_call(frame_of<wire::Open> request, std::vector<std::string> members, const call_limits& limits,
                           call_effects& effects)
    : request_(std::move(request)), members_(std::move(members)), limits_(limits), effects_(effects),
      arrival_us_(effects.now_us()) {
  max_tokens_ = limits_.max_tokens > 0 ? std::min(limits_.max_tokens, request_->generate()) : request_->generate();
  delivered_ = request_->delivered() ? request_->delivered()->size() : 0;
}

request_call::~request_call() = default;

void request_call::begin(plugin::fusion_instance& fusion) {
  const auto text = prompt_text(*request_);
  const auto labels = labels_of(*request_);
  tk_request r{};
  r.size = sizeof r;
  r.id = request_->id();
  r.prompt_text = plugin::to_tk(text.joined);
  r.n_messages = text.n_messages;
  r.max_tokens = max_tokens_;
  r.priority = request_->priority();
  r.temperature = request_->sampling() ? request_->sampling()->temperature() : 0.0f;
  r.model = view_of(request_->target());
  r.tenant = view_of(request_->tenant());
  r.metadata = labels.data();
  r.n_metadata = labels.size();
  r.prompt_characters = characters_of(text.joined);
  if (const auto* prompt = request_->prompt(); prompt && prompt->tokens()) r.n_prompt_tokens = prompt->tokens()->size();
  auto state = fusion.begin(r, call_functions::table, this);
  if (!state) return fail(state.error());
  state_ = std::move(*state);
}

tk_status request_call::open(const tk_open& o, std::uint64_t* sequence, tk_error* e) {
  if (over_) return refuse(e, TK_CANCELLED, "the request is over");
  if (o.target >= members_.size())
    return refuse(e, TK_INVALID_ARGUMENT, fmt::format("member {} of {}", o.target, members_.size()));
  auto m = request_.unpack();
  m.parent = m.id;
  m.id = effects_.next_id();
  m.target = members_[o.target];
  if (!o.use_request_prompt) {
    m.prompt = std::make_unique<wire::PromptT>();
    m.prompt->text = to_string(o.text);
    m.prompt->tokens.assign(o.tokens, o.tokens + o.n_tokens);
    m.delivered.clear();
  }
  if (o.greedy) m.constraint.reset();
  if (o.greedy && m.sampling) m.sampling->temperature = 0;
  if (o.ignore_stops) m.stops.reset();
  m.generate = o.generate;
  const auto whole = m.deadline_us > 0 ? m.deadline_us : limits_.deadline_us;
  m.deadline_us = std::min(o.deadline_us > 0 ? o.deadline_us : whole, farthest_deadline_us);
  m.lease_us = limits_.lease_us;
  *sequence = m.id;
  sequences_.emplace(m.id, o.target);
  effects_.opened(m.id, request_->id());
  effects_.to_member(o.target, make_frame<wire::Open>(m));
  if (paused_) send_flow(o.target, {m.id});
  return TK_OK;
}

void request_call::send_flow(std::size_t member, std::vector<std::uint64_t> sequences) {
  wire::FlowT m;
  m.ids = std::move(sequences);
  m.paused = paused_;
  effects_.to_member(member, make_frame<wire::Flow>(m));
}

void request_call::pause(bool paused) {
  paused_ = paused;
  std::map<std::size_t, std::vector<std::uint64_t>> by_member;
  for (const auto& [sequence, member] : sequences_) by_member[member].push_back(sequence);
  for (auto& [member, sequences] : by_member) send_flow(member, std::move(sequences));
}

void request_call::close(std::uint64_t sequence) {
  const auto it = sequences_.find(sequence);
  if (it == sequences_.end()) return;
  wire::CloseT m;
  m.id = sequence;
  const auto member = it->second;
  sequences_.erase(it);
  effects_.closed(sequence);
  effects_.to_member(member, make_frame<wire::Close>(m));
}

void request_call::close_all() {
  while (!sequences_.empty()) close(sequences_.begin()->first);
}

wire::ChunkT& request_call::out() {
  if (!out_) {
    out_ = std::make_unique<wire::ChunkT>();
    out_->id = request_->id();
    out_->attempt = request_->attempt();
    out_->offset = delivered_;
  }
  return *out_;
}

std::unique_ptr<wire::ChunkT> request_call::take_chunk() { return std::move(out_); }

void request_call::note_usage(const wire::Chunk& c) {
  if (!c.usage()) return;
  usage_.prompt_tokens = std::max(usage_.prompt_tokens, c.usage()->prompt_tokens());
  usage_.cached_tokens = std::max(usage_.cached_tokens, c.usage()->cached_tokens());
  if (usage_.queued_us == 0) usage_.queued_us = c.usage()->queued_us();
}

void request_call::on_chunk(const wire::Chunk& c) {
  if (over_) return;
  note_usage(c);
  tk_error why = plugin::empty_error();
  std::vector<tk_candidate> candidates;
  tk_sequence_event event{};
  event.size = sizeof event;
  event.sequence = c.id();
  event.op = c.op();
  event.tokens = c.tokens() ? c.tokens()->data() : nullptr;
  event.n_tokens = c.tokens() ? c.tokens()->size() : 0;
  event.logprobs = c.logprobs() && c.logprobs()->size() > 0 ? c.logprobs()->data() : nullptr;
  if (c.text()) event.text = {c.text()->c_str(), c.text()->size()};
  if (const auto* top = c.top(); top && top->counts() && top->counts()->size() > 0) {
    event.n_positions = top->counts()->size();
    event.n_candidates = top->ids()->size() / event.n_positions;
    for (std::uint32_t i = 0; i < top->ids()->size(); ++i) {
      const auto* text = top->texts() && i < top->texts()->size() ? top->texts()->Get(i) : nullptr;
      candidates.push_back({top->ids()->Get(i), top->logprobs()->Get(i), text ? tk_string{text->c_str(), text->size()} : tk_string{}});
    }
    event.candidates = candidates.data();
  }
  event.finish = static_cast<tk_finish>(c.finish());
  if (c.stop()) event.stop = {c.stop()->c_str(), c.stop()->size()};
  if (c.error()) {
    why = plugin::to_tk(from_wire(*c.error()));
    event.error = &why;
  }
  event.length = c.length();
  event.prompt_tokens = usage_.prompt_tokens;
  event.cached_tokens = usage_.cached_tokens;
  if (event.finish != TK_FINISH_NONE && sequences_.erase(c.id()) > 0) effects_.closed(c.id());
  if (event.n_tokens > 0 && usage_.first_token_us == 0) usage_.first_token_us = effects_.now_us() - arrival_us_;
  current_ = &c;
  state_.on_event(event);
  current_ = nullptr;
}

void request_call::on_timer(std::uint64_t timer) {
  if (!over_) state_.on_timer(timer);
}

void request_call::finish(wire::FinishReason reason, std::string stop) {
  if (over_) return;
  over_ = true;
  auto& c = out();
  c.finish = reason;
  c.stop = std::move(stop);
  usage_.completion_tokens = delivered_;
  usage_.total_us = effects_.now_us() - arrival_us_;
  c.usage = std::make_unique<wire::UsageT>(usage_);
  close_all();
}

void request_call::fail(const error& why) {
  if (over_) return;
  finish(wire::FinishReason::error, {});
  out_->error = to_wire(why);
}

void request_call::cancel() {
  over_ = true;
  out_.reset();
  close_all();
}

} // namespace tokamak::fusion
