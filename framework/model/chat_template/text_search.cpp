// Short patterns: the library's search. Long ones: Knuth, Morris and Pratt's, which never rescans.
#include "model/chat_template/text_search.hpp"

#include <cstdint>
#include <vector>

namespace tokamak::jinja {
namespace {

constexpr std::size_t short_pattern = 32;
constexpr auto npos = std::string_view::npos;

/// First match at or after `from`, or the last match if `want_last`.
std::size_t knuth_morris_pratt(budget& costs, std::string_view in, std::string_view part, std::size_t from,
                               bool want_last) {
  costs.text_work(in.size() - from + part.size() * 4);
  costs.take(part.size() * sizeof(std::uint32_t));
  std::vector<std::uint32_t> border(part.size(), 0); // length of the longest proper border of each prefix
  for (std::size_t i = 1, matched = 0; i < part.size(); ++i) {
    while (matched > 0 && part[i] != part[matched]) matched = border[matched - 1];
    if (part[i] == part[matched]) ++matched;
    border[i] = static_cast<std::uint32_t>(matched);
  }
  std::size_t found = npos;
  for (std::size_t i = from, matched = 0; i < in.size(); ++i) {
    while (matched > 0 && in[i] != part[matched]) matched = border[matched - 1];
    if (in[i] == part[matched]) ++matched;
    if (matched == part.size()) {
      found = i + 1 - part.size();
      if (!want_last) break;
      matched = border[matched - 1];
    }
  }
  costs.give(part.size() * sizeof(std::uint32_t));
  return found;
}

} // namespace

std::size_t find_text(budget& costs, std::string_view in, std::string_view part, std::size_t from) {
  if (from > in.size() || part.size() > in.size() - from) return npos;
  if (part.size() <= short_pattern) {
    const auto found = in.find(part, from);
    costs.text_work(((found == npos ? in.size() : found) - from) * (1 + part.size() / 8));
    return found;
  }
  return knuth_morris_pratt(costs, in, part, from, false);
}

std::size_t find_last_text(budget& costs, std::string_view in, std::string_view part) {
  if (part.size() > in.size()) return npos;
  if (part.size() <= short_pattern) {
    const auto found = in.rfind(part);
    costs.text_work((in.size() - (found == npos ? 0 : found)) * (1 + part.size() / 8));
    return found;
  }
  return knuth_morris_pratt(costs, in, part, 0, true);
}

std::size_t count_text(budget& costs, std::string_view in, std::string_view part) {
  std::size_t count = 0;
  for (std::size_t at = 0; (at = find_text(costs, in, part, at)) != npos; at += part.size()) ++count;
  return count;
}

} // namespace tokamak::jinja
