// The form a schema is compiled to: a pushdown automaton over bytes. States read bytes, call rules (which are states too) and return from them; a frame
// counts for one repetition (items of an array, code points of a string), so that bounds of any size cost nothing.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "json_schema/byte_dfa.hpp"

namespace tokamak::json_schema {

inline constexpr std::uint32_t nowhere = 0xffffffffu;
inline constexpr std::uint32_t endless = 0xffffffffu;

enum class counting : std::uint8_t {
  none,
  one,    ///< one more: needs room for it
  enough, ///< only where nothing is needed any more
};

struct edge {
  std::uint8_t first, last; ///< bytes, both inclusive
  counting count = counting::none;
  bool opens = false; ///< begins an object or array, which the depth of the stack limits
  std::uint32_t to;
};

/// Reads what `enter` accepts, whose frame begins with `need` and `room`, then goes on at `then`. Nothing is read where `enter` is nowhere.
struct call {
  std::uint32_t enter, then, need = 0, room = endless;
  counting guard = counting::none;
};

struct state {
  std::uint32_t first_edge, n_edges, first_call, n_calls;
  bool accepts;
  bool plain; ///< only bytes are read from here to the end of the rule
  bool ends() const { return accepts && n_edges == 0 && n_calls == 0; }
};

class automaton {
 public:
  std::uint32_t start() const { return start_; }
  const state& at(std::uint32_t s) const { return states_[s]; }
  std::size_t size() const { return states_.size(); }
  std::span<const edge> edges(const state& s) const { return {edges_.data() + s.first_edge, s.n_edges}; }
  std::span<const call> calls(const state& s) const { return {calls_.data() + s.first_call, s.n_calls}; }
  const edge* find(std::uint32_t s, std::uint8_t byte) const {
    for (const edge& e : edges(states_[s]))
      if (byte <= e.last) return byte >= e.first ? &e : nullptr;
    return nullptr;
  }

 private:
  friend class automaton_builder;
  std::uint32_t start_ = 0;
  std::vector<state> states_;
  std::vector<edge> edges_; ///< of a state: ordered by bytes, disjoint
  std::vector<call> calls_;
};

/// The first states of every automaton are those of a JSON string, the same ones, so that masks inside of strings are shared between grammars.
inline constexpr std::uint32_t string_start = 0;
inline constexpr std::uint32_t shared_states = 22;

class automaton_builder {
 public:
  static constexpr std::size_t max_states = 200'000;

  automaton_builder();

  std::uint32_t add(bool accepts = false);
  void read(std::uint32_t from, std::uint8_t first, std::uint8_t last, std::uint32_t to, counting count = counting::none, bool opens = false);
  /// Returns the state after the text.
  std::uint32_t read(std::uint32_t from, std::string_view text);
  void enter(std::uint32_t from, call c);
  void skip(std::uint32_t from, std::uint32_t to) { enter(from, {nowhere, to}); }
  std::uint32_t add(const byte_dfa& dfa);
  /// Where the schema said what the rule at `s` is, for errors.
  void name(std::uint32_t s, std::string path);
  /// Throws schema_error where no document is accepted, or a rule calls itself before it reads.
  automaton finish(std::uint32_t start);

 private:
  struct draft {
    std::vector<edge> edges;
    std::vector<call> calls;
    bool accepts = false;
  };
  void remove_dead_ends(std::uint32_t start);
  void refuse_left_recursion() const;
  std::vector<bool> plain_states() const;

  std::vector<draft> states_;
  std::vector<std::pair<std::uint32_t, std::string>> names_;
};

} // namespace tokamak::json_schema
