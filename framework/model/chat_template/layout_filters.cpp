// Filters that lay out text: indent, truncate, pprint.
#include "model/chat_template/arguments.hpp"
#include "model/chat_template/filters.hpp"
#include "model/chat_template/methods.hpp"
#include "model/chat_template/operations.hpp"
#include "model/chat_template/pretty_print.hpp"
#include "model/chat_template/text_builder.hpp"

namespace tokamak::jinja {
namespace {

value indent(runtime& rt, const value& v, arguments& args) {
  const bound_arguments given(args, "indent", {"width", "first", "blank"});
  const bool first = given.flag(rt, 1, false), blank = given.flag(rt, 2, false);
  require_defined(v);
  const auto* s = v.string();
  if (s == nullptr) raise("unsupported operand type(s) for +=: '{}' and 'str'", type_name(v));
  text_builder indentation(rt.costs());
  if (given.has(0) && given[0].string() != nullptr) indentation.append(given[0].string()->view());
  else indentation.repeat(" ", given.whole(0, 4));
  const auto in =
      std::string(s->view()) + "\n"; // so that an empty text is one line, and a last line end makes one more
  text_builder out(rt.costs());
  const auto lines = split_lines(rt, in, false);
  for (std::size_t i = 0; i < lines.size(); ++i) {
    if (i > 0) out.append('\n');
    if (i == 0 ? first : blank || !lines[i].empty()) out.append(indentation.view());
    out.append(lines[i]);
  }
  return rt.string(out.take(), s->markup());
}

value truncate(runtime& rt, const value& v, arguments& args) {
  const bound_arguments given(args, "truncate", {"length", "killwords", "end", "leeway"});
  const auto length = given.whole(0, 255);
  const std::string_view end = given.has(2) ? given.string(2).view() : "...";
  const auto end_length = static_cast<std::int64_t>(count_characters(end));
  const auto leeway = given.get(3).is_none() ? 5 : given.whole(3, 5);
  if (length < end_length) raise("expected length >= {}, got {}", end_length, length);
  if (leeway < 0) raise("expected leeway >= 0, got {}", leeway);
  const auto found = length_of(rt, v);
  if (!found) raise("object of type '{}' has no len()", type_name(v));
  const auto size = static_cast<std::int64_t>(*found);
  if (size <= length || size - length <= leeway) return v;
  const auto& s = require_text(v, "the text to truncate");
  rt.costs().text_work(s.view().size());
  auto kept = s.characters(0, static_cast<std::size_t>(length - end_length));
  if (!given.flag(rt, 1, false)) kept = kept.substr(0, kept.rfind(' '));
  return rt.string(std::string(kept) + std::string(end), s.markup());
}

value wordwrap(runtime&, const value&, arguments&) {
  refuse("the filter 'wordwrap' is not supported in chat templates");
}

value pprint(runtime& rt, const value& v, arguments& args) {
  bound_arguments(args, "pprint", {});
  return rt.string(pretty_print(rt, v));
}

constexpr filter_entry table[] = {
    {"indent", indent}, {"truncate", truncate}, {"wordwrap", wordwrap}, {"pprint", pprint}};

} // namespace

std::span<const filter_entry> layout_filters() { return table; }

const filter_entry* find_filter(std::string_view name) {
  for (const auto table_of_source :
       {text_filters(), scalar_filters(), sequence_filters(), selection_filters(), layout_filters()}) {
    for (const auto& entry : table_of_source) {
      if (entry.name == name) return &entry;
    }
  }
  return nullptr;
}

} // namespace tokamak::jinja
