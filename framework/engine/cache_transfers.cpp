// Exports and imports of cached blocks: orders to the shards, and what comes of them.
#include "engine/cache_transfers.hpp"

#include "message/wire_error.hpp"

namespace tokamak::engine {
namespace {

template <class T>
std::vector<T> copy(const flatbuffers::Vector<T>* from) {
  return from ? std::vector<T>(from->begin(), from->end()) : std::vector<T>();
}

// What is wrong with a shard's answer, which should bring the blocks of so many groups.
std::optional<error> fault_of(const frame_of<wire::CacheTransferred>& answer, std::size_t groups) {
  if (const auto* e = answer->error()) return from_wire(*e);
  const auto forms = answer->forms() ? answer->forms()->size() : 0;
  if (groups == 0 || (forms == groups && answer.attachments().size() == groups)) return std::nullopt;
  return error{errc::corrupt, fmt::format("shard {} sent {} groups in {} attachments, {} expected", answer->shard(), forms,
                                          answer.attachments().size(), groups), {}};
}

} // namespace

wire::CacheTransferT cache_transfers::order(const pending& p, std::uint64_t number, std::uint32_t shard) const {
  wire::CacheTransferT message;
  message.epoch = epoch_;
  message.transfer = number;
  message.shard = shard;
  message.fill = p.fill;
  for (const auto& blocks : p.blocks) {
    message.groups.push_back(std::make_unique<wire::BlockListT>());
    message.groups.back()->blocks = blocks;
  }
  return message;
}

void cache_transfers::export_blocks(std::uint64_t asker, const wire::CacheExport& m) {
  const auto number = next_++;
  auto& p = pending_[number];
  p.asker = asker;
  p.transfer = m.transfer();
  p.tokens = copy(m.tokens());
  const auto hit = core_.cached(number, p.tokens);
  p.tokens.resize(hit.tokens);
  for (const auto& group : hit.groups) {
    p.first_blocks.push_back(group->first_block);
    p.blocks.push_back(group->blocks);
  }
  p.shards.resize(n_shards_);
  p.missing = hit.tokens > 0 ? n_shards_ : 0;
  if (lost_ || p.missing == 0) return finish(pending_.find(number), lost_ ? &*lost_ : nullptr);
  for (std::uint32_t s = 0; s < n_shards_; ++s) effects_.to_shard(s, make_frame<wire::CacheTransfer>(order(p, number, s)));
}

// How many blocks of each group arrive.
expected<std::vector<std::size_t>> cache_transfers::check(const frame_of<wire::CacheBlocks>& frame) const {
  const auto& m = *frame;
  const auto found = m.model() ? m.model()->str() : std::string();
  if (found != model_)
    return fail(errc::invalid_argument, fmt::format("blocks of model '{}' found, '{}' expected", found, model_));
  if (m.shards() != n_shards_)
    return fail(errc::unsupported, fmt::format("blocks of an engine of {} shards found, {} expected", m.shards(), n_shards_));
  const auto groups = core_.n_groups();
  const auto firsts = copy(m.first_blocks());
  const auto forms = m.forms() ? m.forms()->size() : 0;
  if (firsts.size() != groups || forms != groups * n_shards_ || frame.attachments().size() != forms)
    return fail(errc::corrupt, fmt::format("blocks of {} groups in {} attachments found, {} groups expected", firsts.size(),
                                           frame.attachments().size(), groups));
  if (core_.block_size() == 0) return fail(errc::unsupported, "this engine keeps no prefix cache");
  const std::size_t n_tokens = m.tokens() ? m.tokens()->size() : 0;
  if (n_tokens == 0 || n_tokens % core_.block_size() != 0)
    return fail(errc::invalid_argument, fmt::format("{} tokens found, a multiple of {} expected", n_tokens, core_.block_size()));
  const auto blocks = n_tokens / core_.block_size();
  std::vector<std::size_t> wanted;
  for (std::size_t g = 0; g < groups; ++g) {
    if (firsts[g] > core_.first_block(g, blocks))
      return fail(errc::invalid_argument, fmt::format("cache group {} begins at block {}, {} expected", g, firsts[g],
                                                      core_.first_block(g, blocks)));
    wanted.push_back(blocks - firsts[g]);
  }
  return wanted;
}

void cache_transfers::refuse_import(std::uint64_t asker, std::uint64_t transfer, const error& why) {
  ++counts_.failed;
  wire::CacheImportedT message;
  message.transfer = transfer;
  message.error = to_wire(why);
  effects_.answer(asker, make_frame<wire::CacheImported>(message));
}

void cache_transfers::import_blocks(std::uint64_t asker, const frame_of<wire::CacheBlocks>& frame) {
  if (lost_) return refuse_import(asker, frame->transfer(), *lost_);
  const auto wanted = check(frame);
  if (!wanted) return refuse_import(asker, frame->transfer(), wanted.error());
  auto blocks = core_.reserve(*wanted);
  if (!blocks) return refuse_import(asker, frame->transfer(), blocks.error());
  const auto number = next_++;
  auto& p = pending_[number];
  p.asker = asker;
  p.transfer = frame->transfer();
  p.fill = true;
  p.tokens = copy(frame->tokens());
  p.first_blocks = copy(frame->first_blocks());
  p.blocks = std::move(*blocks);
  p.shards.resize(n_shards_);
  p.missing = n_shards_;
  const auto groups = static_cast<std::uint32_t>(core_.n_groups());
  for (std::uint32_t s = 0; s < n_shards_; ++s) {
    auto message = order(p, number, s);
    std::vector<attachment> bulk;
    for (std::uint32_t g = 0; g < groups; ++g) {
      message.forms.emplace_back(frame->forms()->Get(s * groups + g)->UnPack());
      bulk.push_back(frame.attachments()[s * groups + g]);
    }
    effects_.to_shard(s, make_frame<wire::CacheTransfer>(message, std::move(bulk)));
  }
}

void cache_transfers::transferred(const frame_of<wire::CacheTransferred>& frame) {
  const auto it = pending_.find(frame->transfer());
  if (it == pending_.end() || frame->shard() >= n_shards_ || it->second.shards[frame->shard()]) return;
  auto& p = it->second;
  p.shards[frame->shard()] = frame;
  if (--p.missing > 0) return;
  // The blocks were in use by all shards until now, whichever failed first.
  for (const auto& shard : p.shards)
    if (const auto fault = fault_of(shard, p.fill ? 0 : core_.n_groups())) return finish(it, &*fault);
  finish(it, nullptr);
}

void cache_transfers::finish(entries::iterator it, const error* why) {
  const auto p = std::move(it->second);
  core_.unpin(it->first);
  pending_.erase(it);
  if (why && p.fill) {
    core_.give_back(p.blocks);
    refuse_import(p.asker, p.transfer, *why);
  } else if (why) {
    ++counts_.failed;
    wire::CacheBlocksT message;
    message.transfer = p.transfer;
    message.error = to_wire(*why);
    effects_.answer(p.asker, make_frame<wire::CacheBlocks>(message));
  } else if (p.fill) {
    wire::CacheImportedT message;
    message.transfer = p.transfer;
    message.tokens = core_.keep(p.tokens, p.first_blocks, p.blocks);
    counts_.imported_tokens += message.tokens;
    effects_.answer(p.asker, make_frame<wire::CacheImported>(message));
  } else {
    finish_export(p);
  }
}

void cache_transfers::finish_export(const pending& p) {
  wire::CacheBlocksT message;
  message.transfer = p.transfer;
  message.model = model_;
  message.tokens = p.tokens;
  message.first_blocks = p.first_blocks;
  std::vector<attachment> bulk;
  if (!p.tokens.empty()) {
    message.shards = n_shards_;
    for (const auto& shard : p.shards) {
      for (const auto* form : *shard->forms()) message.forms.emplace_back(form->UnPack());
      bulk.insert(bulk.end(), shard.attachments().begin(), shard.attachments().end());
    }
  }
  counts_.exported_tokens += p.tokens.size();
  effects_.answer(p.asker, make_frame<wire::CacheBlocks>(message, std::move(bulk)));
}

void cache_transfers::lose_shard(const error& why) {
  lost_ = why;
  while (!pending_.empty()) finish(pending_.begin(), &why);
}

} // namespace tokamak::engine
