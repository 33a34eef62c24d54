// Requests of clients without sockets or actors: messages in, frames to endpoints and answers out.
#include "frontend/sessions.hpp"

#include "base/log.hpp"

#include <doctest/doctest.h>

using namespace tokamak;
using namespace tokamak::frontend;

namespace {

struct fake_effects final : session_effects {
  std::vector<std::string> to;                ///< endpoints: "open 1", "close 1", "pause 1", "resume 1"
  std::vector<std::pair<client_id, std::string>> answers;
  std::vector<std::uint64_t> models, status;
  std::vector<std::pair<std::uint64_t, std::string>> drains;

  std::vector<std::string> taken() { return std::exchange(to, {}); }
  std::vector<std::pair<client_id, std::string>> taken_answers() { return std::exchange(answers, {}); }

  void to_client(const client_id& client, frame_type type, std::span<const std::byte> body) override {
    if (type == frame_type::ErrorReply) {
      answers.emplace_back(client, (*read_frame<wire::ErrorReply>(body))->error()->message()->str());
    } else if (type == frame_type::Chunks) {
      const auto chunks = read_frame<wire::Chunks>(body)->unpack();
      for (const auto& c : chunks.items)
        answers.emplace_back(
            client,
            fmt::format("{}: {}", c->id, c->error ? c->error->message : fmt::format("{} tokens", c->tokens.size())));
    } else {
      answers.emplace_back(client, std::string(to_string(type)));
    }
  }
  void to_endpoint(std::size_t, frame_of<wire::Open> m) override { to.push_back(fmt::format("open {}", m->id())); }
  void to_endpoint(std::size_t, frame_of<wire::Close> m) override { to.push_back(fmt::format("close {}", m->id())); }
  void to_endpoint(std::size_t, frame_of<wire::Flow> m) override {
    to.push_back(fmt::format("{} {}", m->paused() ? "pause" : "resume", m->ids()->Get(0)));
  }
  void ask_models(std::uint64_t op) override { models.push_back(op); }
  void ask_status(std::uint64_t op) override { status.push_back(op); }
  void ask_drain(std::uint64_t op, const std::string& node) override { drains.emplace_back(op, node); }
};

using lines = std::vector<std::string>;
using answers = std::vector<std::pair<client_id, std::string>>;

struct fixture {
  fixture() { log::set_level(log::level::off); }
  sequence_ids ids;
  fake_effects effects;
  sessions s{{"small", "large"},
             {.window_tokens = 128, .stall_us = 1'000'000, .client_buffer_bytes = 65536},
             ids,
             effects,
             {.frontend = "zmq", .anybody = false, .keys = true, .names = {"alice"}}};

  template <class T>
  void receive(const client_id& client, const typename T::NativeTableType& message, std::uint64_t now_us = 0, std::string_view user = {}) {
    std::byte header[frame_header::size];
    frame_header{frame_type_of<T>}.write(header);
    const auto frame = make_frame<T>(message);
    const std::span<const std::byte> parts[] = {header, frame.bytes()};
    s.receive(client, parts, now_us, user);
  }
  void open(const client_id& client, std::uint64_t id) {
    wire::OpenT m;
    m.id = id;
    m.target = "small";
    receive<wire::Open>(client, m);
  }
  void acknowledge(const client_id& client, std::uint64_t id, std::uint32_t tokens, std::uint64_t now_us) {
    wire::AcknowledgeT m;
    m.id = id;
    m.tokens = tokens;
    receive<wire::Acknowledge>(client, m, now_us);
  }
  void chunk(std::uint64_t id, std::size_t tokens, std::uint64_t now_us = 0) {
    wire::ChunksT m;
    m.items.push_back(std::make_unique<wire::ChunkT>());
    m.items[0]->id = id;
    m.items[0]->tokens.assign(tokens, 5);
    s.chunks(*make_frame<wire::Chunks>(m), now_us);
  }
};

} // namespace

TEST_CASE_FIXTURE(fixture, "a request pauses above its window, goes on at half of it, and is cut without progress") {
  open("a", 9);
  chunk(1, 128, 100);
  CHECK(effects.taken() == lines{"open 1"});
  chunk(1, 1, 200);
  CHECK(effects.taken() == lines{"pause 1"});
  chunk(1, 3, 300); // on its way already
  acknowledge("a", 9, 67, 500'000);
  CHECK(effects.taken() == lines{}); // 65 are left
  s.tick(1'300'000);
  CHECK(effects.taken() == lines{}); // progress was made since it paused
  acknowledge("a", 9, 67, 1'400'000);
  s.tick(1'499'999);
  CHECK(effects.taken() == lines{});
  SUBCASE("it goes on") {
    acknowledge("a", 9, 68, 1'499'999);
    CHECK(effects.taken() == lines{"resume 1"});
    s.tick(99'000'000);
    CHECK(s.n_requests() == 1);
  }
  SUBCASE("it is cut") {
    effects.answers.clear();
    s.tick(1'500'000);
    CHECK(effects.taken() == lines{"close 1"});
    CHECK(effects.answers == answers{{"a", "9: the client acknowledged nothing for 1000 ms"}});
    CHECK(s.n_requests() == 0);
    CHECK(s.counts().stalled == 1);
  }
}

TEST_CASE_FIXTURE(fixture, "acknowledging what was never sent buys nothing") {
  open("a", 9);
  acknowledge("a", 9, UINT32_MAX, 0);
  chunk(1, 129);
  CHECK(effects.taken() == lines{"open 1", "pause 1"});
}

TEST_CASE_FIXTURE(
    fixture, "a client with much to read has all its requests paused, also those it opens meanwhile, and no other's") {
  open("a", 1);
  open("a", 2);
  open("b", 1);
  effects.taken();
  s.hold("a", true, 10);
  CHECK(effects.taken() == lines{"pause 1", "pause 2"});
  open("a", 3);
  chunk(4, 1);
  CHECK(effects.taken() == lines{"open 4", "pause 4"});
  chunk(3, 1);
  CHECK(effects.taken() == lines{});
  s.hold("a", false, 20);
  CHECK(effects.taken() == lines{"resume 1", "resume 2", "resume 4"});
}

TEST_CASE_FIXTURE(fixture, "a client that left too much unread loses its requests and is told so") {
  open("a", 7);
  open("b", 8);
  effects.taken();
  s.overrun("a");
  CHECK(effects.taken() == lines{"close 1"});
  CHECK(effects.answers == answers{{"a", "7: the client left 65536 bytes unread"}});
  CHECK(s.n_requests() == 1);
  open("a", 7); // it may begin again
  CHECK(effects.taken() == lines{"open 3"});
}

TEST_CASE_FIXTURE(fixture, "a client that is gone takes its requests and questions along") {
  open("a", 1);
  open("a", 2);
  open("b", 1);
  receive<wire::ListModels>("a", {});
  effects.taken();
  s.unreachable("a");
  CHECK(effects.taken() == lines{"close 1", "close 2"});
  CHECK(s.n_clients() == 1);
  CHECK(s.counts().gone == 1);
  wire::ModelListT list;
  list.op = effects.models.at(0);
  s.reply(*make_frame<wire::ModelList>(list));
  CHECK(effects.answers == answers{});
  s.unreachable("nobody");
  CHECK(s.counts().gone == 1);
}

TEST_CASE_FIXTURE(fixture, "questions are bounded by client, and an answer makes room") {
  for (int i = 0; i < 17; ++i) receive<wire::StatusRequest>("a", {});
  CHECK(effects.status.size() == 16);
  CHECK(effects.taken_answers() == answers{{"a", "this client has 16 questions waiting already"}});
  receive<wire::StatusRequest>("b", {});
  CHECK(effects.status.size() == 17);
  wire::StatusReportT report;
  report.op = effects.status[0];
  s.reply(*make_frame<wire::StatusReport>(report));
  CHECK(effects.taken_answers() == answers{{"a", "StatusReport"}});
  receive<wire::ListModels>("a", {});
  CHECK(effects.models.size() == 1);
  CHECK(s.counts().bad_messages == 0);
}

TEST_CASE_FIXTURE(fixture, "only administrators make nodes drain; both ends of a drain reach who asked") {
  wire::DrainT m;
  m.op = 5;
  m.node = "b";
  receive<wire::Drain>("1", m, 0, "mallory");
  CHECK(effects.drains.empty());
  CHECK(effects.taken_answers() == answers{{"1", "client 'mallory' may not drain nodes; that takes admins = [\"mallory\"] in [frontends.zmq]"}});
  receive<wire::Drain>("2", m, 0, "alice");
  receive<wire::Drain>("2", m, 0, "alice");
  REQUIRE(effects.drains.size() == 2);
  CHECK(effects.drains[0].second == "b");
  wire::DrainedT done;
  done.op = effects.drains[0].first;
  s.reply(*make_frame<wire::Drained>(done));
  wire::ErrorReplyT refused;
  refused.op = effects.drains[1].first;
  refused.error = std::make_unique<wire::ErrorT>();
  refused.error->message = "no node 'b'";
  s.reply(*make_frame<wire::ErrorReply>(refused));
  CHECK(effects.taken_answers() == answers{{"2", "Drained"}, {"2", "no node 'b'"}});
  CHECK(s.counts().bad_messages == 0);
}

TEST_CASE("without keys everybody on this machine is an administrator, and nobody from elsewhere") {
  CHECK(may_administer({.frontend = "zmq", .anybody = true, .keys = false, .names = {}}, "").has_value());
  CHECK(may_administer({.frontend = "zmq", .anybody = false, .keys = false, .names = {}}, "").error() ==
        error{errc::permission_denied,
              "nobody may drain nodes over frontend 'zmq', where other machines connect without keys; that takes key_file, client_keys and admins in [frontends.zmq]",
              ""});
}

TEST_CASE_FIXTURE(fixture, "an unknown model is answered with the nearest name") {
  wire::OpenT m;
  m.id = 3;
  m.target = "smal";
  receive<wire::Open>("a", m);
  CHECK(effects.answers == answers{{"a", "3: no model 'smal'; did you mean 'small'? known: small, large"}});
  CHECK(s.n_clients() == 0);
}
