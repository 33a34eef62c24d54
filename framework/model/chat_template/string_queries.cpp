// find, count, startswith and the is... family of str; and stripping, splitting into lines, joining, replacing.
#include "model/chat_template/string_queries.hpp"

#include <algorithm>
#include <limits>

#include "model/chat_template/arguments.hpp"
#include "model/chat_template/markup.hpp"
#include "model/chat_template/operations.hpp"
#include "model/chat_template/text_builder.hpp"
#include "model/chat_template/text_search.hpp"
#include "model/chat_template/unicode.hpp"

namespace tokamak::jinja {
namespace {

constexpr auto npos = std::string_view::npos;

/// The part of a string that optional start and end arguments select, and where it begins.
struct window {
  std::string_view bytes;
  std::int64_t first = 0; ///< in characters
  bool valid = true;      ///< false if it starts behind its end, where not even "" is found

  window(runtime& rt, const text& s, const bound_arguments& given, std::size_t start_argument) {
    const auto length = static_cast<std::int64_t>(s.size());
    const auto position = [&](std::size_t i, std::int64_t otherwise) {
      if (!given.has(i) || given[i].is_none()) return otherwise;
      const auto p = std::clamp<std::int64_t>(given.whole(i, 0), -length - 1, length + 1);
      return p < 0 ? std::max<std::int64_t>(p + length, 0) : p;
    };
    first = position(start_argument, 0);
    const auto last = std::min(position(start_argument + 1, length), length);
    valid = first <= last;
    if (!s.ascii()) rt.costs().character_work(s.view().size());
    if (valid) bytes = s.characters(static_cast<std::size_t>(first), static_cast<std::size_t>(last - first));
  }
};

std::int64_t search(runtime& rt, const value& self, arguments& args, std::string_view name, bool last) {
  const bound_arguments given(args, name, {"sub", "start", "end"}, 1);
  const window in(rt, *self.string(), given, 1);
  if (!in.valid) return -1;
  const auto part = given.string(0).view();
  const auto at = last ? find_last_text(rt.costs(), in.bytes, part) : find_text(rt.costs(), in.bytes, part);
  if (at == npos) return -1;
  return in.first + static_cast<std::int64_t>(count_characters(in.bytes.substr(0, at)));
}
value found(std::int64_t position) { return static_cast<integer>(position); }
value must_be_found(std::int64_t position) {
  if (position < 0) raise("substring not found");
  return static_cast<integer>(position);
}
value find(runtime& rt, const value& self, arguments& args) { return found(search(rt, self, args, "find", false)); }
value rfind(runtime& rt, const value& self, arguments& args) { return found(search(rt, self, args, "rfind", true)); }
value index(runtime& rt, const value& self, arguments& args) {
  return must_be_found(search(rt, self, args, "index", false));
}
value rindex(runtime& rt, const value& self, arguments& args) {
  return must_be_found(search(rt, self, args, "rindex", true));
}

value count(runtime& rt, const value& self, arguments& args) {
  const bound_arguments given(args, "count", {"sub", "start", "end"}, 1);
  const window in(rt, *self.string(), given, 1);
  if (!in.valid) return 0;
  const auto part = given.string(0).view();
  return part.empty() ? count_characters(in.bytes) + 1 : count_text(rt.costs(), in.bytes, part);
}

value affix(runtime& rt, const value& self, arguments& args, std::string_view name, bool at_end) {
  const bound_arguments given(args, name, {"prefix", "start", "end"}, 1);
  const window in(rt, *self.string(), given, 1);
  const auto matches = [&](const value& v) {
    require_defined(v);
    const auto* s = v.string();
    if (s == nullptr) raise("{} first arg must be str or a tuple of str, not {}", name, type_name(v));
    return in.valid && (at_end ? in.bytes.ends_with(s->view()) : in.bytes.starts_with(s->view()));
  };
  if (auto* several = given[0].as<list_object>(); several != nullptr && several->is_tuple()) {
    rt.costs().work(several->items.size());
    return std::any_of(several->items.begin(), several->items.end(), matches);
  }
  return matches(given[0]);
}
value startswith(runtime& rt, const value& self, arguments& args) { return affix(rt, self, args, "startswith", false); }
value endswith(runtime& rt, const value& self, arguments& args) { return affix(rt, self, args, "endswith", true); }

/// True if every character has one of the flags; false for an empty string.
value all_of_class(runtime& rt, const value& self, arguments& args, std::string_view name, unsigned flags) {
  bound_arguments(args, name, {});
  const auto bytes = self.string()->view();
  rt.costs().character_work(bytes.size());
  for (std::size_t i = 0; i < bytes.size();) {
    if ((character_class(next_character(bytes, i)) & flags) == 0) return false;
  }
  return !bytes.empty();
}
value isalpha(runtime& rt, const value& self, arguments& args) {
  return all_of_class(rt, self, args, "isalpha", is_alpha);
}
value isdecimal(runtime& rt, const value& self, arguments& args) {
  return all_of_class(rt, self, args, "isdecimal", is_decimal);
}
value isdigit(runtime& rt, const value& self, arguments& args) {
  return all_of_class(rt, self, args, "isdigit", is_digit);
}
value isnumeric(runtime& rt, const value& self, arguments& args) {
  return all_of_class(rt, self, args, "isnumeric", is_numeric);
}
value isalnum(runtime& rt, const value& self, arguments& args) {
  return all_of_class(rt, self, args, "isalnum", is_alpha | is_decimal | is_digit | is_numeric);
}
value isprintable(runtime& rt, const value& self, arguments& args) {
  return self.string()->size() == 0 ? value(true) : all_of_class(rt, self, args, "isprintable", is_printable);
}

/// True if there is a cased character and none of the `other` class.
value one_case(runtime& rt, const value& self, arguments& args, std::string_view name, unsigned wanted,
               unsigned other) {
  bound_arguments(args, name, {});
  const auto bytes = self.string()->view();
  rt.costs().character_work(bytes.size());
  bool seen = false;
  for (std::size_t i = 0; i < bytes.size();) {
    const auto flags = character_class(next_character(bytes, i));
    if ((flags & other) != 0) return false;
    seen = seen || (flags & wanted) != 0;
  }
  return seen;
}
value islower(runtime& rt, const value& self, arguments& args) {
  return one_case(rt, self, args, "islower", is_lower, is_upper | is_title);
}
value isupper(runtime& rt, const value& self, arguments& args) {
  return one_case(rt, self, args, "isupper", is_upper, is_lower | is_title);
}

value istitle(runtime& rt, const value& self, arguments& args) {
  bound_arguments(args, "istitle", {});
  const auto bytes = self.string()->view();
  rt.costs().character_work(bytes.size());
  bool seen = false, in_word = false;
  for (std::size_t i = 0; i < bytes.size();) {
    const auto flags = character_class(next_character(bytes, i));
    const bool begins = (flags & (is_upper | is_title)) != 0, continues = (flags & is_lower) != 0;
    if ((begins && in_word) || (continues && !in_word)) return false;
    in_word = begins || continues;
    seen = seen || in_word;
  }
  return seen;
}

value isspace(runtime& rt, const value& self, arguments& args) {
  bound_arguments(args, "isspace", {});
  const auto bytes = self.string()->view();
  rt.costs().text_work(bytes.size());
  return !bytes.empty() && strip_spaces(bytes, true, false).empty();
}
value isascii(runtime&, const value& self, arguments& args) {
  bound_arguments(args, "isascii", {});
  return self.string()->ascii();
}
value isidentifier(runtime& rt, const value& self, arguments& args) {
  bound_arguments(args, "isidentifier", {});
  const auto bytes = self.string()->view();
  rt.costs().character_work(bytes.size());
  for (std::size_t i = 0; i < bytes.size();) {
    const bool first = i == 0;
    const char32_t code = next_character(bytes, i);
    if (code != '_' && (character_class(code) & (first ? is_alpha : is_alpha | is_decimal)) == 0) return false;
  }
  return !bytes.empty();
}

constexpr method table[] = {
    {"count", count},
    {"endswith", endswith},
    {"find", find},
    {"index", index},
    {"isalnum", isalnum},
    {"isalpha", isalpha},
    {"isascii", isascii},
    {"isdecimal", isdecimal},
    {"isdigit", isdigit},
    {"isidentifier", isidentifier},
    {"islower", islower},
    {"isnumeric", isnumeric},
    {"isprintable", isprintable},
    {"isspace", isspace},
    {"istitle", istitle},
    {"isupper", isupper},
    {"rfind", rfind},
    {"rindex", rindex},
    {"startswith", startswith},
};

bool is_line_end(char32_t c) {
  return (c >= 0x0A && c <= 0x0D) || (c >= 0x1C && c <= 0x1E) || c == 0x85 || c == 0x2028 || c == 0x2029;
}

} // namespace

method_body string_query(std::string_view name) {
  for (const auto& m : table) {
    if (m.name == name) return m.body;
  }
  return nullptr;
}

std::string_view strip_text(runtime& rt, std::string_view bytes, const text* characters, bool left, bool right) {
  rt.costs().text_work(bytes.size());
  if (characters == nullptr) return strip_spaces(bytes, left, right);
  const auto set = characters->view();
  const auto in_set = [&](std::size_t begin, std::size_t end) {
    return find_text(rt.costs(), set, bytes.substr(begin, end - begin)) != npos;
  };
  while (left && !bytes.empty()) {
    std::size_t end = 0;
    next_character(bytes, end);
    if (!in_set(0, end)) break;
    bytes.remove_prefix(end);
  }
  while (right && !bytes.empty()) {
    const auto begin = previous_position(bytes, bytes.size());
    if (!in_set(begin, bytes.size())) break;
    bytes = bytes.substr(0, begin);
  }
  return bytes;
}

std::vector<std::string_view> split_lines(runtime& rt, std::string_view bytes, bool keep_ends) {
  rt.costs().character_work(bytes.size());
  std::vector<std::string_view> lines;
  std::size_t begin = 0;
  for (std::size_t i = 0; i < bytes.size();) {
    const std::size_t at = i;
    const char32_t code = next_character(bytes, i);
    if (!is_line_end(code)) continue;
    if (code == '\r' && i < bytes.size() && bytes[i] == '\n') ++i;
    rt.costs().take(sizeof(value));
    lines.push_back(bytes.substr(begin, (keep_ends ? i : at) - begin));
    begin = i;
  }
  if (begin < bytes.size()) lines.push_back(bytes.substr(begin));
  return lines;
}

value join_text(runtime& rt, const text& separator, const value& items) {
  text_builder out(rt.costs());
  iterator each(rt, items);
  bool first = true;
  std::size_t position = 0;
  for (value item; each.next(item); first = false, ++position) {
    if (!first) out.append(separator.view());
    const auto* s = item.string();
    if (separator.markup()) {
      append_escaped(out, to_text(rt, item), true);
    } else if (s == nullptr) {
      raise("sequence item {}: expected str instance, {} found", position, type_name(item));
    } else {
      out.append(s->view());
    }
  }
  return rt.string(out.take(), separator.markup());
}

value replace_text(runtime& rt, const text& in, std::string_view from, const text& to, std::int64_t limit) {
  text_builder out(rt.costs());
  const auto bytes = in.view();
  const auto put = [&] { append_escaped(out, to, in.markup()); };
  std::size_t at = 0;
  for (std::int64_t done = 0; done < limit; ++done) {
    rt.costs().work();
    if (from.empty()) { // an empty pattern stands before every character and at the end
      put();
      if (at >= bytes.size()) return rt.string(out.take(), in.markup());
      const auto begin = at;
      next_character(bytes, at);
      out.append(bytes.substr(begin, at - begin));
      continue;
    }
    const auto next = find_text(rt.costs(), bytes, from, at);
    if (next == npos) break;
    out.append(bytes.substr(at, next - at));
    put();
    at = next + from.size();
  }
  out.append(bytes.substr(at));
  return rt.string(out.take(), in.markup());
}

} // namespace tokamak::jinja
