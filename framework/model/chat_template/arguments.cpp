// Python's rules for positional and keyword arguments.
#include "model/chat_template/arguments.hpp"

#include <algorithm>

#include "model/chat_template/number_text.hpp"
#include "model/chat_template/operations.hpp"

namespace tokamak::jinja {

bound_arguments::bound_arguments(arguments& given, std::string_view function,
                                 std::initializer_list<std::string_view> parameters, std::size_t required)
    : function_(function), given_(parameters.size(), nullptr) {
  if (given.positional.size() > parameters.size()) {
    raise("{}() takes at most {} argument(s) ({} given)", function, parameters.size(), given.positional.size());
  }
  for (std::size_t i = 0; i < given.positional.size(); ++i) given_[i] = &given.positional[i];
  for (auto& [name, content] : given.keyword) {
    const auto* found = std::find(parameters.begin(), parameters.end(), name);
    if (found == parameters.end()) raise("{}() got an unexpected keyword argument '{}'", function, name);
    auto& slot = given_[static_cast<std::size_t>(found - parameters.begin())];
    if (slot != nullptr) raise("{}() got multiple values for argument '{}'", function, name);
    slot = &content;
  }
  for (std::size_t i = 0; i < required; ++i) {
    if (given_[i] == nullptr) raise("{}() missing required argument: '{}'", function, parameters.begin()[i]);
  }
}

bool bound_arguments::flag(runtime& rt, std::size_t i, bool otherwise) const {
  return has(i) ? truthy(rt, *given_[i]) : otherwise;
}

std::int64_t bound_arguments::whole(std::size_t i, std::int64_t otherwise) const {
  return has(i) ? require_whole(*given_[i]) : otherwise;
}

const text* bound_arguments::string_or_none(std::size_t i) const {
  if (!has(i) || given_[i]->is_none()) return nullptr;
  return &string(i);
}

const text& bound_arguments::string(std::size_t i) const {
  if (!has(i)) raise("{}() is missing an argument", function_);
  require_defined(*given_[i]);
  const auto* s = given_[i]->string();
  if (s == nullptr) raise("{}() argument {} must be str, not {}", function_, i + 1, type_name(*given_[i]));
  return *s;
}

std::int64_t require_whole(const value& v) {
  require_defined(v);
  integer i = 0;
  if (!v.to_integer(i)) raise("'{}' object cannot be interpreted as an integer", type_name(v));
  return to_count(i, "the integer");
}

} // namespace tokamak::jinja
