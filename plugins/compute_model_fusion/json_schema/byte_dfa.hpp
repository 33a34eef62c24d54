// Deterministic automata over bytes, for what has no nesting: patterns of strings, numbers between bounds, lists of literals.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace tokamak::json_schema {

struct byte_dfa {
  struct range {
    std::uint8_t first, last;
    std::uint32_t to;
  };
  std::vector<std::vector<range>> rows; ///< by state, 0 is the start; ordered, disjoint
  std::vector<bool> accepts;

  std::uint32_t add(bool accepting = false);
};

/// Work that an automaton may cost to build; past it the schema is refused.
inline constexpr std::size_t max_dfa_states = 20'000;
inline constexpr std::size_t max_dfa_work = 2'000'000;

/// Nothing if it would have more than max_dfa_states.
std::optional<byte_dfa> intersection(const byte_dfa& a, const byte_dfa& b);
std::optional<byte_dfa> difference(const byte_dfa& a, const byte_dfa& b);
byte_dfa any_of(std::span<const std::string> texts);

/// A nondeterministic one, to build with.
class byte_nfa {
 public:
  std::uint32_t add();
  void read(std::uint32_t from, std::uint8_t first, std::uint8_t last, std::uint32_t to) { states_[from].ranges.push_back({first, last, to}); }
  void skip(std::uint32_t from, std::uint32_t to) { states_[from].skips.push_back(to); }
  std::size_t size() const { return states_.size(); }
  /// By subsets; nothing if that takes more than max_dfa_states or max_dfa_work.
  std::optional<byte_dfa> determined(std::uint32_t start, std::uint32_t end) const;

 private:
  struct node {
    std::vector<byte_dfa::range> ranges;
    std::vector<std::uint32_t> skips;
  };
  void close(std::vector<std::uint32_t>& set, std::vector<bool>& seen) const;
  std::vector<node> states_;
};

} // namespace tokamak::json_schema
