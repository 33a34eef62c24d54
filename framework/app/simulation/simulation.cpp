// From event to event until all requests ended.
#include "app/simulation/simulation.hpp"

#include "app/service.hpp"
#include "app/simulation/virtual_time.hpp"
#include "message/actor_clock.hpp"

namespace tokamak::app {
namespace {

// Requests wait for each other, but no step takes this long: what moves no more never will.
constexpr std::uint64_t patience_us = std::uint64_t{24} * 3600 * 1'000'000;

expected<void> run_to_end(virtual_time& time, const simulation_setup& setup, const client_record& record) {
  while (record.sent < setup.planned.requests.size() || record.open > 0) {
    const bool waits = record.open > 0 && now_us(time.system()) > record.progress_us + patience_us;
    if (waits || !time.advance())
      return fail(errc::internal, fmt::format("{} requests are open and nothing more happens to them", record.open));
  }
  return {};
}

} // namespace

expected<simulation_summary> simulate(const topology::topology& topology, const plugin::registry& registry, const simulation_setup& setup) {
  client_record record; // actors write to it as long as there is a clock
  virtual_time time;
  service_options options;
  options.all_nodes = true;
  options.detached = false;
  options.with_frontends = false;
  options.available_memory = UINT64_MAX;
  auto started = service::start(time.system(), topology, registry, options);
  if (!started) return fail(started.error());
  std::vector<caf::strong_actor_ptr> endpoints;
  for (const auto& name : setup.planned.endpoints) endpoints.push_back((*started)->endpoint(name));
  time.settle();
  const auto begin_us = now_us(time.system());
  const auto clients = spawn_clients(time.system(), setup.planned, std::move(endpoints), record);
  time.settle();
  auto ended = run_to_end(time, setup, record);
  if (ended) {
    caf::anon_send(clients, report_atom::value, caf::actor_cast<caf::strong_actor_ptr>((*started)->node()));
    while (!record.report && time.advance()) {
    }
  }
  caf::anon_send_exit(clients, caf::exit_reason::user_shutdown);
  if (!ended) return fail(ended.error());
  return summarize(setup.planned, record, begin_us, topology.engines.size(), setup.limits, setup.price);
}

} // namespace tokamak::app
