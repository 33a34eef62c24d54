// scheduler_core: which blocks hold which sequence. Copy on write for what is shared or cached; what is behind a
// sliding window is dropped; complete blocks are offered to the cache.
#include "engine/scheduler_core.hpp"

#include <algorithm>

namespace tokamak::engine {
namespace {

wire::CacheOp copy_op(std::size_t group, std::uint32_t from, std::uint32_t to, std::uint32_t count) {
  return wire::CacheOp(wire::CacheOpKind::copy, false, static_cast<std::uint16_t>(group), from, 0, to, 0, count);
}

wire::CacheOp clear_op(std::size_t group, std::uint32_t slot) {
  return wire::CacheOp(wire::CacheOpKind::clear, false, static_cast<std::uint16_t>(group), 0, 0, slot, 0, 0);
}

} // namespace

void scheduler_core::share_blocks(sequence& parent, sequence& child, std::uint32_t length) {
  child.computed = std::min(parent.computed, length);
  for (const auto& group : config_.groups) {
    // A recurrent state exists only at the parent's end; a window only as far back as its blocks are kept.
    if (group.kind == TK_GROUP_RECURRENT && child.computed != parent.computed) child.computed = 0;
  }
  for (std::size_t g = 0; g < config_.groups.size(); ++g) {
    const auto& group = config_.groups[g];
    const auto oldest = child.computed + 1 > group.window ? child.computed + 1 - group.window : 0;
    if (group.kind == TK_GROUP_SLIDING && parent.tables[g].first_block * group.block_size > oldest) child.computed = 0;
  }
  child.most_computed = child.computed;
  if (child.computed == 0) return;
  for (std::size_t g = 0; g < config_.groups.size(); ++g) {
    const auto& group = config_.groups[g];
    if (group.kind == TK_GROUP_RECURRENT) {
      const auto slot = parent.tables[g].blocks.empty() ? std::nullopt : lease_.take(g);
      if (!slot) { // no slot free now: the child computes its state anew
        for (std::size_t other = 0; other < g; ++other)
          for (auto block : std::exchange(child.tables[other].blocks, {})) lease_.drop(other, block);
        child.computed = 0;
        return;
      }
      cache_ops_.push_back(copy_op(g, parent.tables[g].blocks[0], *slot, 1));
      child.tables[g].blocks = {*slot};
      continue;
    }
    const auto& from = parent.tables[g];
    const auto end = (child.computed + group.block_size - 1) / group.block_size;
    child.tables[g].first_block = from.first_block;
    for (auto b = from.first_block; b < end && b < from.end_block(); ++b) {
      const auto block = from.blocks[b - from.first_block];
      lease_.share(g, block);
      child.tables[g].blocks.push_back(block);
    }
  }
  // Pins the shared prefix in the cache for the child too; its answer is not needed.
  if (config_.prefix_cache && parent.pinned) {
    child.pinned = true;
    wire::CacheLookupT message;
    message.sequence = child.number;
    message.tokens = child.tokens;
    effects_.lookup(std::move(message));
  }
}

void scheduler_core::drop_behind_window(sequence& s, std::size_t g) {
  const auto& group = config_.groups[g];
  if (group.kind != TK_GROUP_SLIDING) return;
  auto& table = s.tables[g];
  const auto oldest = s.computed + 1 > group.window ? s.computed + 1 - group.window : 0;
  const auto first = oldest / group.block_size;
  std::size_t gone = 0;
  while (table.first_block + gone < first && gone < table.blocks.size()) lease_.drop(g, table.blocks[gone++]);
  table.blocks.erase(table.blocks.begin(), table.blocks.begin() + static_cast<std::ptrdiff_t>(gone));
  table.first_block = table.blocks.empty() ? std::max(table.first_block + static_cast<std::uint32_t>(gone), std::min(first, s.computed / group.block_size))
                                           : table.first_block + static_cast<std::uint32_t>(gone);
}

// Makes sure that group g has writable slots for the next `rows` rows. False: no block is free; what was taken
// until then stays with the sequence.
bool scheduler_core::reserve_group(sequence& s, std::size_t g, std::uint32_t rows) {
  const auto& group = config_.groups[g];
  auto& table = s.tables[g];
  if (group.kind == TK_GROUP_RECURRENT) {
    if (!table.blocks.empty()) return true;
    const auto slot = lease_.take(g);
    if (!slot) return false;
    table.blocks.push_back(*slot);
    cache_ops_.push_back(clear_op(g, *slot));
    return true;
  }
  const auto begin = s.computed + s.in_flight;
  const auto end = begin + rows;
  drop_behind_window(s, g);
  for (auto b = begin / group.block_size; b * group.block_size < end; ++b) {
    if (b >= table.end_block()) {
      const auto block = lease_.take(g);
      if (!block) return false;
      table.blocks.push_back(*block);
      continue;
    }
    auto& block = table.blocks[b - table.first_block];
    if (lease_.writable(g, block)) continue;
    const auto fresh = lease_.take(g);
    if (!fresh) return false;
    const auto used = begin > b * group.block_size ? begin - b * group.block_size : 0;
    if (used > 0) cache_ops_.push_back(copy_op(g, block, *fresh, used));
    lease_.drop(g, block);
    block = *fresh;
  }
  return true;
}

bool scheduler_core::reserve(sequence& s, std::uint32_t rows) {
  for (std::size_t g = 0; g < config_.groups.size(); ++g)
    if (!reserve_group(s, g, rows)) return false;
  return true;
}

void scheduler_core::drop_blocks(sequence& s) {
  for (std::size_t g = 0; g < s.tables.size(); ++g) {
    for (auto block : s.tables[g].blocks) lease_.drop(g, block);
    s.tables[g] = {};
  }
  s.computed = 0;
  s.in_flight = 0;
  s.committed_blocks = 0;
}

// Offers complete blocks to the cache. `last`: the sequence is about to drop its blocks.
void scheduler_core::commit(sequence& s, bool last) {
  if (!config_.prefix_cache || config_.groups.empty()) return;
  std::uint32_t bs = config_.groups[0].block_size;
  for (const auto& g : config_.groups)
    if (g.kind == TK_GROUP_RECURRENT || g.block_size != bs) return;
  const auto nodes = s.computed / bs;
  if (nodes == 0 || nodes <= s.committed_blocks) return;
  wire::CacheCommitT message;
  message.sequence = s.number;
  message.tokens.assign(s.tokens.begin(), s.tokens.begin() + nodes * bs);
  for (std::size_t g = 0; g < config_.groups.size(); ++g) {
    const auto& table = s.tables[g];
    auto group = std::make_unique<wire::CacheHitGroupT>();
    group->first_block = 0;
    for (std::uint32_t b = 0; b < nodes; ++b) {
      const bool held = b >= table.first_block && b < table.end_block();
      auto block = held ? table.blocks[b - table.first_block] : TK_NO_BLOCK;
      // A block that another sequence reads stays ours: the cache could give it up under that reader's feet.
      if (held && lease_.holders(g, block) > 1) block = TK_NO_BLOCK;
      if (block != TK_NO_BLOCK) lease_.freeze(g, block);
      group->blocks.push_back(block);
    }
    message.groups.push_back(std::move(group));
  }
  s.committed_blocks = nodes;
  if (!last) s.pinned = true;
  message.sequence = last && !s.pinned ? 0 : s.number;
  effects_.commit(std::move(message));
}

// Blocks went back or lost a pin: how many the cache can give now, only it knows. Worth asking again.
void scheduler_core::expect_blocks() {
  grant_is_old_ = lease_asked_; // what is under way was said before the cache hears of these
  lease_exhausted_ = false;
  available_known_ = false;
  for (std::size_t g = 0; g < config_.groups.size(); ++g)
    available_[g] = config_.groups[g].n_blocks - static_cast<std::uint32_t>(lease_.free(g));
}

void scheduler_core::request_lease() {
  if (lease_asked_ || lease_exhausted_) return;
  wire::LeaseRequestT message;
  bool needed = !parked_.empty() && !available_known_; // to hear what room there is
  for (std::size_t g = 0; g < config_.groups.size(); ++g) {
    const auto& group = config_.groups[g];
    const auto per_step = config_.max_step_rows / group.block_size + config_.max_sequences;
    const auto low = std::min<std::size_t>(per_step, std::max<std::size_t>(1, group.n_blocks / 2));
    const bool want = lease_.free(g) < low && available_[g] > 0;
    message.wanted.push_back(want ? static_cast<std::uint32_t>(2 * low - lease_.free(g)) : 0);
    needed |= want;
  }
  if (!needed) return;
  lease_asked_ = true;
  effects_.lease(std::move(message));
}

void scheduler_core::grant(const wire::LeaseGrant& m, std::uint64_t now_us) {
  if (m.groups())
    for (std::uint32_t g = 0; g < m.groups()->size() && g < config_.groups.size(); ++g)
      if (const auto* blocks = m.groups()->Get(g)->blocks())
        for (auto block : *blocks) lease_.grant(g, block);
  lease_asked_ = false;
  if (grant_is_old_) {
    expect_blocks();
  } else {
    for (std::size_t g = 0; m.available() && g < available_.size() && g < m.available()->size(); ++g)
      available_[g] = m.available()->Get(static_cast<unsigned>(g));
    available_known_ = true;
    lease_exhausted_ = m.exhausted();
  }
  flush(now_us);
}

} // namespace tokamak::engine
