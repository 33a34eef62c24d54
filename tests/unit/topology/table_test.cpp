// What can be wrong within one table: keys, types, ranges, names, values of later versions.
#include "fake_catalog.hpp"
#include "topology/table_reader.hpp"

using namespace tokamak;
using namespace tokamak::topology;
using namespace tokamak::topology::testing;

TEST_CASE("an unknown key is answered with the nearest known one and all of its table") {
  CHECK(errors_behind_model("paht = \"m.gguf\"\n") ==
        lines{"t.toml:3:1: unknown key 'paht'; did you mean 'path'? [models.m] has: path, chat_template, sha256, weights"});
  CHECK(errors_behind_model("[pools.p]\nengines = [\"m\"]\nxyzzy = 1\n") ==
        lines{"t.toml:5:1: unknown key 'xyzzy'; [pools.p] has: engines, placement"});
  CHECK(errors_behind_model("[modles.n]\npath = \"m.gguf\"\n") ==
        lines{"t.toml:3:2: unknown key 'modles'; did you mean 'models'? the file has: nodes, links, models, engines, pools, "
              "endpoints, frontends, plugins, operations"});
  CHECK(errors_behind_model("[operations]\nlog_levle = \"info\"\n") ==
        lines{"t.toml:4:1: unknown key 'log_levle'; did you mean 'log_level'? [operations] has: log_level, log_file, "
              "default_deadline_ms, sequence_lease_ms, drain_deadline_ms, heartbeat_ms"});
}

TEST_CASE("control characters of a key do not reach the terminal") {
  CHECK(errors_behind_model("\"a\\u001b[2J\\nb\" = 1\n") ==
        lines{"t.toml:3:1: unknown key 'a\\x1b[2J\\x0ab'; [models.m] has: path, chat_template, sha256, weights"});
}

TEST_CASE("a name with a dot but no quotes is explained") {
  CHECK(errors_of("[models.qwen2.5]\npath = \"m.gguf\"\n") ==
        lines{"t.toml:1:9: [models.qwen2] has no path; expected path = \"FILE.gguf\"",
              "t.toml:1:15: unknown key '5' in [models.qwen2]; a name with a dot needs quotes: [models.\"qwen2.5\"]"});
  CHECK(errors_of("[models.\"qwen2.5\"]\npath = \"m.gguf\"\n") == lines{});
}

TEST_CASE("wrong types are named with what was expected") {
  CHECK(errors_behind_model("sha256 = 1\n") == lines{"t.toml:3:10: sha256 is an integer; expected a string"});
  CHECK(errors_behind_model("chat_template = 1979-05-27\n") == lines{"t.toml:3:17: chat_template is a date; expected a string"});
  CHECK(errors_behind_model("[engines.m]\nthreads = \"two\"\n") == lines{"t.toml:4:11: threads is a string; expected an integer"});
  CHECK(errors_behind_model("[engines.m]\nthreads = 2.0\n") == lines{"t.toml:4:11: threads is a float; expected an integer"});
  CHECK(errors_behind_model("[engines.m]\nbackend = true\n") ==
        lines{"t.toml:4:11: backend is a boolean; expected a plugin's name or a table with plugin = \"NAME\""});
  CHECK(errors_behind_model("[pools.p]\nengines = \"m\"\n") == lines{"t.toml:4:11: engines is a string; expected an array of strings"});
  CHECK(errors_behind_model("[pools.p]\nengines = [\"m\", 3]\n") ==
        lines{"t.toml:4:17: engines holds an integer; expected an array of strings"});
  CHECK(errors_behind_model("[engines.m]\nshards = 2\n") ==
        lines{"t.toml:4:10: shards is an integer; expected a table with kind and count or nodes"});
  CHECK(errors_of("models = 3\n") == lines{"t.toml:1:10: models is an integer; expected a table"});
  CHECK(errors_of("[[models]]\npath = \"m.gguf\"\n") == lines{"t.toml:1:1: models is an array; expected a table"});
  CHECK(errors_of("[models]\npath = \"m.gguf\"\n") ==
        lines{"t.toml:2:8: 'path' in [models] is a string; expected a table [models.NAME]"});
  CHECK(errors_behind_model("[frontends.z]\nbind = \"\"\n") == lines{"t.toml:4:8: bind is empty; expected text"});
}

TEST_CASE("numbers out of range are named with the range") {
  CHECK(errors_behind_model("[engines.m]\nthreads = -1\nmax_step_rows = 0\nmax_sequences = 65537\nmax_waiting = 0\n"
                            "context_length = 9223372036854775807\nblock_size = 0\n") ==
        lines{"t.toml:4:11: threads is -1; expected 0 to 1024", "t.toml:5:17: max_step_rows is 0; expected 1 to 65536",
              "t.toml:6:17: max_sequences is 65537; expected 1 to 65536", "t.toml:7:15: max_waiting is 0; expected 1 to 1000000",
              "t.toml:8:18: context_length is 9223372036854775807; expected 0 to 16777216",
              "t.toml:9:14: block_size is 0; expected 1 to 1024"});
  CHECK(errors_behind_model("[engines.m]\nblock_size = 48\n") ==
        lines{"t.toml:4:14: block_size is 48; expected a power of two, 1 to 1024"});
  CHECK(errors_behind_model("[operations]\nsequence_lease_ms = 99\n") ==
        lines{"t.toml:4:21: sequence_lease_ms is 99; expected 100 to 86400000"});
  CHECK(errors_behind_model("[endpoints.m]\nmax_cost_tokens = 4294967296\n") ==
        lines{"t.toml:4:19: max_cost_tokens is 4294967296; expected 0 to 4294967295"});
}

TEST_CASE("bytes are integers or text with a unit") {
  CHECK(parse_bytes("2GiB") == 2ull << 30);
  CHECK(parse_bytes("1.5 GB") == 1'500'000'000);
  CHECK(parse_bytes("0.125KiB") == 128);
  CHECK(parse_bytes("7B") == 7);
  CHECK(parse_bytes("4194304TiB") == 1ull << 62);
  for (const auto* bad : {"", "GiB", "2", "2 Gib", "-1MB", "1.2345MB", "1.MB", ".5MB", "1..5MB", "4194305TiB",
                          "99999999999999999999999B", "1 2MB", "0x10MB"})
    CHECK_MESSAGE(!parse_bytes(bad), bad);
  CHECK(errors_behind_model("[engines.m]\nkv_memory_bytes = \"2 gigs\"\n") ==
        lines{"t.toml:4:19: kv_memory_bytes is '2 gigs'; expected bytes as an integer or a string such as \"2GiB\""});
  CHECK(errors_behind_model("[engines.m]\nkv_memory_bytes = -1\n") ==
        lines{"t.toml:4:19: kv_memory_bytes is -1; expected bytes as an integer or a string such as \"2GiB\""});
  CHECK(errors_behind_model("[engines.m]\nkv_memory_bytes = 0.5\n") ==
        lines{"t.toml:4:19: kv_memory_bytes is a float; expected bytes as an integer or a string such as \"2GiB\""});
  CHECK(errors_behind_model("[frontends.z]\nmax_message_bytes = \"2GiB\"\n") ==
        lines{"t.toml:4:21: max_message_bytes is '2GiB'; expected 1024 to 1073741824 bytes"});
}

TEST_CASE("missing keys are reported at their table") {
  CHECK(errors_of("[models.m]\n") == lines{"t.toml:1:9: [models.m] has no path; expected path = \"FILE.gguf\""});
  CHECK(errors_of("[models.a]\npath = \"m.gguf\"\n[models.b]\npath = \"m.gguf\"\n[engines.x]\n") ==
        lines{"t.toml:5:10: [engines.x] has no model; expected the name of a model"});
  CHECK(errors_behind_model("[pools.p]\n") == lines{"t.toml:3:8: [pools.p] has no engines; expected the names of engines"});
  CHECK(errors_behind_model("[endpoints.e]\n") ==
        lines{"t.toml:3:12: [endpoints.e] has no members; expected the names of pools or endpoints"});
}

TEST_CASE("names have only letters, digits, minus, underscore and dot") {
  CHECK(errors_of("[models.\"a b\"]\npath = \"m.gguf\"\n") ==
        lines{"t.toml:1:9: bad name 'a b' in [models]; expected 1 to 64 letters, digits, '-', '_' and '.'"});
  CHECK(errors_of("[models.\"\"]\npath = \"m.gguf\"\n") ==
        lines{"t.toml:1:9: bad name '' in [models]; expected 1 to 64 letters, digits, '-', '_' and '.'"});
  CHECK(errors_of("[models.\"größe\"]\npath = \"m.gguf\"\n") ==
        lines{"t.toml:1:9: bad name 'größe' in [models]; expected 1 to 64 letters, digits, '-', '_' and '.'"});
  CHECK(errors_of("[models." + std::string(65, 'a') + "]\npath = \"m.gguf\"\n") ==
        lines{"t.toml:1:9: bad name '" + std::string(65, 'a') +
              "' in [models]; expected 1 to 64 letters, digits, '-', '_' and '.'"});
  CHECK(errors_of("[models." + std::string(64, 'a') + "]\npath = \"m.gguf\"\n") == lines{});
}

TEST_CASE("keys and kinds of later versions are answered as such") {
  CHECK(errors_behind_model("[discovery]\nplugin = \"dns\"\n") ==
        lines{"t.toml:3:2: 'discovery' in the file belongs to a later version; this one has: nodes, links, models, engines, "
              "pools, endpoints, frontends, plugins, operations"});
  CHECK(errors_behind_model("[pools.p]\nengines = [\"m\"]\nkv_transport = \"tcp\"\n") ==
        lines{"t.toml:5:1: 'kv_transport' in [pools.p] belongs to a later version; this one has: engines, placement"});
  CHECK(errors_behind_model("kv_codec = \"q8\"\n") ==
        lines{"t.toml:3:1: 'kv_codec' in [models.m] belongs to a later version; this one has: path, chat_template, sha256, weights"});
  CHECK(errors_behind_model("[engines.m]\nspeculator = \"draft\"\n")[0].starts_with("t.toml:4:1: 'speculator' in [engines.m] belongs to a later version; this one has: "));
  CHECK(errors_behind_model("[frontends.web]\nkind = \"grpc\"\n") ==
        lines{"t.toml:4:8: kind 'grpc' belongs to a later version; this one has: zmq, http"});
  CHECK(errors_behind_model("[engines.m]\nshards = { kind = \"experts\", count = 2 }\n") ==
        lines{"t.toml:4:19: kind 'experts' belongs to a later version; this one has: layers, tensor"});
  const auto result = load_text("[discovery]\n", "t.toml", nullptr);
  REQUIRE(result.errors.size() == 2);
  CHECK(result.errors[1].code == errc::unsupported);
}

TEST_CASE("a table named http is an HTTP frontend, which other machines reach with keys only") {
  const auto loaded = load_text("[models.m]\npath = \"/dev/null\"\n[frontends.http]\n", "t.toml", nullptr);
  REQUIRE(loaded.value);
  CHECK(loaded.value->frontends.front().kind == "http");
  CHECK(loaded.value->frontends.front().bind == "127.0.0.1:8080");
  CHECK(errors_behind_model("[frontends.http]\nbind = \"0.0.0.0:8080\"\n") ==
        lines{"t.toml:3:12: frontend 'http' binds '0.0.0.0:8080', where other machines can connect; expected api_keys, or insecure = true"});
  CHECK(errors_behind_model("[frontends.http]\nbind = \"0.0.0.0:8080\"\ninsecure = true\n") == lines{});
  CHECK(errors_behind_model("[frontends.http]\nbind = \"tcp://127.0.0.1:8080\"\n") == lines{"t.toml:4:8: bind is 'tcp://127.0.0.1:8080'; expected HOST:PORT"});
  CHECK(errors_behind_model("[frontends.http]\nbind = \"127.0.0.1:99999\"\n") == lines{"t.toml:4:8: bind is '127.0.0.1:99999'; expected a port of 0 to 65535"});
  CHECK(errors_behind_model("[frontends.http]\nwindow_tokens = 200\n").at(0).starts_with("t.toml:4:1: unknown key 'window_tokens'"));
}

TEST_CASE("a certificate needs its key, and both must be there") {
  CHECK(errors_behind_model("[frontends.http]\ntls_certificate = \"m.gguf\"\n") == lines{"t.toml:4:19: tls_certificate without tls_key; expected both, or neither"});
  CHECK(errors_behind_model("[frontends.http]\ntls_key = \"m.gguf\"\n") == lines{"t.toml:4:11: tls_key without tls_certificate; expected both, or neither"});
  CHECK(errors_behind_model("[frontends.http]\ntls_certificate = \"none.pem\"\ntls_key = \"plugins\"\n") ==
        lines{"t.toml:4:19: no such file 'DIR/none.pem'; expected a chain of certificates in PEM",
              "t.toml:5:11: 'DIR/plugins' is a folder; expected the certificate's private key in PEM"});
  CHECK(errors_behind_model("[frontends.http]\nbind = \"0.0.0.0:8080\"\ntls_certificate = \"m.gguf\"\ntls_key = \"m.gguf\"\n") ==
        lines{"t.toml:3:12: frontend 'http' binds '0.0.0.0:8080', where other machines can connect; expected api_keys, or insecure = true"});
  CHECK(errors_behind_model("[frontends.zmq]\ntls_key = \"m.gguf\"\n").at(0).starts_with("t.toml:4:1: unknown key 'tls_key'"));
}

TEST_CASE("an unknown kind is answered with the nearest known one") {
  CHECK(errors_behind_model("[frontends.z]\nkind = \"zqm\"\n") == lines{"t.toml:4:8: unknown kind 'zqm'; did you mean 'zmq'? known: zmq, http"});
  CHECK(errors_behind_model("[operations]\nlog_level = \"loud\"\n") ==
        lines{"t.toml:4:13: unknown log_level 'loud'; known: debug, info, warning, error"});
}

TEST_CASE("hashes have 64 hexadecimal digits and are kept in lower case") {
  CHECK(errors_behind_model("sha256 = \"abc\"\n") == lines{"t.toml:3:10: sha256 is 'abc'; expected 64 hexadecimal digits"});
  CHECK(parse_sha256(std::string(64, 'A')) == std::string(64, 'a'));
  CHECK(parse_sha256(std::string(63, 'a') + "g").empty());
  CHECK(errors_behind_model("[plugins.pins]\n\"lib/cpu.so\" = 1\n\"b.so\" = \"12\"\n") ==
        lines{"t.toml:4:1: 'lib/cpu.so' is pinned; expected a file name without a folder",
              "t.toml:4:16: pin of 'lib/cpu.so' is an integer; expected 64 hexadecimal digits",
              "t.toml:5:10: pin of 'b.so' is '12'; expected 64 hexadecimal digits"});
}

TEST_CASE("shards need a kind, and a count or as many nodes") {
  CHECK(errors_behind_model("[engines.m.shards]\ncount = 2\n") ==
        lines{"t.toml:3:1: [engines.m.shards] has no kind; expected kind = \"layers\" or \"tensor\""});
  CHECK(errors_behind_model("[engines.m.shards]\nkind = \"layers\"\n") ==
        lines{"t.toml:3:1: [engines.m.shards] has no count; expected count or nodes"});
  CHECK(errors_behind_model("[engines.m]\nshards = { kind = \"tensor\", count = 3, nodes = [\"local\", \"local\"] }\n") ==
        lines{"t.toml:4:48: shards.nodes names 2 nodes for a count of 3; expected one for each shard"});
  CHECK(errors_behind_model("[engines.m]\nshards = { kind = \"tensor\", count = 0 }\n") ==
        lines{"t.toml:4:37: count is 0; expected 1 to 1024"});
}

TEST_CASE("all errors come in file order, and after a hundred only their number") {
  std::string text = "[models.m]\npath = \"m.gguf\"\n[engines.m]\nthreads = -1\n[endpoints.m]\nmembers = []\n[pools.m]\nengines = [\"x\"]\n";
  CHECK(errors_of(text) == lines{"t.toml:4:11: threads is -1; expected 0 to 1024",
                                 "t.toml:6:11: members is empty; expected at least one name",
                                 "t.toml:8:12: unknown engine 'x'; defined: m"});
  text = "[models.m]\npath = \"m.gguf\"\n";
  for (int i = 0; i < 150; ++i) text += "wrong" + std::to_string(i) + " = 1\n";
  const auto found = errors_of(text);
  REQUIRE(found.size() == 101);
  CHECK(found[0] == "t.toml:3:1: unknown key 'wrong0'; [models.m] has: path, chat_template, sha256, weights");
  CHECK(found[100] == "t.toml: 50 more errors are not shown");
}
