// TOML text as a tree of values in which keys and values remember where they stood. The only user of the TOML
// library is document.cpp; everything behind it works on these trees.
#pragma once

#include "base/option_tree.hpp"
#include "topology/findings.hpp"

#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace tokamak::topology {

struct entry;

/// A date or time, which no key of a topology takes.
struct date_value {};

struct value {
  using array = std::vector<value>;
  using table = std::vector<entry>; ///< in file order, keys unique

  std::variant<bool, std::int64_t, double, std::string, date_value, array, table> data;
  position where;

  template <class T>
  const T* as() const {
    return std::get_if<T>(&data);
  }
};

struct entry {
  std::string key;
  position where; ///< of the key
  value content;
};

/// Most bytes a topology file may have, and how deep brackets or dotted keys may nest.
inline constexpr std::size_t max_file_bytes = 1u << 20;
inline constexpr unsigned max_nesting = 32;

/// The root table of a TOML 1.0 document, or the first thing wrong with its text (size, UTF-8, nesting, syntax).
tl::expected<value, finding> parse_document(std::string_view text);

/// "a string", "an integer", ...: what messages call a value.
std::string_view type_name(const value& v);

/// The same tree for plugins. REQUIRES: no date in it (see find_date).
option_value to_option_value(const value& v);

/// The first date or time in the tree, which plugins have no type for; nullptr: none.
const value* find_date(const value& v);

/// Hex SHA-256 over the values; white space, comments, number notation and the order of keys do not count.
std::string digest_of(const value& root);

} // namespace tokamak::topology
