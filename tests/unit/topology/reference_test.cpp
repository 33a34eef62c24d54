// Names across tables: dangling ones, cycles, pools of several models, addresses that clash, things left over.
#include "fake_catalog.hpp"

using namespace tokamak;
using namespace tokamak::topology;
using namespace tokamak::topology::testing;

TEST_CASE("a name defined nowhere is answered with the nearest and all that are") {
  CHECK(errors_behind_model("[engines.main]\nmodel = \"n\"\n") == lines{"t.toml:4:9: unknown model 'n'; defined: m"});
  CHECK(errors_behind_model("[engines.main]\n[pools.p]\nengines = [\"mian\"]\n") ==
        lines{"t.toml:5:12: unknown engine 'mian'; did you mean 'main'? defined: main"});
  CHECK(errors_behind_model("[endpoints.chat]\nmembers = [\"m\", \"chta\"]\n") ==
        lines{"t.toml:4:17: unknown pool or endpoint 'chta'; did you mean 'chat'? defined: m, chat"});
  CHECK(errors_behind_model("[engines.main]\nnode = \"locl\"\n") ==
        lines{"t.toml:4:8: unknown node 'locl'; did you mean 'local'? defined: local"});
  CHECK(errors_behind_model("[frontends.z]\nnode = \"far\"\n") == lines{"t.toml:4:8: unknown node 'far'; defined: local"});
  CHECK(errors_behind_model("[engines.m]\nshards = { kind = \"layers\", nodes = [\"local\", \"gpu\"] }\n") ==
        lines{"t.toml:4:47: unknown node 'gpu'; defined: local"});
}

TEST_CASE("a name twice in one list is refused") {
  CHECK(errors_behind_model("[pools.p]\nengines = [\"m\", \"m\"]\n") ==
        lines{"t.toml:4:17: engines names 'm' twice; expected each once"});
}

TEST_CASE("a cycle among endpoints is named at the member that closes it") {
  CHECK(errors_behind_model("[endpoints.a]\nmembers = [\"b\"]\n[endpoints.b]\nmembers = [\"m\", \"c\"]\n[endpoints.c]\nmembers = [\"a\"]\n") ==
        lines{"t.toml:8:12: endpoints form a cycle: a -> b -> c -> a; expected members that lead to pools"});
  CHECK(errors_behind_model("[endpoints.a]\nmembers = [\"a\"]\n") ==
        lines{"t.toml:4:12: endpoints form a cycle: a -> a; expected members that lead to pools"});
}

TEST_CASE("an endpoint may have the name of a pool, which its members mean first") {
  CHECK(errors_behind_model("[endpoints.m]\nmembers = [\"m\"]\n") == lines{});
}

TEST_CASE("an alias means one endpoint, and is printable") {
  CHECK(errors_behind_model("[endpoints.m]\naliases = [\"openai/gpt-4o:latest\", \"m2\"]\n") == lines{});
  CHECK(errors_behind_model("[endpoints.m]\n[endpoints.n]\nmembers = [\"m\"]\naliases = [\"x\", \"m\"]\n") ==
        lines{"t.toml:6:17: alias 'm' of endpoint 'n' is a name of endpoint 'm'; expected its own"});
  CHECK(errors_behind_model("[endpoints.m]\naliases = [\"x\"]\n[endpoints.n]\nmembers = [\"m\"]\naliases = [\"x\"]\n") ==
        lines{"t.toml:7:12: alias 'x' of endpoint 'n' is a name of endpoint 'm'; expected its own"});
  CHECK(errors_behind_model("[endpoints.m]\naliases = [\"x\", \"x\"]\n") ==
        lines{"t.toml:4:17: alias 'x' of endpoint 'm' is a name of endpoint 'm'; expected its own"});
  CHECK(errors_behind_model("[endpoints.m]\naliases = [\"two words\"]\n") ==
        lines{"t.toml:4:12: bad alias 'two words'; expected 1 to 128 printable characters without spaces"});
  CHECK(errors_behind_model("[endpoints.m]\naliases = [\"\"]\n") ==
        lines{"t.toml:4:12: bad alias ''; expected 1 to 128 printable characters without spaces"});
  CHECK(errors_behind_model("[endpoints.m]\naliases = \"x\"\n") ==
        lines{"t.toml:4:11: aliases is a string; expected an array of strings"});
}

TEST_CASE("two ways to the same endpoint are no cycle") {
  CHECK(errors_behind_model("[endpoints.a]\nmembers = [\"b\", \"c\"]\n[endpoints.b]\nmembers = [\"d\"]\n[endpoints.c]\nmembers = [\"d\"]\n"
                            "[endpoints.d]\nmembers = [\"m\"]\n") == lines{});
}

TEST_CASE("a chain of twenty thousand endpoints is walked without deep recursion") {
  std::string text = "[models.m]\npath = \"m.gguf\"\n";
  for (int i = 0; i < 20'000; ++i)
    text += "[endpoints.e" + std::to_string(i) + "]\nmembers = [\"" + (i == 19'999 ? "m" : "e" + std::to_string(i + 1)) + "\"]\n";
  CHECK(errors_of(text) == lines{});
}

TEST_CASE("a pool has engines of one model") {
  CHECK(errors_behind_model("[models.n]\npath = \"other.gguf\"\n[pools.p]\nengines = [\"m\", \"n\"]\n") ==
        lines{"t.toml:6:17: engine 'n' runs model 'n', but 'm' of this pool runs 'm'; expected one model in a pool"});
}

TEST_CASE("two nodes, or two frontends of a node, do not share an address") {
  CHECK(errors_behind_model("[nodes.a]\naddress = \"tcp://127.0.0.1:1\"\n[nodes.b]\naddress = \"tcp://127.0.0.1:1\"\n[engines.m]\nnode = \"a\"\n"
                            "[frontends.z]\nnode = \"a\"\n") ==
        lines{"t.toml:5:8: node 'b' has the address 'tcp://127.0.0.1:1' of node 'a'; expected its own"});
  CHECK(errors_behind_model("[frontends.x]\n[frontends.y]\n") ==
        lines{"t.toml:4:12: frontend 'y' binds 'tcp://127.0.0.1:7100' like frontend 'x'; expected its own"});
  CHECK(errors_behind_model("[frontends.x]\nbind = \"tcp://127.0.0.1:0\"\n[frontends.y]\nbind = \"tcp://127.0.0.1:0\"\n") == lines{});
}

TEST_CASE("with several nodes, addresses and places must be written") {
  CHECK(errors_behind_model("[nodes.a]\n[nodes.b]\naddress = \"tcp://127.0.0.1:1\"\n[engines.m]\n[frontends.z]\n") ==
        lines{"t.toml:3:8: [nodes.a] has no address; expected address = \"tcp://HOST:PORT\", since the file has several nodes",
              "t.toml:6:10: [engines.m] has no node; expected the name of a node, since the file has several",
              "t.toml:7:12: [frontends.z] has no node; expected the name of a node, since the file has several"});
  CHECK(errors_behind_model("[nodes.a]\naddress = \"tcp://127.0.0.1:1\"\n[nodes.b]\naddress = \"tcp://127.0.0.1:2\"\n[frontends.z]\nnode = \"a\"\n") ==
        lines{"t.toml:1:9: no engines for 2 nodes; expected [engines.NAME] with model and node"});
}

TEST_CASE("links leave this machine with keys for every node, or because the file insists") {
  const test_folder folder;
  folder.put("m.gguf", "");
  folder.put("a.pub", "");
  folder.put("b.pub", "");
  const auto errors = [&](const std::string& a, const std::string& b) {
    return folder.errors("[models.m]\npath = \"m.gguf\"\n[nodes.a]\naddress = \"tcp://h:1\"\n" + a + "[nodes.b]\naddress = \"tcp://h:2\"\n" + b +
                         "[engines.m]\nnode = \"a\"\n[frontends.z]\nnode = \"a\"\n", nullptr);
  };
  CHECK(errors("key_file = \"a.key\"\n", "key_file = \"b.key\"\n") == lines{});
  CHECK(errors("insecure = true\n", "insecure = true\n") == lines{});
  CHECK(errors("insecure = true\n", "") ==
        lines{"t.toml:6:8: node 'b' has the address 'tcp://h:2', where other machines can connect; expected key_file for each node, or insecure = true"});
  CHECK(errors("key_file = \"a.key\"\n", "insecure = true\n") ==
        lines{"t.toml:6:8: node 'b' has no key_file, but node 'a' has; expected one for each node, or for none"});
  CHECK(errors("key_file = \"a.pem\"\n", "key_file = \"b.key\"\n") ==
        lines{"t.toml:5:12: key_file is 'a.pem'; expected NAME.key, with NAME.pub beside it"});
  CHECK(errors("key_file = \"c.key\"\n", "key_file = \"b.key\"\n") ==
        lines{"t.toml:5:12: no such file 'DIR/c.pub'; expected the public key of the node, as `tokamak keygen` makes it"});
}

TEST_CASE("an emulated link is between two nodes") {
  const std::string nodes = "[nodes.a]\naddress = \"tcp://127.0.0.1:1\"\n[nodes.b]\naddress = \"tcp://127.0.0.1:2\"\n[engines.m]\nnode = \"a\"\n[frontends.z]\nnode = \"a\"\n";
  CHECK(errors_behind_model(nodes + "[links.x]\nnodes = [\"a\", \"b\"]\nbandwidth_kbit = 10000\ndelay_ms = 20\njitter_ms = 5\noutage_every_ms = 100\noutage_ms = 10\n") == lines{});
  CHECK(errors_behind_model(nodes + "[links.x]\ndelay_ms = 1\n") == lines{"t.toml:11:8: [links.x] has no nodes; expected the names of the two nodes that it connects"});
  CHECK(errors_behind_model(nodes + "[links.x]\nnodes = [\"a\", \"a\"]\n") == lines{"t.toml:12:9: nodes of [links.x] are 'a, a'; expected two different ones"});
  CHECK(errors_behind_model(nodes + "[links.x]\nnodes = [\"a\", \"c\"]\n") == lines{"t.toml:12:15: unknown node 'c'; defined: a, b"});
  CHECK(errors_behind_model(nodes + "[links.x]\nnodes = [\"a\", \"b\"]\noutage_ms = 10\n") ==
        lines{"t.toml:13:13: outage_ms is 10 of every 0; expected less than outage_every_ms"});
}

TEST_CASE("what nothing uses is a warning, not an error") {
  const test_folder folder;
  const auto result = folder.load("[models.m]\npath = \"m.gguf\"\n[models.n]\npath = \"m.gguf\"\n[engines.e]\nmodel = \"m\"\n[engines.f]\n"
                                  "model = \"m\"\n[engines.g]\nmodel = \"m\"\n[pools.p]\nengines = [\"e\"]\n[pools.q]\nengines = [\"f\"]\n"
                                  "[endpoints.x]\nmembers = [\"p\"]\n", nullptr);
  CHECK(result.value.has_value());
  CHECK(folder.shown(result.warnings) == lines{"t.toml:3:9: model 'n' is used by no engine", "t.toml:9:10: engine 'g' is in no pool",
                                               "t.toml:13:8: pool 'q' is in no endpoint"});
}
