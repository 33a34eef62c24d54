// Answers do not depend on what else is in the batch, on how prompts are chunked, on threads or on the cache: 32 clients at
// once over ZeroMQ get exactly what each gets alone.
#include "patience.hpp"
#include "test_service.hpp"
#include "tokamak/kernels/cpu_level.hpp"

#include <tokamak/client.hpp>

#include <thread>

using namespace tokamak;

namespace {

constexpr int n_requests = 32;

std::string toml(const std::string& engine_options) {
  return "[models.smollm2]\npath = \"" + test::smollm2_path() + "\"\n[engines.smollm2]\nmodel = \"smollm2\"\n" + engine_options +
         "[frontends.zmq]\nkind = \"zmq\"\nbind = \"tcp://127.0.0.1:*\"\n";
}

client_request request(int i) {
  static const char* subjects[] = {"rivers", "the moon", "bread", "a small town", "engines", "winter", "prime numbers", "trees"};
  client_request r;
  r.model = "smollm2";
  std::string prompt = "Write about ";
  for (int k = 0; k <= i % 7; ++k) prompt += std::string(subjects[(i + 3 * k) % 8]) + (k < i % 7 ? ", " : ".");
  if (i % 4 == 1) for (int k = 0; k < 12; ++k) prompt += " Remember what was said about " + std::string(subjects[(i + k) % 8]) + ".";
  r.prompt = std::vector<client_message>{{"user", prompt}};
  r.max_tokens = 12 + static_cast<std::uint32_t>(i % 5) * 5;
  if (i % 3 == 2) {
    r.sampling.temperature = 0.8f;
    r.sampling.seed = static_cast<std::uint64_t>(1000 + i);
    r.sampling.top_p = 0.95f;
  }
  return r;
}

using answers = std::vector<std::vector<std::int32_t>>;

answers ask_one_by_one(client& c) {
  answers out;
  for (int i = 0; i < n_requests; ++i) {
    auto a = c.generate(request(i));
    REQUIRE_MESSAGE(a.has_value(), (a ? "" : a.error().to_string()));
    out.push_back(a->token_ids);
  }
  return out;
}

answers ask_together(client& c) {
  answers out(n_requests);
  std::vector<std::string> failures(n_requests);
  std::vector<std::thread> threads;
  for (int i = 0; i < n_requests; ++i)
    threads.emplace_back([&, i] {
      auto a = c.generate(request(i));
      if (a) out[static_cast<std::size_t>(i)] = a->token_ids;
      else failures[static_cast<std::size_t>(i)] = a.error().to_string();
    });
  for (auto& t : threads) t.join();
  for (const auto& f : failures) CHECK(f == "");
  return out;
}

client connect(test::test_service& s) {
  client_options options;
  options.chunk_timeout *= test::patience; // the last of 32 waits for the prompts of all others
  auto c = client::connect(s.address(), options);
  REQUIRE(c.has_value());
  return std::move(*c);
}

} // namespace

TEST_CASE("32 requests at once give exactly the tokens each gives alone, however prompts are chunked, on any threads, with fused ops or without") {
  if (!test::exists(test::smollm2_path())) {
    MESSAGE("SmolLM2 is not in ~/.cache/tokamak/models: skipped");
    return;
  }
  for (const std::string level : {"avx2", "avx512"}) {
    if (!kernels::choose_level(level.c_str(), kernels::detect()).error.empty()) continue;
    CAPTURE(level);
    setenv("TOKAMAK_CPU", level.c_str(), 1);
    answers alone;
    {
      test::test_service s(toml("threads = 2\n"));
      auto c = connect(s);
      alone = ask_one_by_one(c);
      CHECK(ask_together(c) == alone); // served from the prefix cache where it can be
    }
    for (const auto& a : alone) CHECK(a.size() > 3);
    const auto together = [](const std::string& options) {
      test::test_service s(toml(options));
      auto c = connect(s);
      return ask_together(c);
    };
    // Another prefill chunk size.
    CHECK(together("threads = 2\nmax_step_rows = 48\n[engines.smollm2.scheduler]\nplugin = \"continuous\"\nprefill_chunk = 7\n") == alone);
    // One thread instead of two, and few blocks, so that sequences are preempted.
    CHECK(together("threads = 1\ncontext_length = 512\nkv_memory_bytes = \"24MiB\"\n") == alone);
    CHECK(together("threads = 2\ngraph_passes = []\n") == alone);
  }
  unsetenv("TOKAMAK_CPU");
}
