// What a file leaves out, and how the result is described.
#include "fake_catalog.hpp"

using namespace tokamak::topology;
using namespace tokamak::topology::testing;

namespace {

topology loaded(const test_folder& folder, std::string_view text) {
  const fake_catalog catalog;
  auto result = folder.load(text, &catalog);
  REQUIRE_MESSAGE(result.value, doctest::StringMaker<lines>::convert(folder.shown(result.errors)));
  CHECK(result.errors.empty());
  return std::move(*result.value);
}

} // namespace

TEST_CASE("two lines make a whole service") {
  const test_folder folder;
  const auto t = loaded(folder, "[models.m]\npath = \"m.gguf\"\n");
  CHECK(t.file == folder / "t.toml");
  REQUIRE(t.find_model("m"));
  CHECK(t.find_model("m")->path == folder / "m.gguf");
  CHECK(t.find_model("m")->where == position{1, 9});

  REQUIRE(t.engines.size() == 1);
  const auto& e = *t.find_engine("m");
  CHECK(e.model == "m");
  CHECK(e.node == "local");
  CHECK(e.backend.plugin == "cpu");
  CHECK(e.scheduler.plugin == "continuous");
  CHECK(e.cache.plugin == "radix");
  REQUIRE(e.graph_passes.size() == 1);
  CHECK(e.graph_passes[0].plugin == "operator_fusion");
  CHECK(e.constraints[0].plugin == "json_schema");
  CHECK(e.threads == 0);
  CHECK(e.max_step_rows == 512);
  CHECK(e.max_sequences == 64);
  CHECK(e.max_waiting == 1024);
  CHECK(e.context_length == 0);
  CHECK(e.block_size == 32);
  CHECK(e.kv_memory_bytes == 0);
  CHECK(e.shards.kind == "");
  CHECK(e.shards.nodes == lines{"local"});

  REQUIRE(t.pools.size() == 1);
  CHECK(t.find_pool("m")->engines == lines{"m"});
  CHECK(t.find_pool("m")->placement.plugin == "least_loaded");
  REQUIRE(t.endpoints.size() == 1);
  CHECK(t.find_endpoint("m")->members == lines{"m"});
  CHECK(t.find_endpoint("m")->fusion.plugin == "direct");
  REQUIRE(t.frontends.size() == 1);
  CHECK(t.find_frontend("zmq")->bind == "tcp://127.0.0.1:7100");
  CHECK(t.find_frontend("zmq")->kind == "zmq");
  CHECK(t.find_frontend("zmq")->node == "local");
  REQUIRE(t.nodes.size() == 1);
  CHECK(t.find_node("local")->address == "");
  CHECK(t.operations.log_level == "info");
  CHECK(t.find_model("none") == nullptr);
}

TEST_CASE("every written value arrives") {
  const test_folder folder;
  const auto t = loaded(folder, R"(
[models.m]
path = "m.gguf"
chat_template = "template.jinja"
sha256 = "ABCDEF0123456789abcdef0123456789abcdef0123456789abcdef0123456789"
[engines.e]
threads = 3
max_step_rows = 128
max_sequences = 8
max_waiting = 9
context_length = 2048
block_size = 16
kv_memory_bytes = "1.5GiB"
shards = { kind = "tensor", nodes = ["n", "n"] }
kernels = ["fast"]
[pools.p]
engines = ["e"]
placement = "round_robin"
[endpoints.x]
members = ["p"]
fusion = "panel"
max_tokens = 10
max_cost_tokens = 20
[frontends.f]
bind = "ipc:///tmp/s"
max_clients = 1
max_message_bytes = 65536
max_requests_per_client = 2
window_tokens = 300
stall_timeout_ms = 700
client_buffer_bytes = "1MiB"
[nodes.n]
address = "tcp://h:1"
[plugins]
paths = ["plugins"]
[operations]
log_level = "debug"
log_file = "x.log"
default_deadline_ms = 4
sequence_lease_ms = 500
drain_deadline_ms = 6
)");
  const auto& m = t.models.at(0);
  CHECK(m.chat_template == folder / "template.jinja");
  CHECK(m.sha256 == "abcdef0123456789abcdef0123456789abcdef0123456789abcdef0123456789");
  const auto& e = t.engines.at(0);
  CHECK(e.model == "m"); // the only one
  CHECK(e.threads == 3);
  CHECK(e.max_step_rows == 128);
  CHECK(e.max_sequences == 8);
  CHECK(e.max_waiting == 9);
  CHECK(e.context_length == 2048);
  CHECK(e.block_size == 16);
  CHECK(e.kv_memory_bytes == 1'610'612'736);
  CHECK(e.shards.kind == "tensor");
  CHECK(e.shards.count == 2);
  CHECK(e.shards.nodes == lines{"n", "n"});
  CHECK(e.kernels.at(0).plugin == "fast");
  CHECK(t.pools.at(0).placement.plugin == "round_robin");
  CHECK(t.endpoints.at(0).fusion.plugin == "panel");
  CHECK(t.endpoints.at(0).max_tokens == 10);
  CHECK(t.endpoints.at(0).max_cost_tokens == 20);
  const auto& f = t.frontends.at(0);
  CHECK(f.bind == "ipc:///tmp/s");
  CHECK(f.max_clients == 1);
  CHECK(f.max_message_bytes == 65536);
  CHECK(f.max_requests_per_client == 2);
  CHECK(f.window_tokens == 300);
  CHECK(f.stall_timeout_ms == 700);
  CHECK(f.client_buffer_bytes == 1'048'576);
  CHECK(f.node == "n");
  CHECK(t.nodes.at(0).address == "tcp://h:1");
  CHECK(t.plugin_paths == lines{folder / "plugins"});
  CHECK(t.operations.log_level == "debug");
  CHECK(t.operations.log_file == folder / "x.log");
  CHECK(t.operations.default_deadline_ms == 4);
  CHECK(t.operations.sequence_lease_ms == 500);
  CHECK(t.operations.drain_deadline_ms == 6);
}

TEST_CASE("tables keep the order of the file") {
  const test_folder folder;
  const auto t = loaded(folder, "[models.z]\npath = \"m.gguf\"\n[models.a]\npath = \"m.gguf\"\n[models.m]\npath = \"m.gguf\"\n");
  lines names;
  for (const auto& e : t.endpoints) names.push_back(e.name);
  CHECK(names == lines{"z", "a", "m"});
}

TEST_CASE("things of the same name find each other") {
  const test_folder folder;
  const auto t = loaded(folder, "[models.a]\npath = \"m.gguf\"\n[models.b]\npath = \"m.gguf\"\n[engines.a]\n[engines.b]\n[engines.b2]\nmodel = \"b\"\n"
                                "[pools.a]\n[pools.b]\n[pools.b2]\n[endpoints.a]\nmax_tokens = 5\n[endpoints.b]\n[endpoints.b2]\n");
  CHECK(t.find_engine("a")->model == "a");
  CHECK(t.find_pool("b")->engines == lines{"b", "b2"});
  CHECK(t.find_pool("b2")->engines == lines{"b2"});
  CHECK(t.find_endpoint("a")->members == lines{"a"});
}

TEST_CASE("a model without engines gets no pool where engines are written") {
  const test_folder folder;
  const auto t = loaded(folder, "[models.a]\npath = \"m.gguf\"\n[models.b]\npath = \"m.gguf\"\n[engines.x]\nmodel = \"b\"\n[engines.y]\nmodel = \"b\"\n");
  REQUIRE(t.pools.size() == 1);
  CHECK(t.find_pool("b")->engines == lines{"x", "y"});
}

TEST_CASE("the description shows the graph with all defaults") {
  const test_folder folder;
  const auto t = loaded(folder, "[models.m]\npath = \"m.gguf\"\n");
  CHECK(folder.plain(describe(t)) == "topology DIR/t.toml, digest " + t.digest + R"(
endpoint m: fusion direct, max_tokens up to the context, max_cost_tokens no limit
  pool m: placement least_loaded
    engine m on node local: backend cpu, scheduler continuous { prefill_chunk = 256, order = "priority", share = 0.5, strict = false }, cache radix { max_nodes = 0 }
      graph_passes operator_fusion; kernels none; constraints json_schema; shards none
      threads all, max_step_rows 512, max_sequences 64, max_waiting 1024
      context_length of the model, block_size 32, kv_memory_bytes automatic
      model m: DIR/m.gguf
        chat_template of the model, sha256 not pinned, weights as they are
frontend zmq on node local: zmq at tcp://127.0.0.1:7100
  max_clients 1024, max_message_bytes 16777216, max_requests_per_client 256
  window_tokens 1024, stall_timeout_ms 60000, client_buffer_bytes 16777216
  clients connect in the clear
node local: no links
operations: log_level info, log_file standard error
  default_deadline_ms none, sequence_lease_ms 30000, drain_deadline_ms 30000, heartbeat_ms 1000
)");
}

TEST_CASE("the description shows shared things once, unused ones too, and options as TOML") {
  const test_folder folder;
  const auto t = loaded(folder, "[models.m]\npath = \"m.gguf\"\n[models.spare]\npath = \"m.gguf\"\n[engines.e]\nmodel = \"m\"\n"
                                "scheduler = { limits = [1, 2.0, \"a\\\"\\n\"], weights = { a = true } }\nshards = { kind = \"layers\", count = 2 }\n"
                                "[pools.p]\nengines = [\"e\"]\n[endpoints.x]\nmembers = [\"p\", \"y\"]\nfusion = \"panel\"\n[endpoints.y]\nmembers = [\"p\"]\n");
  const auto text = describe(t);
  for (const auto* part : {"endpoint x: fusion panel", "  pool p: placement least_loaded\n", "  endpoint y\n", "  pool p (see above)\n",
                           "shards 2 by layers on local, local", "\nmodel spare: ",
                           "limits = [1, 2.0, \"a\\\"\\u000a\"], weights = { a = true }"})
    CHECK_MESSAGE(text.find(part) != std::string::npos, part << " in\n" << text);
}
