// Byte-pair merging against the plain definition of it.
#include "model/tokenizer/merge_table.hpp"
#include "unit/model/random_seed.hpp"

#include <doctest/doctest.h>

#include <map>

using namespace tokamak;
using namespace tokamak::test;

namespace {

using pair_map = std::map<std::pair<std::int32_t, std::int32_t>, merge_table::merge>;

// The definition: while any adjacent pair merges, merge the one of lowest rank, leftmost first.
std::vector<std::int32_t> merged_plainly(const pair_map& merges, std::vector<std::int32_t> symbols) {
  for (;;) {
    std::uint32_t best_rank = merge_table::no_rank;
    std::size_t best = 0;
    std::int32_t made = 0;
    for (std::size_t i = 0; i + 1 < symbols.size(); ++i) {
      const auto found = merges.find({symbols[i], symbols[i + 1]});
      if (found != merges.end() && found->second.rank < best_rank) {
        best_rank = found->second.rank;
        best = i;
        made = found->second.id;
      }
    }
    if (best_rank == merge_table::no_rank)
      return symbols;
    symbols[best] = made;
    symbols.erase(symbols.begin() + static_cast<std::ptrdiff_t>(best) + 1);
  }
}

} // namespace

TEST_CASE("merging short and long stretches agrees with its plain definition") {
  const std::uint64_t seed = random_seed();
  MESSAGE("TOKAMAK_TEST_SEED=" << seed);
  std::mt19937_64 random(seed);
  for (int round = 0; round < 400; ++round) {
    // Tokens 0..3 to begin with; each merge makes the next id of two earlier ones.
    pair_map map;
    merge_table table(40);
    for (std::int32_t id = 4; id < 44; ++id) {
      const std::pair pair{static_cast<std::int32_t>(random() % static_cast<unsigned>(id)),
                           static_cast<std::int32_t>(random() % static_cast<unsigned>(id))};
      const merge_table::merge made{static_cast<std::uint32_t>(id), id};
      map.emplace(pair, made);
      table.add(pair.first, pair.second, made);
    }
    std::vector<std::int32_t> symbols;
    for (auto n = random() % 200; n > 0; --n)
      symbols.push_back(static_cast<std::int32_t>(random() % 5) - 1); // -1 never merges
    const auto wanted = merged_plainly(map, symbols);
    merge_pairs(table, symbols);
    CHECK(symbols == wanted);
  }
}

TEST_CASE("a pair given twice keeps its first rank, and an empty table merges nothing") {
  merge_table table(2);
  table.add(1, 2, {0, 3});
  table.add(1, 2, {1, 4});
  CHECK(table.find(1, 2).id == 3);
  CHECK(table.find(2, 1).rank == merge_table::no_rank);
  CHECK(table.find(-1, 2).rank == merge_table::no_rank);
  std::vector<std::int32_t> symbols{1, 2, 1};
  merge_pairs(merge_table(), symbols);
  CHECK(symbols == std::vector<std::int32_t>{1, 2, 1});
  symbols.clear();
  merge_pairs(table, symbols);
  CHECK(symbols.empty());
}
