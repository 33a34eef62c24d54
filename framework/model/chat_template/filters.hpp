// Jinja's filters by name. New ones go into the table of the source that fits their subject.
#pragma once

#include <initializer_list>
#include <span>
#include <string_view>

#include "model/chat_template/runtime.hpp"

namespace tokamak::jinja {

struct filter_entry {
  std::string_view name;
  value (*body)(runtime& rt, const value& subject, arguments& args);
};

/// Null if there is no such filter.
const filter_entry* find_filter(std::string_view name);

// The tables, one a source.
std::span<const filter_entry> text_filters();
std::span<const filter_entry> layout_filters();
std::span<const filter_entry> sequence_filters();
std::span<const filter_entry> selection_filters();
std::span<const filter_entry> scalar_filters();

} // namespace tokamak::jinja
