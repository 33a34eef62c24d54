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

  std::uint32_t size() const { return static_cast<std::uint32_t>(bytes_.size()); } ///< node 0 is the root
  std::uint8_t byte(std::uint32_t node) const { return bytes_[node]; }
  std::uint32_t depth(std::uint32_t node) const { return depths_[node]; }
  std::uint32_t end(std::uint32_t node) const { return ends_[node]; }
  std::span<const std::int32_t> tokens(std::uint32_t node) const { return {ids_.data() + first_id_[node], ids_.data() + first_id_[node + 1]}; }
  std::uint32_t longest() const { return longest_; } ///< bytes of a token

  std::string_view bytes_of(std::int32_t token) const {
    const auto t = static_cast<std::size_t>(token);
    return {text_.data() + text_begin_[t], text_begin_[t + 1] - text_begin_[t]};
  }

 private:
  std::vector<std::uint8_t> bytes_;
  std::vector<std::uint32_t> depths_, ends_, first_id_;
  std::vector<std::int32_t> ids_;
  std::uint32_t longest_ = 0;
  std::string text_;
  std::vector<std::size_t> text_begin_;
};

} // namespace tokamak::json_schema
