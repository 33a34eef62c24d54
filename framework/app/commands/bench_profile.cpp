// Differences of counters, as a table.
#include "app/commands/bench_profile.hpp"

#include "message/status.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>

namespace tokamak::app {
namespace {

constexpr std::string_view time_suffix = "_us";

double value_of(const std::map<std::string, double>& values, const std::string& name) {
  const auto it = values.find(name);
  return it == values.end() ? 0 : it->second;
}

std::string rate(double amount, double us, double peak, double unit) {
  if (amount == 0 || us == 0) return fmt::format("{:>9} {:>6}", "", "");
  const auto per_s = amount / us * 1e6;
  return fmt::format("{:9.1f} {:>6}", per_s / unit, peak > 0 ? fmt::format("{:.0f} %", 100 * per_s / peak) : "");
}

} // namespace

shard_counters counters_of(caf::actor_system& system, const engine::running_engine& engine) {
  shard_counters all;
  caf::scoped_actor self(system);
  for (const auto& shard : engine.shards)
    self->request(shard, std::chrono::seconds(60), make_frame<wire::StatusRequest>(wire::StatusRequestT{}))
        .receive(
            [&](const frame_of<wire::ActorStatus>& status) {
              for (const auto* c : *status->counters()) {
                const auto name = c->name()->str();
                if (name.starts_with("peak_")) all[name] = c->value();
                else all[name] += c->value();
              }
            },
            [](const caf::error&) {});
  return all;
}

void phase_profile::add(const shard_counters& before, const shard_counters& after, double wall_us) {
  for (const auto& [name, value] : after)
    if (!name.starts_with("peak_")) sums_[name] += value - value_of(before, name);
  peak_bytes_per_s_ = value_of(after, "peak_bytes_per_s");
  peak_multiply_adds_per_s_ = value_of(after, "peak_int8_multiply_adds_per_s");
  wall_us_ += wall_us;
}

std::vector<phase_profile::op> phase_profile::ops() const {
  std::vector<op> all;
  for (const auto& [name, us] : sums_) {
    if (!name.ends_with(time_suffix) || name == "step_us" || name == "busy_us" || name == "sample_us") continue;
    all.push_back({name.substr(0, name.size() - time_suffix.size()), us});
  }
  std::ranges::sort(all, std::greater{}, &op::us);
  return all;
}

nlohmann::ordered_json phase_profile::data() const {
  const auto steps = value_of(sums_, "steps");
  if (steps <= 0) return nullptr;
  nlohmann::ordered_json out{{"steps", steps}, {"wall_us", wall_us_}, {"ops", nlohmann::ordered_json::object()}};
  for (const auto& o : ops())
    out["ops"][o.kind] = {{"us", o.us}, {"bytes", value_of(sums_, o.kind + "_bytes")}, {"multiply_adds", value_of(sums_, o.kind + "_multiply_adds")}};
  return out;
}

std::string phase_profile::table(const std::string& title) const {
  const auto step_us = value_of(sums_, "step_us"), steps = value_of(sums_, "steps");
  if (step_us <= 0 || steps <= 0) return {};
  auto out = fmt::format("{}: {:.0f} steps of {:.3f} ms; peaks {:.1f} GB/s read, {:.0f} Gop/s int8\n", title, steps, wall_us_ / steps / 1000,
                         peak_bytes_per_s_ / 1e9, 2 * peak_multiply_adds_per_s_ / 1e9);
  out += fmt::format("  {:<16} {:>10} {:>7} {:>9} {:>6} {:>9} {:>6}\n", "op", "us a step", "share", "GB/s", "peak", "Gop/s", "peak");
  const auto row = [&](const std::string& kind, double us) {
    out += fmt::format("  {:<16} {:10.1f} {:5.1f} % {} {}\n", kind, us / steps, 100 * us / wall_us_,
                       rate(value_of(sums_, kind + "_bytes"), us, peak_bytes_per_s_, 1e9),
                       rate(2 * value_of(sums_, kind + "_multiply_adds"), us, 2 * peak_multiply_adds_per_s_, 1e9));
  };
  auto left_us = step_us;
  for (const auto& o : ops()) {
    row(o.kind, o.us);
    left_us -= o.us;
  }
  row("rest of the step", left_us);
  row("sampling", value_of(sums_, "sample_us"));
  row("between steps", std::max(0.0, wall_us_ - step_us - value_of(sums_, "sample_us")));
  return out;
}

} // namespace tokamak::app
