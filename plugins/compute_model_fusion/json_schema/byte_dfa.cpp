// Products, tries and subsets of byte automata.
#include "json_schema/byte_dfa.hpp"

#include <algorithm>
#include <map>

namespace tokamak::json_schema {

std::uint32_t byte_dfa::add(bool accepting) {
  rows.emplace_back();
  accepts.push_back(accepting);
  return static_cast<std::uint32_t>(rows.size() - 1);
}

namespace {

constexpr std::uint32_t dead = 0xffffffffu;

// Of a and b, or of a without b, where b may be dead.
std::optional<byte_dfa> product(const byte_dfa& a, const byte_dfa& b, bool without) {
  byte_dfa out;
  std::map<std::pair<std::uint32_t, std::uint32_t>, std::uint32_t> ids;
  std::vector<std::pair<std::uint32_t, std::uint32_t>> pairs;
  const auto id_of = [&](std::uint32_t x, std::uint32_t y) {
    const auto [found, fresh] = ids.try_emplace({x, y}, static_cast<std::uint32_t>(pairs.size()));
    if (fresh) {
      pairs.emplace_back(x, y);
      const bool in_b = y != dead && b.accepts[y];
      out.add(a.accepts[x] && in_b != without);
    }
    return found->second;
  };
  id_of(0, 0);
  for (std::size_t i = 0; i < pairs.size(); ++i) {
    if (pairs.size() > max_dfa_states) return std::nullopt;
    const auto [x, y] = pairs[i];
    static const std::vector<byte_dfa::range> nothing;
    const auto& others = y == dead ? nothing : b.rows[y];
    auto other = others.begin();
    for (const auto& r : a.rows[x]) {
      int at = r.first;
      while (at <= r.last) {
        while (other != others.end() && other->last < at) ++other;
        const bool inside = other != others.end() && other->first <= at;
        const int end = other == others.end() || other->first > r.last ? r.last : inside ? std::min<int>(r.last, other->last) : other->first - 1;
        if (inside || without) {
          const auto to = id_of(r.to, inside ? other->to : dead);
          out.rows[i].push_back({static_cast<std::uint8_t>(at), static_cast<std::uint8_t>(end), to});
        }
        at = end + 1;
      }
    }
  }
  return out;
}

} // namespace

std::optional<byte_dfa> intersection(const byte_dfa& a, const byte_dfa& b) { return product(a, b, false); }
std::optional<byte_dfa> difference(const byte_dfa& a, const byte_dfa& b) { return product(a, b, true); }

byte_dfa any_of(std::span<const std::string> texts) {
  byte_dfa out;
  out.add();
  for (const auto& text : texts) {
    std::uint32_t at = 0;
    for (const char c : text) {
      const auto byte = static_cast<std::uint8_t>(c);
      auto& row = out.rows[at];
      const auto found = std::lower_bound(row.begin(), row.end(), byte, [](const auto& r, std::uint8_t b) { return r.first < b; });
      if (found != row.end() && found->first == byte) {
        at = found->to;
        continue;
      }
      const auto next = static_cast<std::uint32_t>(out.rows.size());
      row.insert(found, {byte, byte, next});
      at = out.add();
    }
    out.accepts[at] = true;
  }
  return out;
}

std::uint32_t byte_nfa::add() {
  states_.emplace_back();
  return static_cast<std::uint32_t>(states_.size() - 1);
}

void byte_nfa::close(std::vector<std::uint32_t>& set, std::vector<bool>& seen) const {
  for (const auto s : set) seen[s] = true;
  for (std::size_t i = 0; i < set.size(); ++i)
    for (const auto to : states_[set[i]].skips)
      if (!seen[to]) {
        seen[to] = true;
        set.push_back(to);
      }
  for (const auto s : set) seen[s] = false;
  std::sort(set.begin(), set.end());
}

std::optional<byte_dfa> byte_nfa::determined(std::uint32_t start, std::uint32_t end) const {
  byte_dfa out;
  std::vector<bool> seen(states_.size());
  std::map<std::vector<std::uint32_t>, std::uint32_t> ids;
  std::vector<const std::vector<std::uint32_t>*> sets;
  std::size_t work = 0;
  const auto id_of = [&](std::vector<std::uint32_t> set) {
    close(set, seen);
    work += set.size() + 1;
    const auto [found, fresh] = ids.try_emplace(std::move(set), static_cast<std::uint32_t>(sets.size()));
    if (fresh) {
      sets.push_back(&found->first);
      out.add(std::binary_search(found->first.begin(), found->first.end(), end));
    }
    return found->second;
  };
  id_of({start});
  for (std::size_t i = 0; i < sets.size(); ++i) {
    // Between two boundaries all bytes lead to the same set.
    std::vector<int> boundaries;
    for (const auto s : *sets[i])
      for (const auto& r : states_[s].ranges) {
        boundaries.push_back(r.first);
        boundaries.push_back(r.last + 1);
      }
    std::sort(boundaries.begin(), boundaries.end());
    boundaries.erase(std::unique(boundaries.begin(), boundaries.end()), boundaries.end());
    for (std::size_t k = 0; k + 1 < boundaries.size(); ++k) {
      if (sets.size() > max_dfa_states || work > max_dfa_work) return std::nullopt;
      std::vector<std::uint32_t> next;
      work += sets[i]->size();
      for (const auto s : *sets[i])
        for (const auto& r : states_[s].ranges)
          if (r.first <= boundaries[k] && boundaries[k] <= r.last) next.push_back(r.to);
      if (next.empty()) continue;
      std::sort(next.begin(), next.end());
      next.erase(std::unique(next.begin(), next.end()), next.end());
      const auto to = id_of(std::move(next));
      auto& row = out.rows[i];
      if (!row.empty() && row.back().to == to && row.back().last + 1 == boundaries[k])
        row.back().last = static_cast<std::uint8_t>(boundaries[k + 1] - 1);
      else
        row.push_back({static_cast<std::uint8_t>(boundaries[k]), static_cast<std::uint8_t>(boundaries[k + 1] - 1), to});
    }
  }
  return out;
}

} // namespace tokamak::json_schema
