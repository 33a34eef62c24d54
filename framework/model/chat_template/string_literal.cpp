// \n, \xhh, \uhhhh and their kind; an unknown escape stays as written.
#include "model/chat_template/string_literal.hpp"

#include "model/chat_template/failure.hpp"
#include "model/chat_template/unicode.hpp"

namespace tokamak::jinja {
namespace {

int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  const char lower = static_cast<char>(c | 0x20);
  return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

class literal_reader {
 public:
  literal_reader(std::string_view body, std::uint32_t line) : body_(body), line_(line) {}

  std::string run() {
    while (at_ < body_.size()) {
      const char c = body_[at_++];
      if (c != '\\' || at_ >= body_.size()) {
        out_.push_back(c);
      } else {
        escape(body_[at_++]);
      }
    }
    return std::move(out_);
  }

 private:
  void escape(char c) {
    constexpr std::string_view letters = "abfnrtv\\'\"", meanings = "\a\b\f\n\r\t\v\\'\"";
    if (const auto i = letters.find(c); i != std::string_view::npos) {
      out_.push_back(meanings[i]);
    } else if (c == '\n') {
      return; // a line continued
    } else if (c >= '0' && c <= '7') {
      octal(c);
    } else if (c == 'x' || c == 'u' || c == 'U') {
      character(c, c == 'x' ? 2 : c == 'u' ? 4 : 8);
    } else if (c == 'N') {
      malformed(line_, "named characters (\\N) are not supported in strings");
    } else {
      out_.push_back('\\');
      out_.push_back(c);
    }
  }

  void octal(char first) {
    char32_t code = static_cast<char32_t>(first - '0');
    for (int i = 0; i < 2 && at_ < body_.size() && body_[at_] >= '0' && body_[at_] <= '7'; ++i) {
      code = code * 8 + static_cast<char32_t>(body_[at_++] - '0');
    }
    append_character(out_, code);
  }

  char32_t hex(char kind, int digits) {
    char32_t code = 0;
    for (int i = 0; i < digits; ++i) {
      const int digit = at_ < body_.size() ? hex_value(body_[at_]) : -1;
      if (digit < 0)
        malformed(line_, "truncated \\{}{} escape", kind, std::string(static_cast<std::size_t>(digits), 'X'));
      code = code * 16 + static_cast<char32_t>(digit);
      ++at_;
    }
    return code;
  }

  void character(char kind, int digits) {
    char32_t code = hex(kind, digits);
    if (code >= 0xD800 && code <= 0xDBFF && body_.substr(at_).starts_with("\\u")) {
      at_ += 2;
      const char32_t low = hex('u', 4);
      if (low < 0xDC00 || low > 0xDFFF) malformed(line_, "a lone surrogate is no character");
      code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
    }
    if (code >= 0xD800 && code <= 0xDFFF) malformed(line_, "a lone surrogate is no character");
    if (code > 0x10FFFF) malformed(line_, "illegal Unicode character");
    append_character(out_, code);
  }

  std::string_view body_;
  std::uint32_t line_;
  std::size_t at_ = 0;
  std::string out_;
};

} // namespace

std::string unescape(std::string_view body, std::uint32_t line) { return literal_reader(body, line).run(); }

} // namespace tokamak::jinja
