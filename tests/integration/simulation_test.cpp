// Whole services under a virtual clock: queues as queueing theory has them, overload, prefixes, and the same bytes for the same
// seed. The program's own errors are here, too.
#include "child_process.hpp"
#include "null_backend/tiny_models.hpp"
#include "test_service.hpp"

#include "app/simulation/costs.hpp"
#include "app/simulation/simulation.hpp"

#include <cmath>
#include <fstream>

using namespace tokamak;
using namespace tokamak::app;

namespace {

/// A folder with a tiny model, removed at the end.
class test_folder {
public:
  test_folder() {
    char name[] = "/tmp/tokamak_simulation_XXXXXX";
    path_ = mkdtemp(name);
    write("tiny.gguf", test::tiny_llama_gguf());
  }
  ~test_folder() { std::filesystem::remove_all(path_); }
  std::string operator/(const std::string& name) const { return path_ + "/" + name; }
  std::string write(const std::string& name, std::string_view text) const {
    std::ofstream(*this / name, std::ios::binary) << text;
    return *this / name;
  }
  /// A topology of the model and these further lines.
  std::string topology(const std::string& more) const {
    return write("t.toml", "[models.tiny]\npath = \"tiny.gguf\"\n" + more);
  }

private:
  std::string path_;
};

/// `costs`: text of a cost file, "" for none.
simulation_summary run(const std::string& file, load planned, const std::string& costs = "") {
  log::set_level(log::level::error);
  const auto registry = test::test_registry();
  const registry_catalog catalog(registry);
  auto loaded = topology::load_file(file, &catalog);
  REQUIRE_MESSAGE(loaded.value.has_value(), (loaded.errors.empty() ? "" : loaded.errors.front().to_string()));
  if (costs.empty()) {
    REQUIRE(simulate_backends(*loaded.value, nullptr).has_value());
  } else {
    const auto path = file + ".cost";
    std::ofstream(path) << costs;
    const auto read = cost_file::read(path, registry);
    REQUIRE_MESSAGE(read.has_value(), (read ? "" : read.error().to_string()));
    REQUIRE(simulate_backends(*loaded.value, &*read).has_value());
  }
  auto done = simulate(*loaded.value, registry, {std::move(planned), {}, std::nullopt});
  REQUIRE_MESSAGE(done.has_value(), (done ? "" : done.error().to_string()));
  return *done;
}

load poisson(double rate, double seconds, const char* prompt, const char* answer, std::uint64_t seed = 1) {
  return make_load({rate, seconds, *length_distribution::parse(prompt), *length_distribution::parse(answer), 0, 0, seed}, {"tiny"});
}

struct ended {
  int status;
  std::string out, err;
};

ended run_program(std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), test::tokamak_program());
  test::child_process p(arguments);
  const auto status = p.wait(std::chrono::seconds(60));
  return {status, p.out(), p.err()};
}

} // namespace

TEST_CASE("one server with equal services waits as long as an M/D/1 queue") {
  const test_folder folder;
  const auto file = folder.topology("[engines.tiny]\nmax_sequences = 1\nmax_waiting = 100000\n"
                                    "backend = { plugin = \"simulated\", step_us = 10000 }\n");
  for (const double load : {0.3, 0.6, 0.8}) {
    const auto s = run(file, poisson(load * 100, 300, "8", "1"));
    const double service_ms = 10, wait_ms = load * service_ms / (2 * (1 - load)); // Pollaczek and Khinchine
    CHECK(s.ttft_ms.mean == doctest::Approx(service_ms + wait_ms).epsilon(0.07));
    CHECK(s.busy_seconds / s.seconds == doctest::Approx(load).epsilon(0.05));
    CHECK(s.finished == s.requests);
  }
}

TEST_CASE("tokens come one a step, and all of them are in the ledger") {
  const test_folder folder;
  const auto file = folder.topology("[engines.tiny]\nbackend = { plugin = \"simulated\", step_us = 2000, row_us = 100 }\n");
  load one;
  one.endpoints = {"tiny"};
  one.requests = {{5000, 20, 11, 0, 0, 0}};
  const auto s = run(file, one);
  CHECK(s.ttft_ms.mean == doctest::Approx(2 + 2));
  CHECK(s.tpot_ms.mean == doctest::Approx(2 + 0.1));
  CHECK(s.seconds == doctest::Approx(0.005 + 0.004 + 10 * 0.0021));
  CHECK(s.output_tokens == 11);
  CHECK(s.tokens[0] == 20 + 10); // the last token is never computed
  CHECK(s.tokens[3] == 11);
}

TEST_CASE("engines of a pool share the load, whatever their model costs to read") {
  const test_folder folder;
  std::string engines, names;
  for (int i = 0; i < 50; ++i) {
    engines += fmt::format("[engines.e{}]\nmodel = \"tiny\"\nbackend = {{ plugin = \"simulated\", step_us = 10000 }}\n", i);
    names += fmt::format("\"e{}\",", i);
  }
  const auto s = run(folder.topology(engines + "[pools.tiny]\nengines = [" + names + "]\n"), poisson(200, 5, "8", "10"));
  CHECK(s.engines == 50);
  CHECK(s.finished == s.requests);
  CHECK(s.ttft_ms.p50_p90_p99[1] < 20.1); // nobody waits for more than the step that runs
}

TEST_CASE("an overloaded engine refuses, and what it takes it finishes") {
  const test_folder folder;
  const auto s = run(folder.topology("[engines.tiny]\nmax_sequences = 1\nmax_waiting = 3\n"
                                     "backend = { plugin = \"simulated\", step_us = 100000 }\n"),
                     poisson(100, 5, "8", "1"));
  CHECK(s.refused > 400);
  CHECK(s.failed == 0);
  CHECK(s.finished + s.refused == s.requests);
}

TEST_CASE("shared prefixes are computed once and then cached") {
  const test_folder folder;
  const auto file = folder.topology("[engines.tiny]\nblock_size = 16\nbackend = { plugin = \"simulated\", row_us = 100 }\n");
  load l;
  l.endpoints = {"tiny"};
  for (std::uint64_t i = 0; i < 10; ++i) l.requests.push_back({i * 1'000'000, 100, 2, 0, 7, 80});
  const auto s = run(file, l);
  CHECK(s.tokens[1] == 9 * 80);
  CHECK(s.tokens[0] == 10 * 101 - 9 * 80);
}

TEST_CASE("a cut engine passes a step through its shards, each of which does its part") {
  const test_folder folder;
  const auto s = run(folder.topology("[engines.tiny.shards]\nkind = \"layers\"\ncount = 2\n"), poisson(1, 10, "8", "1"),
                     "step_us = 99\n[models.tiny]\nstep_us = 10000\n");
  CHECK(s.ttft_ms.p50_p90_p99[0] == doctest::Approx(10));
  CHECK(s.failed == 0);
}

TEST_CASE("a simulation without requests ends at once") {
  const test_folder folder;
  const auto s = run(folder.topology("[engines.tiny]\nbackend = \"simulated\"\n"), poisson(1, 0, "8", "1"));
  CHECK(s.requests == 0);
  CHECK(s.seconds == 0);
}

TEST_CASE("the program prints the same bytes for the same seed, and others for another") {
  const test_folder folder;
  const auto file = folder.topology("");
  const auto costs = folder.write("cost.toml", "plugin = \"simulated\"\nstep_us = 5000\nrow_us = 50\n");
  const std::vector<std::string> command{"simulate", file, "--cost", costs, "--poisson", "20", "--seconds", "20", "--prompt-tokens", "8-64",
                                         "--max-tokens", "exp:20", "--prefixes", "3", "--prefix-tokens", "32", "--seed"};
  const auto with_seed = [&](const char* seed) {
    auto all = command;
    all.push_back(seed);
    const auto done = run_program(all);
    CHECK(done.status == 0);
    CHECK(done.err.starts_with("tokamak: simulated "));
    return done.out;
  };
  const auto first = with_seed("5");
  CHECK(first.starts_with("seed       5\nrequests   "));
  CHECK(first == with_seed("5"));
  CHECK(first != with_seed("6"));
}

TEST_CASE("what bench --fit prints is a cost file") {
  const test_folder folder;
  const auto fitted = run_program({"bench", folder / "tiny.gguf", "--fit", "-r", "1", "-t", "1", "--step-rows", "16"});
  REQUIRE_MESSAGE(fitted.status == 0, fitted.err);
  CHECK(fitted.out.find("\nplugin = \"simulated\"\nrows_us = [[1, ") != std::string::npos);
  CHECK(fitted.out.find("\n# error of ") != std::string::npos);
  const auto done = run_program({"simulate", folder.topology(""), "--cost", folder.write("fit.toml", fitted.out), "--poisson", "5",
                                 "--seconds", "2", "--max-tokens", "4", "--json"});
  CHECK_MESSAGE(done.status == 0, done.err);
}

TEST_CASE("what cannot be simulated is refused with what was expected") {
  const test_folder folder;
  const auto file = folder.topology("");
  const auto costs = folder.write("cost.toml", "step_us = 5000\n");
  const auto refused = [&](std::vector<std::string> more) {
    more.insert(more.begin(), {"simulate", file});
    const auto done = run_program(more);
    CHECK(done.status == 2);
    CHECK(done.out == "");
    auto text = done.err;
    for (std::size_t at; (at = text.find(folder / "")) != std::string::npos;) text.erase(at, (folder / "").size());
    return text;
  };
  CHECK(refused({"--cost", costs}) == "tokamak: expected either --poisson RATE or --trace FILE (invalid_argument)\n");
  CHECK(refused({"--poisson", "1"}) ==
        "tokamak: t.toml:1:9: engine 'tiny' computes on 'cpu', and nothing says what that costs; expected --cost FILE.toml (`tokamak bench "
        "MODEL.gguf --fit` prints one), or the backend 'simulated' (invalid_argument)\n");
  CHECK(refused({"--poisson", "1", "--cost", costs, "--max-tokens", "many"}) ==
        "tokamak: --max-tokens: 'many' is no number of tokens; expected one like 128, 16-512 or exp:128, from 1 to 16777216 "
        "(invalid_argument)\n");
  CHECK(refused({"--poisson", "1", "--cost", costs, "--endpoint", "tinny"}) == "tokamak: no endpoint 'tinny' in t.toml (not_found)\n");
  CHECK(refused({"--trace", folder.write("t.jsonl", "{}\n"), "--cost", costs}) == "tokamak: t.jsonl:1: no \"arrival\" (invalid_argument)\n");
  CHECK(refused({"--poisson", "1", "--cost", folder.write("bad.toml", "step_us = 1\nrow_use = 3\n")}) ==
        "tokamak: bad.toml:2:11: backend 'simulated' has no option 'row_use'; did you mean 'row_us'? known: step_us, row_us, rows_us, "
        "sequence_us, output_us, decode_context_us, prefill_context_us, share (invalid_argument)\n");
  CHECK(refused({"--poisson", "1", "--cost", folder / "none.toml"}) == "tokamak: none.toml: cannot open the cost file (not_found)\n");
}

TEST_CASE("bench --profile tells where the time of steps goes") {
  const test_folder folder;
  const auto profiled = run_program({"bench", folder / "tiny.gguf", "--profile", "-r", "1", "-t", "1", "-p", "16", "-n", "8"});
  REQUIRE_MESSAGE(profiled.status == 0, profiled.err);
  for (const auto* line : {"prefill of 16 tokens: ", "decode: ", "  matmul  ", "  fused.matmul  ", "  fused.attention  ", "  between steps  "}) CHECK_MESSAGE(profiled.out.find(line) != std::string::npos, profiled.out);
}
