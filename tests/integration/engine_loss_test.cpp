// Engines that die under a running service: their answers go on at another engine of the pool, token for token as if
// nothing had happened.
#include "integration/test_service.hpp"
#include "null_backend/tiny_models.hpp"

#include <tokamak/client.hpp>
#include <unistd.h>

#include <atomic>
#include <fstream>
#include <thread>

using namespace tokamak;

namespace {

struct tiny_file {
  std::string path = std::filesystem::temp_directory_path() / ("tokamak-loss-" + std::to_string(::getpid()) + ".gguf");
  tiny_file() { std::ofstream(path, std::ios::binary) << test::tiny_llama_gguf(); }
  ~tiny_file() { std::filesystem::remove(path); }
};

std::string two_engines(const tiny_file& file) {
  return "[models.tiny]\npath = \"" + file.path + R"("
[engines.a]
model = "tiny"
backend = "reference"
[engines.b]
model = "tiny"
backend = "reference"
[pools.tiny]
engines = ["a", "b"]
placement = "round_robin"
[frontends.zmq]
kind = "zmq"
bind = "tcp://127.0.0.1:*"
)";
}

client_request asking(int i, std::uint32_t max_tokens) {
  client_request r;
  r.model = "tiny";
  r.prompt = "request " + std::to_string(i) + " of many";
  r.max_tokens = max_tokens;
  r.stops.ignore_eos = true;
  r.sampling.temperature = i % 2 ? 0.8F : 0.0F;
  r.sampling.seed = 7u + static_cast<unsigned>(i);
  if (i % 4 >= 2) r.constraint = client_constraint{R"({"type":"array","minItems":200,"items":{"type":"integer"}})"};
  return r;
}

} // namespace

TEST_CASE("answers of an engine that dies go on at the other, with the same tokens") {
  constexpr int n = 8;
  constexpr std::uint32_t length = 200;
  const tiny_file file;
  std::vector<std::vector<std::int32_t>> undisturbed(n);
  {
    test::test_service s(two_engines(file));
    auto c = client::connect(s.address());
    REQUIRE(c);
    for (int i = 0; i < n; ++i) {
      const auto answer = c->generate(asking(i, length));
      REQUIRE(answer);
      undisturbed[i] = answer->token_ids;
      CHECK((answer->text.find_first_not_of(" \t\r\n[],-0123456789") == std::string::npos) == (i % 4 >= 2));
    }
  }
  test::test_service s(two_engines(file));
  std::atomic<std::size_t> received{0};
  std::vector<std::thread> threads;
  std::vector<std::vector<std::int32_t>> got(n);
  std::vector<std::string> failures(n);
  for (int i = 0; i < n; ++i)
    threads.emplace_back([&, i] {
      auto c = client::connect(s.address());
      auto answer = c->generate(asking(i, length), [&, i](const client_chunk& chunk) {
        got[i].insert(got[i].end(), chunk.token_ids.begin(), chunk.token_ids.end());
        received += chunk.token_ids.size();
        return true;
      });
      if (!answer) failures[i] = answer.error().to_string();
    });
  while (received < n * 20) std::this_thread::yield();
  CHECK(received < n * length);
  caf::anon_send_exit(s->engine("a")->scheduler, caf::exit_reason::kill);
  for (auto& t : threads) t.join();
  for (int i = 0; i < n; ++i) {
    CHECK(failures[i] == "");
    CHECK(got[i] == undisturbed[i]);
  }
}

TEST_CASE("without another engine the client is told which one was lost") {
  const tiny_file file;
  auto toml = two_engines(file);
  toml.replace(toml.find("[\"a\", \"b\"]"), 10, "[\"a\"]");
  test::test_service s(toml);
  auto c = client::connect(s.address());
  REQUIRE(c);
  bool killed = false;
  const auto answer = c->generate(asking(1, 400), [&](const client_chunk&) {
    if (!std::exchange(killed, true)) caf::anon_send_exit(s->engine("a")->scheduler, caf::exit_reason::kill);
    return true;
  });
  REQUIRE(!answer);
  CHECK(answer.error().code == client_errc::unavailable);
  CHECK(answer.error().message == "engine 'a' was lost");
}
