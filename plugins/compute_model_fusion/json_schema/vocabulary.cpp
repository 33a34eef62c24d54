// Tokens, sorted by their bytes, are the trie in the order of a walk.
#include <algorithm>
#include <atomic>
#include <numeric>

#include "json_schema/automaton.hpp"
#include "json_schema/json_schema.hpp"
#include "json_schema/mask_cache.hpp"
#include "json_schema/trie.hpp"

namespace tokamak::json_schema {

trie::trie(std::span<const std::string> tokens) {
  std::vector<std::int32_t> order;
  text_begin_.push_back(0);
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    if (!tokens[i].empty()) order.push_back(static_cast<std::int32_t>(i));
    text_ += tokens[i];
    text_begin_.push_back(text_.size());
  }
  const auto text = [&](std::int32_t t) -> const std::string& { return tokens[static_cast<std::size_t>(t)]; };
  std::stable_sort(order.begin(), order.end(), [&](std::int32_t a, std::int32_t b) { return text(a) < text(b); });
  std::vector<std::uint32_t> path{0}; // nodes from the root to the one before
  const auto add = [&](std::uint8_t byte, std::uint32_t depth) {
    nodes_.push_back({0, static_cast<std::uint32_t>(ids_.size()), depth & 0xffffffu, byte});
  };
  const auto leave = [&](std::size_t depth) {
    for (; path.size() > depth; path.pop_back()) nodes_[path.back()].end = static_cast<std::uint32_t>(nodes_.size());
  };
  add(0, 0);
  std::string_view before;
  for (const auto t : order) {
    const std::string_view now = text(t);
    const auto common = static_cast<std::size_t>(std::mismatch(now.begin(), now.end(), before.begin(), before.end()).first - now.begin());
    leave(common + 1);
    for (std::size_t i = common; i < now.size(); ++i) {
      path.push_back(static_cast<std::uint32_t>(nodes_.size()));
      add(static_cast<std::uint8_t>(now[i]), static_cast<std::uint32_t>(i + 1));
    }
    ids_.push_back(t);
    longest_ = std::max(longest_, static_cast<std::uint32_t>(now.size()));
    before = now;
  }
  leave(0);
  add(0, 0);
}

namespace {
std::atomic<std::uint64_t> next_id{1};
}

vocabulary::vocabulary(std::span<const std::string> tokens)
    : size_(tokens.size()), id_(next_id++), tokens_(std::make_unique<trie>(tokens)), masks_(std::make_unique<mask_cache>(16u << 20)) {
  // Strings are the same in all grammars; the first of them shall not wait.
  const auto strings = automaton_builder().finish(string_start);
  for (std::uint32_t s = 0; s < shared_states; ++s) masks_->keep(id_, s, std::make_shared<const rule_tokens>(tokens_from(strings, *tokens_, s, size_)));
}
vocabulary::~vocabulary() = default;

std::string_view vocabulary::bytes(std::int32_t token) const {
  return token < 0 || static_cast<std::size_t>(token) >= size_ ? std::string_view() : tokens_->bytes_of(token);
}

} // namespace tokamak::json_schema
