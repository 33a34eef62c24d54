// Errors and log lines as values and text.
#include "base/error.hpp"

#include <doctest/doctest.h>

using namespace tokamak;

TEST_CASE("an error prints where, what and its code") {
  CHECK(error{errc::not_found, "no model named 'x'", "a.toml:3:7"}.to_string() == "a.toml:3:7: no model named 'x' (not_found)");
  CHECK(error{errc::io, "cannot open", ""}.to_string() == "cannot open (io)");
}

TEST_CASE("every code has a name and an unknown number does not crash") {
  for (int i = 0; i <= 15; ++i) CHECK(to_string(static_cast<errc>(i)) != "unknown");
  CHECK(to_string(static_cast<errc>(200)) == "unknown");
}
