// Two modes: template text up to the next tag, and the expression inside a tag.
#include "model/chat_template/lexer.hpp"

#include <algorithm>

#include "model/chat_template/number_text.hpp"
#include "model/chat_template/operations.hpp"
#include "model/chat_template/string_literal.hpp"
#include "model/chat_template/unicode.hpp"

namespace tokamak::jinja {
namespace {

constexpr auto npos = std::string_view::npos;

bool is_digit_char(char c) { return c >= '0' && c <= '9'; }
/// Line ends become \n; one at the very end goes.
std::string normalized(std::string_view source) {
  std::string out;
  out.reserve(source.size());
  for (std::size_t i = 0; i < source.size(); ++i) {
    if (source[i] == '\r') {
      out.push_back('\n');
      if (i + 1 < source.size() && source[i + 1] == '\n') ++i;
    } else {
      out.push_back(source[i]);
    }
  }
  if (out.ends_with('\n')) out.pop_back();
  return out;
}

class lexer {
 public:
  explicit lexer(std::string_view source) : source_(source) {}

  std::vector<token> run() {
    while (at_ < source_.size()) text_until_tag();
    add(token_kind::end, "");
    return std::move(tokens_);
  }

 private:
  bool here(std::string_view s, std::size_t offset = 0) const {
    return source_.substr(std::min(at_ + offset, source_.size())).starts_with(s);
  }

  void add(token_kind kind, std::string_view text) {
    token made;
    made.kind = kind;
    made.line = line_;
    made.text = text;
    tokens_.push_back(std::move(made));
  }

  void advance(std::size_t to) {
    line_ += static_cast<std::uint32_t>(std::count(source_.begin() + static_cast<std::ptrdiff_t>(at_),
                                                   source_.begin() + static_cast<std::ptrdiff_t>(to), '\n'));
    if (to > at_) line_starting_ = source_[to - 1] == '\n';
    at_ = to;
  }

  std::size_t skip_spaces(std::size_t from) const {
    return source_.size() - strip_spaces(source_.substr(from), true, false).size();
  }

  /// Template text, shortened as the tag after it asks for: all trailing space at '-', the indentation
  /// of a line that holds only a block or comment unless '+'.
  std::string_view shortened(std::string_view text, char sign, bool is_variable) const {
    if (sign == '-') return strip_spaces(text, false, true);
    if (sign == '+' || is_variable) return text;
    const auto newline = text.rfind('\n');
    const auto line_begin = newline == npos ? 0 : newline + 1;
    if (line_begin == 0 && !line_starting_) return text;
    const auto tail = text.substr(line_begin);
    return strip_spaces(tail, true, false).empty() ? text.substr(0, line_begin) : text;
  }

  static char sign_at(std::string_view s, std::size_t i) {
    return i < s.size() && (s[i] == '-' || s[i] == '+') ? s[i] : '\0';
  }

  void text_until_tag() {
    std::size_t tag = at_;
    for (;; ++tag) {
      tag = source_.find('{', tag);
      if (tag == npos || tag + 1 >= source_.size()) {
        add(token_kind::data, source_.substr(at_));
        return advance(source_.size());
      }
      const char kind = source_[tag + 1];
      if (kind == '%' || kind == '{' || kind == '#') break;
    }
    const char kind = source_[tag + 1];
    const char sign = sign_at(source_, tag + 2);
    const auto text = shortened(source_.substr(at_, tag - at_), sign, kind == '{');
    if (!text.empty()) add(token_kind::data, text);
    advance(tag);
    const auto inside = tag + (sign == 0 ? 2 : 3);
    if (kind == '%' && raw_block(inside)) return;
    if (kind == '#') return comment(inside);
    add(kind == '%' ? token_kind::block_begin : token_kind::variable_begin, "");
    advance(inside);
    expression(kind == '%' ? '%' : '}');
  }

  /// Moves behind a comment's or a raw block's closing delimiter, which begins at `close`.
  void close_tag(std::size_t close, std::string_view delimiter, char sign) {
    auto after = close + delimiter.size() + (sign == 0 ? 0 : 1);
    if (sign == '-') after = skip_spaces(after);
    else if (sign == 0 && after < source_.size() && source_[after] == '\n') ++after;
    advance(after);
  }

  void comment(std::size_t inside) {
    const auto close = source_.find("#}", inside);
    if (close == npos) {
      if (inside >= source_.size()) return advance(inside);
      malformed(line_, "Missing end of comment tag");
    }
    const char sign = close > inside ? sign_at(source_, close - 1) : '\0';
    close_tag(sign == 0 ? close : close - 1, "#}", sign);
  }

  /// If `raw` stands in the block tag that begins here: its contents as data, up to endraw.
  bool raw_block(std::size_t inside) {
    auto i = skip_spaces(inside);
    if (!source_.substr(i).starts_with("raw")) return false;
    i = skip_spaces(i + 3);
    const bool strips = source_.substr(i).starts_with("-%}");
    if (!strips && !source_.substr(i).starts_with("%}")) return false;
    const auto begin_line = line_;
    advance(strips ? skip_spaces(i + 3) : i + 2);
    for (auto open = source_.find("{%", at_); open != npos; open = source_.find("{%", open + 2)) {
      const char sign = sign_at(source_, open + 2);
      auto j = skip_spaces(open + (sign == 0 ? 2 : 3));
      if (!source_.substr(j).starts_with("endraw")) continue;
      j = skip_spaces(j + 6);
      const char end_sign = sign_at(source_, j);
      if (!source_.substr(std::min(j + (end_sign == 0 ? 0 : 1), source_.size())).starts_with("%}")) continue;
      const auto text = shortened(source_.substr(at_, open - at_), sign, false);
      if (!text.empty()) add(token_kind::data, text);
      advance(j);
      close_tag(j, "%}", end_sign);
      return true;
    }
    if (at_ >= source_.size()) return true;
    malformed(begin_line, "Missing end of raw directive");
  }

  /// Tokens up to the closing delimiter, "%}" or "}}" by `closer`.
  void expression(char closer) {
    while (at_ < source_.size()) {
      if (open_.empty() && close_expression(closer)) return;
      const auto space_end = skip_spaces(at_);
      if (space_end > at_) {
        advance(space_end);
      } else if (is_digit_char(source_[at_])) {
        number();
      } else if (const auto end = name_end(); end > at_) {
        add(token_kind::name, source_.substr(at_, end - at_));
        advance(end);
      } else if (source_[at_] == '\'' || source_[at_] == '"') {
        string();
      } else {
        sign();
      }
    }
  }

  bool close_expression(char closer) {
    const std::string_view delimiter = closer == '%' ? "%}" : "}}";
    const bool strips = here("-") && here(delimiter, 1);
    const bool keeps = closer == '%' && here("+") && here(delimiter, 1);
    if (!strips && !keeps && !here(delimiter)) return false;
    add(closer == '%' ? token_kind::block_end : token_kind::variable_end, "");
    const auto after = at_ + 2 + (strips || keeps ? 1 : 0);
    const bool newline = closer == '%' && !keeps && after < source_.size() && source_[after] == '\n';
    advance(strips ? skip_spaces(after) : after + (newline ? 1 : 0));
    return true;
  }

  std::size_t digits_end(std::size_t i) const { // digits with single underscores between them
    while (i < source_.size() && (is_digit_char(source_[i]) ||
                                  (source_[i] == '_' && i + 1 < source_.size() && is_digit_char(source_[i + 1]))))
      ++i;
    return i;
  }

  void number() {
    const bool after_dot = at_ > 0 && source_[at_ - 1] == '.'; // a.0.1 is two subscripts, not a fraction
    const auto digit_at = [&](std::size_t i) { return i < source_.size() && is_digit_char(source_[i]); };
    auto end = digits_end(at_);
    bool is_real = false;
    if (!after_dot) {
      if (end < source_.size() && source_[end] == '.' && digit_at(end + 1)) {
        end = digits_end(end + 1);
        is_real = true;
      }
      if (end < source_.size() && (source_[end] | 0x20) == 'e') {
        const auto exponent = end + (sign_at(source_, end + 1) != 0 ? 2 : 1);
        if (digit_at(exponent)) {
          end = digits_end(exponent);
          is_real = true;
        }
      }
    }
    add(is_real ? token_kind::real : token_kind::whole, "");
    if (!is_real) end = integer_end(end);
    std::string digits(source_.substr(at_, end - at_));
    std::erase(digits, '_');
    auto& made = tokens_.back();
    if (is_real ? !parse_real(digits, made.real) : !parse_integer(digits, 0, made.whole)) {
      malformed(line_, "invalid number '{}'", digits.substr(0, 60));
    }
    made.text = digits;
    advance(end);
  }

  /// Where an integer ends: one with a base prefix goes on, one that begins with 0 is only zeros.
  std::size_t integer_end(std::size_t decimal_end) const {
    if (source_[at_] != '0') return decimal_end;
    const char prefix = at_ + 1 < source_.size() ? static_cast<char>(source_[at_ + 1] | 0x20) : '\0';
    const std::string_view allowed = prefix == 'x'   ? "0123456789abcdefABCDEF"
                                     : prefix == 'o' ? "01234567"
                                     : prefix == 'b' ? "01"
                                                     : "";
    auto i = at_ + 2;
    for (bool any = false; !allowed.empty(); any = true) {
      const auto digit = i < source_.size() && source_[i] == '_' ? i + 1 : i;
      if (digit >= source_.size() || allowed.find(source_[digit]) == npos) {
        if (any) return i;
        break;
      }
      i = digit + 1;
    }
    i = at_ + 1;
    while (i < decimal_end && (source_[i] == '0' || (source_[i] == '_' && source_[i + 1] == '0'))) ++i;
    return i;
  }

  /// Where the identifier that begins at `at_` ends; `at_` itself if none begins there.
  std::size_t name_end() const {
    auto end = at_;
    while (end < source_.size()) {
      std::size_t next = end;
      const char32_t code = next_character(source_, next);
      const unsigned allowed = end == at_ ? is_alpha : is_alpha | is_decimal;
      if (code != '_' && (character_class(code) & allowed) == 0) break;
      end = next;
    }
    return end;
  }

  void string() {
    const char quote = source_[at_];
    auto end = at_ + 1;
    while (end < source_.size() && source_[end] != quote) end += source_[end] == '\\' ? 2 : 1;
    if (end >= source_.size()) malformed(line_, "unexpected char {} at {}", string_repr(source_.substr(at_, 1)), at_);
    add(token_kind::string, unescape(source_.substr(at_ + 1, end - at_ - 1), line_));
    advance(end + 1);
  }

  void sign() {
    constexpr std::string_view pairs[] = {"//", "**", "==", "!=", ">=", "<="};
    constexpr std::string_view singles = "+-/*%~[](){}><=.:|,;";
    std::string_view found;
    for (const auto pair : pairs) {
      if (here(pair)) found = pair;
    }
    if (found.empty() && singles.find(source_[at_]) != npos) found = source_.substr(at_, 1);
    if (found.empty()) {
      std::size_t end = at_;
      next_character(source_, end);
      malformed(line_, "unexpected char {} at {}", string_repr(source_.substr(at_, end - at_)), at_);
    }
    balance(found);
    add(token_kind::sign, found);
    advance(at_ + found.size());
  }

  void balance(std::string_view s) {
    if (s == "(" || s == "[" || s == "{") open_.push_back(s == "(" ? ')' : s == "[" ? ']' : '}');
    if (s != ")" && s != "]" && s != "}") return;
    if (open_.empty()) malformed(line_, "unexpected '{}'", s);
    const char expected = open_.back();
    open_.pop_back();
    if (s[0] != expected) malformed(line_, "unexpected '{}', expected '{}'", s, expected);
  }

  std::string_view source_;
  std::size_t at_ = 0;
  std::uint32_t line_ = 1;
  bool line_starting_ = true; ///< the last token ended a line
  std::string open_;          ///< closing brackets still expected
  std::vector<token> tokens_;
};

} // namespace

std::string token::describe() const {
  switch (kind) {
    case token_kind::data: return "template data / text";
    case token_kind::block_begin: return "begin of statement block";
    case token_kind::block_end: return "end of statement block";
    case token_kind::variable_begin: return "begin of print statement";
    case token_kind::variable_end: return "end of print statement";
    case token_kind::string: return "string";
    case token_kind::whole: return "integer";
    case token_kind::real: return "float";
    case token_kind::end: return "end of template";
    case token_kind::name:
    case token_kind::sign: break;
  }
  return text;
}

std::vector<token> tokenize(std::string_view source) {
  const auto text = normalized(source);
  return lexer(text).run();
}

} // namespace tokamak::jinja
