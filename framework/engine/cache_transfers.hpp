// Cached blocks on their way between engines (schemas/cache.fbs, "Moving cached blocks"), without the actor: what each
// transfer waits for, and its answer. Blocks that are read stay pinned, blocks that are filled belong to nobody else
// until all shards have filled theirs.
#pragma once

#include "engine/kv_cache_core.hpp"
#include "message/frame.hpp"

#include <map>
#include <optional>
#include <string>
#include <vector>

namespace tokamak::engine {

/// Called during cache_transfers' functions, on their thread. `asker` is whatever the caller passed.
class transfer_effects {
public:
  virtual ~transfer_effects() = default;
  virtual void to_shard(std::size_t shard, frame_of<wire::CacheTransfer> frame) = 0;
  virtual void answer(std::uint64_t asker, frame_of<wire::CacheBlocks> frame) = 0;
  virtual void answer(std::uint64_t asker, frame_of<wire::CacheImported> frame) = 0;
};

/// One thread. Every request gets exactly one answer, with an error in it where there was one.
class cache_transfers {
public:
  /// `model`: fingerprint of the weights; `epoch`: of the engine's head. `core` and `effects` outlive it.
  cache_transfers(kv_cache_core& core, std::string model, std::uint64_t epoch, std::uint32_t n_shards, transfer_effects& effects)
      : core_(core), model_(std::move(model)), epoch_(epoch), n_shards_(n_shards), effects_(effects) {}

  void export_blocks(std::uint64_t asker, const wire::CacheExport& message);
  void import_blocks(std::uint64_t asker, const frame_of<wire::CacheBlocks>& frame);
  /// A shard's answer.
  void transferred(const frame_of<wire::CacheTransferred>& frame);
  /// A shard is gone: ends all transfers, and refuses those that are asked for later.
  void lose_shard(const error& why);

  struct counters {
    std::uint64_t exported_tokens = 0, imported_tokens = 0, failed = 0;
  };
  const counters& counts() const { return counts_; }

private:
  struct pending {
    std::uint64_t asker = 0;
    std::uint64_t transfer = 0; ///< the asker's number
    bool fill = false;
    std::vector<std::int32_t> tokens;
    std::vector<std::uint32_t> first_blocks;
    std::vector<std::vector<std::uint32_t>> blocks;
    std::vector<frame_of<wire::CacheTransferred>> shards; ///< empty frames: not answered yet
    std::size_t missing = 0;
  };
  using entries = std::map<std::uint64_t, pending>;

  expected<std::vector<std::size_t>> check(const frame_of<wire::CacheBlocks>& frame) const;
  wire::CacheTransferT order(const pending& p, std::uint64_t number, std::uint32_t shard) const;
  void finish(entries::iterator it, const error* why);
  void finish_export(const pending& p);
  void refuse_import(std::uint64_t asker, std::uint64_t transfer, const error& why);

  kv_cache_core& core_;
  std::string model_;
  std::uint64_t epoch_;
  std::uint32_t n_shards_;
  transfer_effects& effects_;
  entries pending_; ///< by our number, which is also what blocks are pinned for
  std::uint64_t next_ = std::uint64_t{1} << 63; ///< apart from the ids of sequences
  std::optional<error> lost_;
  counters counts_;
};

} // namespace tokamak::engine
