// Jinja's tests (`value is name(args)`) by name.
#pragma once

#include <string_view>

#include "model/chat_template/runtime.hpp"

namespace tokamak::jinja {

struct test_entry {
  std::string_view name;
  bool (*body)(runtime& rt, const value& subject, arguments& args);
};

/// Null if there is no such test.
const test_entry* find_test(std::string_view name);

} // namespace tokamak::jinja
