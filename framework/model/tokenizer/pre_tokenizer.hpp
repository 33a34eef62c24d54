// Cuts text into the stretches within which byte-pair merging works (words, numbers, runs of spaces),
// as tokenizer.ggml.pre names it.
#pragma once

#include "base/error.hpp"

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace tokamak {

/// What one name of tokenizer.ggml.pre stands for.
struct pre_tokenizer_rules {
  std::vector<std::string_view> names;
  /// Regular expressions applied in turn, each to the pieces the ones before left: every match becomes
  /// a piece, and so does what lies between matches.
  std::vector<std::string_view> patterns;
  bool whole_pieces_first = false; ///< a piece that is a token is that token, whatever merging would give
  bool add_bos = false;            ///< what the file's silence about add_bos_token means
};

/// Every rule set there is; lives as long as the program.
std::span<const pre_tokenizer_rules> all_pre_tokenizer_rules();

/// Compiled rules. Immutable; any thread.
class pre_tokenizer {
public:
  /// Errors: unsupported, naming `name` and the known ones.
  static expected<pre_tokenizer> by_name(std::string_view name);

  pre_tokenizer(pre_tokenizer&&) noexcept;
  pre_tokenizer& operator=(pre_tokenizer&&) noexcept;
  ~pre_tokenizer();

  const pre_tokenizer_rules& rules() const { return *rules_; }

  /// Replaces `pieces` by the lengths in bytes of the pieces of `text`, in order; they add up to its
  /// size. Runs of bytes that are not UTF-8 are pieces of their own.
  void split(std::string_view text, std::vector<std::size_t>& pieces) const;

private:
  class pattern;

  explicit pre_tokenizer(const pre_tokenizer_rules& rules);

  const pre_tokenizer_rules* rules_;
  std::vector<std::unique_ptr<pattern>> patterns_;
};

} // namespace tokamak
