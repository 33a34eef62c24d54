// What an operator asks of a service of several nodes: how all of them are, and that one leaves.
#include "integration/node_load.hpp"

using namespace tokamak;
using namespace tokamak::test;
using namespace std::chrono_literals;

namespace {

using lines = std::vector<std::string>;

client_status status_at(const std::string& address) {
  auto c = client::connect(address);
  REQUIRE(c);
  const auto s = c->status();
  REQUIRE_MESSAGE(s.has_value(), (s ? "" : s.error().to_string()));
  return *s;
}

/// "a", "b: not connected", …
lines nodes_at(const std::string& address) {
  lines out;
  for (const auto& n : status_at(address).nodes) out.push_back(n.problem.empty() ? n.name : n.name + ": " + n.problem);
  return out;
}

std::set<std::string> actors_of(const client_status& s, const std::string& node) {
  std::set<std::string> out;
  for (const auto& actor : s.actors)
    if (actor.node == node) out.insert(actor.kind + " " + actor.name);
  return out;
}

/// A second frontend, on a node.
struct second_frontend {
  std::string address = "tcp://127.0.0.1:" + std::to_string(free_port());
  std::string toml(const std::string& node) const { return "[frontends.second]\nnode = \"" + node + "\"\nbind = \"" + address + "\"\n"; }
};

/// `tokamak drain NODE`, started.
child_process draining(const std::string& node, const std::string& address) { return child_process({tokamak_program(), "drain", node, "--connect", address}); }

std::string drain_error(const std::string& node, const std::string& address) {
  auto p = draining(node, address);
  CHECK(p.wait() == 1);
  CHECK(p.out() == "");
  return p.err();
}

} // namespace

TEST_CASE("the status shows the actors of every node, and names those that are gone or frozen") {
  node_group::options o;
  o.heartbeat_ms = 20'000; // a frozen node's link lives on
  node_group nodes({"a", "b", "c"}, o);
  nodes.start_all();
  const auto s = status_at(nodes.address());
  CHECK(s.node == "a");
  CHECK(nodes_at(nodes.address()) == lines{"a", "b", "c"});
  CHECK(actors_of(s, "b") == std::set<std::string>{"kv_cache b", "ledger ledger", "links b", "scheduler b", "shard b.0"});
  CHECK(actors_of(s, "a") == std::set<std::string>{"endpoint tiny", "frontend zmq", "kv_cache a", "ledger ledger", "links a", "pool tiny", "scheduler a", "shard a.0"});
  CHECK(nodes.counter("links", "a", "b.up") == 1);
  CHECK(nodes.counter("links", "a", "b.bytes_received") > 0);

  nodes.signal("c", SIGSTOP);
  nodes.kill("b");
  REQUIRE(nodes.wait_for([&] { return nodes.counter("links", "a", "b.up") == 0; }));
  const auto begun = std::chrono::steady_clock::now();
  CHECK(nodes_at(nodes.address()) == lines{"a", "b: not connected", "c: no answer within 2 s"});
  CHECK(std::chrono::steady_clock::now() - begun < 4s * patience);
  child_process text({tokamak_program(), "status", "--connect", nodes.address()});
  CHECK(text.wait() == 0);
  CHECK_MESSAGE(text.out().find("node b: not connected\nnode c: no answer within 2 s\n\na: endpoint tiny\n") != std::string::npos, text.out());
  nodes.signal("c", SIGCONT);
  CHECK(nodes.wait_for([&] { return nodes_at(nodes.address()) == lines{"a", "b: not connected", "c"}; }));
}

TEST_CASE("a node that hangs is out of the status as soon as its link is") {
  node_group nodes({"a", "b"});
  nodes.start_all();
  nodes.signal("b", SIGSTOP);
  const auto first = nodes_at(nodes.address());
  CHECK((first == lines{"a", "b: its link ended"} || first == lines{"a", "b: not connected"}));
  CHECK(nodes_at(nodes.address()) == lines{"a", "b: not connected"});
  nodes.signal("b", SIGCONT);
}

TEST_CASE("every node with a frontend sees every node, also those that have no engines") {
  const second_frontend second;
  node_group::options o;
  o.engines = {"c"};
  o.more = second.toml("b");
  node_group nodes({"a", "b", "c"}, o);
  nodes.start_all();
  CHECK(nodes.wait_for([&] { return nodes_at(second.address) == lines{"b", "a", "c"}; }));
  CHECK(nodes.wait_for([&] { return nodes_at(nodes.address()) == lines{"a", "b", "c"}; }));
}

TEST_CASE("nodes that are drained by command under load leave in order, and no client notices") {
  const auto expected = undisturbed();
  node_group nodes({"a", "b", "c"});
  nodes.start_all();
  clients load(nodes.address(), 6, expected);
  for (const std::string node : {"b", "c", "b"}) {
    std::this_thread::sleep_for(300ms);
    auto p = draining(node, nodes.address());
    CHECK_MESSAGE(p.wait() == 0, p.err());
    CHECK_MESSAGE(p.out().starts_with("node " + node + " drained in "), p.out());
    CHECK(p.out().ends_with(", 0 moved to other engines, 0 cut\n"));
    CHECK(nodes.process(node).wait() == 0);
    CHECK(nodes.process(node).err().find("serve drained") != std::string::npos);
    REQUIRE(nodes.wait_for_engines(2));
    const auto seen = nodes_at(nodes.address());
    CHECK(std::find(seen.begin(), seen.end(), node + ": not connected") != seen.end());
    nodes.start(node);
    REQUIRE_MESSAGE(nodes.wait_for_engines(3), nodes.process("a").err());
  }
  load.stop();
  CHECK(load.problem() == "");
  CHECK(nodes.counter("pool", "tiny", "delivered_tokens") == static_cast<double>(load.tokens()));
  CHECK(nodes.counter("pool", "tiny", "failed") == 0);
}

TEST_CASE("a node with clients of its own drains them and what other nodes' clients have on its engine") {
  const auto expected = undisturbed();
  const second_frontend second;
  node_group::options o;
  o.more = second.toml("b");
  node_group nodes({"a", "b"}, o);
  nodes.start_all();
  REQUIRE(nodes.wait_for([&] { return answer_of(second.address) == "4 tokens"; }));
  clients load(nodes.address(), 4, expected);
  auto here = client::connect(second.address);
  REQUIRE(here);
  std::unique_ptr<child_process> p;
  std::vector<std::int32_t> got;
  const auto answer = here->generate(asking(3, length), [&](const client_chunk& c) {
    got.insert(got.end(), c.token_ids.begin(), c.token_ids.end());
    if (!p) {
      p = std::make_unique<child_process>(std::vector<std::string>{tokamak_program(), "drain", "b", "--connect", nodes.address()});
      CHECK(nodes.process("b").wait_for("endpoint draining"));
      CHECK(answer_of(second.address) == "endpoint 'tiny' is draining");
    }
    return true;
  });
  CHECK_MESSAGE(answer.has_value(), (answer ? "" : answer.error().to_string()));
  CHECK(got == expected[3]);
  CHECK_MESSAGE(p->wait() == 0, p->err());
  CHECK_MESSAGE(p->out().find("requests: ") != std::string::npos, p->out());
  CHECK(nodes.process("b").wait() == 0);
  std::this_thread::sleep_for(200ms);
  load.stop();
  CHECK(load.problem() == "");
  CHECK(nodes.counter("pool", "tiny", "failed") == 0);
}

TEST_CASE("the node that is asked may be the one that leaves") {
  const auto expected = undisturbed();
  node_group nodes({"a", "b"});
  nodes.start_all();
  auto c = client::connect(nodes.address());
  REQUIRE(c);
  std::unique_ptr<child_process> p;
  std::vector<std::int32_t> got;
  const auto answer = c->generate(asking(2, length), [&](const client_chunk& chunk) {
    got.insert(got.end(), chunk.token_ids.begin(), chunk.token_ids.end());
    if (!p) p = std::make_unique<child_process>(std::vector<std::string>{tokamak_program(), "drain", "a", "--connect", nodes.address()});
    return true;
  });
  CHECK_MESSAGE(answer.has_value(), (answer ? "" : answer.error().to_string()));
  CHECK(got == expected[2]);
  CHECK_MESSAGE(p->wait() == 0, p->err());
  CHECK_MESSAGE(p->out().starts_with("node a drained in "), p->out());
  CHECK(nodes.process("a").wait() == 0);
}

TEST_CASE("what an engine has not finished at the deadline goes on at another; until then the node drains once") {
  const auto expected = undisturbed();
  node_group::options o;
  o.more = "window_tokens = 128\n[pools.only_b]\nengines = [\"b\"]\nplacement = \"round_robin\"\n[endpoints.tiny]\n[endpoints.only_b]\n";
  node_group nodes({"a", "b"}, o);
  nodes.start_all();
  auto c = client::connect(nodes.address());
  REQUIRE(c);
  std::vector<client_stream> unread; // paused, one on each engine
  for (int i = 0; i < 2; ++i) {
    auto stream = c->start(asking(i, length));
    REQUIRE(stream);
    unread.push_back(std::move(*stream));
  }
  REQUIRE(nodes.wait_for([&] { return nodes.counter("frontend", "zmq", "tokens") > 256; }));
  auto p = draining("b", nodes.address());
  REQUIRE(nodes.process("b").wait_for("serve draining"));
  CHECK(drain_error("b", nodes.address()) == "tokamak: node 'b' is draining already (already_exists)\n");
  const auto s = status_at(nodes.address());
  CHECK(s.nodes.at(1).draining);
  CHECK(nodes.counter("pool", "tiny", "engines_available") == 1);
  CHECK(nodes.counter("pool", "only_b", "engines_available") == 0);
  CHECK_MESSAGE(p.wait() == 0, p.err());
  CHECK_MESSAGE(p.out().ends_with("requests: 0 finished, 1 moved to other engines, 0 cut\n"), p.out());
  CHECK(nodes.process("b").wait() == 0);
  for (std::size_t i = 0; i < unread.size(); ++i) {
    std::vector<std::int32_t> got;
    for (auto next = unread[i].next(); next && *next; next = unread[i].next()) got.insert(got.end(), (*next)->token_ids.begin(), (*next)->token_ids.end());
    CHECK(got == expected[i]);
  }
}

TEST_CASE("nodes that cannot be drained are refused with what is wrong") {
  node_group nodes({"a", "bee"});
  nodes.start_all();
  CHECK(drain_error("be", nodes.address()) == "tokamak: no node 'be'; did you mean 'bee'? known: a, bee (not_found)\n");
  nodes.kill("bee");
  REQUIRE(nodes.wait_for_engines(1));
  CHECK(drain_error("bee", nodes.address()) == "tokamak: node 'bee' is not connected to node 'a' (unavailable)\n");
}

TEST_CASE("a drain whose node is lost says so") {
  node_group::options o;
  o.more = "window_tokens = 128\n";
  node_group nodes({"a", "b"}, o);
  nodes.start_all();
  auto c = client::connect(nodes.address());
  REQUIRE(c);
  auto unread = c->start(asking(0, length)), second = c->start(asking(1, length));
  REQUIRE(nodes.wait_for([&] { return nodes.counter("frontend", "zmq", "tokens") > 256; }));
  auto p = draining("b", nodes.address());
  REQUIRE(nodes.process("b").wait_for("serve draining"));
  nodes.kill("b");
  CHECK(p.wait() == 1);
  CHECK(p.err() == "tokamak: the link to node 'b' ended before it had drained (unavailable)\n");
}

TEST_CASE("serve --all goes on with the other nodes when one of them is drained") {
  node_group nodes({"a", "b"});
  child_process all({tokamak_program(), "serve", nodes.file(), "--all"});
  REQUIRE_MESSAGE(all.wait_for("engine.available pool=tiny engine=b"), all.err());
  auto p = draining("b", nodes.address());
  CHECK_MESSAGE(p.wait() == 0, p.err());
  REQUIRE(all.wait_for("links down node=b"));
  for (int i = 0; i < 4; ++i) CHECK(answer_of(nodes.address()) == "4 tokens");
  all.signal(SIGTERM);
  CHECK(all.wait() == 0);
}
