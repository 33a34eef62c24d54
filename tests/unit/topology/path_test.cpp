// Paths: expansion, the topology's folder, and files that must exist.
#include "fake_catalog.hpp"
#include "topology/paths.hpp"

using namespace tokamak;
using namespace tokamak::topology;
using namespace tokamak::topology::testing;

TEST_CASE("paths expand home and variables and begin at the topology's folder") {
  setenv("HOME", "/home/ada", 1);
  setenv("TOKAMAK_TEST_DIR", "/data", 1);
  CHECK(expand_path("~/m.gguf", "/etc") == "/home/ada/m.gguf");
  CHECK(expand_path("~", "/etc") == "/home/ada");
  CHECK(expand_path("$TOKAMAK_TEST_DIR/m.gguf", "/etc") == "/data/m.gguf");
  CHECK(expand_path("sub${TOKAMAK_TEST_DIR}x", "/etc") == "/etc/sub/datax");
  CHECK(expand_path("a$$b", "/etc") == "/etc/a$b");
  CHECK(expand_path("../m.gguf", "/etc/tokamak") == "/etc/m.gguf");
  CHECK(expand_path("m.gguf", "") == "m.gguf");
  CHECK(expand_path("a~b", "/etc") == "/etc/a~b");
}

TEST_CASE("what cannot be expanded says why") {
  unsetenv("TOKAMAK_TEST_UNSET");
  setenv("TOKAMAK_TEST_EMPTY", "", 1);
  CHECK(expand_path("$TOKAMAK_TEST_UNSET/m", "").error() ==
        error{errc::not_found, "environment variable 'TOKAMAK_TEST_UNSET' in '$TOKAMAK_TEST_UNSET/m' is not set", ""});
  for (const auto* bad : {"a$", "$/m", "${x", "${}", "$1"})
    CHECK(expand_path(bad, "").error().message ==
          "'" + std::string(bad) + "' has a '$' without a name; expected $NAME, ${NAME} or $$");
  CHECK(expand_path("~bob/m", "").error().message == "'~bob/m' names another user's home; expected ~/...");
  CHECK(expand_path("$TOKAMAK_TEST_EMPTY", "/etc").error().message == "'$TOKAMAK_TEST_EMPTY' expands to nothing; expected a path");
  CHECK(expand_path(std::string_view("a\0b", 3), "").error().message == "'a\\x00b' has a zero byte; expected a path");
}

TEST_CASE("files that a topology names must exist") {
  CHECK(errors_of("[models.m]\npath = \"none.gguf\"\n") ==
        lines{"t.toml:2:8: no such file 'DIR/none.gguf'; expected a GGUF file"});
  CHECK(errors_of("[models.m]\npath = \"plugins\"\n") == lines{"t.toml:2:8: 'DIR/plugins' is a folder; expected a GGUF file"});
  CHECK(errors_behind_model("chat_template = \"none.jinja\"\n") ==
        lines{"t.toml:3:17: no such file 'DIR/none.jinja'; expected a chat template"});
  CHECK(errors_behind_model("[plugins]\npaths = [\"plugins\", \"none\"]\n") ==
        lines{"t.toml:4:21: no such file 'DIR/none'; expected a plugin or a folder of plugins"});
  CHECK(errors_behind_model("[operations]\nlog_file = \"none/x.log\"\n") ==
        lines{"t.toml:4:12: no such folder 'DIR/none'; expected a folder for the log file"});
  CHECK(errors_behind_model("[operations]\nlog_file = \"m.gguf/x.log\"\n") ==
        lines{"t.toml:4:12: 'DIR/m.gguf' is no folder; expected a folder for the log file"});
  CHECK(errors_of("[models.m]\npath = \"m.gguf/x\"\n") == lines{"t.toml:2:8: no such file 'DIR/m.gguf/x'; expected a GGUF file"});
  CHECK(errors_of("[models.m]\npath = \"" + std::string(300, 'x') + "\"\n").at(0).ends_with(": File name too long; expected a GGUF file"));
}

TEST_CASE("variables are expanded in paths and nowhere else") {
  setenv("TOKAMAK_TEST_DIR", "m", 1);
  CHECK(errors_of("[models.m]\npath = \"$TOKAMAK_TEST_DIR.gguf\"\n") == lines{});
  CHECK(errors_behind_model("[engines.e]\nmodel = \"$TOKAMAK_TEST_DIR\"\n") ==
        lines{"t.toml:4:9: unknown model '$TOKAMAK_TEST_DIR'; defined: m"});
}

TEST_CASE("the plugins section can be read alone, even from a file with errors") {
  const test_folder folder;
  const std::string hash(64, 'a');
  folder.put("t.toml", "[plugins]\npaths = [\"plugins\", \"$TOKAMAK_TEST_UNSET\"]\n[plugins.pins]\n\"cpu.so\" = \"" + hash + "\"\n[modles.m]\n");
  const auto section = load_plugin_section(folder / "t.toml");
  CHECK(section.paths == lines{folder / "plugins"});
  REQUIRE(section.pins.size() == 1);
  CHECK(section.pins[0].file == "cpu.so");
  CHECK(section.pins[0].sha256 == hash);
  CHECK(load_plugin_section(folder / "none.toml").paths.empty());
  folder.put("t.toml", "[plugins\n");
  CHECK(load_plugin_section(folder / "t.toml").paths.empty());
}
