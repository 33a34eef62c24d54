// Strings and the plain parts of values.
#include "model/chat_template/value.hpp"

#include "model/chat_template/objects.hpp"
#include "model/chat_template/unicode.hpp"

namespace tokamak::jinja {

/// What a text holds beside its bytes: its contents with their count of owners, the allocator's own words, and a place in a list.
static constexpr std::size_t text_overhead = 160;

text::contents::contents(budget* owner_budget, std::string content, bool is_markup)
    : owner(owner_budget), bytes(std::move(content)), length(count_characters(bytes)), markup(is_markup) {
  if (owner != nullptr) owner->take(bytes.size() + text_overhead);
}

text::contents::~contents() {
  if (owner != nullptr) owner->give(bytes.size() + text_overhead);
}

text::text(budget* owner, std::string bytes, bool markup)
    : data_(std::make_shared<const contents>(owner, std::move(bytes), markup)) {}

std::string_view text::characters(std::size_t first, std::size_t count) const {
  const std::string_view all = view();
  if (ascii()) return all.substr(first, count);
  std::size_t begin = 0;
  for (std::size_t i = 0; i < first; ++i) next_character(all, begin);
  std::size_t end = begin;
  for (std::size_t i = 0; i < count; ++i) next_character(all, end);
  return all.substr(begin, end - begin);
}

bool value::is_undefined() const { return as<undefined_object>() != nullptr; }

bool value::to_integer(integer& out) const {
  if (const auto* i = whole()) {
    out = *i;
    return true;
  }
  if (const auto* b = boolean()) {
    out = *b ? 1 : 0;
    return true;
  }
  return false;
}

bool arguments::take_keyword(std::string_view name, value& out) {
  for (auto it = keyword.begin(); it != keyword.end(); ++it) {
    if (it->first == name) {
      out = std::move(it->second);
      keyword.erase(it);
      return true;
    }
  }
  return false;
}

value object::call(runtime&, arguments&) { raise("'{}' object is not callable", type_name()); }

std::string object::summary(runtime&) { return fmt::format("<{} object>", type_name()); }

} // namespace tokamak::jinja
