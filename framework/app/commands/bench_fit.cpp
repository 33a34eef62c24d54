// What is timed is what a client sees: a prompt's time to its first token, and the time between tokens of streams that
// decode together. Sampling, messages and detokenising are in it, as they are in a service.
#include "app/commands/bench_fit.hpp"

#include "app/local_request.hpp"
#include "app/simulation/cost_fit.hpp"
#include "message/actor_clock.hpp"

#include <algorithm>
#include <random>

namespace tokamak::app {
namespace {

double median(std::vector<double> v) {
  std::sort(v.begin(), v.end());
  return v[v.size() / 2];
}

class step_timer {
public:
  step_timer(caf::actor_system& system, service& running, const fit_options& o)
      : system_(system), running_(running), options_(o), endpoint_(running.endpoint(o.endpoint)) {}

  /// A prompt of n tokens, computed in as few steps as there can be.
  expected<step_measurement> prefill(std::uint32_t n) {
    step_measurement m;
    m.what = fmt::format("a prompt of {}", n);
    for (std::uint32_t at = 0; at < n; at += options_.step_rows) {
      const double rows = std::min(options_.step_rows, n - at);
      measured_step s{rows, at + rows >= n ? 1.0 : 0.0, 0, 0};
      (rows > 1 ? s.prefill_context : s.decode_context) = rows * at + rows * (rows + 1) / 2;
      m.steps.push_back(s);
    }
    std::vector<double> times;
    for (std::uint32_t i = 0; i <= options_.repetitions; ++i) {
      const auto r = request(n, 1);
      const auto begin = now_us(system_);
      const auto answer = ask_locally(system_, endpoint_, r, [](const wire::Chunk&) {});
      if (answer.failure) return fail(*answer.failure);
      if (i > 0) times.push_back(static_cast<double>(now_us(system_) - begin));
    }
    m.us = median(std::move(times));
    return m;
  }

  /// n streams behind prompts of so many tokens, from the moment when all of them decode to the end of the first.
  expected<step_measurement> decode(std::uint32_t n, std::uint32_t prompt) {
    std::vector<step_measurement> found;
    for (std::uint32_t i = 0; i <= std::max(1u, options_.repetitions / 2); ++i) {
      auto m = decode_once(n, prompt);
      if (!m) return m;
      if (i > 0) found.push_back(std::move(*m));
    }
    std::sort(found.begin(), found.end(), [](const auto& a, const auto& b) { return a.us / a.steps[0].rows < b.us / b.steps[0].rows; });
    return found[found.size() / 2];
  }

private:
  static constexpr std::uint32_t decoded = 32;

  expected<step_measurement> decode_once(std::uint32_t n, std::uint32_t prompt) {
    std::vector<wire::OpenT> requests;
    // The first stream decodes while the other prompts are computed, in at least half of a step's rows.
    const auto others = n > 1 ? 2 * n * prompt / options_.step_rows + 8 : 0;
    for (std::uint32_t i = 0; i < n; ++i) requests.push_back(request(prompt, decoded + others));
    std::uint64_t begin = 0, end = 0;
    double counted = 0, context = 0;
    std::vector<std::uint32_t> has(n, 0);
    std::uint32_t n_started = 0;
    const auto answers = ask_locally(system_, endpoint_, std::span<const wire::OpenT>(requests), [&](std::size_t i, const wire::Chunk& c) {
      const auto tokens = c.tokens() ? c.tokens()->size() : 0;
      if (n_started == n && end == 0)
        for (std::uint32_t t = 0; t < tokens; ++t, ++counted) context += prompt + has[i] + t;
      if (tokens > 0 && has[i] == 0 && ++n_started == n) begin = now_us(system_);
      has[i] += tokens;
      if (c.finish() != wire::FinishReason::none && end == 0) end = now_us(system_);
    });
    for (const auto& a : answers)
      if (a.failure) return fail(*a.failure);
    const auto steps = counted / n;
    if (steps < 1 || end <= begin) return fail(errc::internal, fmt::format("{} streams did not decode together", n));
    step_measurement m;
    m.what = fmt::format("{} decoding behind {}", n, prompt);
    const double rows = n;
    m.steps = {{rows, rows, context / steps, 0}};
    m.us = static_cast<double>(end - begin) / steps;
    return m;
  }

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
  const fit_options& options_;
  caf::strong_actor_ptr endpoint_;
  std::mt19937 random_{12345};
};

std::string as_toml(const fitted_costs& fit, const std::vector<step_measurement>& measured) {
  std::string out = "plugin = \"simulated\"\nrows_us = [";
  for (std::size_t i = 0; i < fit.rows_us.size(); ++i)
    out += fmt::format("{}[{}, {:.1f}]", i > 0 ? ", " : "", fit.rows_us[i].first, fit.rows_us[i].second);
  out += fmt::format("]\noutput_us = {:.3f}\ndecode_context_us = {:.5f}\nprefill_context_us = {:.5f}\n", fit.output_us,
                     fit.decode_context_us, fit.prefill_context_us);
  out += fmt::format("# error of {} shapes: median {:.1f} %, largest {:.1f} %\n", measured.size(), 100 * fit.median_error(),
                     100 * fit.largest_error());
  for (std::size_t i = 0; i < measured.size(); ++i)
    out += fmt::format("# {:<24} {:10.3f} ms measured, {:+5.1f} %\n", measured[i].what, measured[i].us / 1000, 100 * fit.errors[i]);
  return out;
}

} // namespace

expected<std::string> measure_costs(caf::actor_system& system, service& running, const fit_options& o) {
  step_timer timer(system, running, o);
  const auto context = running.engine(o.endpoint)->context_length;
  std::vector<step_measurement> measured;
  const auto keep = [&](expected<step_measurement> m) -> expected<void> {
    if (!m) return fail(m.error());
    measured.push_back(std::move(*m));
    return {};
  };
  for (int i = 0; i < 2; ++i) // warms up: pages of weights, clocks of processors
    if (auto m = timer.prefill(std::min(o.step_rows, context - 1) / 2); !m) return fail(m.error());
  for (std::uint32_t n = 2; n <= 4 * o.step_rows && n < context; n *= 2)
    if (auto ok = keep(timer.prefill(n)); !ok) return fail(ok.error());
  for (std::uint32_t n = 1; n <= o.max_sequences && 2 * n <= o.step_rows; n *= 2)
    if (auto ok = keep(timer.decode(n, 16)); !ok) return fail(ok.error());
  // A cache holds at least one sequence of full context.
  for (const auto& [n, prompt] : {std::pair{1u, 512u}, {1u, 2048u}, {4u, 1024u}, {16u, 256u}})
    if (n <= o.max_sequences && n * (prompt + 128) < context)
      if (auto ok = keep(timer.decode(n, prompt)); !ok) return fail(ok.error());
  return as_toml(fit_costs(measured), measured);
}

} // namespace tokamak::app
