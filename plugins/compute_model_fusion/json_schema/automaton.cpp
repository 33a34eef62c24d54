// Builds the automaton, and removes from it what cannot come to an end, so that no mask leads into a dead end.
#include "json_schema/automaton.hpp"

#include <algorithm>

#include "json_schema/json_schema.hpp"

namespace tokamak::json_schema {

// A JSON string: UTF-8 without overlong forms and surrogates (RFC 3629, 4), escapes, \u of surrogates only in pairs. Each code point counts.
automaton_builder::automaton_builder() {
  enum : std::uint32_t { quote, between, end, u1, u2, u3, e0, ed, f0, f4, escape, hex4, hex_d, hex3, hex2, hex1, low2, low1, low_escape, low_u, low_d, low_c };
  static_assert(low_c + 1 == shared_states && quote == string_start);
  states_.resize(shared_states);
  states_[end].accepts = true;
  read(quote, '"', '"', between);
  read(between, ' ', '!', between, counting::one);
  read(between, '"', '"', end, counting::enough);
  read(between, '#', '[', between, counting::one);
  read(between, '\\', '\\', escape, counting::one);
  read(between, ']', 0x7f, between, counting::one);
  struct { std::uint8_t first, last; std::uint32_t to; } const leads[] = {
    {0xc2, 0xdf, u1}, {0xe0, 0xe0, e0}, {0xe1, 0xec, u2}, {0xed, 0xed, ed}, {0xee, 0xef, u2}, {0xf0, 0xf0, f0}, {0xf1, 0xf3, u3}, {0xf4, 0xf4, f4}};
  for (const auto& l : leads) read(between, l.first, l.last, l.to, counting::one);
  read(u1, 0x80, 0xbf, between);
  read(u2, 0x80, 0xbf, u1);
  read(u3, 0x80, 0xbf, u2);
  read(e0, 0xa0, 0xbf, u1);
  read(ed, 0x80, 0x9f, u1);
  read(f0, 0x90, 0xbf, u2);
  read(f4, 0x80, 0x8f, u2);
  for (const char c : {'"', '/', '\\', 'b', 'f', 'n', 'r', 't'}) read(escape, static_cast<std::uint8_t>(c), static_cast<std::uint8_t>(c), between);
  read(escape, 'u', 'u', hex4);
  const auto hex = [&](std::uint32_t from, std::uint32_t to) {
    read(from, '0', '9', to);
    read(from, 'A', 'F', to);
    read(from, 'a', 'f', to);
  };
  const auto letter = [&](std::uint32_t from, char lower_first, char lower_last, std::uint32_t to) {
    read(from, static_cast<std::uint8_t>(lower_first - 32), static_cast<std::uint8_t>(lower_last - 32), to);
    read(from, static_cast<std::uint8_t>(lower_first), static_cast<std::uint8_t>(lower_last), to);
  };
  read(hex4, '0', '9', hex3);
  letter(hex4, 'a', 'c', hex3);
  letter(hex4, 'd', 'd', hex_d);
  letter(hex4, 'e', 'f', hex3);
  read(hex_d, '0', '7', hex2);
  read(hex_d, '8', '9', low2);
  letter(hex_d, 'a', 'b', low2);
  hex(hex3, hex2);
  hex(hex2, hex1);
  hex(hex1, between);
  hex(low2, low1);
  hex(low1, low_escape);
  read(low_escape, '\\', '\\', low_u);
  read(low_u, 'u', 'u', low_d);
  letter(low_d, 'd', 'd', low_c);
  letter(low_c, 'c', 'f', hex2);
}

std::uint32_t automaton_builder::add(bool accepts) {
  if (states_.size() >= max_states) throw schema_error("at /: the schema needs more than " + std::to_string(max_states) + " states, expected a smaller one");
  states_.emplace_back().accepts = accepts;
  return static_cast<std::uint32_t>(states_.size() - 1);
}

void automaton_builder::read(std::uint32_t from, std::uint8_t first, std::uint8_t last, std::uint32_t to, counting count, bool opens) {
  states_[from].edges.push_back({first, last, count, opens, to});
}

std::uint32_t automaton_builder::read(std::uint32_t from, std::string_view text) {
  for (const char c : text) {
    const auto next = add();
    read(from, static_cast<std::uint8_t>(c), static_cast<std::uint8_t>(c), next);
    from = next;
  }
  return from;
}

void automaton_builder::enter(std::uint32_t from, call c) { states_[from].calls.push_back(c); }

std::uint32_t automaton_builder::add(const byte_dfa& dfa) {
  const auto base = static_cast<std::uint32_t>(states_.size());
  for (std::size_t i = 0; i < dfa.rows.size(); ++i) add(dfa.accepts[i]);
  for (std::size_t i = 0; i < dfa.rows.size(); ++i)
    for (const auto& r : dfa.rows[i]) read(base + static_cast<std::uint32_t>(i), r.first, r.last, base + r.to);
  return base;
}

void automaton_builder::name(std::uint32_t s, std::string path) { names_.emplace_back(s, std::move(path)); }

void automaton_builder::remove_dead_ends(std::uint32_t start) {
  const auto n = states_.size();
  std::vector<std::vector<std::uint32_t>> users(n);
  for (std::uint32_t s = 0; s < n; ++s) {
    for (const auto& e : states_[s].edges) users[e.to].push_back(s);
    for (const auto& c : states_[s].calls) {
      users[c.then].push_back(s);
      if (c.enter != nowhere) users[c.enter].push_back(s);
    }
  }
  std::vector<bool> ends(n);
  std::vector<std::uint32_t> fresh;
  const auto lives = [&](const call& c) { return ends[c.then] && (c.enter == nowhere || ends[c.enter]); };
  const auto look = [&](std::uint32_t s) {
    const auto& d = states_[s];
    if (ends[s]) return;
    if (d.accepts || std::any_of(d.edges.begin(), d.edges.end(), [&](const edge& e) { return ends[e.to]; }) ||
        std::any_of(d.calls.begin(), d.calls.end(), lives)) {
      ends[s] = true;
      fresh.push_back(s);
    }
  };
  for (std::uint32_t s = 0; s < n; ++s)
    if (states_[s].accepts) look(s);
  while (!fresh.empty()) {
    const auto s = fresh.back();
    fresh.pop_back();
    for (const auto user : users[s]) look(user);
  }
  if (!ends[start]) {
    std::string where = "/"; // of what is in the way, the innermost
    for (const auto& [state, path] : names_)
      if (!ends[state] && path.size() > where.size()) where = path;
    throw schema_error("at " + where + ": found a schema that no document satisfies, expected one that some document does");
  }
  for (auto& d : states_) {
    std::erase_if(d.edges, [&](const edge& e) { return !ends[e.to]; });
    std::erase_if(d.calls, [&](const call& c) { return !lives(c); });
  }
}

// A rule that calls itself before it reads a byte would be followed for ever.
void automaton_builder::refuse_left_recursion() const {
  const auto n = states_.size();
  std::vector<bool> empty(n); // whether the rule from here may read nothing
  for (bool changed = true; changed;) {
    changed = false;
    for (std::uint32_t s = static_cast<std::uint32_t>(n); s-- > 0;) {
      const auto& d = states_[s];
      const bool now = d.accepts || std::any_of(d.calls.begin(), d.calls.end(), [&](const call& c) { return empty[c.then] && (c.enter == nowhere || empty[c.enter]); });
      if (now && !empty[s]) empty[s] = changed = true;
    }
  }
  enum : std::uint8_t { fresh, open, done };
  std::vector<std::uint8_t> mark(n, fresh);
  std::vector<std::pair<std::uint32_t, std::size_t>> path;
  for (std::uint32_t from = 0; from < n; ++from) {
    if (mark[from] != fresh) continue;
    path.assign(1, {from, 0});
    mark[from] = open;
    while (!path.empty()) {
      const auto s = path.back().first;
      const auto k = path.back().second++;
      const auto& calls = states_[s].calls;
      if (k >= calls.size() * 2) {
        mark[s] = done;
        path.pop_back();
        continue;
      }
      const auto& c = calls[k / 2];
      const auto next = k % 2 == 0 ? c.enter : c.enter == nowhere || empty[c.enter] ? c.then : nowhere;
      if (next == nowhere || mark[next] == done) continue;
      if (mark[next] == fresh) {
        mark[next] = open;
        path.emplace_back(next, 0);
        continue;
      }
      std::string where = "/";
      for (bool in_cycle = false; const auto& [state, step] : path) {
        in_cycle = in_cycle || state == next;
        if (!in_cycle) continue;
        const auto named = std::find_if(names_.begin(), names_.end(), [s = state](const auto& entry) { return entry.first == s; });
        if (named == names_.end()) continue;
        where = named->second;
        break;
      }
      throw schema_error("at " + where + ": found a schema that refers to itself, expected a value in between");
    }
  }
}

std::vector<bool> automaton_builder::plain_states() const {
  const auto n = states_.size();
  std::vector<std::vector<std::uint32_t>> users(n);
  std::vector<bool> plain(n, true);
  std::vector<std::uint32_t> fresh;
  for (std::uint32_t s = 0; s < n; ++s) {
    bool reads_only = states_[s].calls.empty();
    for (const auto& e : states_[s].edges) {
      users[e.to].push_back(s);
      reads_only = reads_only && !e.opens;
    }
    if (reads_only) continue;
    plain[s] = false;
    fresh.push_back(s);
  }
  while (!fresh.empty()) {
    const auto s = fresh.back();
    fresh.pop_back();
    for (const auto user : users[s])
      if (plain[user]) {
        plain[user] = false;
        fresh.push_back(user);
      }
  }
  return plain;
}

automaton automaton_builder::finish(std::uint32_t start) {
  refuse_left_recursion();
  remove_dead_ends(start);
  const auto plain = plain_states();
  automaton out;
  out.start_ = start;
  for (std::size_t s = 0; s < states_.size(); ++s) {
    auto& d = states_[s];
    std::sort(d.edges.begin(), d.edges.end(), [](const edge& a, const edge& b) { return a.first < b.first; });
    out.states_.push_back({static_cast<std::uint32_t>(out.edges_.size()), static_cast<std::uint32_t>(d.edges.size()), static_cast<std::uint32_t>(out.calls_.size()),
                           static_cast<std::uint32_t>(d.calls.size()), d.accepts, plain[s]});
    out.edges_.insert(out.edges_.end(), d.edges.begin(), d.edges.end());
    out.calls_.insert(out.calls_.end(), d.calls.begin(), d.calls.end());
  }
  return out;
}

} // namespace tokamak::json_schema
