// Every plugin of the build through the conformance test of its kind.
#include <doctest/doctest.h>

#include <cstdlib>
#include <filesystem>

#include "plugin/conformance/conformance.hpp"

using namespace tokamak::plugin;

TEST_CASE("every plugin of the project keeps the contract of its kind") {
  const char* folder = std::getenv("TOKAMAK_PLUGIN_PATH"); // set by ctest
  REQUIRE(folder);
  int files = 0;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    if (entry.path().extension() != ".so") continue;
    ++files;
    for (const auto& r : check_plugin(entry.path())) CHECK_MESSAGE(r.passed, to_string(r));
  }
  CHECK(files > 0);
}
