// "did you mean": the known name nearest to one that was mistyped, and lists of names, for error messages.
#pragma once

#include <algorithm>
#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace tokamak {

/// Edit distance (Levenshtein): single-byte insertions, deletions and replacements.
inline std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t replaced = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({replaced, row[j] + 1, row[j - 1] + 1});
    }
  }
  return row.back();
}

/// The nearest known name, the first of equals; empty if none is near enough (at most a third of the letters, at least
/// two, wrong) to be meant.
template <class Names>
std::string_view nearest_name(std::string_view name, const Names& known) {
  std::string_view best;
  std::size_t best_distance = std::max<std::size_t>(2, name.size() / 3) + 1;
  for (std::string_view k : known) {
    const std::size_t d = edit_distance(name, k);
    if (d < best_distance && d < std::max(name.size(), k.size())) {
      best_distance = d;
      best = k;
    }
  }
  return best;
}

/// "; did you mean 'X'? known: A, B" (without the question if none is near), or "; none is known".
template <class Names>
std::string known_names(std::string_view name, const Names& known) {
  if (std::begin(known) == std::end(known)) return "; none is known";
  std::string text = ";";
  if (const auto near = nearest_name(name, known); !near.empty())
    text.append(" did you mean '").append(near).append("'?");
  text.append(" known: ");
  bool first = true;
  for (std::string_view k : known) {
    if (!first) text.append(", ");
    text.append(k);
    first = false;
  }
  return text;
}

} // namespace tokamak
