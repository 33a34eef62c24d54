// The topologies in deploy/: they load, and the full one shows every key and its default.
#include "fake_catalog.hpp"

#include <regex>
#include <set>
#include <sstream>

using namespace tokamak::topology;
using namespace tokamak::topology::testing;

namespace {

std::string content(const std::string& name) {
  std::ifstream in(std::string(TOKAMAK_TOPOLOGIES) + "/" + name);
  REQUIRE_MESSAGE(in.good(), name);
  std::stringstream text;
  text << in.rdbuf();
  return text.str();
}

/// A home folder with the model of the examples.
struct home {
  test_folder folder;
  fake_catalog catalog;
  home() {
    std::filesystem::create_directories(folder.path() / ".cache/tokamak/models");
    folder.put(".cache/tokamak/models/SmolLM2-135M-Instruct.Q4_1.gguf", "");
    setenv("HOME", folder.path().c_str(), 1);
  }
};

/// full.toml with the keys that it leaves out because they name files.
std::string uncommented(const std::string& text) {
  return std::regex_replace(text, std::regex("(^|\n)# ([a-z_0-9]+|\"[a-z.]+\") = "), "$1$2 = ");
}

} // namespace

TEST_CASE("the quickstart topology loads") {
  const home h;
  const auto result = h.folder.load(content("quickstart.toml"), &h.catalog);
  CHECK(h.folder.shown(result.errors) == lines{});
  REQUIRE(result.value);
  CHECK(result.value->find_endpoint("smollm2"));
}

TEST_CASE("the topologies of two nodes load once their public keys are there") {
  const home h;
  CHECK(!h.folder.load(content("two_nodes.toml"), &h.catalog).value);
  CHECK(!h.folder.load(content("pipeline.toml"), &h.catalog).value);
  std::filesystem::create_directories(h.folder.path() / ".cache/tokamak/keys");
  for (const auto* name : {"a", "b"}) h.folder.put(std::string(".cache/tokamak/keys/") + name + ".pub", "");
  const auto result = h.folder.load(content("two_nodes.toml"), &h.catalog);
  CHECK(h.folder.shown(result.errors) == lines{});
  REQUIRE(result.value);
  CHECK(result.value->find_engine("second")->node == "b");
  const auto pipeline = h.folder.load(content("pipeline.toml"), &h.catalog);
  CHECK(h.folder.shown(pipeline.errors) == lines{});
  REQUIRE(pipeline.value);
  CHECK(pipeline.value->find_engine("smollm2")->shards.nodes == lines{"a", "b"});
}

TEST_CASE("the full topology loads without warnings, as it is and with its commented keys") {
  const home h;
  const auto text = content("full.toml");
  auto result = h.folder.load(text, &h.catalog);
  CHECK(h.folder.shown(result.errors) == lines{});
  CHECK(h.folder.shown(result.warnings) == lines{});
  h.folder.put("SmolLM2", "");
  std::filesystem::create_directories(h.folder.path() / "keys/clients");
  h.folder.put("keys/service.key", "");
  h.folder.put("keys/api_keys", "");
  h.folder.put("keys/fullchain.pem", "");
  h.folder.put("keys/privkey.pem", "");
  h.folder.put("keys/local.pub", "");
  std::filesystem::create_directory(h.folder.path() / "templates");
  h.folder.put("templates/smollm2.jinja", "");
  result = h.folder.load(uncommented(text), &h.catalog);
  CHECK(h.folder.shown(result.errors) == lines{});
  REQUIRE(result.value);
  CHECK(result.value->models[0].sha256 == std::string(64, '0'));
  CHECK(result.value->plugin_pins.size() == 1);
  CHECK(result.value->plugin_paths.size() == 1);
  CHECK(!result.value->operations.log_file.empty());
}

TEST_CASE("the full topology and the format's description name every key") {
  const auto full = uncommented(content("full.toml")), readme = content("README.md");
  // Each section answers an unknown key with the list of those it has.
  const home h;
  std::set<std::string> keys;
  for (const auto* section : {"models.smollm2", "engines.first", "engines.second.shards", "pools.smollm2", "endpoints.smollm2",
                              "frontends.zmq", "frontends.http", "nodes.local", "plugins", "operations"}) {
    const auto name = std::string("[") + section + "]\n";
    const auto errors = h.folder.errors(name + "qqqqqqqqqqqqqqqqqqqqqqq = 1\n", nullptr);
    const auto found = std::find_if(errors.begin(), errors.end(), [](const auto& e) { return e.find(" has: ") != std::string::npos; });
    REQUIRE_MESSAGE(found != errors.end(), section);
    std::stringstream list(found->substr(found->find(" has: ") + 6));
    for (std::string key; std::getline(list, key, ',');) keys.insert(key.substr(key.find_first_not_of(' ')));
  }
  CHECK(keys.size() > 35);
  for (const auto& key : keys) {
    if (key != "pins" && key != "nodes") // a table there, and named in the graph of several nodes
      CHECK_MESSAGE(std::regex_search(full, std::regex("((^|[\n{,]) ?" + key + " = )|\\." + key + "\\]")), key);
    CHECK_MESSAGE(std::regex_search(readme, std::regex("`" + key + "`|\\." + key + "\\]`")), key);
  }
}

TEST_CASE("where the full topology says that a value is the default, it is") {
  const home h;
  const auto full = h.folder.load(content("full.toml"), &h.catalog);
  const auto small = h.folder.load(content("quickstart.toml"), &h.catalog);
  REQUIRE(full.value);
  REQUIRE(small.value);
  const auto lines_of = [](const topology& t, const std::string& begin) {
    std::stringstream text(describe(t));
    std::string line;
    while (std::getline(text, line))
      if (line.find(begin) != std::string::npos) return line;
    return std::string{};
  };
  for (const auto* begin : {"threads all", "context_length", "graph_passes", "max_clients", "frontend zmq", "operations", "default_deadline_ms",
                            "chat_template", "endpoint smollm2", "pool smollm2"}) {
    CHECK(!lines_of(*small.value, begin).empty());
    CHECK(lines_of(*full.value, begin) == lines_of(*small.value, begin));
  }
}
