// {field!conversion:specification}, with [[fill]align][sign][#][0][width][grouping][.precision][type].
#include "model/chat_template/brace_format.hpp"

#include <algorithm>

#include "model/chat_template/markup.hpp"
#include "model/chat_template/number_format.hpp"
#include "model/chat_template/number_text.hpp"
#include "model/chat_template/operations.hpp"

namespace tokamak::jinja {
namespace {

bool digits_only(std::string_view s) {
  return !s.empty() && s.find_first_not_of("0123456789") == std::string_view::npos;
}

std::int64_t small_number(std::string_view digits) {
  if (digits.size() > 9) raise("Too many decimal digits in format string");
  std::int64_t number = 0;
  for (const char c : digits) number = number * 10 + (c - '0');
  return number;
}

field_layout parse_layout(std::string_view spec) {
  field_layout layout;
  const auto is_align = [](char c) { return c == '<' || c == '>' || c == '=' || c == '^'; };
  std::size_t first = 0;
  if (!spec.empty()) next_character(spec, first);
  if (first < spec.size() && is_align(spec[first])) {
    layout.fill = spec.substr(0, first);
    layout.align = spec[first];
    spec.remove_prefix(first + 1);
  } else if (!spec.empty() && is_align(spec[0])) {
    layout.align = spec[0];
    spec.remove_prefix(1);
  }
  const auto take = [&](std::string_view any) {
    const char c = !spec.empty() && any.find(spec[0]) != std::string_view::npos ? spec[0] : '\0';
    if (c != 0) spec.remove_prefix(1);
    return c;
  };
  const auto take_digits = [&] {
    const auto digits = spec.substr(0, std::min(spec.find_first_not_of("0123456789"), spec.size()));
    spec.remove_prefix(digits.size());
    return digits;
  };
  if (const char sign = take("+- "); sign != 0) layout.sign = sign;
  layout.alternate = take("#") != 0;
  if (take("0") != 0 && layout.align == 0) {
    layout.fill = "0";
    layout.align = '=';
  }
  layout.width = small_number(take_digits());
  layout.grouping = take(",_");
  if (take(".") != 0) {
    const auto digits = take_digits();
    if (digits.empty()) raise("Format specifier missing precision");
    layout.precision = small_number(digits);
  }
  if (!spec.empty()) {
    layout.type = spec[0];
    spec.remove_prefix(1);
  }
  if (!spec.empty()) raise("Invalid format specifier");
  return layout;
}

class brace_formatter {
 public:
  brace_formatter(runtime& rt, arguments& args, bool markup) : rt_(rt), args_(args), markup_(markup) {}

  std::string run(std::string_view pattern, int depth) {
    if (depth > 1) raise("Max string recursion exceeded");
    text_builder out(rt_.costs());
    for (std::size_t i = 0; i < pattern.size();) {
      const auto brace = std::min(pattern.find_first_of("{}", i), pattern.size());
      out.append(pattern.substr(i, brace - i));
      i = brace;
      if (i >= pattern.size()) break;
      if (i + 1 < pattern.size() && pattern[i + 1] == pattern[i]) {
        out.append(pattern[i]);
        i += 2;
      } else if (pattern[i] == '}') {
        raise("Single '}}' encountered in format string");
      } else {
        const auto end = closing_brace(pattern, i);
        field(out, pattern.substr(i + 1, end - i - 1), depth);
        i = end + 1;
      }
    }
    return out.take();
  }

 private:
  static std::size_t closing_brace(std::string_view pattern, std::size_t open) {
    int depth = 0;
    for (std::size_t i = open; i < pattern.size(); ++i) {
      depth += pattern[i] == '{' ? 1 : pattern[i] == '}' ? -1 : 0;
      if (depth == 0) return i;
    }
    if (open + 1 >= pattern.size()) raise("Single '{{' encountered in format string");
    raise("expected '}}' before end of string");
  }

  void field(text_builder& out, std::string_view inner, int depth) {
    rt_.costs().work();
    auto end = std::min(inner.find_first_of("!:"), inner.size());
    if (const auto bracket = inner.find('['); bracket < end) { // a key may hold these characters
      const auto close = inner.find(']', bracket);
      if (close != std::string_view::npos) end = std::min(inner.find_first_of("!:", close), inner.size());
    }
    value v = lookup(inner.substr(0, end));
    auto rest = inner.substr(end);
    if (rest.starts_with('!')) {
      if (rest.size() < 2 || (rest.size() > 2 && rest[2] != ':')) raise("expected ':' after conversion specifier");
      if (rest[1] == 's') v = rt_.string(to_string(rt_, v));
      else if (rest[1] == 'r') v = rt_.string(to_repr(rt_, v));
      else if (rest[1] == 'a') v = rt_.string(to_ascii(rt_, v));
      else raise("Unknown conversion specifier '{}'", rest[1]);
      rest.remove_prefix(2);
    }
    const auto spec = rest.empty() ? std::string() : run(rest.substr(1), depth + 1);
    append_value(out, v, spec);
  }

  value lookup(std::string_view name) {
    const auto end = std::min(name.find_first_of(".["), name.size());
    value v = argument(name.substr(0, end));
    for (auto rest = name.substr(end); !rest.empty();) {
      rt_.costs().work();
      if (rest[0] == '.') {
        const auto stop = std::min(rest.find_first_of(".[", 1), rest.size());
        if (stop == 1) raise("Empty attribute in format string");
        v = get_attribute(rt_, v, rest.substr(1, stop - 1));
        rest.remove_prefix(stop);
      } else if (rest[0] == '[') {
        const auto close = rest.find(']');
        if (close == std::string_view::npos) raise("Missing ']' in format string");
        const auto key = rest.substr(1, close - 1);
        if (key.empty()) raise("Empty attribute in format string");
        v = get_item(rt_, v, digits_only(key) ? value(static_cast<integer>(small_number(key))) : rt_.string(key));
        rest.remove_prefix(close + 1);
      } else {
        raise("Only '.' or '[' may follow ']' in format field specifier");
      }
    }
    return v;
  }

  value argument(std::string_view name) {
    if (name.empty() || digits_only(name)) {
      const bool automatic = name.empty();
      if (numbering_ != 0 && automatic != (numbering_ == 'a')) {
        raise("cannot switch from manual field specification to automatic field numbering");
      }
      numbering_ = automatic ? 'a' : 'm';
      const auto i = automatic ? next_++ : static_cast<std::size_t>(small_number(name));
      if (i >= args_.positional.size()) raise("tuple index out of range");
      return args_.positional[i];
    }
    for (const auto& [known, content] : args_.keyword) {
      rt_.costs().work();
      if (known == name) return content;
    }
    raise("{}", string_repr(name));
  }

  void append_value(text_builder& out, const value& v, std::string_view spec) {
    if (spec.empty()) {
      if (!markup_) return out.append(to_string(rt_, v));
      return out.append(escape(rt_, v).string()->view());
    }
    auto layout = parse_layout(spec);
    check_layout(layout, rt_.costs().limits());
    if (const auto* s = v.string()) return append_text(out, layout, *s);
    integer i = 0;
    const bool whole = v.to_integer(i);
    const std::string_view real_types = "eEfFgG%";
    const bool as_real = layout.type != 0 && real_types.find(layout.type) != std::string_view::npos;
    if (whole && !as_real) {
      if (layout.type != 0 && std::string_view("bcdnoxX").find(layout.type) == std::string_view::npos)
        bad_type(layout, v);
      if (layout.precision >= 0) raise("Precision not allowed in integer format specifier");
      return append_integer(out, layout, i);
    }
    if (whole || v.real() != nullptr) {
      if (layout.type != 0 && layout.type != 'n' && !as_real) bad_type(layout, v);
      return append_real(out, layout, whole ? static_cast<double>(i) : *v.real());
    }
    raise("unsupported format string passed to {}.__format__", type_name(v));
  }

  void append_text(text_builder& out, const field_layout& layout, const text& s) {
    if (layout.type != 0 && layout.type != 's') bad_type(layout, s);
    if (layout.align == '=' && layout.fill != "0") raise("'=' alignment not allowed in string format specifier");
    auto shown = s.view();
    if (layout.precision >= 0 && static_cast<std::size_t>(layout.precision) < s.size()) {
      shown = s.characters(0, static_cast<std::size_t>(layout.precision));
    }
    auto plain = layout;
    if (plain.align == '=') plain.align = '<';
    append_padded(out, plain, "", shown, '<');
  }

  [[noreturn]] static void bad_type(const field_layout& layout, const value& v) {
    raise("Unknown format code '{}' for object of type '{}'", layout.type, type_name(v));
  }

  runtime& rt_;
  arguments& args_;
  bool markup_;
  char numbering_ = 0; ///< 'a' automatic, 'm' manual, 0 not yet known
  std::size_t next_ = 0;
};

} // namespace

value brace_format(runtime& rt, const text& pattern, arguments& args) {
  return rt.string(brace_formatter(rt, args, pattern.markup()).run(pattern.view(), 0), pattern.markup());
}

} // namespace tokamak::jinja
