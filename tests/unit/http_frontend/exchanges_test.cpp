// Requests over HTTP without sockets or actors: what goes to endpoints, and what clients are answered.
#include "frontend/http/http_exchanges.hpp"

#include "message/wire_error.hpp"

#include <doctest/doctest.h>

using namespace tokamak;
using namespace tokamak::frontend;

namespace {

struct fake_effects final : http_effects {
  std::vector<std::string> to;   ///< endpoints: "open 1", "close 1", "pause 1 2", "resume 1 2"
  std::vector<wire::OpenT> opened;
  std::vector<std::pair<int, http_response>> answers; ///< status first
  std::string streamed;          ///< "[head]", pieces, "[end]"
  std::vector<std::uint64_t> models, status;

  std::vector<std::string> taken() { return std::exchange(to, {}); }

  void respond(std::uint64_t, http_response r) override { answers.emplace_back(r.status, std::move(r)); }
  void begin_stream(std::uint64_t, http_response) override { streamed += "[head]"; }
  void stream(std::uint64_t, std::string_view bytes) override { streamed += bytes; }
  void end_stream(std::uint64_t) override { streamed += "[end]"; }
  void to_endpoint(std::size_t, frame_of<wire::Open> m) override {
    to.push_back(fmt::format("open {}", m->id()));
    opened.push_back(m.unpack());
  }
  void to_endpoint(std::size_t, frame_of<wire::Close> m) override { to.push_back(fmt::format("close {}", m->id())); }
  void to_endpoint(std::size_t, frame_of<wire::Flow> m) override {
    auto text = std::string(m->paused() ? "pause" : "resume");
    for (const auto id : *m->ids()) text += fmt::format(" {}", id);
    to.push_back(text);
  }
  void ask_models(std::uint64_t op) override { models.push_back(op); }
  void ask_status(std::uint64_t op) override { status.push_back(op); }
  void background(background_work work) override { rests.push_back(work()); }
  std::vector<background_rest> rests; ///< of what was done in the background
};

using lines = std::vector<std::string>;

std::string field(const http_response& response, std::string_view name) {
  for (const auto& [theirs, value] : response.fields)
    if (theirs == name) return value;
  return {};
}

struct fixture {
  sequence_ids ids;
  fake_effects effects;
  http_exchanges exchanges{http_settings{.name = "http", .version = "1", .endpoint_names = {"small"}}, ids, effects};

  void post(std::uint64_t connection, std::string body, std::string path = "/v1/completions", const std::vector<std::pair<std::string, std::string>>& fields = {}) {
    http_request r;
    r.method = "POST";
    r.path = std::move(path);
    r.body = std::move(body);
    r.fields.set("Content-Type", "application/json; charset=utf-8");
    for (const auto& [name, value] : fields) r.fields.set(name, value);
    exchanges.request(connection, std::move(r), 1'000'000);
  }

  void chunk(std::uint64_t id, std::string text, wire::FinishReason finish = wire::FinishReason::none, std::optional<error> why = {}) {
    wire::ChunksT m;
    m.items.push_back(std::make_unique<wire::ChunkT>());
    auto& c = *m.items.back();
    c.id = id;
    c.tokens = {1};
    c.text = std::move(text);
    c.finish = finish;
    if (why) c.error = to_wire(*why);
    if (finish != wire::FinishReason::none && !why) c.usage = std::make_unique<wire::UsageT>();
    exchanges.chunks(*make_frame<wire::Chunks>(m));
  }
};

} // namespace

TEST_CASE_FIXTURE(fixture, "a large body is read in the background, and not at all for a client that is gone by then") {
  const auto body = R"({"model":"small","prompt":")" + std::string(100'000, 'x') + R"("})";
  post(1, body);
  post(2, body);
  CHECK(effects.to.empty());
  CHECK(exchanges.generates(1));
  exchanges.closed(1);
  CHECK(!exchanges.generates(1));
  REQUIRE(effects.rests.size() == 2);
  for (const auto& rest : effects.rests) rest();
  REQUIRE(effects.opened.size() == 1);
  CHECK(effects.opened[0].prompt->text.size() == 100'000);
  post(3, R"({"model":"large","prompt":")" + std::string(100'000, 'x') + R"("})");
  effects.rests.at(2)();
  REQUIRE(effects.answers.size() == 1);
  CHECK(effects.answers[0].first == 404);
  post(4, R"({"model":"small","prompt":")" + std::string(100'000, 'x'), "/tokenize");
  effects.rests.at(3)();
  CHECK(effects.answers.at(1).first == 400);
}

TEST_CASE_FIXTURE(fixture, "an error before the first token has its status, also where events were asked for") {
  post(1, R"({"model":"small","prompt":"x","stream":true})");
  chunk(effects.opened.at(0).id, "", wire::FinishReason::error, error{errc::overloaded, "the queue is full", {}});
  REQUIRE(effects.answers.size() == 1);
  CHECK(effects.answers[0].first == 429);
  CHECK(effects.streamed == "");
  CHECK(field(effects.answers[0].second, "Retry-After") == "1");
  CHECK(exchanges.n_running() == 0);
}

TEST_CASE_FIXTURE(fixture, "an error in the midst of events ends them, and closes the other choices") {
  post(1, R"({"model":"small","prompt":"x","stream":true,"n":2})");
  CHECK(effects.taken().size() == 2);
  const auto first = effects.opened.at(0).id, second = effects.opened.at(1).id;
  chunk(first, "a");
  chunk(second, "b", wire::FinishReason::error, error{errc::unavailable, "the engine was lost", {}});
  CHECK(effects.taken() == lines{fmt::format("close {}", first)});
  CHECK(effects.streamed.starts_with("[head]data: {"));
  CHECK(effects.streamed.find("the engine was lost") != std::string::npos);
  CHECK(effects.streamed.ends_with("[end]"));
  chunk(first, "late"); // what was on its way
  CHECK(effects.streamed.ends_with("[end]"));
  CHECK(exchanges.n_running() == 0);
}

TEST_CASE_FIXTURE(fixture, "a client that goes closes all its sequences; one that reads slowly pauses them") {
  post(1, R"({"model":"small","prompt":"x","stream":true,"n":3})");
  const auto a = effects.opened.at(0).id, b = effects.opened.at(1).id, c = effects.opened.at(2).id;
  effects.taken();
  exchanges.held(1, true);
  exchanges.held(1, false);
  CHECK(effects.taken() == lines{fmt::format("pause {} {} {}", a, b, c), fmt::format("resume {} {} {}", a, b, c)});
  chunk(b, "", wire::FinishReason::length);
  exchanges.closed(1);
  CHECK(effects.taken() == lines{fmt::format("close {}", a), fmt::format("close {}", c)});
  exchanges.closed(1);
  CHECK(effects.taken().empty());
}

TEST_CASE_FIXTURE(fixture, "a request on a connection whose client still reads the answer before waits for that") {
  exchanges.held(1, true);
  post(1, R"({"model":"small","prompt":"x","stream":true})");
  const auto id = effects.opened.at(0).id;
  exchanges.held(1, false);
  CHECK(effects.taken() == lines{fmt::format("open {}", id), fmt::format("pause {}", id), fmt::format("resume {}", id)});
}

TEST_CASE_FIXTURE(fixture, "a lost endpoint ends what it was asked") {
  post(1, R"({"model":"small","prompt":"x"})");
  exchanges.endpoint_lost(0);
  REQUIRE(effects.answers.size() == 1);
  CHECK(effects.answers[0].first == 503);
}

TEST_CASE_FIXTURE(fixture, "a path that is asked with another method is told which ones there are") {
  const auto allowed = [&](std::string method, std::string path) {
    http_request r;
    r.method = std::move(method);
    r.path = std::move(path);
    exchanges.request(1, std::move(r), 0);
    CHECK(effects.answers.back().first == 405);
    return field(effects.answers.back().second, "Allow");
  };
  CHECK(allowed("POST", "/v1/models") == "GET, HEAD, OPTIONS");
  CHECK(allowed("GET", "/v1/completions") == "POST, OPTIONS");
  CHECK(allowed("BREW", "/") == "GET, HEAD, OPTIONS");
}

TEST_CASE_FIXTURE(fixture, "a request keeps its client's name for it, if that can stand in a header and in JSON") {
  const auto named = [&](const std::string& id) {
    post(1, R"({"model":"small","input":"x"})", "/v1/responses", {{"X-Request-Id", id}});
    return effects.opened.back().trace;
  };
  CHECK(named("mine-1") == "mine-1");
  CHECK(named(std::string(128, 'x')) == std::string(128, 'x'));
  for (const auto& id : {std::string(), std::string(129, 'x'), std::string("a\"b"), std::string("a\\b"), std::string("a b"), std::string("\xc3\xa9")}) CHECK(named(id).size() == 16);
}

TEST_CASE_FIXTURE(fixture, "media types know no case, and may have parameters") {
  const auto status = [&](const std::string& type) {
    post(1, "{", "/v1/completions", {{"Content-Type", type}});
    return effects.answers.back().first;
  };
  CHECK(status("application/json") == 400);
  CHECK(status("Application/JSON ; charset=utf-8") == 400);
  CHECK(status("application/jsonx") == 415);
  CHECK(status("") == 415);
}

TEST_CASE_FIXTURE(fixture, "what is generated can be told from what is looked up") {
  post(1, R"({"model":"small","prompt":"x"})");
  CHECK(exchanges.generates(1));
  chunk(effects.opened.at(0).id, "a", wire::FinishReason::stop);
  CHECK(!exchanges.generates(1));
}

TEST_CASE_FIXTURE(fixture, "a node that drains is not ready, and says when to ask again") {
  const auto ready = [&](bool draining) {
    http_request r;
    r.method = "GET";
    r.path = "/health/ready";
    exchanges.request(1, std::move(r), 0);
    wire::StatusReportT m;
    m.op = effects.status.back();
    m.node = "a";
    m.nodes.push_back(std::make_unique<wire::NodeStatusT>());
    m.nodes[0]->name = "a";
    m.nodes[0]->draining = draining;
    exchanges.reply(*make_frame<wire::StatusReport>(m));
    const auto& [status, response] = effects.answers.back();
    return fmt::format("{} {} {}", status, response.body, field(response, "Retry-After"));
  };
  CHECK(ready(false) == R"(200 {"status":"ready"} )");
  CHECK(ready(true) == R"(503 {"status":"draining"} 1)");
}

TEST_CASE("the owner of a key is the tenant, and the user that it asks for a label") {
  sequence_ids ids;
  fake_effects effects;
  http_settings settings{.name = "http", .version = "1", .endpoint_names = {"small"}};
  settings.keys = *api_keys::parse("alice sk-aaaaaaaaaaaaaaaa", "keys");
  http_exchanges exchanges(std::move(settings), ids, effects);
  http_request r;
  r.method = "POST";
  r.path = "/v1/completions";
  r.body = R"({"model":"small","prompt":"x","user":"carol"})";
  r.fields.set("Content-Type", "application/json");
  exchanges.request(1, r, 1);
  REQUIRE(effects.answers.size() == 1);
  CHECK(effects.answers[0].first == 401);
  r.fields.set("Authorization", "Bearer sk-aaaaaaaaaaaaaaaa");
  exchanges.request(1, std::move(r), 1);
  REQUIRE(effects.opened.size() == 1);
  CHECK(effects.opened[0].tenant == "alice");
  REQUIRE(effects.opened[0].metadata.size() == 1);
  CHECK(effects.opened[0].metadata[0]->key == "user");
  CHECK(effects.opened[0].metadata[0]->value == "carol");
}

TEST_CASE("keys have owners, and lines that are none are named") {
  const auto keys = api_keys::parse("# clients\nalice  sk-aaaaaaaaaaaaaaaa\n\nbob sk-bbbbbbbbbbbbbbbb\n", "keys");
  REQUIRE(keys);
  CHECK(keys->owner("Bearer sk-bbbbbbbbbbbbbbbb") == "bob");
  CHECK(keys->owner("BEARER   sk-aaaaaaaaaaaaaaaa") == "alice");
  CHECK(!keys->owner("sk-aaaaaaaaaaaaaaaa"));
  CHECK(!keys->owner("Bearer sk-aaaaaaaaaaaaaaa"));
  CHECK(!keys->owner(""));
  CHECK(api_keys::parse("alice", "keys").error().to_string() == "keys:1: expected NAME KEY on each line (invalid_argument)");
  CHECK(api_keys::parse("\nalice short", "keys").error().message == "the key of 'alice' has 5 characters, expected at least 16");
  CHECK(api_keys::parse("alice sk-aaaaaaaaaaaaaaaa\nbob sk-aaaaaaaaaaaaaaaa", "keys").error().message == "the key of 'bob' is also that of 'alice'");
  CHECK(api_keys::parse("# none\n", "keys").error().message == "no keys; expected NAME KEY on each line");
}
