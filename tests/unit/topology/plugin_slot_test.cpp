// Plugin slots: the two ways to write them, and everything that can be wrong with a plugin's options.
#include "fake_catalog.hpp"

using namespace tokamak;
using namespace tokamak::topology;
using namespace tokamak::topology::testing;

namespace {

lines engine_errors(std::string_view keys) { return errors_behind_model("[engines.m]\n" + std::string(keys)); }

} // namespace

TEST_CASE("an unknown plugin is answered with the nearest and all installed ones") {
  CHECK(engine_errors("scheduler = \"continous\"\n") ==
        lines{"t.toml:4:13: unknown scheduler plugin 'continous'; did you mean 'continuous'? installed: continuous, fifo"});
  CHECK(engine_errors("cache = { plugin = \"lru\" }\n") == lines{"t.toml:4:20: unknown cache plugin 'lru'; installed: radix"});
  CHECK(errors_behind_model("weights = [\"quantize\"]\n") ==
        lines{"t.toml:3:12: unknown weights plugin 'quantize'; none is installed"});
}

TEST_CASE("a default plugin that is not installed is reported at the table that needs it") {
  const test_folder folder;
  fake_catalog catalog;
  catalog.plugins.erase({slot::cache, "radix"});
  CHECK(folder.errors("[models.m]\npath = \"m.gguf\"\n", &catalog) ==
        lines{"t.toml:1:9: unknown cache plugin 'radix'; none is installed"});
}

TEST_CASE("an unknown option is answered with the nearest known one") {
  CHECK(engine_errors("[engines.m.scheduler]\nplugin = \"continuous\"\nprefil_chunk = 3\n") ==
        lines{"t.toml:6:1: unknown option 'prefil_chunk'; did you mean 'prefill_chunk'? scheduler plugin 'continuous' has: "
              "prefill_chunk, order, share, strict, limits, weights"});
  CHECK(engine_errors("backend = { plugin = \"cpu\", fast = true }\n") ==
        lines{"t.toml:4:29: unknown option 'fast'; backend plugin 'cpu' has none"});
}

TEST_CASE("an option of the wrong type is named with the right one") {
  CHECK(engine_errors("[engines.m.scheduler]\nprefill_chunk = \"3\"\norder = 1\nshare = true\nstrict = 0\nlimits = {}\nweights = []\n") ==
        lines{"t.toml:5:17: option 'prefill_chunk' of scheduler plugin 'continuous' is a string; expected an integer",
              "t.toml:6:9: option 'order' of scheduler plugin 'continuous' is an integer; expected a string",
              "t.toml:7:9: option 'share' of scheduler plugin 'continuous' is a boolean; expected a number",
              "t.toml:8:10: option 'strict' of scheduler plugin 'continuous' is an integer; expected a boolean",
              "t.toml:9:10: option 'limits' of scheduler plugin 'continuous' is a table; expected an array",
              "t.toml:10:11: option 'weights' of scheduler plugin 'continuous' is an array; expected a table"});
  CHECK(engine_errors("scheduler = { share = 1 }\n") == lines{}); // an integer is a number
}

TEST_CASE("a required option that is missing is reported at the plugin") {
  CHECK(engine_errors("backend = \"cuda\"\n") == lines{"t.toml:4:11: backend plugin 'cuda' has no option 'device'; expected an integer"});
  CHECK(engine_errors("backend = { plugin = \"cuda\", device = 1 }\n") == lines{});
}

TEST_CASE("what the plugin itself refuses is reported at the option, or at the plugin") {
  CHECK(engine_errors("[engines.m.scheduler]\nprefill_chunk = 0\n") ==
        lines{"t.toml:5:17: scheduler plugin 'continuous': prefill_chunk is 0; expected at least 1"});
  CHECK(engine_errors("[engines.m.scheduler]\nplugin = \"continuous\"\norder = \"random\"\n") ==
        lines{"t.toml:5:10: scheduler plugin 'continuous': cannot order at random"});
  const test_folder folder;
  const fake_catalog catalog;
  const auto result = folder.load("[models.m]\npath = \"m.gguf\"\n[engines.m]\nscheduler = { order = \"random\" }\n", &catalog);
  REQUIRE(result.errors.size() == 1);
  CHECK(result.errors[0].code == errc::unsupported);
}

TEST_CASE("lists of plugins name each plugin") {
  CHECK(engine_errors("graph_passes = \"fuse\"\n") == lines{"t.toml:4:16: graph_passes is a string; expected an array of plugins"});
  CHECK(engine_errors("graph_passes = [{ depth = 1 }]\n") ==
        lines{"t.toml:4:17: graph_passes names no plugin; expected plugin = \"NAME\""});
  CHECK(engine_errors("graph_passes = [{ plugin = 4 }]\n") ==
        lines{"t.toml:4:28: graph_passes has an integer as plugin; expected plugin = \"NAME\""});
  CHECK(engine_errors("graph_passes = [4]\n") ==
        lines{"t.toml:4:17: graph_passes is an integer; expected a plugin's name or a table with plugin = \"NAME\""});
  CHECK(engine_errors("graph_passes = [\"fuse\", { plugin = \"fuse\", depht = 3 }]\n") ==
        lines{"t.toml:4:44: unknown option 'depht'; did you mean 'depth'? graph pass plugin 'fuse' has: depth"});
}

TEST_CASE("an engine constrains answers to JSON schemas, unless it says otherwise") {
  const auto constraints_of = [](const std::string& key) {
    const test_folder folder;
    const fake_catalog catalog;
    const auto result = folder.load("[models.m]\npath = \"m.gguf\"\n[engines.m]\n" + key, &catalog);
    REQUIRE(result.value);
    lines names;
    for (const auto& use : result.value->engines.at(0).constraints) names.push_back(use.plugin);
    return names;
  };
  CHECK(constraints_of("") == lines{"json_schema"});
  CHECK(constraints_of("constraints = []\n") == lines{});
  CHECK(constraints_of("constraints = [\"json_schema\"]\n") == lines{"json_schema"});
  CHECK(engine_errors("constraints = \"json_schema\"\n") == lines{"t.toml:4:15: constraints is a string; expected an array of plugins"});
  CHECK(engine_errors("constraints = [\"json_shema\"]\n") ==
        lines{"t.toml:4:16: unknown constraint plugin 'json_shema'; did you mean 'json_schema'? installed: json_schema"});
}

TEST_CASE("options hold no dates") {
  CHECK(engine_errors("scheduler = { limits = [1, 1979-05-27] }\n") ==
        lines{"t.toml:4:28: scheduler holds a date; expected options without dates"});
}

TEST_CASE("options keep their order and places, and get the plugin's defaults without a place") {
  const test_folder folder;
  const fake_catalog catalog;
  const auto result = folder.load("[models.m]\npath = \"m.gguf\"\n[[engines.m.graph_passes]]\nplugin = \"fuse\"\ndepth = 7\n[engines.m.scheduler]\n"
                                  "strict = true\nlimits = [1, 2.5, { a = \"b\" }]\norder = \"arrival\"\n", &catalog);
  REQUIRE(result.value);
  const auto& e = result.value->engines.at(0);
  REQUIRE(e.graph_passes.size() == 1);
  CHECK(e.graph_passes[0].plugin == "fuse");
  CHECK(std::get<std::int64_t>(e.graph_passes[0].options.find("depth")->value) == 7);

  CHECK(e.scheduler.plugin == "continuous");
  std::vector<std::string> keys;
  for (const auto& option : *e.scheduler.options.as_table()) keys.push_back(option.key);
  CHECK(keys == lines{"strict", "limits", "order", "prefill_chunk", "share"});
  const auto* limits = e.scheduler.options.find("limits");
  CHECK(limits->line == 8);
  CHECK(limits->column == 10);
  CHECK(std::get<double>(limits->as_array()->at(1).value) == 2.5);
  CHECK(std::get<std::string>(limits->as_array()->at(2).find("a")->value) == "b");
  const auto* chunk = e.scheduler.options.find("prefill_chunk");
  CHECK(std::get<std::int64_t>(chunk->value) == 256);
  CHECK(chunk->line == 0);
}

TEST_CASE("a plugin whose stated default is no TOML of its type is reported as the plugin's mistake") {
  const test_folder folder;
  fake_catalog catalog;
  for (const auto* bad : {"priority", "\"1\"", "1\nb = 2"}) {
    catalog.plugins[{slot::cache, "radix"}][0].default_value = bad;
    const auto result = folder.load("[models.m]\npath = \"m.gguf\"\n", &catalog);
    REQUIRE(result.errors.size() == 1);
    CHECK(result.errors[0].code == errc::internal);
    CHECK(result.errors[0].message.starts_with("cache plugin 'radix' gives its option 'max_nodes' the default '"));
    CHECK(result.errors[0].message.ends_with("'; expected an integer in TOML"));
  }
}

TEST_CASE("without a catalog plugins and options are taken as they are") {
  const test_folder folder;
  const auto result = folder.load("[models.m]\npath = \"m.gguf\"\n[engines.m]\nscheduler = { plugin = \"any\", what = 1 }\n", nullptr);
  REQUIRE(result.value);
  CHECK(result.value->engines[0].scheduler.plugin == "any");
  CHECK(result.value->engines[0].scheduler.options.as_table()->size() == 1);
}
