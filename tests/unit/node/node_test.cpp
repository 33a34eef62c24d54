// The node actor as a message script under a virtual clock: this test is its clients, its actors, its links and other nodes.
#include "app/node.hpp"

#include "base/log.hpp"

#include <caf/scheduler/test_coordinator.hpp>
#include <doctest/doctest.h>

using namespace tokamak;
using namespace std::chrono_literals;

namespace {

using lines = std::vector<std::string>;

struct script {
  script() {
    log::set_level(log::level::off);
    config.set("scheduler.policy", caf::atom("testing"));
    system = std::make_unique<caf::actor_system>(config);
    scheduler = &dynamic_cast<caf::scheduler::test_coordinator&>(system->scheduler());
    scheduler->clock().current_time += 1h;
    self = std::make_unique<caf::scoped_actor>(*system);
    other = std::make_unique<caf::scoped_actor>(*system);
    app::node_setup setup;
    setup.name = "a";
    setup.endpoints = {me()};
    setup.engines = {me()};
    setup.links = me();
    setup.others = {"b", "c"};
    setup.leave = [this] { ++asked_to_leave; };
    node = app::spawn_node(*system, std::move(setup));
    settle();
    CHECK(received() == lines{"export node", "import node of b", "import node of c"});
    (*self)->send(node, imported_atom::value, std::string("b"), std::string("node"), caf::actor_cast<caf::strong_actor_ptr>((*other).ptr()));
    settle();
  }
  ~script() {
    (*self)->send_exit(node, caf::exit_reason::user_shutdown);
    node = nullptr;
    settle();
    other.reset();
    self.reset();
  }

  caf::strong_actor_ptr me() { return caf::actor_cast<caf::strong_actor_ptr>((*self).ptr()); }
  void settle() {
    while (scheduler->try_run_once()) {
    }
  }
  void advance(std::chrono::milliseconds by) {
    scheduler->advance_time(by);
    settle();
  }
  template <class T>
  void send(const typename T::NativeTableType& message, caf::scoped_actor* from = nullptr) {
    (from ? *from : *self)->send(node, make_frame<T>(message));
    settle();
  }
  void ask_drain(const std::string& name, std::uint64_t op) {
    wire::DrainT m;
    m.op = op;
    m.node = name;
    send<wire::Drain>(m);
  }
  void drain(std::uint64_t deadline_us) {
    wire::DrainT m;
    m.deadline_us = deadline_us;
    send<wire::Drain>(m);
  }
  void done(std::uint64_t finished, std::uint64_t moved = 0) {
    wire::DrainedT m;
    m.finished = finished;
    m.moved = moved;
    send<wire::Drained>(m);
  }
  lines received() { return received(*self); }
  lines received(caf::scoped_actor& by) {
    lines text;
    bool more = true;
    const auto told = [](const char* what, std::uint64_t op, const std::string& name) { return fmt::format("{} {} {}", what, op, name); };
    while (more)
      by->receive(
          [&](export_atom, const std::string& offer, const caf::strong_actor_ptr&) { text.push_back("export " + offer); },
          [&](import_atom, const std::string& from, const std::string& offer) { text.push_back("import " + offer + " of " + from); },
          [&](const frame_of<wire::StatusRequest>& m) {
            last_op = m->op();
            text.push_back(m->own() ? "status of its own" : "status");
          },
          [&](const frame_of<wire::StatusReport>& m) {
            std::string line = fmt::format("report {}", m->op());
            for (const auto* n : *m->nodes()) line += " " + n->name()->str() + (n->problem() && n->problem()->size() > 0 ? " (" + n->problem()->str() + ")" : "") + (n->draining() ? " (drains)" : "");
            text.push_back(line);
          },
          [&](const frame_of<wire::Drain>& m) {
            last_op = m->op();
            text.push_back(m->announce() ? "announce" : m->op() ? "drain node " + m->node()->str() : fmt::format("drain {}", m->deadline_us()));
          },
          [&](const frame_of<wire::Drained>& m) {
            text.push_back(told("drained", m->op(), m->name()->str()) + fmt::format(": {} finished, {} moved", m->finished(), m->moved()));
          },
          [&](const frame_of<wire::ErrorReply>& m) { text.push_back(told("error", m->op(), m->error()->message()->str())); },
          caf::after(0s) >> [&] { more = false; });
    return text;
  }

  caf::actor_system_config config;
  std::unique_ptr<caf::actor_system> system;
  caf::scheduler::test_coordinator* scheduler = nullptr;
  std::unique_ptr<caf::scoped_actor> self, other; ///< other: node b
  app::node_actor node;
  int asked_to_leave = 0;
  std::uint64_t last_op = 0; ///< of the last question to this test
};

} // namespace

TEST_CASE_FIXTURE(script, "a report asks the connected nodes for their own actors, and names the others") {
  wire::StatusRequestT ask;
  ask.op = 7;
  send<wire::StatusRequest>(ask);
  CHECK(received(*other) == lines{"status of its own"});
  CHECK(received().empty());
  wire::StatusReportT answer;
  answer.op = last_op;
  send<wire::StatusReport>(answer); // not from node b
  CHECK(received().empty());
  send<wire::StatusReport>(answer, other.get());
  CHECK(received() == lines{"report 7 a b c (not connected)"});
}

TEST_CASE_FIXTURE(script, "a node that is silent for two seconds is named, also to several who ask at once") {
  wire::StatusRequestT ask;
  ask.op = 7;
  send<wire::StatusRequest>(ask);
  ask.op = 8;
  send<wire::StatusRequest>(ask);
  advance(1999ms);
  CHECK(received().empty());
  advance(2ms);
  CHECK(received() == lines{"report 7 a b (no answer within 2 s) c (not connected)", "report 8 a b (no answer within 2 s) c (not connected)"});
}

TEST_CASE_FIXTURE(script, "a node asked by another one asks nobody") {
  wire::StatusRequestT ask;
  ask.op = 7;
  ask.own = true;
  send<wire::StatusRequest>(ask);
  CHECK(received(*other).empty());
  CHECK(received() == lines{"report 7 a"});
}

TEST_CASE_FIXTURE(script, "a node whose link ends is not waited for") {
  wire::StatusRequestT ask;
  ask.op = 7;
  send<wire::StatusRequest>(ask);
  ask_drain("b", 3);
  other.reset();
  settle();
  CHECK(received() == lines{"report 7 a b (its link ended) c (not connected)", "error 3 the link to node 'b' ended before it had drained"});
  ask_drain("b", 4);
  CHECK(received() == lines{"error 4 node 'b' is not connected to node 'a'"});
}

TEST_CASE_FIXTURE(script, "a drain of another node is passed on, and so is how it ends") {
  ask_drain("b", 3);
  CHECK(received(*other) == lines{"drain node b"});
  wire::DrainedT m;
  m.op = last_op;
  m.name = "b";
  m.finished = 2;
  send<wire::Drained>(m, other.get());
  CHECK(received() == lines{"drained 3 b: 2 finished, 0 moved"});
  ask_drain("b", 4);
  received(*other);
  wire::ErrorReplyT e;
  e.op = last_op;
  e.error = std::make_unique<wire::ErrorT>();
  e.error->message = "node 'b' is draining already";
  send<wire::ErrorReply>(e, other.get());
  CHECK(received() == lines{"error 4 node 'b' is draining already"});
  ask_drain("x", 5);
  CHECK(received() == lines{"error 5 no node 'x'; known: a, b, c"});
}

TEST_CASE_FIXTURE(script, "a node that is asked to leave drains its endpoints, then its engines, and tells who asked") {
  ask_drain("a", 3);
  CHECK(asked_to_leave == 1);
  ask_drain("a", 4);
  CHECK(received() == lines{"error 4 node 'a' is draining already"});
  drain(5'000'000);
  CHECK(received() == lines{"announce", "drain 5000000"});
  wire::StatusRequestT ask;
  ask.own = true;
  send<wire::StatusRequest>(ask);
  CHECK(received() == lines{"report 0 a (drains)"});
  advance(1s);
  done(3);
  CHECK(received() == lines{"drain 4000000"});
  done(2, 1);
  CHECK(received() == lines{"drained 3 a: 5 finished, 1 moved", "drained 0 a: 5 finished, 1 moved"});
  CHECK(asked_to_leave == 1);
}

TEST_CASE_FIXTURE(script, "a drain ends behind its deadline whoever hangs") {
  drain(1'000'000);
  received();
  ask_drain("a", 4);
  CHECK(received() == lines{"error 4 node 'a' is draining already"});
  advance(2999ms);
  CHECK(received().empty());
  advance(2ms);
  CHECK(received() == lines{"drained 0 a: 0 finished, 0 moved"});
}
