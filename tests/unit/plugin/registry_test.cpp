// The search path, names found and not found, clashes and pins.
#include "plugin/registry.hpp"

#include <doctest/doctest.h>

#include <array>
#include <fstream>
#include <optional>
#include <string>

#include "unit/plugin/test_plugins.hpp"

using namespace tokamak;
using namespace tokamak::plugin;
namespace fs = std::filesystem;

namespace {

expected<registry> load(const std::vector<fs::path>& paths, const pins& pinned = {}) {
  const scoped_environment none("TOKAMAK_PLUGIN_PATH", "");
  return registry::load(paths, pinned);
}

} // namespace

TEST_CASE("extensions are found by kind and name") {
  auto r = load({test_plugin("minimal"), test_plugin("throws"), test_plugin("option_probe")});
  REQUIRE_MESSAGE(r, r.error().to_string());
  CHECK(r->names(TK_KIND_PLACEMENT) ==
        std::vector<std::string_view>{"first", "option_probe", "throws_in_choose", "throws_in_create"});
  CHECK(r->names(TK_KIND_BACKEND).empty());
  CHECK(r->extensions().size() == 6);
  const auto found = r->find(TK_KIND_SCHEDULER, "throws_in_plan");
  REQUIRE(found);
  CHECK(found->summary() == "Throws when asked.");
  CHECK(r->specs(TK_KIND_PLACEMENT, "option_probe")->size() == 8);
}

TEST_CASE("an unknown name is answered with the nearest and the known ones") {
  auto r = load({test_plugin("minimal"), test_plugin("throws")});
  REQUIRE(r);
  CHECK(
      r->find(TK_KIND_PLACEMENT, "frist").error() ==
      error{errc::not_found,
            "no placement plugin named 'frist'; did you mean 'first'? known: first, throws_in_choose, throws_in_create",
            ""});
  CHECK(r->find(TK_KIND_PLACEMENT, "zzz").error().message ==
        "no placement plugin named 'zzz'; known: first, throws_in_choose, throws_in_create");
  CHECK(r->find(TK_KIND_BACKEND, "cpu").error().message == "no backend plugin named 'cpu'; none is known");
  CHECK(r->specs(TK_KIND_BACKEND, "cpu").error().code == errc::not_found);
}

TEST_CASE("two files with the same kind and name are an error that names both") {
  auto r = load({test_plugin("minimal"), test_plugin("same_name")});
  REQUIRE_FALSE(r);
  CHECK(r.error().code == errc::already_exists);
  CHECK(r.error().message == "placement 'first' is already registered by " + test_plugin("minimal").string());
  CHECK(r.error().where == test_plugin("same_name").string());
}

TEST_CASE("adding a library whose name is taken adds nothing of it") {
  auto r = load({test_plugin("minimal")});
  REQUIRE(r);
  auto again = library::open(test_plugin("same_name"));
  REQUIRE(again);
  CHECK_FALSE(r->add(*again));
  CHECK(r->extensions().size() == 1);
}

TEST_CASE("folders are searched, the environment's after the caller's, and a file name is taken once") {
  const scratch_folder first, second;
  first.add("minimal", "a.so");
  second.add("same_name", "a.so"); // shadowed: would clash otherwise
  second.add("option_probe", "b.so");
  std::ofstream(second.path() / "notes.txt") << "not a plugin";
  const scoped_environment path("TOKAMAK_PLUGIN_PATH", second.path().string() + "::" + first.path().string());
  auto r = registry::load(std::array{first.path()});
  REQUIRE_MESSAGE(r, r.error().to_string());
  CHECK(r->names(TK_KIND_PLACEMENT) == std::vector<std::string_view>{"first", "option_probe"});
  CHECK(r->find(TK_KIND_PLACEMENT, "first")->from()->file() == first.path() / "a.so");
}

TEST_CASE("a folder that was asked for must exist") {
  auto r = load({"/nowhere/plugins"});
  REQUIRE_FALSE(r);
  CHECK(r.error() == error{errc::not_found, "no such plugin folder or file", "/nowhere/plugins"});
}

TEST_CASE("scanning goes on past broken files and reports each") {
  const scratch_folder folder;
  folder.add("minimal", "good.so");
  folder.add("no_symbol", "bad1.so");
  folder.add("wrong_abi", "bad2.so");
  const scoped_environment none("TOKAMAK_PLUGIN_PATH", "");
  std::vector<error> problems;
  const auto r = registry::scan(std::array{folder.path()}, {}, &problems);
  CHECK(r.names(TK_KIND_PLACEMENT) == std::vector<std::string_view>{"first"});
  REQUIRE(problems.size() == 2);
  CHECK(problems[0].where == (folder.path() / "bad1.so").string());
  CHECK(problems[1].code == errc::version_mismatch);
  CHECK_FALSE(registry::load(std::array{folder.path()}));
}

TEST_CASE("pins are checked by file name, and a pinned file must be there") {
  const scratch_folder folder;
  folder.add("minimal", "m.so");
  const auto digest = sha256_of(folder.path() / "m.so");
  REQUIRE(digest);
  CHECK(load({folder.path()}, {{"m.so", *digest}}));
  CHECK(load({folder.path()}, {{"m.so", std::string(64, 'a')}}).error().message ==
        "SHA-256 " + std::string(64, 'a') + " pinned and " + *digest + " found");
  CHECK(load({folder.path()}, {{"m.so", *digest}, {"n.so", *digest}}).error() ==
        error{errc::not_found, "pinned plugin 'n.so' is in no folder of the search path", ""});
}

TEST_CASE("an extension keeps its library loaded after the registry is gone") {
  std::optional<extension> kept;
  {
    auto r = load({test_plugin("minimal")});
    REQUIRE(r);
    kept = *r->find(TK_KIND_PLACEMENT, "first");
  }
  CHECK(kept->summary() == "The first available one."); // read from the library's own memory
}
