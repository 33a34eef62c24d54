// One service over several processes: what its clients see when nodes come, go, hang and disagree.
#include "integration/node_load.hpp"

#include <zmq.h>

#include <random>

using namespace tokamak;
using namespace tokamak::test;
using namespace std::chrono_literals;

TEST_CASE("serve --all runs every node, and SIGTERM ends all of them once their requests are done") {
  test::node_group nodes({"a", "b"});
  test::child_process all({test::tokamak_program(), "serve", nodes.file(), "--all"});
  REQUIRE_MESSAGE(all.wait_for("engine.available pool=tiny engine=b"), all.err());
  REQUIRE_MESSAGE(all.wait_for("frontend listening"), all.err());
  for (int i = 0; i < 4; ++i) CHECK(answer_of(nodes.address()) == "4 tokens");
  all.signal(SIGTERM);
  CHECK(all.wait() == 0);
  CHECK(all.err().find("at once") == std::string::npos);
}

TEST_CASE("nodes of a file with several must be told which one they are") {
  test::node_group nodes({"a", "b"});
  test::child_process none({test::tokamak_program(), "serve", nodes.file()});
  CHECK(none.wait() == 1);
  CHECK(none.err().find("has the nodes a, b; expected one of them, or all by `tokamak serve --all`") != std::string::npos);
  test::child_process wrong({test::tokamak_program(), "serve", nodes.file(), "--node", "c"});
  CHECK(wrong.wait() == 1);
  CHECK(wrong.err().find("no node 'c' in ") != std::string::npos);
}

TEST_CASE("killed, frozen, cut off, slowed and restarted nodes lose no request and change no token") {
  const char* rounds_text = std::getenv("TOKAMAK_ROUNDS");
  const int rounds = rounds_text ? std::atoi(rounds_text) : 8;
  const char* seed_text = std::getenv("TOKAMAK_SEED");
  const auto seed = seed_text ? static_cast<unsigned>(std::atoi(seed_text)) : std::random_device{}();
  const auto lab = test::network_lab::make({"a", "b", "c"});
  MESSAGE("TOKAMAK_SEED=" << seed << " TOKAMAK_ROUNDS=" << rounds << std::string(lab ? "" : "; no network namespaces here: no node is cut off or slowed"));
  std::mt19937 random(seed);
  const auto expected = undisturbed();
  test::node_group::options o;
  o.lab = lab.get();
  test::node_group nodes({"a", "b", "c"}, o);
  nodes.start_all();
  clients load(nodes.address(), 6, expected);
  for (int round = 0; round < rounds; ++round) {
    const std::string victim = random() % 2 ? "b" : "c";
    const auto event = random() % (lab ? 5 : 3);
    const auto pause = std::chrono::milliseconds(random() % 1200);
    CAPTURE(round);
    CAPTURE(victim);
    CAPTURE(event);
    std::this_thread::sleep_for(std::chrono::milliseconds(random() % 200));
    if (event == 0) { // killed, and back after a while
      nodes.kill(victim);
      std::this_thread::sleep_for(pause);
      nodes.start(victim);
    } else if (event == 1) { // frozen, sometimes for so short a time that nobody notices
      nodes.signal(victim, SIGSTOP);
      std::this_thread::sleep_for(pause);
      nodes.signal(victim, SIGCONT);
    } else if (event == 2) { // asked to leave
      nodes.signal(victim, SIGTERM);
      CHECK(nodes.process(victim).wait() == 0);
      nodes.start(victim);
    } else if (event == 3) {
      REQUIRE(lab->cut(victim));
      std::this_thread::sleep_for(pause);
      REQUIRE(lab->join(victim));
    } else {
      REQUIRE(lab->slow(victim, "10mbit"));
      std::this_thread::sleep_for(pause);
      REQUIRE(lab->restore(victim));
    }
    REQUIRE_MESSAGE(nodes.wait_for_engines(3), nodes.process("a").err());
    REQUIRE(load.problem() == "");
  }
  load.stop();
  CHECK(load.problem() == "");
  CHECK(load.answers() > 0);
  // Every token that a client got is in the accounts, once.
  CHECK(nodes.counter("pool", "tiny", "delivered_tokens") == static_cast<double>(load.tokens()));
  CHECK(nodes.counter("pool", "tiny", "open") == 0);
  CHECK(nodes.counter("pool", "tiny", "failed") == 0);
  MESSAGE(load.answers() << " answers, " << nodes.counter("pool", "tiny", "resumed") << " resumed");
}

TEST_CASE("a node whose line is cut leaves its pool within two heartbeats, and comes back") {
  const auto lab = test::network_lab::make({"a", "b"});
  if (!lab) {
    MESSAGE("no network namespaces here: not tested");
    return;
  }
  test::node_group::options o;
  o.lab = lab.get();
  test::node_group nodes({"a", "b"}, o);
  nodes.start_all();
  for (int round = 0; round < 2; ++round) {
    REQUIRE(lab->cut("b"));
    const auto begin = std::chrono::steady_clock::now();
    CHECK(nodes.wait_for_engines(1));
    CHECK(std::chrono::steady_clock::now() - begin < 2 * 250ms * test::patience + 500ms);
    CHECK(answer_of(nodes.address()) == "4 tokens");
    REQUIRE(lab->join("b"));
    REQUIRE_MESSAGE(nodes.wait_for_engines(2), nodes.process("a").err());
  }
}

TEST_CASE("over a slow line with outages, some of them longer than two heartbeats, no request is lost and no token changed") {
  const auto expected = undisturbed();
  test::node_group::options o;
  o.heartbeat_ms = 200;
  o.more = "[links.slow]\nnodes = [\"a\", \"b\"]\nbandwidth_kbit = 10000\ndelay_ms = 5\njitter_ms = 3\noutage_every_ms = 900\noutage_ms = 150\n"
           "[links.broken]\nnodes = [\"a\", \"c\"]\ndelay_ms = 1\noutage_every_ms = 2000\noutage_ms = 700\n";
  test::node_group nodes({"a", "b", "c"}, o);
  nodes.start_all();
  clients load(nodes.address(), 4, expected);
  CHECK(nodes.wait_for([&] { return nodes.counter("links", "a", "sessions_lost") >= 2; }));
  CHECK(nodes.wait_for([&] { return nodes.counter("links", "a", "nodes_up") == 2; }));
  load.stop();
  CHECK(load.problem() == "");
  CHECK(nodes.counter("pool", "tiny", "delivered_tokens") == static_cast<double>(load.tokens()));
  CHECK(nodes.process("a").err().find("links down node=b") == std::string::npos); // its outages are too short
}

namespace {

test::node_group::options cut_engine(const std::string& kind, const std::string& nodes) {
  test::node_group::options o;
  o.engines = {"a"};
  o.shards = "shards = { kind = \"" + kind + "\", nodes = [" + nodes + "] }\n";
  return o;
}

/// Answers of several clients at once.
std::vector<std::vector<std::int32_t>> answers_at_once(const std::string& address, int n) {
  std::vector<std::vector<std::int32_t>> got(static_cast<std::size_t>(n));
  std::vector<std::thread> threads;
  for (int i = 0; i < n; ++i)
    threads.emplace_back([&, i] {
      auto c = client::connect(address);
      if (const auto answer = c->generate(test::asking(i, length))) got[static_cast<std::size_t>(i)] = answer->token_ids;
    });
  for (auto& t : threads) t.join();
  return got;
}

} // namespace

TEST_CASE("an engine cut by layers over nodes gives the tokens of one process, also with several steps in flight") {
  auto expected = undisturbed();
  expected.resize(8);
  test::node_group two({"a", "b"}, cut_engine("layers", "\"a\", \"b\""));
  two.start_all();
  CHECK(answers_at_once(two.address(), 8) == expected);
  test::node_group elsewhere({"a", "b", "c"}, cut_engine("layers", "\"b\", \"c\"")); // the scheduler's node has no shard
  elsewhere.start_all();
  CHECK(answers_at_once(elsewhere.address(), 8) == expected);
}

TEST_CASE("an engine cut by tensor slices over nodes gives the greedy tokens of one cut so in one process") {
  test::node_group nodes({"a", "b"}, cut_engine("tensor", "\"a\", \"b\""));
  nodes.start_all();
  test::test_service one("[models.tiny]\npath = \"" + nodes.folder() + "/tiny.gguf\"\n[engines.tiny]\nbackend = \"reference\"\nshards = { kind = \"tensor\", count = 2 }\n"
                         "[frontends.zmq]\nbind = \"tcp://127.0.0.1:*\"\n");
  CHECK(answers_at_once(nodes.address(), 8) == answers_at_once(one.address(), 8));
}

TEST_CASE("a cut engine that loses a shard tells its clients, and is whole again when the node is back") {
  const auto expected = undisturbed();
  test::node_group nodes({"a", "b"}, cut_engine("layers", "\"a\", \"b\""));
  nodes.start_all();
  for (int round = 0; round < 3; ++round) {
    auto c = client::connect(nodes.address());
    REQUIRE(c);
    bool killed = false;
    const auto answer = c->generate(test::asking(1, 400), [&](const client_chunk&) {
      if (std::exchange(killed, true)) return true;
      if (round == 1) nodes.signal("b", SIGSTOP); // hangs, and goes on when nobody waits for it any more
      else nodes.kill("b");
      return true;
    });
    REQUIRE(!answer);
    CHECK(answer.error().message == "engine 'a' was lost");
    CHECK(answer_of(nodes.address()) == "placement 'round_robin': no engine is available");
    if (round == 1) nodes.signal("b", SIGCONT);
    else nodes.start("b");
    REQUIRE_MESSAGE(nodes.wait_for_engines(1), nodes.process("a").err());
    const auto again = answers_at_once(nodes.address(), 4);
    for (std::size_t i = 0; i < again.size(); ++i) CHECK(again[i] == expected[i]);
  }
}

TEST_CASE("answers of a cut engine that loses a shard go on at a whole one") {
  const auto expected = undisturbed();
  auto o = cut_engine("layers", "\"a\", \"b\"");
  o.more = "[engines.whole]\nmodel = \"tiny\"\nnode = \"c\"\nbackend = \"reference\"\nthreads = 1\n";
  o.n_engines = 2;
  test::node_group nodes({"a", "b", "c"}, o);
  nodes.start_all();
  clients load(nodes.address(), 4, expected);
  for (int round = 0; round < 3; ++round) {
    std::this_thread::sleep_for(200ms);
    nodes.kill("b");
    REQUIRE(nodes.wait_for_engines(1));
    nodes.start("b");
    REQUIRE_MESSAGE(nodes.wait_for_engines(2), nodes.process("a").err());
  }
  load.stop();
  CHECK(load.problem() == "");
  CHECK(nodes.counter("pool", "tiny", "delivered_tokens") == static_cast<double>(load.tokens()));
}

TEST_CASE("two shards that lose each other end what their engine runs, though its own node reaches both") {
  const auto expected = undisturbed();
  auto o = cut_engine("layers", "\"b\", \"c\"");
  o.more = "[engines.whole]\nmodel = \"tiny\"\nnode = \"a\"\nbackend = \"reference\"\nthreads = 1\n"
           "[links.broken]\nnodes = [\"b\", \"c\"]\noutage_every_ms = 2500\noutage_ms = 1000\n";
  o.n_engines = 2;
  test::node_group nodes({"a", "b", "c"}, o);
  nodes.start_all();
  clients load(nodes.address(), 4, expected);
  for (int i = 0; i < 2; ++i) REQUIRE(nodes.process("a").wait_for("shard 'shard.a.1' is gone"));
  CHECK(nodes.wait_for([&] { return nodes.counter("pool", "tiny", "resumed") > 0; }));
  REQUIRE_MESSAGE(nodes.wait_for_engines(2), nodes.process("a").err());
  load.stop();
  CHECK(load.problem() == "");
  CHECK(nodes.counter("pool", "tiny", "open") == 0);
  CHECK(nodes.counter("pool", "tiny", "delivered_tokens") == static_cast<double>(load.tokens()));
}

TEST_CASE("where no other engine is left, clients are told at once, and served again when the node is back") {
  test::node_group::options o;
  o.engines = {"b"};
  test::node_group nodes({"a", "b"}, o);
  nodes.start_all();
  auto c = client::connect(nodes.address());
  REQUIRE(c);
  bool killed = false;
  const auto answer = c->generate(test::asking(1, 400), [&](const client_chunk&) {
    if (!std::exchange(killed, true)) nodes.kill("b");
    return true;
  });
  REQUIRE(!answer);
  CHECK(answer.error().code == client_errc::unavailable);
  CHECK(answer.error().message == "engine 'b' was lost");
  CHECK(answer_of(nodes.address()) == "placement 'round_robin': no engine is available");
  nodes.start("b");
  REQUIRE(nodes.wait_for_engines(1));
  CHECK(answer_of(nodes.address()) == "4 tokens");
}

TEST_CASE("a node with another topology is refused, and both sides say what differs") {
  test::node_group nodes({"a", "b"});
  nodes.write_file("other.toml", "default_deadline_ms = 77000\n");
  nodes.start("a");
  REQUIRE(nodes.process("a").wait_for("serve ready"));
  nodes.start("b", "other.toml");
  REQUIRE_MESSAGE(nodes.process("b").wait_for("runs another topology: digest "), nodes.process("b").err());
  REQUIRE_MESSAGE(nodes.process("a").wait_for("node 'b' runs another topology: digest "), nodes.process("a").err());
  CHECK(nodes.counter("links", "a", "refused") >= 1);
  CHECK(nodes.counter("links", "a", "nodes_up") == 0);
  CHECK(answer_of(nodes.address()) == "4 tokens");
}

TEST_CASE("a node whose key is not the one of its name does not get in") {
  test::node_group nodes({"a", "b"});
  nodes.start("a");
  REQUIRE(nodes.process("a").wait_for("serve ready"));
  std::filesystem::rename(nodes.folder() + "/b.key", nodes.folder() + "/old.key");
  std::filesystem::rename(nodes.folder() + "/b.pub", nodes.folder() + "/old.pub");
  REQUIRE(network::write_new_keys(nodes.folder() + "/b"));
  nodes.start("b");
  REQUIRE_MESSAGE(nodes.process("b").wait_for("links no_session"), nodes.process("b").err());
  REQUIRE(nodes.wait_for([&] { return nodes.counter("links", "a", "refused_keys") >= 1; }));
  CHECK(nodes.counter("links", "a", "nodes_up") == 0);
  CHECK(nodes.process("a").wait_for("keys refused"));
}

TEST_CASE("garbage on the port of a node is refused and counted, and the node goes on") {
  test::node_group::options o;
  o.keys = false;
  test::node_group nodes({"a", "b"}, o);
  nodes.start_all();
  const unsigned seed = std::random_device{}();
  MESSAGE("seed " << seed);
  std::mt19937 random(seed);
  void* context = zmq_ctx_new();
  for (int i = 0; i < 200; ++i) {
    void* socket = zmq_socket(context, ZMQ_DEALER);
    const int linger = 200;
    zmq_setsockopt(socket, ZMQ_LINGER, &linger, sizeof linger);
    zmq_connect(socket, ("tcp://127.0.0.1:" + std::to_string(nodes.port("a"))).c_str());
    for (int k = 0; k < 5; ++k) {
      std::string bytes(random() % 200, '\0');
      for (auto& b : bytes) b = static_cast<char>(random());
      if (bytes.size() > 8 && random() % 2) bytes.replace(0, 8, std::string("TKMK\0\1\0\0", 8));
      zmq_send(socket, bytes.data(), bytes.size(), random() % 4 == 0 && k < 4 ? ZMQ_SNDMORE : 0);
    }
    zmq_close(socket);
  }
  zmq_ctx_term(context);
  REQUIRE(nodes.wait_for([&] { return nodes.counter("links", "a", "refused") > 100; }));
  CHECK(nodes.counter("links", "a", "nodes_up") == 1);
  CHECK(nodes.counter("links", "a", "sessions_lost") == 0);
  for (int i = 0; i < 4; ++i) CHECK(answer_of(nodes.address()) == "4 tokens");
}
