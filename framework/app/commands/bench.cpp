// `tokamak bench`: prefill and decode rates of a model, measured through the same actors as `serve`.
#include "app/commands/bench_fit.hpp"
#include "app/commands/bench_profile.hpp"
#include "app/commands/commands.hpp"
#include "app/complain.hpp"
#include "app/local_request.hpp"
#include "app/one_model.hpp"
#include "app/service.hpp"
#include "app/version.hpp"
#include "base/log.hpp"
#include "message/actor_clock.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <cstdio>
#include <functional>
#include <random>

namespace tokamak::app {
namespace {

struct bench_options {
  std::string model;
  std::uint32_t prompt = 512;
  std::uint32_t decode = 128;
  std::uint32_t threads = 0;
  std::uint32_t context = 16;
  std::vector<std::uint32_t> batches;
  std::uint32_t repetitions = 5;
  std::uint32_t step_rows = 512;
  std::string backend = "cpu";
  bool fit = false;
  bool profile = false;
  bool json = false;
};

double median(std::vector<double> v) {
  if (v.empty()) return 0;
  std::sort(v.begin(), v.end());
  return v.size() % 2 ? v[v.size() / 2] : (v[v.size() / 2 - 1] + v[v.size() / 2]) / 2;
}

/// Context length for which an engine's automatic cache (four sequences of it) holds what the largest test needs and little more, so that
/// repetitions after the first run in memory that was touched before, as those of a server that has run for a while; 0, the model's own, if
/// that is less.
std::uint32_t context_of(const bench_options& o) {
  constexpr std::uint64_t block = 32; // at least a partial block and the token that was generated last
  std::uint64_t needed = std::max<std::uint64_t>(o.prompt, o.context + o.decode) + block;
  for (const auto n : o.batches) needed = std::max(needed, std::uint64_t{n} * (o.context + o.decode + 2 * block) / 4 + block);
  const auto file = gguf_file::open(o.model);
  if (!file) return 0; // said when the model is loaded
  const auto architecture = file->get<std::string_view>("general.architecture");
  if (!architecture) return 0;
  const auto longest = file->get<std::uint32_t>(fmt::format("{}.context_length", *architecture));
  return longest && needed < *longest ? static_cast<std::uint32_t>(needed) : 0;
}

topology::topology topology_of(const bench_options& o) {
  auto t = one_model_topology("bench", o.model, o.backend);
  auto& e = t.engines.front();
  e.threads = o.threads;
  e.max_step_rows = o.step_rows;
  e.max_sequences = 64;
  e.context_length = context_of(o);
  for (const auto batch : o.batches) e.max_sequences = std::max(e.max_sequences, batch);
  if (o.fit) { // prompts in as few steps as there can be: one shape each
    option_value chunk;
    chunk.value = std::int64_t{o.step_rows};
    std::get<option_value::table>(e.scheduler.options.value).push_back({"prefill_chunk", chunk});
  }
  if (o.profile) {
    option_value on;
    on.value = true;
    std::get<option_value::table>(e.backend.options.value).push_back({"profile", on});
  }
  return t;
}

/// Measures one service. Prompts are random ordinary tokens, different each time, so that no cache helps.
class measurement {
public:
  measurement(caf::actor_system& system, service& running, const bench_options& o)
      : system_(system), running_(running), options_(o), endpoint_(running.endpoint("bench")) {}

  expected<double> prefill() {
    const auto begin = now_us(system_);
    const auto answer = ask_locally(system_, endpoint_, request(options_.prompt, 1), [](const wire::Chunk&) {});
    if (answer.failure) return fail(*answer.failure);
    return options_.prompt / (static_cast<double>(now_us(system_) - begin) / 1e6);
  }

  /// Tokens/s of n streams together, from the moment when all of them decode to the end of the first.
  expected<double> decode(std::uint32_t n) {
    std::vector<wire::OpenT> requests;
    for (std::uint32_t i = 0; i < n; ++i) requests.push_back(request(options_.context, options_.decode + 1));
    std::uint64_t begin = 0, end = 0, counted = 0;
    std::vector<bool> started(n, false);
    std::uint32_t n_started = 0;
    const auto answers = ask_locally(system_, endpoint_, std::span<const wire::OpenT>(requests), [&](std::size_t i, const wire::Chunk& c) {
      const auto tokens = c.tokens() ? c.tokens()->size() : 0;
      const bool all_before = n_started == n;
      if (tokens > 0 && !started[i]) {
        started[i] = true;
        if (++n_started == n) begin = now_us(system_);
      }
      if (all_before && end == 0) counted += tokens;
      if (c.finish() != wire::FinishReason::none && end == 0) end = now_us(system_);
    });
    for (const auto& a : answers)
      if (a.failure) return fail(*a.failure);
    if (end <= begin) return fail(errc::invalid_argument, "the streams did not overlap; use a larger -n");
    return static_cast<double>(counted) / (static_cast<double>(end - begin) / 1e6);
  }

private:
  wire::OpenT request(std::uint32_t prompt_tokens, std::uint32_t generate) {
    wire::OpenT r;
    r.id = running_.ids().next();
    r.prompt = std::make_unique<wire::PromptT>();
    for (std::uint32_t i = 0; i < prompt_tokens; ++i) r.prompt->tokens.push_back(static_cast<std::int32_t>(4 + random_() % 252));
    r.generate = generate;
    r.stops = std::make_unique<wire::StopsT>();
    r.stops->ignore_eos = true;
    return r;
  }

  caf::actor_system& system_;
  service& running_;
  const bench_options& options_;
  caf::strong_actor_ptr endpoint_;
  std::mt19937 random_{12345};
};

/// One rate that is measured, and what its steps cost.
struct test {
  std::string name, title;
  std::function<expected<double>()> measure;
  std::uint32_t warm_ups; ///< runs until the cache has been filled
  std::vector<double> rates;
  phase_profile profile;
};

int bench(const bench_options& o) {
  log::set_level(log::level::warning);
  auto registry = plugin::registry::load();
  if (!registry) return complain(registry.error());
  const auto t = topology_of(o);
  actor_runtime runtime;
  const auto load_begin = now_us(runtime.system());
  service_options start;
  start.with_frontends = false;
  auto running = service::start(runtime.system(), t, *registry, start);
  if (!running) return complain(running.error());
  if (o.fit) {
    const auto costs = measure_costs(runtime.system(), **running, {"bench", o.step_rows, t.engines.front().max_sequences, o.repetitions});
    if (!costs) return complain(costs.error());
    std::printf("# tokamak bench %s --fit: %u threads, backend %s, version %s\n%s", o.model.c_str(),
                o.threads > 0 ? o.threads : engine::usable_threads(), o.backend.c_str(), version, costs->c_str());
    return 0;
  }
  const auto load_ms = static_cast<double>(now_us(runtime.system()) - load_begin) / 1000;
  measurement m(runtime.system(), **running, o);
  std::vector<test> tests;
  if (o.prompt > 0) tests.push_back({"prefill_tps", fmt::format("prefill of {} tokens", o.prompt), [&] { return m.prefill(); }, 4, {}, {}});
  if (o.decode > 0) tests.push_back({"decode_tps", "decode", [&] { return m.decode(1); }, 1, {}, {}});
  for (const auto n : o.batches)
    tests.push_back({fmt::format("decode_{}_tps", n), fmt::format("decode of {} sequences, and their prompts", n), [&, n] { return m.decode(n); }, 1, {}, {}});
  const auto& shards = *(*running)->engine("bench");
  for (auto& t : tests)
    for (std::uint32_t i = 0; i < t.warm_ups; ++i)
      if (const auto rate = t.measure(); !rate) return complain(rate.error());
  for (std::uint32_t i = 0; i < o.repetitions; ++i)
    for (auto& t : tests) {
      const auto before = o.profile ? counters_of(runtime.system(), shards) : shard_counters{};
      const auto begin = now_us(runtime.system());
      const auto rate = t.measure();
      const auto wall_us = static_cast<double>(now_us(runtime.system()) - begin);
      if (!rate) return complain(rate.error());
      t.rates.push_back(*rate);
      if (o.profile) t.profile.add(before, counters_of(runtime.system(), shards), wall_us);
    }
  nlohmann::ordered_json out{{"version", version}, {"model", o.model}, {"threads", o.threads > 0 ? o.threads : engine::usable_threads()},
                             {"prompt", o.prompt}, {"decode", o.decode}, {"context", o.context}, {"repetitions", o.repetitions}, {"load_ms", load_ms}};
  for (const auto& t : tests) out[t.name] = median(t.rates);
  std::string tables;
  for (const auto& t : tests) tables += t.profile.table(t.title);
  if (o.profile && tables.empty()) return complain({errc::unsupported, fmt::format("backend '{}' counts no times of ops", o.backend), {}});
  if (o.json) {
    if (o.profile) {
      out["peak_bytes_per_s"] = tests.front().profile.peak_bytes_per_s();
      out["peak_multiply_adds_per_s"] = tests.front().profile.peak_multiply_adds_per_s();
      for (const auto& t : tests) out["profile"][t.name] = t.profile.data();
    }
    std::printf("%s\n", out.dump().c_str());
    return 0;
  }
  for (const auto& [key, value] : out.items()) std::printf("%-18s %s\n", key.c_str(), value.dump().c_str());
  if (o.profile) std::printf("\n%s", tables.c_str());
  return 0;
}

} // namespace

void add_bench(CLI::App& app, command& chosen) {
  auto o = std::make_shared<bench_options>();
  auto* sub = app.add_subcommand("bench", "Measure prefill and decode rates of a model (median of several repetitions)");
  sub->add_option("model", o->model, "Model file (GGUF)")->required();
  sub->add_option("-p,--prompt", o->prompt, "Prompt tokens; 0: no prefill test")->capture_default_str();
  sub->add_option("-n,--decode", o->decode, "Tokens to decode; 0: no decode test")->capture_default_str();
  sub->add_option("-t,--threads", o->threads, "Compute threads; 0: all that this process may use")->capture_default_str();
  sub->add_option("--batch", o->batches, "Also decode this many sequences together; several numbers: 8,32")->delimiter(',')->check(CLI::Range(1, 4096));
  sub->add_option("--context", o->context, "Prompt tokens of each sequence that decodes")->capture_default_str()->check(CLI::PositiveNumber);
  sub->add_option("-r,--repetitions", o->repetitions, "Repetitions after one warm-up")->capture_default_str()->check(CLI::Range(1, 1000));
  sub->add_option("--step-rows", o->step_rows, "Most tokens in one step")->capture_default_str();
  sub->add_option("--backend", o->backend, "Backend plugin")->capture_default_str();
  auto* json = sub->add_flag("--json", o->json, "One line of JSON");
  sub->add_flag("--fit", o->fit, "Measure steps of many shapes instead, and print what they cost as options of the backend 'simulated', "
                                 "for `tokamak simulate --cost`")->excludes(json);
  sub->add_flag("--profile", o->profile, "Also print the time of each kind of op and its share of what this machine can do")->excludes("--fit");
  sub->callback([o, &chosen] { chosen = [o] { return bench(*o); }; });
}

} // namespace tokamak::app
