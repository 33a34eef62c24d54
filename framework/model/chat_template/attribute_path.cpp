// Splitting and following attribute paths.
#include "model/chat_template/attribute_path.hpp"

#include "model/chat_template/number_text.hpp"
#include "model/chat_template/operations.hpp"
#include "model/chat_template/unicode.hpp"

namespace tokamak::jinja {

attribute_path::attribute_path(runtime& rt, const value& path) {
  if (path.is_none()) return;
  const auto* s = path.string();
  if (s == nullptr) {
    parts_.push_back(path);
    return;
  }
  auto rest = s->view();
  for (bool more = true; more;) {
    const auto dot = rest.find('.');
    more = dot != std::string_view::npos;
    const auto part = rest.substr(0, dot);
    integer number = 0;
    const bool digits = !part.empty() && part.find_first_not_of("0123456789") == std::string_view::npos;
    if (digits && parse_integer(part, 10, number)) parts_.emplace_back(number);
    else parts_.push_back(rt.string(part));
    if (more) rest.remove_prefix(dot + 1);
  }
}

value attribute_path::of(runtime& rt, value item, const value& fallback) const {
  for (const auto& part : parts_) {
    item = get_item(rt, item, part);
    if (!fallback.is_none() && item.is_undefined()) item = fallback;
  }
  return item;
}

value attribute_path::key_of(runtime& rt, const value& item, bool ignore_case, const value& fallback) const {
  auto key = of(rt, item, fallback);
  return ignore_case ? without_case(rt, key) : key;
}

value without_case(runtime& rt, const value& v) {
  const auto* s = v.string();
  if (s == nullptr) return v;
  rt.costs().character_work(s->view().size());
  return rt.string(change_case(s->view(), letter_case::lower));
}

} // namespace tokamak::jinja
