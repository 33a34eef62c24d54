// One walk through the trie with one state: the automaton is deterministic here.
#include "json_schema/rule_tokens.hpp"

#include "json_schema/automaton.hpp"
#include "json_schema/trie.hpp"

namespace tokamak::json_schema {

rule_tokens tokens_from(const automaton& rules, const trie& words, std::uint32_t start, std::size_t n_tokens) {
  struct place {
    std::uint32_t state, count;
    bool guarded;
  };
  rule_tokens out;
  out.mask.resize((n_tokens + 31) / 32);
  std::vector<place> path(words.longest() + 1);
  path[0] = {start, 0, false};
  std::vector<std::vector<std::int32_t>> by_count(1);
  for (std::uint32_t node = 1; node < words.size();) {
    const auto depth = words.depth(node);
    const place& from = path[depth - 1];
    const edge* e = rules.find(from.state, words.byte(node));
    if (e == nullptr) {
      node = words.end(node);
      continue;
    }
    const place here = path[depth] = {e->to, from.count + (e->count == counting::one), from.guarded || e->count == counting::enough};
    const state& s = rules.at(here.state);
    if (!here.guarded)
      for (const auto token : words.tokens(node)) {
        out.mask[static_cast<std::uint32_t>(token) / 32] |= 1u << (static_cast<std::uint32_t>(token) % 32);
        if (by_count.size() <= here.count) by_count.resize(here.count + 1);
        by_count[here.count].push_back(token);
      }
    if (s.accepts && (here.guarded || words.end(node) > node + 1)) out.exits.push_back({node, here.count, here.guarded});
    node = s.n_edges == 0 ? words.end(node) : node + 1;
  }
  if (by_count.size() > 1)
    for (const auto& tokens : by_count) {
      out.by_count.insert(out.by_count.end(), tokens.begin(), tokens.end());
      if (&tokens != &by_count.back()) out.counts.push_back(static_cast<std::uint32_t>(out.by_count.size()));
    }
  return out;
}

} // namespace tokamak::json_schema
