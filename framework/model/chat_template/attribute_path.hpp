// The `attribute` arguments of sequence filters: "a.b.0" looks up a, then b, then element 0.
#pragma once

#include <string_view>
#include <vector>

#include "model/chat_template/runtime.hpp"

namespace tokamak::jinja {

class attribute_path {
 public:
  /// From a string (split at dots), an integer, or none (the item itself).
  attribute_path(runtime& rt, const value& path);
  /// A missing part becomes `fallback` unless that is none.
  value of(runtime& rt, value item, const value& fallback = {}) const;
  /// The same, and lower-cased if it is a string and `ignore_case` is set: what sorting and grouping compare.
  value key_of(runtime& rt, const value& item, bool ignore_case, const value& fallback = {}) const;

 private:
  std::vector<value> parts_;
};

/// Strings in lower case, other values as they are.
value without_case(runtime& rt, const value& v);

} // namespace tokamak::jinja
