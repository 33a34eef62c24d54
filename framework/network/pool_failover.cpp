// pool_core: what becomes of answers whose engine is lost. Sampling is a pure function of seed, token ids and position, so
// another engine of the same model goes on from the delivered tokens as if nothing had happened.
#include "network/pool_core.hpp"

#include <algorithm>

namespace tokamak::network {

void pool_core::set_available(std::size_t member, bool available) {
  members_[member].available = available;
  if (!available) members_[member].heard_us = 0;
  std::vector<std::uint64_t> ids;
  for (auto& [id, s] : streams_) {
    if (available && member < s.gave_up.size()) s.gave_up[member] = false;
    if (!available && s.member == member) ids.push_back(id);
  }
  for (auto id : ids) {
    auto& s = streams_.at(id);
    if (resume(id, s)) continue;
    const auto owner = s.owner;
    erase(id);
    answer_error(owner, id, 0, {errc::unavailable, fmt::format("engine '{}' was lost", members_[member].name), {}});
  }
}

bool pool_core::heard(std::size_t member, const wire::EngineLoad& load, std::uint64_t now_us) {
  auto& m = members_[member];
  m.heard_us = now_us;
  m.running = load.running();
  m.waiting = load.waiting();
  m.blocks_free = load.blocks_free();
  m.blocks_total = load.blocks_total();
  m.tokens_per_s = load.tokens_per_s();
  if (load.draining() || (load.leaving() && now_us != 0)) { // what it runs it finishes
    m.available = false;
    return false;
  }
  if (m.available) return false;
  set_available(member, true);
  return true;
}

std::vector<std::size_t> pool_core::drop_silent(std::uint64_t now_us, std::uint64_t limit_us) {
  std::vector<std::size_t> silent;
  for (std::size_t i = 0; i < members_.size(); ++i) {
    if (members_[i].heard_us == 0 || now_us < members_[i].heard_us + limit_us) continue;
    silent.push_back(i);
    for (const auto& [id, s] : streams_) // should it only be slow, it need not go on with what others finish
      if (s.member == i) {
        wire::CloseT close;
        close.id = id;
        effects_.to_member(i, make_frame<wire::Close>(close));
      }
    set_available(i, false);
  }
  return silent;
}

std::size_t pool_core::n_available() const {
  return static_cast<std::size_t>(std::count_if(members_.begin(), members_.end(), [](const auto& m) { return m.available; }));
}

// An engine that is lost or drains says so in a last chunk; one that has no room for a resumed answer was not its only hope.
bool pool_core::engine_gave_up(const stream& s, const wire::Chunk& c) const {
  if (c.finish() != wire::FinishReason::error || !c.error()) return false;
  const auto code = c.error()->code();
  return code == wire::ErrorCode::unavailable || (code == wire::ErrorCode::overloaded && s.resumptions > 0);
}

// False: the answer cannot go on elsewhere, and nothing was changed.
bool pool_core::resume(std::uint64_t id, stream& s) {
  if (s.steered || s.open->generate() == 0) return false;
  const auto total = s.open->generate() + (s.open->delivered() ? s.open->delivered()->size() : 0);
  if (s.answer.size() >= total) return false;
  const auto now = effects_.now_us(), elapsed = now - s.opened_us;
  if (s.open->deadline_us() > 0 && elapsed >= s.open->deadline_us()) return false;
  auto gave_up = s.gave_up;
  gave_up.resize(members_.size());
  gave_up[s.member] = true;
  const auto* prompt = s.open->prompt()->tokens();
  const auto member = place(*s.open, {prompt->data(), prompt->size()}, gave_up);
  if (!member || !members_[*member].available || gave_up[*member]) return false;

  book_delivered(id, s);
  --members_[s.member].streams;
  ++members_[*member].streams;
  ++counts_.resumed;
  if (s.resumptions == 0 || s.usage.first_token_us > 0) s.before = usage_of(s);
  s.usage = {};
  s.resumed_us = now;
  s.gave_up = std::move(gave_up);
  s.member = *member;
  auto message = s.open.unpack();
  message.target = members_[*member].name;
  message.attempt = s.attempt + ++s.resumptions;
  message.delivered = s.answer;
  message.generate = static_cast<std::uint32_t>(total - s.answer.size());
  if (message.deadline_us > 0) message.deadline_us -= elapsed;
  effects_.to_member(*member, make_frame<wire::Open>(message));
  if (s.paused) {
    wire::FlowT flow;
    flow.ids = {id};
    flow.paused = true;
    effects_.to_member(*member, make_frame<wire::Flow>(flow));
  }
  return true;
}

} // namespace tokamak::network
