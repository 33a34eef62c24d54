// Longest match in a sorted list of names, narrowed byte by byte.
#include "model/tokenizer/special_matcher.hpp"

#include "model/tokenizer/vocabulary.hpp"

#include <algorithm>
#include <numeric>

namespace tokamak {

special_matcher::special_matcher(const vocabulary& vocab) {
  for (std::int32_t id = 0; id < vocab.size(); ++id) {
    const bool control = vocab.kind(id) == token_kind::control || vocab.kind(id) == token_kind::unknown;
    if (!control && vocab.kind(id) != token_kind::user_defined)
      continue;
    const std::string_view text = control ? vocab.special_text(id) : vocab.piece(id);
    if (text.empty())
      continue;
    names_.push_back({std::string(text), id, control});
    const auto first = static_cast<unsigned char>(text[0]);
    begins_any_[first] = true;
    begins_user_defined_[first] |= !control;
  }
  std::stable_sort(names_.begin(), names_.end(), [](const name& a, const name& b) { return a.text < b.text; });
  for (const name& n : names_)
    ++first_with_[static_cast<unsigned char>(n.text[0]) + 1];
  std::partial_sum(std::begin(first_with_), std::end(first_with_), std::begin(first_with_));
}

std::optional<special_matcher::match> special_matcher::next(std::string_view text, std::size_t from,
                                                            bool with_control) const {
  if (names_.empty())
    return std::nullopt;
  const bool* begins = with_control ? begins_any_ : begins_user_defined_;
  for (std::size_t i = from; i < text.size(); ++i)
    if (begins[static_cast<unsigned char>(text[i])])
      if (auto found = longest_at(text, i, with_control))
        return found;
  return std::nullopt;
}

std::optional<special_matcher::match> special_matcher::longest_at(std::string_view text, std::size_t begin,
                                                                  bool with_control) const {
  std::optional<match> best;
  const auto first = static_cast<unsigned char>(text[begin]);
  auto low = names_.begin() + first_with_[first];
  auto high = names_.begin() + first_with_[first + 1];
  // Invariant: [low, high) are the names that begin with text[begin, begin + depth).
  for (std::size_t depth = 0; begin + depth < text.size(); ++depth) {
    const auto wanted = static_cast<unsigned char>(text[begin + depth]);
    const auto byte_at = [depth](const name& n) { return static_cast<unsigned char>(n.text[depth]); };
    // A name that ends here sorts first; it is shorter than what is wanted now.
    while (low != high && low->text.size() == depth)
      ++low;
    low =
        std::lower_bound(low, high, wanted, [&](const name& n, unsigned char byte) { return byte_at(n) < byte; });
    high =
        std::upper_bound(low, high, wanted, [&](unsigned char byte, const name& n) { return byte < byte_at(n); });
    if (low == high)
      break;
    for (auto at = low; at != high && at->text.size() == depth + 1; ++at) {
      if (with_control || !at->control) {
        best = match{begin, begin + depth + 1, at->id};
        break;
      }
    }
  }
  return best;
}

} // namespace tokamak
