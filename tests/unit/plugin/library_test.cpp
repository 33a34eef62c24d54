// Every way in which a plugin file can fail to load, with its exact message.
#include "plugin/library.hpp"

#include <doctest/doctest.h>

#include <fstream>
#include <string>

#include "unit/plugin/test_plugins.hpp"

using namespace tokamak;
using namespace tokamak::plugin;

namespace {

error why(const std::filesystem::path& file, std::string_view pin = {}) {
  auto opened = library::open(file, pin);
  REQUIRE_FALSE(opened);
  CHECK(opened.error().where == std::filesystem::absolute(file).lexically_normal().string());
  return opened.error();
}

error why(const char* name) { return why(test_plugin(name)); }

std::string abi() { return fmt::format("{}.{}", TK_ABI_MAJOR, TK_ABI_MINOR); }

} // namespace

TEST_CASE("a correct plugin loads and shows its descriptor") {
  auto opened = library::open(test_plugin("minimal"));
  REQUIRE_MESSAGE(opened, opened.error().to_string());
  const library& l = **opened;
  CHECK(std::string(l.descriptor().name) == "minimal");
  REQUIRE(l.size() == 1);
  CHECK(std::string(l.extension(0).name) == "first");
  CHECK(l.extension(0).kind == TK_KIND_PLACEMENT);
}

TEST_CASE("a file that is not there, a folder and a file that is no shared object are told apart") {
  scratch_folder scratch;
  CHECK(why(scratch.path() / "none.so").message == "no such file");
  CHECK(why(scratch.path() / "none.so").code == errc::not_found);
  CHECK(why(scratch.path()).message == "is a folder, not a plugin file");
  const auto text = scratch.path() / "text.so";
  std::ofstream(text) << "INPUT(libc.so)";
  CHECK(why(text).message == "not a shared object");
  CHECK(why(text).code == errc::corrupt);
  const auto empty = scratch.path() / "empty.so";
  std::ofstream{empty};
  CHECK(why(empty).message == "not a shared object");
}

TEST_CASE("a truncated shared object is refused with the loader's reason") {
  scratch_folder scratch;
  const auto cut = scratch.add("minimal", "cut.so");
  std::filesystem::resize_file(cut, 40);
  const error e = why(cut);
  CHECK(e.code == errc::unsupported);
  CHECK(e.message == "file too short");
}

TEST_CASE("a relative name is a file, not something for the system's library path") {
  CHECK(why("libm.so.6").message == "no such file");
}

TEST_CASE("a shared object without the entry, or with an undefined symbol, says which symbol") {
  CHECK(why("no_symbol").message == "missing symbol tokamak_plugin: not a Tokamak plugin");
  CHECK(why("undefined_symbol").message == "undefined symbol: tokamak_test_function_that_is_nowhere");
  CHECK(why("undefined_symbol").code == errc::unsupported);
}

TEST_CASE("another ABI is refused before anything else of the descriptor is read") {
  CHECK(why("wrong_abi").message == "ABI " + abi() + " wanted and 2.0 found; build the plugin with this version's SDK");
  CHECK(why("wrong_abi").code == errc::version_mismatch);
  const std::string found = fmt::format("{}.{}", TK_ABI_MAJOR, TK_ABI_MINOR + 6);
  CHECK(why("wrong_minor").message ==
        "ABI " + abi() + " wanted and " + found + " found; build the plugin with this version's SDK");
}

TEST_CASE("a descriptor with a hole says where the hole is") {
  CHECK(why("null_descriptor").message == "tokamak_plugin returned NULL");
  CHECK(why("short_head").message == "descriptor of 4 bytes: its head alone has 16");
  CHECK(why("short_descriptor").message ==
        fmt::format("{} bytes of tk_plugin expected and 16 found", sizeof(tk_plugin)));
  CHECK(why("no_name").message == "the plugin has no name");
  CHECK(why("no_version").message == "the plugin has no version");
  CHECK(why("no_extensions").message == "the plugin has no extensions");
  CHECK(why("short_extension").message ==
        fmt::format("extension 0: {} bytes of tk_extension expected and 24 found", sizeof(tk_extension)));
  CHECK(why("unnamed_extension").message == "extension 0 has no name");
  CHECK(why("unknown_kind").message == "extension 'first': kind 99 is unknown");
  CHECK(why("duplicate_names").message == "placement 'first' is listed twice");
  CHECK(why("duplicate_names").code == errc::already_exists);
}

TEST_CASE("a function table or option list with a hole says where the hole is") {
  CHECK(why("null_table").message == "placement 'first': functions is NULL");
  CHECK(why("short_table").message ==
        fmt::format("placement 'first': {} bytes of tk_placement expected and 24 found", sizeof(tk_placement)));
  CHECK(why("null_function").message == "placement 'first': tk_placement.choose is NULL");
  CHECK(why("null_options").message == "placement 'first': options is NULL");
  CHECK(why("bad_option_type").message == "placement 'first': option 'size' has the unknown type 17");
  CHECK(why("duplicate_option").message == "placement 'first': option 'size' is listed twice");
  CHECK(why("null_kernel").message == "kernels 'first': kernel 0 has no compute function");
  CHECK(why("null_kernel").code == errc::corrupt);
}

TEST_CASE("a pinned file loads with its digest and not with another") {
  const auto digest = sha256_of(test_plugin("minimal"));
  REQUIRE(digest);
  CHECK(digest->size() == 64);
  CHECK(library::open(test_plugin("minimal"), *digest));
  const std::string other(64, '0');
  const error e = why(test_plugin("minimal"), other);
  CHECK(e.message == "SHA-256 " + other + " pinned and " + *digest + " found");
  CHECK(e.code == errc::permission_denied);
}

TEST_CASE("the digest of a file is SHA-256") {
  scratch_folder scratch;
  const auto file = scratch.path() / "abc";
  std::ofstream(file) << "abc";
  // FIPS 180-2, appendix B.1
  CHECK(*sha256_of(file) == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}
