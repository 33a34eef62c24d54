// Filters over strings; other values are read as their str().
#include <limits>

#include "model/chat_template/arguments.hpp"
#include "model/chat_template/filters.hpp"
#include "model/chat_template/markup.hpp"
#include "model/chat_template/methods.hpp"
#include "model/chat_template/operations.hpp"
#include "model/chat_template/percent_format.hpp"
#include "model/chat_template/string_queries.hpp"
#include "model/chat_template/text_builder.hpp"

namespace tokamak::jinja {
namespace {

/// A method of str as a filter.
value by_method(runtime& rt, const value& v, arguments& args, std::string_view name) {
  return string_method(name)(rt, to_text(rt, v), args);
}
value upper(runtime& rt, const value& v, arguments& args) { return by_method(rt, v, args, "upper"); }
value lower(runtime& rt, const value& v, arguments& args) { return by_method(rt, v, args, "lower"); }
value capitalize(runtime& rt, const value& v, arguments& args) { return by_method(rt, v, args, "capitalize"); }
value trim(runtime& rt, const value& v, arguments& args) { return by_method(rt, v, args, "strip"); }
value center(runtime& rt, const value& v, arguments& args) {
  if (args.positional.empty() && args.keyword.empty()) args.positional.emplace_back(80);
  return by_method(rt, v, args, "center");
}

/// Words begin after these characters, not only after spaces.
bool separates_words(char32_t c) { return c == '-' || c == '(' || c == '{' || c == '[' || c == '<' || is_space(c); }

value title(runtime& rt, const value& v, arguments& args) {
  bound_arguments(args, "title", {});
  const auto in = to_text(rt, v);
  rt.costs().character_work(in.view().size());
  std::string out;
  const auto bytes = in.view();
  for (std::size_t i = 0; i < bytes.size();) {
    const auto begin = i;
    const char32_t code = next_character(bytes, i);
    if (separates_words(code)) {
      out += bytes.substr(begin, i - begin);
      continue;
    }
    append_case(out, code, letter_case::upper);
    const auto rest = i;
    while (i < bytes.size()) {
      auto next = i;
      if (separates_words(next_character(bytes, next))) break;
      i = next;
    }
    out += change_case(bytes.substr(rest, i - rest), letter_case::lower);
  }
  return rt.string(std::move(out));
}

value string(runtime& rt, const value& v, arguments& args) {
  bound_arguments(args, "string", {});
  return to_text(rt, v);
}

value replace(runtime& rt, const value& v, arguments& args) {
  const bound_arguments given(args, "replace", {"old", "new", "count"}, 2);
  const auto count = given.get(2).is_none() ? -1 : given.whole(2, -1);
  const auto limit = count < 0 ? std::numeric_limits<std::int64_t>::max() : count;
  const auto plain = *rt.string(to_string(rt, v)).string();
  return replace_text(rt, plain, to_string(rt, given[0]), to_text(rt, given[1]), limit);
}

value escape_html(runtime& rt, const value& v, arguments& args) {
  bound_arguments(args, "escape", {});
  return escape(rt, v);
}
value forceescape(runtime& rt, const value& v, arguments& args) {
  bound_arguments(args, "forceescape", {});
  return escape(rt, rt.string(to_string(rt, v)));
}
value safe(runtime& rt, const value& v, arguments& args) {
  bound_arguments(args, "safe", {});
  return rt.string(to_string(rt, v), true);
}

value format(runtime& rt, const value& v, arguments& args) {
  if (!args.positional.empty() && !args.keyword.empty()) {
    raise("can't handle positional and keyword arguments at the same time");
  }
  value given;
  if (args.keyword.empty()) {
    given = rt.tuple(args.positional);
  } else {
    auto* named = rt.make<dict_object>(0);
    for (const auto& [name, content] : args.keyword) named->set(rt, rt.string(name), content);
    given = named;
  }
  return percent_format(rt, to_text(rt, v), given);
}

value wordcount(runtime& rt, const value& v, arguments& args) {
  bound_arguments(args, "wordcount", {});
  const auto in = to_text(rt, v);
  rt.costs().character_work(in.view().size());
  std::size_t words = 0;
  bool in_word = false;
  for (std::size_t i = 0; i < in.view().size();) {
    const char32_t code = next_character(in.view(), i);
    const bool part = code == '_' || (character_class(code) & (is_alpha | is_decimal | is_digit | is_numeric)) != 0;
    words += part && !in_word ? 1 : 0;
    in_word = part;
  }
  return words;
}

void append_percent_encoded(text_builder& out, std::string_view bytes, bool query) {
  for (const char c : bytes) {
    const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    if (letter || c == '_' || c == '.' || c == '-' || c == '~' || (c == '/' && !query)) out.append(c);
    else if (c == ' ' && query) out.append('+');
    else out.append(fmt::format("%{:02X}", static_cast<unsigned>(static_cast<unsigned char>(c))));
  }
}

value urlencode(runtime& rt, const value& v, arguments& args) {
  bound_arguments(args, "urlencode", {});
  text_builder out(rt.costs());
  if (v.string() != nullptr || !iterator::accepts(v)) {
    append_percent_encoded(out, to_string(rt, v), false);
    return rt.string(out.take());
  }
  auto* d = v.as<dict_object>();
  iterator pairs(rt, d == nullptr ? v : value(rt.make<view_object>(0, d, view_object::part::items)));
  for (value pair; pairs.next(pair);) {
    const auto parts = collect(rt, pair);
    if (parts.size() != 2) raise("not a (key, value) pair: {}", to_repr(rt, pair));
    if (!out.empty()) out.append('&');
    append_percent_encoded(out, to_string(rt, parts[0]), true);
    out.append('=');
    append_percent_encoded(out, to_string(rt, parts[1]), true);
  }
  return rt.string(out.take());
}

value xmlattr(runtime& rt, const value& v, arguments& args) {
  const bound_arguments given(args, "xmlattr", {"autospace"});
  require_defined(v);
  auto* d = v.as<dict_object>();
  if (d == nullptr) raise("'{}' object has no attribute 'items'", type_name(v));
  text_builder out(rt.costs());
  for (const auto& e : d->entries()) {
    if (e.content.is_none() || e.content.is_undefined()) continue;
    const auto& key = require_text(e.key, "the name of an XML attribute");
    if (key.view().find_first_of(" \t\n\r\f\v/>=") != std::string_view::npos) {
      raise("Invalid character in attribute name: {}", string_repr(key.view()));
    }
    if (!out.empty() || given.flag(rt, 0, true)) out.append(' ');
    append_html(out, key.view());
    out.append("=\"");
    out.append(escape(rt, e.content).string()->view());
    out.append('"');
  }
  return rt.string(out.take());
}

value refused(runtime&, const value&, arguments&) {
  refuse("this filter makes web pages and is not supported in chat templates");
}

constexpr filter_entry table[] = {
    {"upper", upper},        {"lower", lower},         {"capitalize", capitalize},   {"title", title},
    {"trim", trim},          {"center", center},       {"string", string},           {"replace", replace},
    {"escape", escape_html}, {"e", escape_html},       {"forceescape", forceescape}, {"safe", safe},
    {"format", format},      {"wordcount", wordcount}, {"urlencode", urlencode},     {"xmlattr", xmlattr},
    {"urlize", refused},     {"striptags", refused},
};

} // namespace

std::span<const filter_entry> text_filters() { return table; }

} // namespace tokamak::jinja
