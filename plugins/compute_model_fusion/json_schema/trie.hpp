// The tokens of a vocabulary by their bytes, nodes in the order of a walk: the children of a node begin behind it, the next sibling where its subtree ends.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace tokamak::json_schema {

class trie {
 public:
  explicit trie(std::span<const std::string> bytes_of_tokens);

  std::uint32_t size() const { return static_cast<std::uint32_t>(nodes_.size() - 1); } ///< node 0 is the root
  std::uint8_t byte(std::uint32_t node) const { return static_cast<std::uint8_t>(nodes_[node].byte); }
  std::uint32_t depth(std::uint32_t node) const { return nodes_[node].depth; }
  std::uint32_t end(std::uint32_t node) const { return nodes_[node].end; }
  std::span<const std::int32_t> tokens(std::uint32_t node) const { return {ids_.data() + nodes_[node].first_id, ids_.data() + nodes_[node + 1].first_id}; }
  std::uint32_t longest() const { return longest_; } ///< bytes of a token

  std::string_view bytes_of(std::int32_t token) const {
    const auto t = static_cast<std::size_t>(token);
    return {text_.data() + text_begin_[t], text_begin_[t + 1] - text_begin_[t]};
  }

 private:
  struct node {
    std::uint32_t end, first_id, depth : 24, byte : 8; ///< together, since a walk looks at all of them
  };
  std::vector<node> nodes_; ///< one more than there are, for first_id
  std::vector<std::int32_t> ids_;
  std::uint32_t longest_ = 0;
  std::string text_;
  std::vector<std::size_t> text_begin_;
};

} // namespace tokamak::json_schema
