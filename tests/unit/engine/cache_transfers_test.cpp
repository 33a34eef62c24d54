// Transfers of an engine that lost a shard: each is answered, also those that are asked for later.
#include "engine/cache_transfers.hpp"

#include <doctest/doctest.h>

using namespace tokamak;
using namespace tokamak::engine;

namespace {

struct recorder final : transfer_effects {
  void to_shard(std::size_t, frame_of<wire::CacheTransfer>) override { ++orders; }
  void answer(std::uint64_t asker, frame_of<wire::CacheBlocks> m) override { note(asker, m->error()); }
  void answer(std::uint64_t asker, frame_of<wire::CacheImported> m) override { note(asker, m->error()); }
  void note(std::uint64_t asker, const wire::Error* e) {
    answers.push_back(fmt::format("{}: {}", asker, e ? e->message()->str() : "no error"));
  }
  int orders = 0;
  std::vector<std::string> answers;
};

} // namespace

TEST_CASE("after the loss of a shard exports and imports are refused at once") {
  kv_cache_core core({cache_group_config{}}, std::nullopt);
  recorder effects;
  cache_transfers transfers(core, "model", 0, 1, effects);
  transfers.export_blocks(1, *make_frame<wire::CacheExport>({}));
  transfers.lose_shard({errc::unavailable, "a shard was lost", {}});
  transfers.export_blocks(2, *make_frame<wire::CacheExport>({}));
  wire::CacheBlocksT blocks;
  blocks.model = "model";
  transfers.import_blocks(3, make_frame<wire::CacheBlocks>(blocks));
  CHECK(effects.answers == std::vector<std::string>{"1: no error", "2: a shard was lost", "3: a shard was lost"});
  CHECK(effects.orders == 0);
  CHECK(transfers.counts().failed == 2);
}
