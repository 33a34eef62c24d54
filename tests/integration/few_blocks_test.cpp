// More requests than the cache can hold at once: they take turns, and each gets its own tokens.
#include "integration/test_service.hpp"
#include "null_backend/tiny_models.hpp"

#include <tokamak/client.hpp>
#include <unistd.h>

#include <fstream>
#include <thread>

using namespace tokamak;

namespace {

client_request asking(int i) {
  client_request r;
  r.model = "tiny";
  r.prompt = "request " + std::to_string(i) + " of many";
  r.max_tokens = 160;
  r.stops.ignore_eos = true;
  return r;
}

} // namespace

TEST_CASE("requests that outgrow the cache together take turns, and none waits for the others for ever") {
  constexpr int n = 12;
  const auto path = std::filesystem::temp_directory_path() / ("tokamak-few-" + std::to_string(::getpid()) + ".gguf");
  std::ofstream(path, std::ios::binary) << test::tiny_llama_gguf();
  test::test_service s("[models.tiny]\npath = \"" + path.string() + "\"\n[engines.tiny]\nbackend = \"reference\"\n"
                       "[frontends.zmq]\nkind = \"zmq\"\nbind = \"tcp://127.0.0.1:*\"\n");
  std::filesystem::remove(path);
  auto c = client::connect(s.address());
  REQUIRE(c);
  std::vector<std::vector<std::int32_t>> alone(n), together(n);
  for (int i = 0; i < n; ++i) {
    const auto answer = c->generate(asking(i));
    REQUIRE(answer);
    alone[i] = answer->token_ids;
  }
  std::vector<std::thread> threads;
  for (int i = 0; i < n; ++i)
    threads.emplace_back([&, i] {
      if (const auto answer = c->generate(asking(i))) together[i] = answer->token_ids;
    });
  for (auto& t : threads) t.join();
  for (int i = 0; i < n; ++i) CHECK(together[i] == alone[i]);
  const auto status = c->status();
  REQUIRE(status);
  for (const auto& actor : status->actors)
    for (const auto& counter : actor.counters) {
      if (actor.kind == "scheduler" && counter.name == "blocks_total") CHECK(counter.value < n * 160 / 32);
      if (actor.kind == "scheduler" && counter.name == "preempted") {
        CHECK(counter.value > 0);
        CHECK(counter.value < 20 * n);
      }
    }
}
