// Links between nodes over real sockets on this machine: actors of one reached from the other, and every way a session
// can fail to begin, or end.
#include "base/log.hpp"
#include "message/status.hpp"
#include "network/links.hpp"

#include <doctest/doctest.h>

#include <unistd.h>
#include <zmq.h>

#include <chrono>
#include <condition_variable>
#include <filesystem>
#include <thread>

using namespace tokamak;
using namespace tokamak::network;
using namespace std::chrono_literals;

namespace {

struct runtime {
  runtime() {
    log::set_level(std::getenv("TOKAMAK_TEST_LOG") ? log::level::debug : log::level::off);
    config.set("scheduler.policy", caf::atom("sharing"));
    config.set("scheduler.max-threads", std::size_t{1});
    config.set("logger.verbosity", caf::atom("quiet"));
    system = std::make_unique<caf::actor_system>(config);
  }
  caf::actor_system_config config;
  std::unique_ptr<caf::actor_system> system;
};

/// Two nodes, "a" which listens and "b" which connects.
struct node_links {
  links_setup setup;
  links running;
  explicit node_links(links_setup s) : setup(std::move(s)) {}
  void start(runtime& r) {
    auto started = spawn_links(*r.system, setup);
    REQUIRE_MESSAGE(started.has_value(), (started ? "" : started.error().to_string()));
    running = *started;
  }
  void stop() const { caf::anon_send_exit(running.actor, caf::exit_reason::user_shutdown); }
  double counter(runtime& r, const std::string& name) const {
    caf::scoped_actor self(*r.system);
    double value = -1;
    wire::StatusRequestT ask;
    self->request(running.actor, 5s, make_frame<wire::StatusRequest>(ask))
        .receive(
            [&](const frame_of<wire::ActorStatus>& s) {
              for (const auto* c : *s->counters())
                if (c->name()->str() == name) value = c->value();
            },
            [](const caf::error&) {});
    return value;
  }
};

links_setup setup_of(const std::string& node) {
  links_setup s;
  s.own = {node, "digest", static_cast<std::uint64_t>(node[0]), {}};
  s.limits.heartbeat_us = 200'000;
  return s;
}

node_links listening(runtime& r, links_setup s = setup_of("a")) {
  s.bind = "tcp://127.0.0.1:*";
  if (s.peers.empty()) s.peers = {{"b", "", ""}};
  node_links n(std::move(s));
  n.start(r);
  return n;
}

node_links connecting(runtime& r, const node_links& to, links_setup s = setup_of("b")) {
  s.peers = {{"a", to.running.address, s.keys ? to.setup.keys->own.public_key : ""}};
  node_links n(std::move(s));
  n.start(r);
  return n;
}

template <class Condition>
bool eventually(Condition condition, std::chrono::milliseconds limit = 10s) {
  const auto end = std::chrono::steady_clock::now() + limit;
  while (!condition()) {
    if (std::chrono::steady_clock::now() > end) return false;
    std::this_thread::sleep_for(5ms);
  }
  return true;
}

/// Answers Drain with Drained, StatusRequest with its name, and sends CacheBlocks back as they came.
using echo_actor = caf::typed_actor<caf::reacts_to<frame_of<wire::Drain>>, caf::reacts_to<frame_of<wire::CacheBlocks>>,
                                    caf::replies_to<frame_of<wire::StatusRequest>>::with<frame_of<wire::ActorStatus>>>;
using echo_sink = caf::typed_actor<caf::reacts_to<frame_of<wire::Drained>>, caf::reacts_to<frame_of<wire::CacheBlocks>>>;

echo_actor::behavior_type echo(echo_actor::pointer self, const std::string& name) {
  return {[=](const frame_of<wire::Drain>& m) {
            wire::DrainedT answer;
            answer.name = name + std::to_string(m->deadline_us());
            self->send(caf::actor_cast<echo_sink>(self->current_sender()), make_frame<wire::Drained>(answer));
          },
          [=](const frame_of<wire::CacheBlocks>& m) { self->send(caf::actor_cast<echo_sink>(self->current_sender()), m); },
          [=](const frame_of<wire::StatusRequest>&) { return make_status(name, "echo", {{"one", 1}}); }};
}

/// Waits for the actor that `node` offers as `name`.
caf::strong_actor_ptr imported(caf::scoped_actor& self, const node_links& at, const std::string& node, const std::string& name) {
  self->send(at.running.actor, import_atom::value, node, name);
  caf::strong_actor_ptr found;
  self->receive([&](imported_atom, const std::string&, const std::string&, const caf::strong_actor_ptr& actor) { found = actor; },
                caf::after(10s) >> [] {});
  return found;
}

void export_as(const node_links& at, const std::string& name, const echo_actor& actor) {
  caf::anon_send(at.running.actor, export_atom::value, name, caf::actor_cast<caf::strong_actor_ptr>(actor));
}

} // namespace

TEST_CASE("an actor of another node is sent frames, answers their sender, and answers requests") {
  runtime r;
  const auto a = listening(r);
  const auto b = connecting(r, a);
  const auto actor = r.system->spawn(echo, "echo");
  export_as(a, "echo", actor);
  caf::scoped_actor self(*r.system);
  const auto remote = imported(self, b, "a", "echo");
  REQUIRE(remote);
  for (std::uint64_t i = 0; i < 1000; ++i) {
    wire::DrainT m;
    m.deadline_us = i;
    self->send(caf::actor_cast<echo_actor>(remote), make_frame<wire::Drain>(m));
  }
  for (std::uint64_t i = 0; i < 1000; ++i)
    self->receive([&](const frame_of<wire::Drained>& m) { CHECK(m->name()->str() == "echo" + std::to_string(i)); },
                  caf::after(10s) >> [] { FAIL("no answer"); });
  std::string name;
  self->request(caf::actor_cast<echo_actor>(remote), 10s, make_frame<wire::StatusRequest>({}))
      .receive([&](const frame_of<wire::ActorStatus>& s) { name = s->name()->str(); }, [](const caf::error&) {});
  CHECK(name == "echo");
  CHECK(a.counter(r, "nodes_up") == 1);
  CHECK(b.counter(r, "frames_received") > 1000);
  caf::anon_send_exit(b.running.actor, caf::exit_reason::user_shutdown);
  caf::anon_send_exit(a.running.actor, caf::exit_reason::user_shutdown);
  caf::anon_send_exit(actor, caf::exit_reason::user_shutdown);
}

TEST_CASE("the last words of a node that leaves arrive before its end does") {
  for (int round = 0; round < 30; ++round) {
    runtime r;
    const auto a = listening(r), b = connecting(r, a);
    const bool listener_leaves = round % 2 == 1;
    const auto& leaving = listener_leaves ? a : b;
    const auto& staying = listener_leaves ? b : a;
    caf::scoped_actor hears(*r.system), speaks(*r.system);
    caf::anon_send(staying.running.actor, export_atom::value, std::string("sink"), caf::actor_cast<caf::strong_actor_ptr>(hears));
    const auto remote = imported(speaks, leaving, listener_leaves ? "b" : "a", "sink");
    REQUIRE(remote);
    wire::DrainedT word;
    word.name = std::string(1000, 'w');
    for (int i = 0; i < 150; ++i) speaks->send(caf::actor_cast<echo_sink>(remote), make_frame<wire::Drained>(word));
    leaving.stop();
    int heard = 0;
    for (bool lost = false; heard < 150 && !lost;)
      hears->receive([&](const frame_of<wire::Drained>&) { ++heard; }, caf::after(5s) >> [&] { lost = true; });
    CHECK(heard == 150);
    staying.stop();
  }
}

TEST_CASE("bulk arrives as it was sent, from both sides, also far more than the windows hold") {
  runtime r;
  auto small = setup_of("a");
  small.limits.window = {1 << 16, 1 << 20};
  const auto a = listening(r, small);
  auto other = setup_of("b");
  other.limits = small.limits;
  const auto b = connecting(r, a, other);
  const auto actor = r.system->spawn(echo, "echo");
  export_as(b, "echo", actor);
  caf::scoped_actor self(*r.system);
  const auto remote = imported(self, a, "b", "echo");
  REQUIRE(remote);
  const std::size_t sizes[] = {0, 1, 100, 4095, 4096, 65537, 4 << 20};
  constexpr int rounds = 4;
  for (int round = 0; round < rounds; ++round)
    for (auto size : sizes) {
      auto [bytes, attached] = make_attachment(size);
      for (std::size_t i = 0; i < size; ++i) bytes[i] = static_cast<std::byte>(i * 7 + size);
      auto [more, second] = make_attachment(3);
      std::fill_n(more, 3, std::byte{9});
      wire::CacheBlocksT m;
      m.transfer = size;
      self->send(caf::actor_cast<echo_actor>(remote), make_frame<wire::CacheBlocks>(m, {attached, second}));
    }
  for (int round = 0; round < rounds; ++round)
    for (auto size : sizes)
      self->receive(
          [&](const frame_of<wire::CacheBlocks>& m) {
            CHECK(m->transfer() == size);
            REQUIRE(m.attachments().size() == 2);
            const auto bytes = m.attachments()[0].bytes();
            REQUIRE(bytes.size() == size);
            bool same = true;
            for (std::size_t i = 0; i < size; ++i) same &= bytes[i] == static_cast<std::byte>(i * 7 + size);
            CHECK(same);
            CHECK(m.attachments()[1].bytes().size() == 3);
          },
          caf::after(20s) >> [] { FAIL("no answer"); });
  caf::anon_send_exit(actor, caf::exit_reason::user_shutdown);
  caf::anon_send_exit(b.running.actor, caf::exit_reason::user_shutdown);
  caf::anon_send_exit(a.running.actor, caf::exit_reason::user_shutdown);
}

TEST_CASE("who monitors a remote actor hears of its end, and of its node's end; requests fail; the next session brings it back") {
  runtime r;
  const auto a = listening(r);
  auto b = connecting(r, a);
  const auto actor = r.system->spawn(echo, "first");
  export_as(b, "echo", actor);
  caf::scoped_actor self(*r.system);
  auto remote = imported(self, a, "b", "echo");
  REQUIRE(remote);
  self->monitor(remote);
  caf::anon_send_exit(actor, caf::exit_reason::kill);
  bool heard = false;
  self->receive([&](const caf::down_msg& d) { heard = d.source == remote->address(); }, caf::after(10s) >> [] {});
  CHECK(heard);
  bool failed = false;
  self->request(caf::actor_cast<echo_actor>(remote), 10s, make_frame<wire::StatusRequest>({}))
      .receive([](const frame_of<wire::ActorStatus>&) {}, [&](const caf::error& e) { failed = e == caf::sec::request_receiver_down; });
  CHECK(failed);

  const auto second = r.system->spawn(echo, "second");
  export_as(b, "echo", second);
  self->receive([&](imported_atom, const std::string&, const std::string&, const caf::strong_actor_ptr& again) { remote = again; },
                caf::after(10s) >> [] { FAIL("not offered again"); });
  self->monitor(remote);
  b.stop();
  heard = false;
  self->receive([&](const caf::down_msg& d) { heard = d.source == remote->address(); }, caf::after(10s) >> [] {});
  CHECK(heard);

  b.start(r);
  export_as(b, "echo", second);
  self->receive([&](imported_atom, const std::string&, const std::string&, const caf::strong_actor_ptr& again) { remote = again; },
                caf::after(10s) >> [] { FAIL("not offered again"); });
  std::string name;
  self->request(caf::actor_cast<echo_actor>(remote), 10s, make_frame<wire::StatusRequest>({}))
      .receive([&](const frame_of<wire::ActorStatus>& s) { name = s->name()->str(); }, [](const caf::error&) {});
  CHECK(name == "second");
  CHECK(a.counter(r, "sessions") == 2);
  caf::anon_send_exit(second, caf::exit_reason::user_shutdown);
  b.stop();
  caf::anon_send_exit(a.running.actor, caf::exit_reason::user_shutdown);
}

namespace {

/// A stranger: bytes to a listening node, and the refusal that comes back.
std::string refusal_of(const node_links& a, const std::vector<std::byte>& bytes) {
  void* context = zmq_ctx_new();
  void* socket = zmq_socket(context, ZMQ_DEALER);
  const int limit_ms = 10'000, none = 0;
  zmq_setsockopt(socket, ZMQ_RCVTIMEO, &limit_ms, sizeof limit_ms);
  zmq_setsockopt(socket, ZMQ_LINGER, &none, sizeof none);
  zmq_connect(socket, a.running.address.c_str());
  zmq_send(socket, bytes.data(), bytes.size(), 0);
  std::vector<std::byte> answer(4096);
  const int n = zmq_recv(socket, answer.data(), answer.size(), 0);
  zmq_close(socket);
  zmq_ctx_term(context);
  if (n < 0) return "no answer";
  const auto b = read_batch(copy_attachment(std::span(answer).first(static_cast<std::size_t>(n))), {}, {});
  REQUIRE(b);
  REQUIRE(b->messages.size() == 1);
  REQUIRE(b->messages[0].frame.type == frame_type::Refusal);
  return b->messages[0].frame.as<wire::Refusal>()->error()->message()->str();
}

std::vector<std::byte> hello_of(const link_identity& who) {
  batch_writer w;
  w.add({link_address, 0, 0, make_hello(who, 5, lane::control, {})});
  return w.take({});
}

} // namespace

TEST_CASE("strangers, old versions and cut or senseless bytes are told why they are refused, and counted") {
  runtime r;
  const auto a = listening(r);
  auto old = hello_of({"b", "digest", 1, {}});
  old[5] = std::byte{0};
  CHECK(refusal_of(a, old) == "protocol 0.0 found, 0.1 expected");
  auto cut = hello_of({"b", "digest", 1, {}});
  cut.resize(cut.size() - 8);
  CHECK(refusal_of(a, cut) == fmt::format("record at byte 24 of a batch of {} is cut", cut.size()));
  auto broken = hello_of({"b", "digest", 1, {}});
  std::fill(broken.begin() + 60, broken.begin() + 80, std::byte{0xff});
  CHECK(refusal_of(a, broken).starts_with("not a valid Hello frame of "));
  CHECK(refusal_of(a, {std::byte{1}, std::byte{2}}) == "batch of 2 bytes; at least 24 expected");
  CHECK(refusal_of(a, hello_of({"z", "digest", 1, {}})) == "node 'a' expects no connection from a node 'z'");
  CHECK(refusal_of(a, hello_of({"b", "other", 1, {}})) == "node 'b' runs another topology: digest other there, digest at node 'a'");
  CHECK(a.counter(r, "refused") == 6);
  batch_writer w;
  w.add({7, 9, 0, make_frame<wire::Drained>({})});
  CHECK(refusal_of(a, w.take({})) == "there is no such session"); // somebody who was here before
  const auto b = connecting(r, a);
  CHECK(eventually([&] { return a.counter(r, "nodes_up") == 1; }));
  CHECK(refusal_of(a, hello_of({"b", "digest", 77, {}})) == "node 'b' is connected already, from another process");
  CHECK(a.counter(r, "nodes_up") == 1);
  caf::anon_send_exit(b.running.actor, caf::exit_reason::user_shutdown);
  caf::anon_send_exit(a.running.actor, caf::exit_reason::user_shutdown);
}

TEST_CASE("with keys only the nodes of the file get in, each as itself") {
  runtime r;
  char name[] = "/tmp/tokamak_links_XXXXXX";
  const std::string folder = mkdtemp(name);
  std::map<std::string, key_pair> pairs;
  for (const auto* who : {"a", "b", "c"}) {
    REQUIRE(write_new_keys(folder + "/" + who));
    pairs[who] = *read_secret_key(folder + "/" + who + ".key");
  }
  std::filesystem::remove_all(folder);
  auto s = setup_of("a");
  s.keys = link_keys{pairs["a"], {{pairs["b"].public_key, "b"}, {pairs["c"].public_key, "c"}}};
  s.peers = {{"b", "", ""}, {"c", "", ""}};
  const auto a = listening(r, s);
  const auto with_key = [&](const std::string& key) {
    auto other = setup_of("b");
    other.keys = link_keys{pairs[key], {}};
    return other;
  };
  auto good = connecting(r, a, with_key("b"));
  CHECK(eventually([&] { return a.counter(r, "nodes_up") == 1; }));
  good.stop();
  CHECK(eventually([&] { return a.counter(r, "nodes_up") == 0; }));
  auto liar = connecting(r, a, with_key("c")); // b by name, c by key
  CHECK(eventually([&] { return a.counter(r, "refused") >= 1; }));
  CHECK(a.counter(r, "nodes_up") == 0);
  liar.stop();
  auto deceived = with_key("b");
  deceived.peers = {{"a", a.running.address, pairs["c"].public_key}}; // takes a for c
  node_links wrong(deceived);
  wrong.start(r);
  std::this_thread::sleep_for(300ms);
  CHECK(a.counter(r, "nodes_up") == 0);
  wrong.stop();
  caf::anon_send_exit(a.running.actor, caf::exit_reason::user_shutdown);
}
