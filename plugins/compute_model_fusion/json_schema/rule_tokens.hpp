// What each token of a vocabulary does from one state on that only reads bytes, as those inside of a string do.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace tokamak::json_schema {

class automaton;
class trie;

/// What tokens do from a plain state on, whatever the stack below it.
struct rule_tokens {
  struct exit {
    std::uint32_t node;  ///< of the trie: the rule may end here, and the stack below goes on
    std::uint32_t count; ///< counted on the way
    bool guarded;        ///< and only where that was enough
  };
  std::vector<std::uint32_t> mask;     ///< tokens that stay within the rule
  std::vector<std::int32_t> by_count;  ///< the same tokens, by what they count; empty if none counts
  std::vector<std::uint32_t> counts;   ///< by_count[counts[c]] is the first that counts more than c
  std::vector<exit> exits;
  std::size_t bytes() const { return 4 * (mask.size() + by_count.size() + counts.size()) + sizeof(exit) * exits.size() + 128; }
};

/// REQUIRES: `start` is plain. Bounds of counting are left to those who use it.
rule_tokens tokens_from(const automaton& rules, const trie& words, std::uint32_t start, std::size_t n_tokens);

} // namespace tokamak::json_schema
