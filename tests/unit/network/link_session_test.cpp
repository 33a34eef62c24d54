// Batches and sessions without sockets.
#include "network/link_session.hpp"

#include <doctest/doctest.h>

using namespace tokamak;
using namespace tokamak::network;

namespace {

frame_of<wire::Drained> frame(const std::string& name, std::vector<attachment> attachments = {}) {
  wire::DrainedT value;
  value.name = name;
  return make_frame<wire::Drained>(value, std::move(attachments));
}

link_message message(const std::string& name, std::vector<attachment> attachments = {}) { return {7, 9, 0, frame(name, std::move(attachments))}; }

attachment bytes(std::size_t n) { return make_attachment(n).second; }

std::string why(const std::vector<std::byte>& batch, std::vector<attachment> rest = {}) {
  auto b = read_batch(copy_attachment(batch), std::move(rest), {});
  return b ? "" : b.error().message;
}

/// One side of a session; `other` gets what it transmits when deliver_all is called.
struct side final : link_effects {
  explicit side(link_limits limits = {}, received_bytes peer_window = link_limits{}.window) : session(limits, peer_window, *this, 0) {}
  void transmit(lane l, std::vector<std::byte> b, const std::vector<attachment>& a) override { out.push_back({l, std::move(b), a}); }
  void deliver(link_message m) override { got.push_back(m.frame.as<wire::Drained>()->name()->str()); }
  void offered(offer o) override { offers.push_back(o.name); }
  void gone(std::uint64_t actor) override { ended.push_back(actor); }

  struct sent {
    lane l;
    std::vector<std::byte> b;
    std::vector<attachment> a;
  };
  std::vector<sent> out;
  std::vector<std::string> got, offers;
  std::vector<std::uint64_t> ended;
  link_session session;
};

expected<void> pass(side& from, side& to, std::uint64_t now) {
  for (auto& s : std::exchange(from.out, {})) {
    auto b = read_batch(copy_attachment(s.b), s.a, {});
    if (!b) return fail(b.error());
    if (auto ok = to.session.receive(s.l, std::move(*b), now); !ok) return ok;
  }
  return {};
}

} // namespace

TEST_CASE("a batch holds its messages in order, with addresses and requests") {
  batch_writer w;
  w.add({1, 2, 3, frame("first")});
  w.add({4, 0, 0, {}});
  w.add({0, 0, 0, frame("a longer name, so that padding differs")});
  const auto b = read_batch(copy_attachment(w.take({10, 20})), {}, {});
  REQUIRE(b);
  CHECK(b->received == received_bytes{10, 20});
  REQUIRE(b->messages.size() == 3);
  CHECK(b->messages[0].target == 1);
  CHECK(b->messages[0].sender == 2);
  CHECK(b->messages[0].request == 3);
  CHECK(b->messages[0].frame.as<wire::Drained>()->name()->str() == "first");
  CHECK(!b->messages[1].frame.storage);
  CHECK(b->messages[2].frame.as<wire::Drained>()->name()->str() == "a longer name, so that padding differs");
  CHECK(w.empty());
}

TEST_CASE("a batch that is not whole is refused with what was found and expected") {
  batch_writer w;
  w.add(message("x"));
  const auto good = w.take({});
  CHECK(why(good) == "");
  CHECK(why({}) == "batch of 0 bytes; at least 24 expected");
  auto cut = good;
  cut.pop_back();
  CHECK(why(cut) == fmt::format("record at byte 24 of a batch of {} is cut", cut.size()));
  auto other = good;
  other[5] = std::byte{9};
  CHECK(why(other) == "protocol 0.9 found, 0.1 expected");
  auto magic = good;
  magic[0] = std::byte{'X'};
  CHECK(why(magic) == "frame header does not start with \"TKMK\"");
  auto type = good;
  type[24 + 4] = std::byte{200};
  CHECK(why(type) == "unknown frame type 200");
  CHECK(why(good, {bytes(1)}) == "batch with 1 attachments; 0 expected");
  w.add(message("x"));
  w.add(message("y"));
  CHECK(why(w.take({}, 1), {bytes(1)}) == "batch with attachments and 2 records; one expected");
  w.add({1, 2, 3, {}});
  CHECK(why(w.take({}, 1), {bytes(1)}) == "batch with attachments and no frame; one expected");
}

TEST_CASE("small frames that wait together share a batch, and bulk has a lane of its own") {
  side a, b;
  for (int i = 0; i < 50; ++i) REQUIRE(a.session.send(message(std::to_string(i))));
  REQUIRE(a.session.send(message("bulk", {bytes(100)})));
  a.session.flush();
  REQUIRE(a.out.size() == 2);
  CHECK(a.out[0].l == lane::control);
  CHECK(a.out[1].l == lane::bulk);
  CHECK(a.out[1].a.size() == 1);
  REQUIRE(pass(a, b, 1));
  REQUIRE(b.got.size() == 51);
  CHECK(b.got[49] == "49");
}

TEST_CASE("no more is under way than the peer's window allows, and all arrives in order") {
  link_limits small;
  small.window = {500, 1000};
  side a({}, small.window), b(small);
  for (int i = 0; i < 100; ++i) REQUIRE(a.session.send(message(std::to_string(i))));
  for (int i = 0; i < 5; ++i) REQUIRE(a.session.send(message("bulk " + std::to_string(i), {bytes(900)})));
  int rounds = 0;
  while (b.got.size() < 105) {
    REQUIRE(++rounds < 200);
    a.session.flush();
    std::uint64_t control = 0;
    for (const auto& s : a.out) control += s.l == lane::control ? s.b.size() : 0;
    CHECK(control < 500 + 200); // one message may exceed it
    REQUIRE(pass(a, b, 1));
    b.session.flush();
    REQUIRE(pass(b, a, 1));
  }
  CHECK(rounds > 10);
  CHECK(a.session.counts().queued_bytes == 0);
  std::vector<std::string> control;
  for (const auto& name : b.got)
    if (!name.starts_with("bulk")) control.push_back(name);
  for (int i = 0; i < 100; ++i) CHECK(control[static_cast<std::size_t>(i)] == std::to_string(i));
}

TEST_CASE("heartbeats need no credit, measure the round trip, and their absence ends the session") {
  link_limits limits;
  limits.heartbeat_us = 100;
  limits.window = {0, 0};
  side a(limits, {0, 0}), b(limits, {0, 0});
  REQUIRE(a.session.send(message("waits for ever")));
  for (std::uint64_t now = 1000; now < 2000; now += 100) {
    if (now == 1000) { // the sessions begin now
      a.session.receive(lane::control, {}, now);
      b.session.receive(lane::control, {}, now);
    }
    REQUIRE(a.session.tick(now));
    a.session.flush();
    REQUIRE(pass(a, b, now + 30));
    REQUIRE(b.session.tick(now + 50));
    b.session.flush();
    REQUIRE(pass(b, a, now + 70));
  }
  CHECK(b.got.empty());
  CHECK(a.session.counts().round_trip_us == 50); // 30 there, 20 back
  CHECK(a.session.next_tick_us() == 2000);
  CHECK(a.session.tick(2169).has_value());
  const auto lost = a.session.tick(2170);
  REQUIRE(!lost);
  CHECK(lost.error().message == "not heard for 0 ms");
}

TEST_CASE("offers and ends are told; an end comes behind what the actor said last") {
  side a, b;
  a.session.send_offers({{"scheduler.x", 3}});
  REQUIRE(a.session.send(message("last words")));
  a.session.send_gone({9});
  a.session.flush();
  REQUIRE(pass(a, b, 1));
  CHECK(b.offers == std::vector<std::string>{"scheduler.x"});
  CHECK(b.got == std::vector<std::string>{"last words"});
  CHECK(b.ended == std::vector<std::uint64_t>{9});
}

TEST_CASE("what makes no sense ends the session") {
  side a;
  batch lie;
  lie.received = {1, 0};
  CHECK(a.session.receive(lane::control, lie, 1).error().message == "credit for 1 bytes of 0 that were sent");
  batch odd;
  odd.messages.push_back({link_address, 0, 0, frame("x")});
  CHECK(a.session.receive(lane::control, odd, 1).error().message == "frame Drained for the link itself; Heartbeat, Exports or Gone expected");
  link_limits limits;
  limits.queue_bytes = 100;
  side full(limits, {0, 0});
  REQUIRE(full.session.send(message("one")));
  CHECK(full.session.send(message("two, which is a bit longer")).error().code == errc::overloaded);
}

TEST_CASE("a greeting says what differs") {
  const link_identity own{"a", "digest one of some length", 1, {}};
  const auto check = [&](const link_identity& other, const std::string& owner) {
    const auto hello = make_hello(other, 5, lane::control, {});
    const auto ok = check_hello(*hello, own, "b", owner);
    return ok ? "" : ok.error().message;
  };
  CHECK(check({"b", "digest one of some length", 2, {}}, "") == "");
  CHECK(check({"b", "digest one of some length", 2, {}}, "b") == "");
  CHECK(check({"b", "digest one of some length", 2, {}}, "c") == "the key of node 'c' came from a node that calls itself 'b'");
  CHECK(check({"c", "digest one of some length", 2, {}}, "") == "node 'c' found, node 'b' expected");
  CHECK(check({"b", "another digest, quite", 2, {}}, "") == "node 'b' runs another topology: digest another dige there, digest one o at node 'a'");
}
