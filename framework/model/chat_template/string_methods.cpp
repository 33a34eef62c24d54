// The methods of str, except those that only ask about its characters (string_queries.cpp).
#include <algorithm>
#include <limits>

#include "model/chat_template/arguments.hpp"
#include "model/chat_template/brace_format.hpp"
#include "model/chat_template/markup.hpp"
#include "model/chat_template/methods.hpp"
#include "model/chat_template/operations.hpp"
#include "model/chat_template/string_queries.hpp"
#include "model/chat_template/text_builder.hpp"
#include "model/chat_template/text_search.hpp"
#include "model/chat_template/unicode.hpp"

namespace tokamak::jinja {
namespace {

constexpr auto npos = std::string_view::npos;
constexpr auto unlimited = std::numeric_limits<std::int64_t>::max();

const text& self_of(const value& v) { return *v.string(); }
value part_of(runtime& rt, const text& whole, std::string_view bytes) {
  return rt.string(std::string(bytes), whole.markup());
}

value changed(runtime& rt, const value& self, arguments& args, std::string_view name, letter_case to) {
  bound_arguments(args, name, {});
  rt.costs().character_work(self_of(self).view().size());
  return rt.string(change_case(self_of(self).view(), to), self_of(self).markup());
}
value lower(runtime& rt, const value& self, arguments& args) {
  return changed(rt, self, args, "lower", letter_case::lower);
}
value upper(runtime& rt, const value& self, arguments& args) {
  return changed(rt, self, args, "upper", letter_case::upper);
}
value casefold(runtime& rt, const value& self, arguments& args) {
  return changed(rt, self, args, "casefold", letter_case::fold);
}

value capitalize(runtime& rt, const value& self, arguments& args) {
  bound_arguments(args, "capitalize", {});
  const auto bytes = self_of(self).view();
  if (bytes.empty()) return self;
  rt.costs().character_work(bytes.size());
  std::string out;
  for (std::size_t i = 0; i < bytes.size();) {
    const std::size_t at = i;
    const char32_t code = next_character(bytes, i);
    if (at == 0) append_case(out, code, letter_case::title);
    else append_lower(out, bytes, at, i);
  }
  return rt.string(std::move(out), self_of(self).markup());
}

value title(runtime& rt, const value& self, arguments& args) {
  bound_arguments(args, "title", {});
  const auto bytes = self_of(self).view();
  rt.costs().character_work(bytes.size());
  std::string out;
  bool in_word = false;
  for (std::size_t i = 0; i < bytes.size();) {
    const std::size_t at = i;
    const char32_t code = next_character(bytes, i);
    if (in_word) append_lower(out, bytes, at, i);
    else append_case(out, code, letter_case::title);
    in_word = (character_class(code) & (is_lower | is_upper | is_title)) != 0;
  }
  return rt.string(std::move(out), self_of(self).markup());
}

value swapcase(runtime& rt, const value& self, arguments& args) {
  bound_arguments(args, "swapcase", {});
  const auto bytes = self_of(self).view();
  rt.costs().character_work(bytes.size());
  std::string out;
  for (std::size_t i = 0; i < bytes.size();) {
    const std::size_t at = i;
    const char32_t code = next_character(bytes, i);
    if ((character_class(code) & is_upper) != 0) append_lower(out, bytes, at, i);
    else append_case(out, code, letter_case::upper);
  }
  return rt.string(std::move(out), self_of(self).markup());
}

value stripped(runtime& rt, const value& self, arguments& args, std::string_view name, bool left, bool right) {
  const bound_arguments given(args, name, {"chars"});
  return part_of(rt, self_of(self), strip_text(rt, self_of(self).view(), given.string_or_none(0), left, right));
}
value strip(runtime& rt, const value& self, arguments& args) { return stripped(rt, self, args, "strip", true, true); }
value lstrip(runtime& rt, const value& self, arguments& args) {
  return stripped(rt, self, args, "lstrip", true, false);
}
value rstrip(runtime& rt, const value& self, arguments& args) {
  return stripped(rt, self, args, "rstrip", false, true);
}

std::int64_t limit_of(std::int64_t count) { return count < 0 ? unlimited : count; }

/// Splits at whitespace; from the right end if `right`.
std::vector<std::string_view> split_spaces(std::string_view rest, std::int64_t limit, bool right) {
  std::vector<std::string_view> parts;
  rest = strip_spaces(rest, !right, right);
  while (!rest.empty()) {
    if (static_cast<std::int64_t>(parts.size()) >= limit) {
      parts.push_back(rest);
      break;
    }
    std::size_t cut = right ? rest.size() : 0;
    while (right ? cut > 0 : cut < rest.size()) {
      std::size_t next = right ? previous_position(rest, cut) : cut, at = next;
      if (is_space(next_character(rest, at))) break;
      cut = right ? next : at;
    }
    parts.push_back(right ? rest.substr(cut) : rest.substr(0, cut));
    rest = strip_spaces(right ? rest.substr(0, cut) : rest.substr(cut), !right, right);
  }
  return parts;
}

std::vector<std::string_view> split_at(runtime& rt, std::string_view rest, std::string_view separator,
                                       std::int64_t limit, bool right) {
  if (separator.empty()) raise("empty separator");
  std::vector<std::string_view> parts;
  while (static_cast<std::int64_t>(parts.size()) < limit) {
    rt.costs().take(sizeof(value));
    const auto at = right ? find_last_text(rt.costs(), rest, separator) : find_text(rt.costs(), rest, separator);
    if (at == npos) break;
    parts.push_back(right ? rest.substr(at + separator.size()) : rest.substr(0, at));
    rest = right ? rest.substr(0, at) : rest.substr(at + separator.size());
  }
  parts.push_back(rest);
  return parts;
}

value split_from(runtime& rt, const value& self, arguments& args, std::string_view name, bool right) {
  const bound_arguments given(args, name, {"sep", "maxsplit"});
  const auto* separator = given.string_or_none(0);
  const auto limit = limit_of(given.whole(1, -1));
  const auto bytes = self_of(self).view();
  rt.costs().character_work(bytes.size());
  auto parts =
      separator == nullptr ? split_spaces(bytes, limit, right) : split_at(rt, bytes, separator->view(), limit, right);
  if (right) std::reverse(parts.begin(), parts.end());
  std::vector<value> items;
  for (const auto part : parts) items.push_back(part_of(rt, self_of(self), part));
  return rt.list(std::move(items));
}
value split(runtime& rt, const value& self, arguments& args) { return split_from(rt, self, args, "split", false); }
value rsplit(runtime& rt, const value& self, arguments& args) { return split_from(rt, self, args, "rsplit", true); }

value splitlines(runtime& rt, const value& self, arguments& args) {
  const bound_arguments given(args, "splitlines", {"keepends"});
  std::vector<value> items;
  for (const auto line : split_lines(rt, self_of(self).view(), given.flag(rt, 0, false))) {
    items.push_back(part_of(rt, self_of(self), line));
  }
  return rt.list(std::move(items));
}

value partition_at(runtime& rt, const value& self, arguments& args, std::string_view name, bool right) {
  const bound_arguments given(args, name, {"sep"}, 1);
  const auto& s = self_of(self);
  const auto separator = given.string(0).view();
  if (separator.empty()) raise("empty separator");
  const auto at = right ? find_last_text(rt.costs(), s.view(), separator) : find_text(rt.costs(), s.view(), separator);
  if (at == npos) {
    const auto nothing = part_of(rt, s, "");
    return right ? rt.tuple({nothing, nothing, self}) : rt.tuple({self, nothing, nothing});
  }
  return rt.tuple({part_of(rt, s, s.view().substr(0, at)), part_of(rt, s, separator),
                   part_of(rt, s, s.view().substr(at + separator.size()))});
}
value partition(runtime& rt, const value& self, arguments& args) {
  return partition_at(rt, self, args, "partition", false);
}
value rpartition(runtime& rt, const value& self, arguments& args) {
  return partition_at(rt, self, args, "rpartition", true);
}

value join(runtime& rt, const value& self, arguments& args) {
  const bound_arguments given(args, "join", {"iterable"}, 1);
  if (given[0].is_undefined() || iterator::accepts(given[0])) return join_text(rt, self_of(self), given[0]);
  raise("can only join an iterable");
}

value replace(runtime& rt, const value& self, arguments& args) {
  const bound_arguments given(args, "replace", {"old", "new", "count"}, 2);
  return replace_text(rt, self_of(self), given.string(0).view(), given.string(1), limit_of(given.whole(2, -1)));
}

value removeprefix(runtime& rt, const value& self, arguments& args) {
  const bound_arguments given(args, "removeprefix", {"prefix"}, 1);
  const auto& s = self_of(self);
  const auto prefix = given.string(0).view();
  return s.view().starts_with(prefix) ? part_of(rt, s, s.view().substr(prefix.size())) : self;
}
value removesuffix(runtime& rt, const value& self, arguments& args) {
  const bound_arguments given(args, "removesuffix", {"suffix"}, 1);
  const auto& s = self_of(self);
  const auto suffix = given.string(0).view();
  return s.view().ends_with(suffix) ? part_of(rt, s, s.view().substr(0, s.view().size() - suffix.size())) : self;
}

/// Pads to `width` characters with `left` and `right` shares chosen by the caller.
value padded(runtime& rt, const value& self, arguments& args, std::string_view name, int mode) {
  const bound_arguments given(args, name, {"width", "fillchar"}, 1);
  const auto& s = self_of(self);
  const auto width = given.whole(0, 0);
  const std::string_view fill = given.has(1) ? given.string(1).view() : " ";
  if (count_characters(fill) != 1) raise("The fill character must be exactly one character long");
  const auto length = static_cast<std::int64_t>(s.size());
  if (width <= length) return self;
  const auto space = width - length;
  const auto before = mode < 0 ? 0 : mode > 0 ? space : space / 2 + (space & width & 1);
  text_builder out(rt.costs());
  out.repeat(fill, before);
  out.append(s.view());
  out.repeat(fill, space - before);
  return rt.string(out.take(), s.markup());
}
value ljust(runtime& rt, const value& self, arguments& args) { return padded(rt, self, args, "ljust", -1); }
value rjust(runtime& rt, const value& self, arguments& args) { return padded(rt, self, args, "rjust", 1); }
value center(runtime& rt, const value& self, arguments& args) { return padded(rt, self, args, "center", 0); }

value zfill(runtime& rt, const value& self, arguments& args) {
  const bound_arguments given(args, "zfill", {"width"}, 1);
  const auto& s = self_of(self);
  const bool sign = s.view().starts_with('-') || s.view().starts_with('+');
  text_builder out(rt.costs());
  out.append(s.view().substr(0, sign ? 1 : 0));
  const auto width = given.whole(0, 0), length = static_cast<std::int64_t>(s.size());
  out.repeat("0", width > length ? width - length : 0);
  out.append(s.view().substr(sign ? 1 : 0));
  return rt.string(out.take(), s.markup());
}

value expandtabs(runtime& rt, const value& self, arguments& args) {
  const bound_arguments given(args, "expandtabs", {"tabsize"});
  const auto size = given.whole(0, 8);
  text_builder out(rt.costs());
  std::int64_t column = 0;
  const auto bytes = self_of(self).view();
  for (std::size_t i = 0; i < bytes.size();) {
    const char32_t code = next_character(bytes, i);
    if (code == '\t') {
      const auto gap = size > 0 ? size - column % size : 0;
      out.repeat(" ", gap);
      column += gap;
    } else {
      out.append_code(code);
      column = code == '\n' || code == '\r' ? 0 : column + 1;
    }
  }
  return rt.string(out.take(), self_of(self).markup());
}

value format(runtime& rt, const value& self, arguments& args) { return brace_format(rt, self_of(self), args); }

value format_map(runtime& rt, const value& self, arguments& args) {
  const bound_arguments given(args, "format_map", {"mapping"}, 1);
  auto* d = given[0].as<dict_object>();
  if (d == nullptr) raise("format_map() needs a mapping, not {}", type_name(given[0]));
  arguments named;
  for (const auto& e : d->entries()) {
    if (const auto* name = e.key.string()) named.keyword.emplace_back(std::string(name->view()), e.content);
  }
  return brace_format(rt, self_of(self), named);
}

value no_bytes(runtime&, const value&, arguments&) {
  refuse("bytes and translation tables are not supported in templates");
}

constexpr method table[] = {
    {"capitalize", capitalize},
    {"casefold", casefold},
    {"center", center},
    {"encode", no_bytes},
    {"expandtabs", expandtabs},
    {"format", format},
    {"format_map", format_map},
    {"join", join},
    {"ljust", ljust},
    {"lower", lower},
    {"lstrip", lstrip},
    {"maketrans", no_bytes},
    {"partition", partition},
    {"removeprefix", removeprefix},
    {"removesuffix", removesuffix},
    {"replace", replace},
    {"rjust", rjust},
    {"rpartition", rpartition},
    {"rsplit", rsplit},
    {"rstrip", rstrip},
    {"split", split},
    {"splitlines", splitlines},
    {"strip", strip},
    {"swapcase", swapcase},
    {"title", title},
    {"translate", no_bytes},
    {"upper", upper},
    {"zfill", zfill},
};

} // namespace

method_body string_method(std::string_view name) {
  for (const auto& m : table) {
    if (m.name == name) return m.body;
  }
  return string_query(name);
}

bool string_attribute(runtime& rt, const value& self, std::string_view name, value& out) {
  const auto body = string_method(name);
  if (body == nullptr) return false;
  out = rt.bound_method(self, body);
  return true;
}

} // namespace tokamak::jinja
