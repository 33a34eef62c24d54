// Template text to tokens, with Jinja's whitespace control (trim_blocks and lstrip_blocks on).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "model/chat_template/value.hpp"

namespace tokamak::jinja {

enum class token_kind : std::uint8_t {
  data,
  block_begin,
  block_end,
  variable_begin,
  variable_end,
  name,
  string,
  whole,
  real,
  sign,
  end
};

struct token {
  token_kind kind;
  std::uint32_t line;
  std::string text; ///< the data, name, sign, or string after escapes
  integer whole = 0;
  double real = 0;

  bool is_sign(std::string_view s) const { return kind == token_kind::sign && text == s; }
  bool is_name(std::string_view s) const { return kind == token_kind::name && text == s; }
  /// For messages: a name as it is, a kind of delimiter in words.
  std::string describe() const;
};

/// All tokens of a template, the last one of kind `end`. Comments are gone, raw blocks are data.
/// Fails as malformed.
std::vector<token> tokenize(std::string_view source);

} // namespace tokamak::jinja
