// The generated Unicode tables (unicode_tables.cpp), read only by unicode.cpp.
#pragma once

#include <cstddef>
#include <cstdint>

namespace tokamak::jinja {

/// Start of a run of characters of equal class: code point << 8 | character_flags, ascending.
extern const std::uint32_t class_runs[];
extern const std::size_t class_run_count;

/// Every stride-th character from first to last maps to itself + delta.
struct case_range {
  std::uint32_t first, last, stride;
  std::int32_t delta;
};
/// A character whose mapping has two or three characters (the rest are 0).
struct case_expansion {
  std::uint32_t from;
  std::uint32_t to[3];
};
struct case_table {
  const case_range* ranges;
  std::size_t range_count;
  const case_expansion* expansions;
  std::size_t expansion_count;
};
extern const case_table lower_table, upper_table, title_table, fold_table;

} // namespace tokamak::jinja
