// Errors: the service's, the client's own, and messages that make no sense.
#include <doctest/doctest.h>

#include <future>

#include "fake_service.hpp"

using namespace tokamak;
using namespace fake;
using wire::FinishReason;

namespace {

client_error error_of(client_result<std::optional<client_chunk>> result) {
  REQUIRE(!result);
  return result.error();
}

// The error a running request ends with when the service sends these parts.
client_error after_sending(const std::vector<bytes>& parts) {
  service server;
  client client = connect(server.address());
  auto stream = client.start(ask_for());
  server.send_raw(server.expect(open), parts);
  return error_of(stream->next());
}

} // namespace

TEST_CASE("requests that cannot be sent are refused with a sentence") {
  client client = connect("tcp://127.0.0.1:1");
  const auto refusal = [&](auto change) {
    client_request request = ask_for();
    change(request);
    const auto result = client.start(request);
    REQUIRE(!result);
    CHECK(result.error().code == client_errc::invalid_argument);
    return result.error().message;
  };
  CHECK(refusal([](auto& r) { r.max_tokens = 0; }) == "max_tokens is 0; expected at least 1");
  CHECK(refusal([](auto& r) { r.model = ""; }) == "no model is named");
  CHECK(refusal([](auto& r) { r.prompt = std::vector<std::int32_t>{}; }) == "the prompt has no tokens");
  CHECK(refusal([](auto& r) { r.prompt = std::vector<client_message>{}; }) == "the prompt has no messages");
  CHECK(refusal([](auto& r) { r.tools = "[]"; }) == "tools need a prompt of messages");
  CHECK(refusal([](auto& r) { r.deadline = -1us; }) == "the deadline lies in the past");
}

TEST_CASE("wrong addresses and options are refused at once") {
  const auto wrong = client::connect("nonsense");
  REQUIRE(!wrong);
  CHECK(wrong.error().code == client_errc::invalid_argument);
  CHECK(wrong.error().message ==
        "cannot connect to 'nonsense': Invalid argument; expected tcp://HOST:PORT or ipc://PATH");
  client_options options;
  options.acknowledge_every = 0;
  CHECK(client::connect("tcp://127.0.0.1:1", options).error().message == "acknowledge_every must be at least 1");
  options = {};
  options.heartbeat_timeout = 1ms;
  CHECK(client::connect("tcp://127.0.0.1:1", options).error().message ==
        "heartbeat_interval must be above 0 ms and heartbeat_timeout no shorter");
}

TEST_CASE("the service's errors arrive with code, message and place, after the text before them") {
  service server;
  client client = connect(server.address());
  auto stream = client.start(ask_for());
  piece last{stream->id(), 0, "so far", {1}};
  last.error = client_error{client_errc::overloaded, "the queue of pool 'a' is full", "pool.a"};
  server.send(server.expect(open), chunks, make_chunks({last}));
  auto chunk = stream->next();
  REQUIRE(chunk);
  CHECK((*chunk)->text == "so far");
  CHECK((*chunk)->finish == client_finish::none);
  const client_error error = error_of(stream->next());
  CHECK(error.to_string() == "pool.a: the queue of pool 'a' is full (overloaded)");
  CHECK(!*stream->next());
}

TEST_CASE("an error without details and one with an unknown code are internal") {
  service server;
  client client = connect(server.address());
  auto stream = client.start(ask_for());
  const request got = server.expect(open);
  server.send(got, chunks, make_chunks({{stream->id(), 0, "", {}, FinishReason::error}}));
  CHECK(error_of(stream->next()).to_string() == "the service reported an error without saying which (internal)");
  auto second = client.start(ask_for());
  server.expect(open);
  piece last{second->id(), 0, "", {}};
  last.error = client_error{static_cast<client_errc>(77), "strange", ""};
  server.send(got, chunks, make_chunks({last}));
  CHECK(error_of(second->next()).code == client_errc::internal);
}

TEST_CASE("an ErrorReply ends the question it names") {
  service server;
  client client = connect(server.address());
  auto status = std::async(std::launch::async, [&] { return client.status(); });
  const request got = server.expect(status_request);
  const auto op = got.as<wire::StatusRequest>().op();
  server.send(got, error_reply, make_error_reply(op, wire::ErrorCode::permission_denied, "not for you"));
  const auto result = status.get();
  REQUIRE(!result);
  CHECK(result.error().to_string() == "not for you (permission_denied)");
}

TEST_CASE("an ErrorReply that names no op ends what had no answer yet, and nothing else") {
  service server;
  client client = connect(server.address());
  auto running = client.start(ask_for()), fresh = client.start(ask_for());
  const request got = server.expect(open);
  server.expect(open);
  server.send(got, chunks, make_chunks({{running->id(), 0, "a", {1}}}));
  server.send(got, error_reply, make_error_reply(0, wire::ErrorCode::corrupt, "unreadable frame"));
  CHECK(error_of(fresh->next()).to_string() == "unreadable frame (corrupt)");
  server.send(got, chunks, make_chunks({{running->id(), 1, "b", {2}, FinishReason::stop}}));
  CHECK((*running->next())->text == "a");
  CHECK((*running->next())->text == "b");
}

TEST_CASE("missing tokens end the answer instead of passing unnoticed") {
  service server;
  client client = connect(server.address());
  auto stream = client.start(ask_for());
  const request got = server.expect(open);
  server.send(got, chunks, make_chunks({{stream->id(), 0, "a", {1}}}));
  server.send(got, chunks, make_chunks({{stream->id(), 2, "c", {3}}}));
  CHECK((*stream->next())->text == "a");
  CHECK(error_of(stream->next()).to_string() == "the service sent tokens from 2 on where 1 was next (corrupt)");
  server.expect(fake::close);
}

TEST_CASE("garbage ends what is in flight with corrupt") {
  const bytes valid = make_chunks({});
  CHECK(after_sending({bytes{1, 2, 3}}).message.ends_with("does not speak Tokamak's protocol"));
  CHECK(after_sending({bytes{}}).code == client_errc::corrupt);
  CHECK(after_sending({header_of(chunks, 0, 1, "HTTP"), valid}).code == client_errc::corrupt);
  CHECK(after_sending({header_of(chunks)}).message == "the service sent a broken Chunks message");
  CHECK(after_sending({header_of(chunks), bytes(40, 0xff)}).message == "the service sent a broken Chunks message");
  CHECK(after_sending({header_of(model_list), bytes(3, 0)}).message == "the service sent a broken ModelList message");
  CHECK(after_sending({header_of(status_report), {}}).message == "the service sent a broken StatusReport message");
  CHECK(after_sending({header_of(error_reply), {}}).message == "the service sent a broken ErrorReply message");
}

TEST_CASE("another protocol version ends what is in flight with version_mismatch") {
  const client_error error = after_sending({header_of(chunks, 1, 0), make_chunks({})});
  CHECK(error.code == client_errc::version_mismatch);
  CHECK(error.message.ends_with("speaks protocol 1.0, this client 0.1"));
  CHECK(after_sending({header_of(chunks, 0, 2), make_chunks({})}).code == client_errc::version_mismatch);
}

TEST_CASE("frames of unknown type, for unknown requests and with surplus parts do no harm") {
  service server;
  client client = connect(server.address());
  auto stream = client.start(ask_for());
  const request got = server.expect(open);
  server.send(got, 999, bytes{1, 2});
  server.send(got, chunks, make_chunks({{stream->id() + 1000, 0, "not yours", {1}}}));
  server.send(got, model_list, make_model_list(stream->id(), {"x"}));
  server.send_raw(got, {header_of(chunks), make_chunks({{stream->id(), 0, "mine", {1}, FinishReason::stop}}), bytes(5)});
  CHECK((*stream->next())->text == "mine");
}

TEST_CASE("the client keeps working after garbage") {
  service server;
  client client = connect(server.address());
  auto stream = client.start(ask_for());
  server.send_raw(server.expect(open), {bytes{'x'}});
  CHECK(error_of(stream->next()).code == client_errc::corrupt);
  auto again = client.start(ask_for());
  server.send(server.expect(open), chunks, make_chunks({{again->id(), 0, "ok", {1}, FinishReason::stop}}));
  CHECK((*again->next())->text == "ok");
}
