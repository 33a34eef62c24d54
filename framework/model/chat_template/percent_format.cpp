// %[(name)][flags][width][.precision]type, types d i u o x X e E f F g G c r s a %.
#include "model/chat_template/percent_format.hpp"

#include <algorithm>
#include <cmath>

#include "model/chat_template/arguments.hpp"
#include "model/chat_template/markup.hpp"
#include "model/chat_template/number_format.hpp"
#include "model/chat_template/number_text.hpp"
#include "model/chat_template/operations.hpp"

namespace tokamak::jinja {
namespace {

class percent_formatter {
 public:
  percent_formatter(runtime& rt, const text& pattern, const value& values)
      : rt_(rt), pattern_(pattern.view()), markup_(pattern.markup()), values_(values), out_(rt.costs()) {
    auto* l = values.as<list_object>();
    if (l != nullptr && l->is_tuple()) several_ = l;
  }

  value run() {
    while (at_ < pattern_.size()) {
      const auto next = std::min(pattern_.find('%', at_), pattern_.size());
      out_.append(pattern_.substr(at_, next - at_));
      at_ = next;
      if (at_ < pattern_.size()) field();
    }
    const bool subscriptable =
        values_.as<dict_object>() != nullptr || values_.as<list_object>() != nullptr || values_.is_undefined();
    const bool all_used = several_ != nullptr ? used_ >= several_->items.size() : used_ > 0 || named_ || subscriptable;
    if (!all_used) raise("not all arguments converted during string formatting");
    return rt_.string(out_.take(), markup_);
  }

 private:
  char peek() {
    if (at_ >= pattern_.size()) raise("incomplete format");
    return pattern_[at_];
  }

  const value& next_value() {
    if (several_ != nullptr) {
      if (used_ >= several_->items.size()) raise("not enough arguments for format string");
      return several_->items[used_++];
    }
    if (used_++ > 0) raise("not enough arguments for format string");
    return values_;
  }

  value named_value() {
    const auto begin = ++at_;
    int open = 1;
    for (; open > 0; ++at_) {
      if (at_ >= pattern_.size()) raise("incomplete format key");
      open += pattern_[at_] == '(' ? 1 : pattern_[at_] == ')' ? -1 : 0;
    }
    auto* d = values_.as<dict_object>();
    if (d == nullptr) raise("format requires a mapping");
    named_ = true;
    const auto key = pattern_.substr(begin, at_ - 1 - begin);
    const auto* found = d->find(rt_, key);
    if (found == nullptr) raise("{}", string_repr(key));
    return *found;
  }

  std::int64_t number_or_star() {
    if (peek() == '*') {
      ++at_;
      const auto& v = next_value();
      integer i = 0;
      if (!v.to_integer(i)) raise("* wants int");
      return to_count(i, "the width");
    }
    std::int64_t number = 0;
    for (; peek() >= '0' && peek() <= '9'; ++at_) {
      number = number * 10 + (peek() - '0');
      if (number > 1'000'000'000) raise("width too big");
    }
    return number;
  }

  void field() {
    ++at_;
    value named;
    const bool by_name = peek() == '(';
    if (by_name) named = named_value();
    field_layout layout;
    bool zero = false, left = false;
    for (;; ++at_) {
      const char c = peek();
      if (c == '-') left = true;
      else if (c == '+') layout.sign = '+';
      else if (c == ' ') layout.sign = layout.sign == '+' ? '+' : ' ';
      else if (c == '#') layout.alternate = true;
      else if (c == '0') zero = true;
      else break;
    }
    layout.width = number_or_star();
    if (layout.width < 0) {
      left = true;
      layout.width = layout.width < -1'000'000'000 ? 1'000'000'000 : -layout.width;
    }
    if (peek() == '.') {
      ++at_;
      layout.precision = std::max<std::int64_t>(number_or_star(), 0);
    }
    while (peek() == 'h' || peek() == 'l' || peek() == 'L') ++at_;
    layout.type = pattern_[at_++];
    check_layout(layout, rt_.costs().limits());
    if (layout.type == '%') return out_.append('%');
    layout.align = left ? '<' : '>';
    const value v = by_name ? named : next_value();
    convert(layout, v, zero && !left);
  }

  void convert(field_layout& layout, const value& v, bool zero) {
    switch (layout.type) {
      case 's':
      case 'r':
      case 'a': return convert_text(layout, v);
      case 'c': return convert_character(layout, v);
      case 'd':
      case 'i':
      case 'u':
      case 'o':
      case 'x':
      case 'X': return convert_integer(layout, v, zero);
      case 'e':
      case 'E':
      case 'f':
      case 'F':
      case 'g':
      case 'G': return convert_real(layout, v, zero);
      default:
        raise("unsupported format character '{}' (0x{:x}) at index {}", layout.type,
              static_cast<unsigned>(static_cast<unsigned char>(layout.type)), at_ - 1);
    }
  }

  void convert_text(const field_layout& layout, const value& v) {
    auto body = layout.type == 's' ? to_string(rt_, v) : layout.type == 'a' ? to_ascii(rt_, v) : to_repr(rt_, v);
    if (markup_ && layout.type == 's') body = std::string(escape(rt_, v).string()->view());
    std::string_view shown = body;
    if (layout.precision >= 0) {
      std::size_t end = 0;
      for (std::int64_t i = 0; i < layout.precision && end < shown.size(); ++i) next_character(shown, end);
      shown = shown.substr(0, end);
    }
    append_padded(out_, layout, "", shown, '>');
  }

  void convert_character(field_layout& layout, const value& v) {
    if (const auto* s = v.string(); s != nullptr && s->size() == 1)
      return append_padded(out_, layout, "", s->view(), '>');
    integer i = 0;
    if (!v.to_integer(i)) raise("%c requires int or char");
    append_integer(out_, layout, i);
  }

  void convert_integer(field_layout& layout, const value& v, bool zero) {
    require_defined(v);
    integer i = 0;
    const auto* real = v.real();
    const bool decimal = layout.type == 'd' || layout.type == 'i' || layout.type == 'u';
    if (real != nullptr && decimal) {
      i = truncated(*real);
    } else if (!v.to_integer(i)) {
      raise("%{} format: {} is required, not {}", layout.type, decimal ? "a real number" : "an integer", type_name(v));
    }
    if (decimal) layout.type = 'd';
    if (layout.precision >= 0) { // at least so many digits
      if (layout.precision > 1'000'000) raise("precision too big");
      auto digits = integer_text(i, layout.type == 'o' ? 8 : decimal ? 10 : 16);
      if (i < 0) digits.erase(0, 1);
      const auto missing = layout.precision - static_cast<std::int64_t>(digits.size());
      if (missing > 0) digits.insert(0, static_cast<std::size_t>(missing), '0');
      if (layout.type == 'X') digits = change_case(digits, letter_case::upper);
      const std::string_view positive = layout.sign == '-' ? "" : std::string_view(&layout.sign, 1);
      return append_padded(out_, layout, i < 0 ? "-" : positive, digits, '>');
    }
    if (zero) zero_fill(layout);
    append_integer(out_, layout, i);
  }

  void convert_real(field_layout& layout, const value& v, bool zero) {
    require_defined(v);
    integer i = 0;
    const bool whole = v.to_integer(i);
    if (!whole && v.real() == nullptr) raise("must be real number, not {}", type_name(v));
    const double number = whole ? static_cast<double>(i) : *v.real();
    if (zero) zero_fill(layout);
    append_real(out_, layout, number);
  }

  static void zero_fill(field_layout& layout) {
    layout.fill = "0";
    layout.align = '=';
  }

  runtime& rt_;
  std::string_view pattern_;
  bool markup_;
  value values_;
  list_object* several_ = nullptr;
  text_builder out_;
  std::size_t at_ = 0;
  std::size_t used_ = 0;
  bool named_ = false;
};

} // namespace

value percent_format(runtime& rt, const text& pattern, const value& values) {
  return percent_formatter(rt, pattern, values).run();
}

} // namespace tokamak::jinja
