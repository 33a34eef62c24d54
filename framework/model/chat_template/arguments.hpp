// Laying out the arguments of a call by parameter name.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

#include "model/chat_template/runtime.hpp"

namespace tokamak::jinja {

/// The arguments of one call in the order of its parameters.
class bound_arguments {
 public:
  /// Raises, naming `function`, for too many, unknown, doubled or (among the first `required`) missing ones.
  bound_arguments(arguments& given, std::string_view function, std::initializer_list<std::string_view> parameters,
                  std::size_t required = 0);

  bool has(std::size_t i) const { return i < given_.size() && given_[i] != nullptr; }
  /// REQUIRES: has(i)
  const value& operator[](std::size_t i) const { return *given_[i]; }
  /// The argument, or none.
  value get(std::size_t i) const { return has(i) ? *given_[i] : value(); }
  bool flag(runtime& rt, std::size_t i, bool otherwise) const;
  /// A whole number that fits 63 bits.
  std::int64_t whole(std::size_t i, std::int64_t otherwise) const;
  /// A string; none or absent gives null.
  const text* string_or_none(std::size_t i) const;
  /// A string that must be there.
  const text& string(std::size_t i) const;

 private:
  std::string_view function_;
  std::vector<const value*> given_;
};

/// An integer argument; raises "'X' object cannot be interpreted as an integer".
std::int64_t require_whole(const value& v);

} // namespace tokamak::jinja
