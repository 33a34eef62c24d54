// Edit distance (optimal string alignment: Levenshtein's three edits and swaps of neighbours) and word lists.
#include "topology/spelling.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace tokamak::topology {
namespace {

constexpr std::size_t max_compared = 64;

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c; }

bool is_name_character(char c) {
  return (lower(c) >= 'a' && lower(c) <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.';
}

std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> before(b.size() + 1), previous(b.size() + 1), row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) previous[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const bool same = lower(a[i - 1]) == lower(b[j - 1]);
      row[j] = std::min({previous[j] + 1, row[j - 1] + 1, previous[j - 1] + (same ? 0 : 1)});
      if (i > 1 && j > 1 && lower(a[i - 1]) == lower(b[j - 2]) && lower(a[i - 2]) == lower(b[j - 1]))
        row[j] = std::min(row[j], before[j - 2] + 1);
    }
    std::swap(before, previous);
    std::swap(previous, row);
  }
  return previous[b.size()];
}

std::string hint(std::string_view name, const std::vector<std::string>& candidates) {
  const auto near = nearest(name, candidates);
  return near.empty() ? std::string{} : fmt::format("did you mean {}? ", in_quotes(near));
}

} // namespace

std::string in_quotes(std::string_view text) {
  std::string out = "'";
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    if (i >= 80 && (byte & 0xc0) != 0x80) { // never inside a UTF-8 sequence
      out += "…";
      break;
    }
    if (byte < 0x20 || byte == 0x7f)
      out += fmt::format("\\x{:02x}", byte);
    else
      out += text[i];
  }
  return out + "'";
}

std::string listed(const std::vector<std::string>& names) {
  constexpr std::size_t most = 20;
  std::string out;
  for (std::size_t i = 0; i < names.size() && i < most; ++i) out += (i ? ", " : "") + names[i];
  if (names.size() > most) out += fmt::format(" and {} more", names.size() - most);
  return out;
}

std::string nearest(std::string_view name, const std::vector<std::string>& candidates) {
  if (name.empty() || name.size() > max_compared) return {};
  auto best = std::max<std::size_t>(1, name.size() / 3) + 1;
  std::string found;
  for (const auto& candidate : candidates) {
    const auto gap = std::max(candidate.size(), name.size()) - std::min(candidate.size(), name.size());
    if (gap >= best || candidate.size() > max_compared) continue;
    const auto distance = edit_distance(name, candidate);
    if (distance >= best || distance >= name.size()) continue; // "x" for "y" is no help
    best = distance;
    found = candidate;
  }
  return found;
}

std::string unknown(std::string_view what, std::string_view name, const std::vector<std::string>& candidates,
                    std::string_view label) {
  if (candidates.empty()) return fmt::format("unknown {} {}; none is {}", what, in_quotes(name), label);
  return fmt::format("unknown {} {}; {}{}: {}", what, in_quotes(name), hint(name, candidates), label, listed(candidates));
}

std::string unknown_in(std::string_view owner, std::string_view what, std::string_view name,
                       const std::vector<std::string>& candidates) {
  if (candidates.empty()) return fmt::format("unknown {} {}; {} has none", what, in_quotes(name), owner);
  return fmt::format("unknown {} {}; {}{} has: {}", what, in_quotes(name), hint(name, candidates), owner, listed(candidates));
}

bool is_good_name(std::string_view name) {
  return !name.empty() && name.size() <= 64 && std::all_of(name.begin(), name.end(), is_name_character);
}

std::string table_title(std::string_view section, std::string_view name) {
  const bool bare = is_good_name(name) && name.find('.') == std::string_view::npos;
  if (bare) return fmt::format("[{}.{}]", section, name);
  const auto quoted_name = in_quotes(name);
  return fmt::format("[{}.\"{}\"]", section, std::string_view(quoted_name).substr(1, quoted_name.size() - 2));
}

} // namespace tokamak::topology
