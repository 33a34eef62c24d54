// Streaming answers, cancelling, acknowledging, questions, many threads.
#include <doctest/doctest.h>

#include <atomic>
#include <future>
#include <map>
#include <thread>

#include "fake_service.hpp"

using namespace tokamak;
using namespace fake;
using wire::FinishReason;

namespace {

// Serves every request on the calling thread until `requests` have ended: n tokens whose text is their number.
void serve(service& server, int requests) {
  while (requests > 0) {
    const auto got = server.receive();
    REQUIRE(got);
    if (got->type != open) continue;
    const auto& asked = got->as<wire::Open>();
    for (std::uint32_t i = 0; i < asked.generate(); ++i)
      server.send(*got, chunks, make_chunks({{asked.id(), i, std::to_string(i) + " ", {static_cast<int>(i)}}}));
    server.send(*got, chunks, make_chunks({{asked.id(), asked.generate(), "", {}, FinishReason::length}}));
    --requests;
  }
}

} // namespace

TEST_CASE("chunks come in order and the last one has finish and usage") {
  service server;
  client client = connect(server.address());
  auto stream = client.start(ask_for());
  REQUIRE(stream);
  const request got = server.expect(open);
  CHECK(got.as<wire::Open>().id() == stream->id());
  CHECK(got.as<wire::Open>().target()->str() == "m");
  server.send(got, chunks, make_chunks({{stream->id(), 0, "The ", {1, 2}}}));
  server.send(got, chunks, make_chunks({{stream->id(), 2, "end", {3}, FinishReason::stop}}));
  auto first = stream->next();
  REQUIRE(first);
  CHECK((*first)->text == "The ");
  CHECK((*first)->token_ids == std::vector<std::int32_t>{1, 2});
  CHECK((*first)->finish == client_finish::none);
  auto last = stream->next();
  REQUIRE(last);
  CHECK((*last)->text == "end");
  CHECK((*last)->offset == 2);
  CHECK((*last)->finish == client_finish::stop);
  REQUIRE((*last)->usage);
  CHECK((*last)->usage->prompt_tokens == 5);
  CHECK((*last)->usage->cached_tokens == 2);
  CHECK((*last)->usage->completion_tokens == 3);
  CHECK((*last)->usage->first_token == std::chrono::microseconds(20));
  CHECK((*last)->usage->total == std::chrono::microseconds(30));
  auto after = stream->next();
  REQUIRE(after);
  CHECK(!*after);
}

TEST_CASE("generate returns the sum of its chunks and shows each") {
  service server;
  client client = connect(server.address());
  std::vector<std::string> shown;
  auto answer = std::async(std::launch::async, [&] {
    return client.generate(ask_for(3), [&](const client_chunk& chunk) {
      shown.push_back(chunk.text);
      return true;
    });
  });
  serve(server, 1);
  const auto got = answer.get();
  REQUIRE(got);
  CHECK(got->text == "0 1 2 ");
  CHECK(got->token_ids == std::vector<std::int32_t>{0, 1, 2});
  CHECK(got->finish == client_finish::length);
  CHECK(got->usage.has_value());
  CHECK(shown == std::vector<std::string>{"0 ", "1 ", "2 ", ""});
}

TEST_CASE("a character cut between two chunks comes whole") {
  service server;
  client client = connect(server.address());
  auto stream = client.start(ask_for());
  const request got = server.expect(open);
  server.send(got, chunks, make_chunks({{stream->id(), 0, "5 \xe2\x82", {1}}}));
  server.send(got, chunks, make_chunks({{stream->id(), 1, "\xac!", {2}, FinishReason::stop}}));
  CHECK((*stream->next())->text == "5 ");
  CHECK((*stream->next())->text == "€!");
}

TEST_CASE("one frame may carry chunks of several requests") {
  service server;
  client client = connect(server.address());
  auto a = client.start(ask_for()), b = client.start(ask_for());
  const request got = server.expect(open);
  server.expect(open);
  CHECK(a->id() != b->id());
  server.send(got, chunks, make_chunks({{b->id(), 0, "B", {2}, FinishReason::stop},
                                        {a->id(), 0, "A", {1}, FinishReason::length}}));
  CHECK((*a->next())->text == "A");
  CHECK((*b->next())->text == "B");
}

TEST_CASE("progress is acknowledged every 64 tokens read, not received") {
  service server;
  client client = connect(server.address());
  auto stream = client.start(ask_for(200));
  const request got = server.expect(open);
  for (std::uint32_t i = 0; i < 150; ++i) server.send(got, chunks, make_chunks({{stream->id(), i, "x", {1}}}));
  for (int i = 0; i < 63; ++i) REQUIRE(stream->next());
  CHECK(!server.receive(100ms));
  REQUIRE(stream->next());
  const request first = server.expect(acknowledge);
  CHECK(first.as<wire::Acknowledge>().id() == stream->id());
  CHECK(first.as<wire::Acknowledge>().tokens() == 64);
  for (int i = 0; i < 64; ++i) REQUIRE(stream->next());
  CHECK(server.expect(acknowledge).as<wire::Acknowledge>().tokens() == 128);
}

TEST_CASE("a resumed answer goes on after its delivered tokens and counts them as read") {
  service server;
  client_options options;
  options.acknowledge_every = 2;
  client client = connect(server.address(), options);
  client_request request = ask_for();
  request.delivered = {4, 5, 6};
  auto stream = client.start(request);
  const auto got = server.expect(open);
  CHECK(got.as<wire::Open>().delivered()->size() == 3);
  server.send(got, chunks, make_chunks({{stream->id(), 3, "x", {7, 8}}}));
  const auto chunk = stream->next();
  REQUIRE(chunk);
  CHECK((*chunk)->offset == 3);
  CHECK(server.expect(acknowledge).as<wire::Acknowledge>().tokens() == 5);
}

TEST_CASE("cancel closes the request and ends the stream with finish cancelled") {
  service server;
  client client = connect(server.address());
  auto stream = client.start(ask_for());
  const request got = server.expect(open);
  server.send(got, chunks, make_chunks({{stream->id(), 0, "a", {1}}}));
  REQUIRE(stream->next());
  stream->cancel();
  CHECK(server.expect(fake::close).as<wire::Close>().id() == stream->id());
  server.send(got, chunks, make_chunks({{stream->id(), 1, "late", {2}}}));
  auto last = stream->next();
  REQUIRE(last);
  CHECK((*last)->finish == client_finish::cancelled);
  CHECK((*last)->text.empty());
  CHECK(!*stream->next());
  stream->cancel();
  CHECK(!server.receive(100ms));
}

TEST_CASE("a dropped stream and a handler that returns false cancel too") {
  service server;
  client client = connect(server.address());
  {
    auto stream = client.start(ask_for());
    server.expect(open);
  }
  server.expect(fake::close);
  auto answer = std::async(std::launch::async,
                           [&] { return client.generate(ask_for(), [](const client_chunk&) { return false; }); });
  const request got = server.expect(open);
  server.send(got, chunks, make_chunks({{got.as<wire::Open>().id(), 0, "abc", {1}}}));
  server.expect(fake::close);
  const auto result = answer.get();
  REQUIRE(result);
  CHECK(result->finish == client_finish::cancelled);
  CHECK(result->text == "abc");
}

TEST_CASE("models and status are listed") {
  service server;
  client client = connect(server.address());
  auto models = std::async(std::launch::async, [&] { return client.list_models(); });
  request got = server.expect(list_models);
  server.send(got, model_list, make_model_list(got.as<wire::ListModels>().op(), {"smollm2", "big"}));
  const auto listed = models.get();
  REQUIRE(listed);
  REQUIRE(listed->size() == 2);
  CHECK(listed->at(1).name == "big");
  CHECK(listed->at(1).fusion == "direct");
  CHECK(listed->at(1).pools == std::vector<std::string>{"big_pool"});
  CHECK(listed->at(1).context_length == 2048);
  auto status = std::async(std::launch::async, [&] { return client.status(); });
  got = server.expect(status_request);
  server.send(got, status_report, make_status_report(got.as<wire::StatusRequest>().op()));
  const auto report = status.get();
  REQUIRE(report);
  CHECK(report->node == "node1");
  CHECK(report->uptime == std::chrono::seconds(7));
  CHECK(report->actors.at(0).name == "engine.a");
  CHECK(report->actors.at(0).counters.at(0).name == "running");
  CHECK(report->actors.at(0).counters.at(0).value == 3);
  CHECK(report->actors.at(0).node == "node1");
  REQUIRE(report->actors[0].histograms.size() == 1);
  CHECK(report->actors[0].histograms[0].name == "seconds");
  CHECK(report->actors[0].histograms[0].bounds == std::vector<double>{0.5, 1});
  CHECK(report->actors[0].histograms[0].counts == std::vector<std::uint64_t>{2, 0, 1});
  CHECK(report->actors[0].histograms[0].sum == 2.5);
  REQUIRE(report->nodes.size() == 2);
  CHECK(report->nodes[0].uptime == std::chrono::seconds(7));
  CHECK(report->nodes[0].draining);
  CHECK(report->nodes[0].problem.empty());
  CHECK(report->nodes[1].name == "node2");
  CHECK(report->nodes[1].problem == "not connected");
}

TEST_CASE("a drain is waited for longer than other answers, and says how it ended") {
  service server;
  client client = connect(server.address(), impatient());
  auto left = std::async(std::launch::async, [&] { return client.drain("node2"); });
  const request got = server.expect(drain);
  CHECK(got.as<wire::Drain>().node()->str() == "node2");
  std::this_thread::sleep_for(2 * impatient().answer_timeout);
  server.send(got, drained, make_drained(got.as<wire::Drain>().op()));
  const auto done = left.get();
  REQUIRE(done);
  CHECK(done->node == "node2");
  CHECK(done->finished == 3);
  CHECK(done->moved == 2);
  CHECK(done->cut == 1);
  CHECK(done->took == std::chrono::milliseconds(1500));
}

TEST_CASE("many threads share one client") {
  service server;
  client client = connect(server.address());
  constexpr int threads = 8, rounds = 10;
  std::atomic<int> right{0};
  std::vector<std::jthread> workers; // joined even where serve() fails the test
  for (int t = 0; t < threads; ++t)
    workers.emplace_back([&, t] {
      for (int round = 0; round < rounds; ++round) {
        const auto tokens = static_cast<std::uint32_t>(1 + (t * 7 + round * 13) % 90);
        client_request request = ask_for(tokens);
        request.chunk_timeout = 20s;
        const auto answer = client.generate(request);
        right += answer && answer->token_ids.size() == tokens && answer->finish == client_finish::length;
      }
    });
  serve(server, threads * rounds);
  workers.clear();
  CHECK(right == threads * rounds);
}
