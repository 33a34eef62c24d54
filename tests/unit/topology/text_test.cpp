// Whatever is wrong with a file as text: size, encoding, nesting, syntax.
#include "fake_catalog.hpp"
#include "topology/document.hpp"

using namespace tokamak;
using namespace tokamak::topology;
using namespace tokamak::topology::testing;

TEST_CASE("a syntax error names line, column, what was found and what was expected") {
  CHECK(errors_of("[models.m]\npath = \n") ==
        lines{"t.toml:2:8: not valid TOML: Error while parsing key-value pair: expected value, saw '\\n'"});
  CHECK(errors_of("[?odels.m]\n") ==
        lines{"t.toml:1:2: not valid TOML: Error while parsing key: expected bare key starting character or string delimiter, saw '?'"});
  CHECK(errors_of("[models.m\n") == lines{"t.toml:1:10: not valid TOML: Error while parsing table header: expected ']', saw '\\n'"});
}

TEST_CASE("a table or key that is there twice is a syntax error") {
  CHECK(errors_of("[models.m]\npath = \"m.gguf\"\n[models.m]\n") ==
        lines{"t.toml:3:1: not valid TOML: Error while parsing table header: cannot redefine existing table 'models.m'"});
  CHECK(errors_of("[models.m]\npath = \"m.gguf\"\npath = \"m.gguf\"\n") ==
        lines{"t.toml:3:8: not valid TOML: Error while parsing key-value pair: cannot redefine existing string 'path'"});
}

TEST_CASE("bytes that are not UTF-8 are shown with their place, counted in characters") {
  CHECK(errors_of("# ä\xff\n") == lines{"t.toml:1:4: byte 0xff is not UTF-8; expected UTF-8 text"});
  CHECK(errors_of("a = 1\n\n# \xc0\x80") == lines{"t.toml:3:3: byte 0xc0 is not UTF-8; expected UTF-8 text"});
  CHECK(errors_of("# \xed\xa0\x80") == lines{"t.toml:1:3: byte 0xed is not UTF-8; expected UTF-8 text"});
  CHECK(errors_of("# \xf4\x90\x80\x80") == lines{"t.toml:1:3: byte 0xf4 is not UTF-8; expected UTF-8 text"});
  CHECK(errors_of("# \xe2\x82") == lines{"t.toml:1:3: byte 0xe2 is not UTF-8; expected UTF-8 text"});
}

TEST_CASE("every kind of well-formed UTF-8 is read") {
  CHECK(parse_document("# é \xed\x9f\xbf \xee\x80\x80 € \xf0\x90\x80\x80 \xf4\x8f\xbf\xbf\na = 1\n").has_value());
}

TEST_CASE("a text of one byte more than allowed is refused unread") {
  CHECK(errors_of(std::string(max_file_bytes + 1, '#')) == lines{"t.toml: the file has 1048577 bytes; expected at most 1048576"});
  CHECK(errors_of(std::string(max_file_bytes, '#')) ==
        lines{"t.toml: no models; expected at least one [models.NAME] with path = \"FILE.gguf\""});
}

TEST_CASE("a file that is too large is refused without reading all of it") {
  const test_folder folder;
  folder.put("big.toml", std::string(max_file_bytes + 5000, '#'));
  const auto result = load_file(folder / "big.toml", nullptr);
  REQUIRE(result.errors.size() == 1);
  CHECK(result.errors[0] == error{errc::too_large, "the file has more than 1048576 bytes; expected a topology", folder / "big.toml"});
}

TEST_CASE("deep nesting is refused before the parser recurses") {
  CHECK(errors_of("a = " + std::string(100'000, '[')) == lines{"t.toml:1:37: brackets are nested too deep; expected at most 32 levels"});
  std::string dots = "a";
  for (int i = 0; i < 100'000; ++i) dots += ".a";
  CHECK(errors_of(dots + " = 1") == lines{"t.toml:1:66: a dotted key is nested too deep; expected at most 32 levels"});
  CHECK(errors_of("[" + dots + "]") == lines{"t.toml:1:67: a dotted key is nested too deep; expected at most 32 levels"});
}

TEST_CASE("dots and brackets in strings and comments do not count as nesting") {
  const std::string many(200, '.'), brackets(200, '[');
  for (const auto& text : {"# " + many + brackets + "\na = 1", "a = \"" + many + "\\\"" + brackets + "\"", "a = '" + many + brackets + "'",
                           "a = \"\"\"\n\"" + many + "\n" + brackets + "\"\"\"\"\"", "a = '''\n''" + many + brackets + "'''''"})
    CHECK_MESSAGE(parse_document(text).has_value(), text);
  CHECK_FALSE(parse_document("a = \"\"\"x\"\"\"\nb = " + brackets).has_value()); // the string has ended
}

TEST_CASE("a file that is not there, and a folder, are named") {
  const test_folder folder;
  CHECK(folder.shown(load_file(folder / "none.toml", nullptr).errors) ==
        lines{"DIR/none.toml: no such file 'DIR/none.toml'; expected a topology file"});
  CHECK(folder.shown(load_file(folder / "plugins", nullptr).errors) ==
        lines{"DIR/plugins: 'DIR/plugins' is a folder; expected a topology file"});
}

TEST_CASE("an empty file has no models") {
  const lines expected = {"t.toml: no models; expected at least one [models.NAME] with path = \"FILE.gguf\""};
  CHECK(errors_of("") == expected);
  CHECK(errors_of("[models]\n") == expected);
}

TEST_CASE("letters beyond ASCII are read in strings and refused outside of them") {
  CHECK(errors_of("[models.m]ß\n") ==
        lines{"t.toml:1:11: not valid TOML: Error while parsing table header: expected a comment or whitespace, saw 'ß'"});
  CHECK(errors_of("größe = 1\n") == lines{"t.toml:1:3: not valid TOML: Error while parsing key-value pair: expected '=', saw 'ö'"});
  const auto root = parse_document("a = \"\"\"\\\n  ße\"\"\" # ü\n");
  REQUIRE(root.has_value());
  CHECK(*root->as<value::table>()->at(0).content.as<std::string>() == "ße");
}

TEST_CASE("a byte order mark and Windows line ends are accepted") {
  CHECK(errors_of("\xef\xbb\xbf[models.m]\r\npath = \"m.gguf\"\r\n") == lines{});
}
