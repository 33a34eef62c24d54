// Prompts in, text out, and which engine serves whom.
#include "network/pool_core.hpp"

#include "message/wire_error.hpp"

#include <algorithm>

namespace tokamak::network {

pool_core::pool_core(model_card card, std::vector<std::string> members, choose_function choose, pool_effects& effects)
    : card_(std::make_shared<const model_card>(std::move(card))), choose_(std::move(choose)), effects_(effects) {
  for (auto& name : members) members_.push_back({std::move(name), true, 0, 0, 0, 0, 0, 0, 0});
}

expected<std::size_t> pool_core::place(const wire::Open& m, std::span<const std::int32_t> tokens,
                                       const std::vector<bool>& gave_up) {
  std::vector<tk_placement_member> view;
  for (std::size_t i = 0; i < members_.size(); ++i) {
    const auto& member = members_[i];
    tk_placement_member v{};
    v.name = {member.name.data(), member.name.size()};
    v.available = member.available && !(i < gave_up.size() && gave_up[i]);
    // What it said last, and what this pool has given it since.
    v.waiting = member.waiting;
    v.running = std::max(member.streams, member.running + member.waiting) - member.waiting;
    v.blocks_free = member.blocks_free;
    v.blocks_total = member.blocks_total;
    v.tokens_per_s = member.tokens_per_s;
    view.push_back(v);
  }
  tk_placement_request request{};
  request.size = sizeof request;
  request.id = m.id();
  request.tokens = tokens.data();
  request.n_tokens = tokens.size();
  request.max_tokens = m.generate();
  request.priority = m.priority();
  return choose_(request, view);
}

stream_decoder pool_core::decoder_of(const wire::Open& m) const {
  return stream_decoder(*card_->tokenizer, {.skip_special = !m.show_special()});
}

// An end of generation has no text, whatever the reader wants to see: it is no part of what the model says.
std::string pool_core::text_of(stream& s, std::int32_t token) const {
  return s.shows_special && card_->tokenizer->is_end_of_generation(token) ? std::string() : s.decoder.push(token);
}

namespace {

// What is read on the spot: some milliseconds of work.
constexpr std::size_t short_prompt_bytes = 32 << 10;

std::size_t bytes_of(const wire::Prompt& prompt) {
  std::size_t bytes = (prompt.text() ? prompt.text()->size() : 0) + (prompt.json_messages() ? prompt.json_messages()->size() : 0) +
                      (prompt.tools() ? prompt.tools()->size() : 0) + (prompt.variables() ? prompt.variables()->size() : 0);
  for (std::uint32_t i = 0; prompt.messages() && i < prompt.messages()->size(); ++i)
    if (const auto* content = prompt.messages()->Get(i)->content()) bytes += content->size();
  return bytes;
}

} // namespace

void pool_core::open(owner_id owner, const frame_of<wire::Open>& m) {
  if (streams_.contains(m->id()) || readings_.contains(m->id()))
    return answer_error(owner, m->id(), 0, {errc::already_exists, fmt::format("sequence {} is open already", m->id()), {}});
  if (!m->prompt()) return answer_error(owner, m->id(), 0, {errc::invalid_argument, "the prompt is missing", {}});
  const auto now = effects_.now_us();
  if (bytes_of(*m->prompt()) <= short_prompt_bytes) return admit(owner, m, card_->tokens_of(*m->prompt(), effects_.unix_time_s()), now);
  const auto number = ++last_reading_;
  readings_.emplace(m->id(), reading{owner, m->parent(), number, now});
  effects_.background([this, m, number, card = card_, unix_s = effects_.unix_time_s()] {
    auto tokens = std::make_shared<prompt_tokens>(card->tokens_of(*m->prompt(), unix_s));
    return [this, m, number, tokens] { prompt_read(number, m, std::move(*tokens)); };
  });
}

void pool_core::prompt_read(std::uint64_t number, const frame_of<wire::Open>& m, prompt_tokens tokens) {
  const auto it = readings_.find(m->id());
  if (it == readings_.end() || it->second.number != number) return; // closed meanwhile
  const auto r = std::move(it->second);
  readings_.erase(it);
  admit(r.owner, m, std::move(tokens), r.asked_us);
  if (r.paused && streams_.contains(m->id())) {
    wire::FlowT pause;
    pause.ids = {m->id()};
    pause.paused = true;
    flow(*make_frame<wire::Flow>(pause));
  }
  for (const auto& operation : r.then) operation();
}

// True: the prompt is still being read, and the operation follows.
bool pool_core::waits(std::uint64_t id, std::function<void()> operation) {
  const auto it = readings_.find(id);
  if (it == readings_.end()) return false;
  it->second.then.push_back(std::move(operation));
  return true;
}

template <class Condition>
void pool_core::forget_readings(Condition condition) {
  std::erase_if(readings_, [&](const auto& r) { return condition(r.first, r.second); });
}

void pool_core::admit(owner_id owner, const frame_of<wire::Open>& m, prompt_tokens tokens, std::uint64_t asked_us) {
  if (!tokens) return answer_error(owner, m->id(), 0, tokens.error());
  auto member = place(*m, *tokens);
  if (!member) return answer_error(owner, m->id(), 0, member.error());

  stream s{m->parent(), owner, *member, decoder_of(*m), stop_matcher(), {}, 0, 0, {}, {}, m->attempt()};
  s.opened_us = effects_.now_us();
  s.shows_special = m->show_special();
  auto message = m.unpack();
  // The deadline counts from the request on; one that is over already is the engine's to tell.
  if (message.deadline_us > 0) message.deadline_us -= std::min(message.deadline_us - 1, s.opened_us - asked_us);
  if (message.stops) s.stop_strings = std::move(message.stops->strings);
  s.stops = stop_matcher(s.stop_strings);
  s.tenant = message.tenant;
  s.prompt_tokens = static_cast<std::uint32_t>(tokens->size());
  // A resumed answer goes on in the middle of its text.
  for (auto token : message.delivered) (void)s.stops.push(text_of(s, token));
  s.answer_tokens = s.booked = static_cast<std::uint32_t>(message.delivered.size());
  s.answer = message.delivered;
  if (message.sampling && message.sampling->temperature > 0 && !message.sampling->seed) message.sampling->seed = effects_.random();
  message.prompt = std::make_unique<wire::PromptT>();
  message.prompt->tokens = std::move(*tokens);
  message.target = members_[*member].name;
  if (message.stops) message.stops->strings.clear();
  ++counts_.opened;
  counts_.prompt_tokens += s.prompt_tokens;
  ++members_[*member].streams;
  s.open = make_frame<wire::Open>(message);
  const auto& placed = streams_.emplace(m->id(), std::move(s)).first->second;
  effects_.to_member(*member, placed.open);
}

pool_core::stream* pool_core::find_or_answer(owner_id owner, std::uint64_t id, std::uint64_t op) {
  const auto it = streams_.find(id);
  if (it != streams_.end()) return &it->second;
  answer_error(owner, id, op, {errc::not_found, fmt::format("no open sequence {}", id), {}});
  return nullptr;
}

void pool_core::extend(owner_id owner, const frame_of<wire::Extend>& m) {
  if (waits(m->id(), [=, this] { extend(owner, m); })) return;
  auto* s = find_or_answer(owner, m->id(), m->op());
  if (!s) return;
  s->steered = true;
  if (!m->text() || m->text()->size() == 0) return effects_.to_member(s->member, m);
  auto message = m.unpack();
  message.tokens = card_->tokenizer->encode(message.text, {.add_special = false, .parse_special = false, .add_space_prefix = false});
  message.text.clear();
  effects_.to_member(s->member, make_frame<wire::Extend>(message));
}

void pool_core::generate(owner_id owner, const frame_of<wire::Generate>& m) {
  if (waits(m->id(), [=, this] { generate(owner, m); })) return;
  auto* s = find_or_answer(owner, m->id(), m->op());
  if (!s) return;
  s->steered = true;
  effects_.to_member(s->member, m);
}

void pool_core::fork(owner_id owner, const frame_of<wire::Fork>& m) {
  if (waits(m->id(), [=, this] { fork(owner, m); })) return;
  const auto it = streams_.find(m->id());
  if (it == streams_.end() || streams_.contains(m->child()))
    return answer_error(owner, m->child(), 0,
                        it == streams_.end() ? error{errc::not_found, fmt::format("no open sequence {} to fork", m->id()), {}}
                                             : error{errc::already_exists, fmt::format("sequence {} is open already", m->child()), {}});
  it->second.steered = true;
  auto child = it->second;
  child.owner = owner;
  child.booked = child.answer_tokens;
  ++counts_.opened;
  ++members_[child.member].streams;
  effects_.to_member(child.member, m);
  streams_.emplace(m->child(), std::move(child));
}

void pool_core::truncate(owner_id owner, const frame_of<wire::Truncate>& m) {
  if (waits(m->id(), [=, this] { truncate(owner, m); })) return;
  auto* s = find_or_answer(owner, m->id(), 0);
  if (!s) return;
  s->steered = true;
  // What follows a truncation is new text: nothing held back belongs to it.
  s->decoder = decoder_of(*s->open);
  s->stops = stop_matcher(s->stop_strings);
  effects_.to_member(s->member, m);
}

void pool_core::close(const wire::Close& m) {
  forget_readings([&](std::uint64_t id, const reading& r) { return id == m.id() || r.parent == m.id(); });
  std::vector<std::uint64_t> ids;
  for (const auto& [id, s] : streams_)
    if (id == m.id() || s.parent == m.id()) ids.push_back(id);
  for (auto id : ids) {
    wire::CloseT message;
    message.id = id;
    effects_.to_member(streams_.at(id).member, make_frame<wire::Close>(message));
    erase(id);
  }
}

void pool_core::close_owner(owner_id owner) {
  forget_readings([&](std::uint64_t, const reading& r) { return r.owner == owner; });
  std::vector<std::uint64_t> ids;
  for (const auto& [id, s] : streams_)
    if (s.owner == owner) ids.push_back(id);
  for (auto id : ids) {
    wire::CloseT message;
    message.id = id;
    effects_.to_member(streams_.at(id).member, make_frame<wire::Close>(message));
    erase(id);
  }
}

void pool_core::renew(const wire::Renew& m) {
  std::map<std::size_t, wire::RenewT> by_member;
  for (std::uint32_t i = 0; m.ids() && i < m.ids()->size(); ++i)
    if (const auto it = streams_.find(m.ids()->Get(i)); it != streams_.end())
      by_member[it->second.member].ids.push_back(it->first);
  for (auto& [member, message] : by_member) {
    message.lease_us = m.lease_us();
    effects_.to_member(member, make_frame<wire::Renew>(message));
  }
}

void pool_core::flow(const wire::Flow& m) {
  std::map<std::size_t, wire::FlowT> by_member;
  for (std::uint32_t i = 0; m.ids() && i < m.ids()->size(); ++i)
    if (const auto it = streams_.find(m.ids()->Get(i)); it != streams_.end()) {
      it->second.paused = m.paused();
      by_member[it->second.member].ids.push_back(it->first);
    } else if (const auto waiting = readings_.find(m.ids()->Get(i)); waiting != readings_.end()) {
      waiting->second.paused = m.paused();
    }
  for (auto& [member, message] : by_member) {
    message.paused = m.paused();
    effects_.to_member(member, make_frame<wire::Flow>(message));
  }
}

void pool_core::chunks(const wire::Chunks& m) {
  std::map<owner_id, wire::ChunksT> out;
  for (std::uint32_t i = 0; m.items() && i < m.items()->size(); ++i) forward_chunk(*m.items()->Get(i), out);
  for (auto& [owner, chunks] : out) effects_.chunks(owner, std::move(chunks));
}

void pool_core::forward_chunk(const wire::Chunk& c, std::map<owner_id, wire::ChunksT>& out) {
  const auto it = streams_.find(c.id());
  if (it == streams_.end()) { // closed, or ended by a stop string, while this was on its way
    discard(c.tokens() ? c.tokens()->size() : 0, {}, {});
    return;
  }
  auto& s = it->second;
  if (s.resumptions > 0 && c.attempt() != s.attempt + s.resumptions) // of the engine that it was taken from
    return discard(c.tokens() ? c.tokens()->size() : 0, s.tenant, {});
  if (c.usage()) c.usage()->UnPackTo(&s.usage);
  auto to = std::make_unique<wire::ChunkT>();
  to->id = c.id();
  to->op = c.op();
  to->attempt = s.attempt;
  to->offset = s.answer_tokens;
  to->length = c.length();
  const bool stopped = stop_at(s, c, *to);
  add_top(c, *to);
  counts_.delivered_tokens += to->tokens.size();
  if (stopped) {
    wire::CloseT close;
    close.id = c.id();
    effects_.to_member(s.member, make_frame<wire::Close>(close));
    to->finish = wire::FinishReason::stop;
  } else if (engine_gave_up(s, c) && resume(c.id(), s)) {
    if (to->tokens.empty()) return; // the rest comes from elsewhere
  } else {
    to->finish = c.finish();
    if (c.error()) to->error.reset(c.error()->UnPack());
    if (c.finish() != wire::FinishReason::none) to->text += s.stops.push(s.decoder.flush()).text + s.stops.flush();
  }
  const bool over = to->finish != wire::FinishReason::none;
  if (over || c.usage()) to->usage = std::make_unique<wire::UsageT>(usage_of(s));
  out[s.owner].items.push_back(std::move(to));
  if (!over) return;
  ++(out[s.owner].items.back()->finish == wire::FinishReason::error ? counts_.failed : counts_.finished);
  erase(c.id());
}

// Adds the chunk's tokens and text; true if a stop string ended the answer.
bool pool_core::stop_at(stream& s, const wire::Chunk& c, wire::ChunkT& to) {
  const auto n = c.tokens() ? c.tokens()->size() : 0;
  for (std::uint32_t i = 0; i < n; ++i) {
    const auto token = c.tokens()->Get(i);
    to.tokens.push_back(token);
    if (c.logprobs() && c.logprobs()->size() == n) to.logprobs.push_back(c.logprobs()->Get(i));
    ++s.answer_tokens;
    if (!s.steered) s.answer.push_back(token);
    auto found = s.stops.push(text_of(s, token));
    to.text += found.text;
    if (!found.stop) continue;
    to.stop = *found.stop;
    discard(n - i - 1, s.tenant, members_[s.member].name);
    return true;
  }
  return false;
}

// Tokens that an engine generated and nobody will read.
void pool_core::discard(std::uint64_t tokens, const std::string& tenant, const std::string& engine) {
  if (tokens == 0) return;
  counts_.discarded_tokens += tokens;
  wire::LedgerEntryT entry;
  entry.tenant = tenant;
  entry.engine = engine;
  entry.kinds = {wire::TokenKind::discarded};
  entry.amounts = {tokens};
  effects_.book(std::move(entry));
}

void pool_core::add_top(const wire::Chunk& c, wire::ChunkT& to) const {
  if (!c.top()) return;
  to.top.reset(c.top()->UnPack());
  for (auto id : to.top->ids) to.top->texts.emplace_back(card_->tokenizer->piece(id));
}

wire::UsageT pool_core::usage_of(const stream& s) {
  auto u = s.usage;
  if (s.resumptions > 0) { // the client's clock runs from the first attempt
    const auto before_us = s.resumed_us - s.opened_us;
    const bool had_token = s.before.first_token_us > 0;
    u.queued_us = had_token ? s.before.queued_us : u.queued_us + before_us;
    u.first_token_us = had_token ? s.before.first_token_us : u.first_token_us + before_us;
    u.cached_tokens = had_token ? s.before.cached_tokens : u.cached_tokens;
    u.total_us = effects_.now_us() - s.opened_us;
  }
  u.prompt_tokens = s.prompt_tokens;
  u.completion_tokens = s.answer_tokens;
  return u;
}

void pool_core::book_delivered(std::uint64_t id, stream& s) {
  wire::LedgerEntryT entry;
  entry.request = s.parent != 0 ? s.parent : id;
  entry.tenant = s.tenant;
  entry.engine = members_[s.member].name;
  entry.kinds = {wire::TokenKind::delivered};
  entry.amounts = {s.answer_tokens - s.booked};
  s.booked = s.answer_tokens;
  effects_.book(std::move(entry));
}

void pool_core::erase(std::uint64_t id) {
  const auto it = streams_.find(id);
  book_delivered(id, it->second);
  --members_[it->second.member].streams;
  streams_.erase(it);
}

void pool_core::answer_error(owner_id owner, std::uint64_t id, std::uint64_t op, const error& why) {
  ++counts_.failed;
  wire::ChunksT chunks;
  chunks.items.push_back(std::make_unique<wire::ChunkT>());
  auto& c = *chunks.items.back();
  c.id = id;
  c.op = op;
  c.finish = wire::FinishReason::error;
  c.error = to_wire(why);
  effects_.chunks(owner, std::move(chunks));
}

} // namespace tokamak::network
