// Shards come and go; the head with them.
#include "engine/assembly.hpp"

#include "base/log.hpp"
#include "message/actor_clock.hpp"
#include "message/status.hpp"

#include <algorithm>
#include <chrono>

namespace tokamak::engine {
namespace {

constexpr auto head_pause = std::chrono::milliseconds(500);

struct assembly_state {
  assembly_setup setup;
  std::optional<engine_head> head;
  std::vector<caf::strong_actor_ptr> importers;
  std::uint64_t epoch = 0;
};

using self_pointer = assembly_actor::stateful_pointer<assembly_state>;

caf::strong_actor_ptr scheduler_of(const assembly_state& state) {
  return state.head ? caf::actor_cast<caf::strong_actor_ptr>(state.head->scheduler) : nullptr;
}

void tell(self_pointer self, const caf::strong_actor_ptr& importer) {
  const auto& s = self->state.setup;
  self->send(caf::actor_cast<import_sink>(importer), imported_atom::value, s.node, scheduler_offer(s.name), scheduler_of(self->state));
}

std::string missing(const assembly_state& state) {
  std::string list;
  for (const auto& shard : state.setup.shards)
    if (!shard.actor) list += fmt::format("{}{} of node {}", list.empty() ? "" : ", ", shard.offer, shard.node);
  return list;
}

// Where all shards are there and there is no head.
void try_head(self_pointer self) {
  auto& state = self->state;
  auto& s = state.setup;
  if (const auto names = missing(state); state.head || !names.empty())
    return state.head ? void() : log::info("engine", "engine.waits", {{"engine", s.name}, {"for", names}});
  std::vector<caf::strong_actor_ptr> shards;
  for (const auto& shard : s.shards) shards.push_back(shard.actor);
  // Epochs of a restarted node are higher, too.
  state.epoch = std::max(state.epoch + 1, static_cast<std::uint64_t>(unix_time_s()) * 1'000'000);
  auto head = spawn_head(self->system(), s.head, std::move(shards), state.epoch);
  if (!head) return log::error("engine", "engine.failed", {{"engine", s.name}, {"reason", head.error().message}});
  state.head = std::move(*head);
  self->monitor(state.head->scheduler);
  log::info("engine", "engine.ready", {{"engine", s.name}, {"shards", s.shards.size()}});
  self->send(caf::actor_cast<export_sink>(s.links), export_atom::value, scheduler_offer(s.name), scheduler_of(state));
  for (const auto& importer : state.importers) tell(self, importer);
}

void end_head(self_pointer self) {
  auto& head = self->state.head;
  if (!head) return;
  self->demonitor(head->scheduler.address());
  self->send_exit(head->scheduler, caf::exit_reason::user_shutdown);
  self->send_exit(head->kv_cache, caf::exit_reason::user_shutdown);
  head.reset();
}

void on_shard(self_pointer self, const std::string& node, const std::string& offer, const caf::strong_actor_ptr& actor) {
  for (auto& shard : self->state.setup.shards) {
    if (shard.node != node || shard.offer != offer) continue;
    shard.actor = actor;
    end_head(self); // it knows the one before
    self->monitor(actor);
    try_head(self);
  }
}

void on_down(self_pointer self, const caf::actor_addr& source) {
  auto& state = self->state;
  if (state.head && state.head->scheduler->address() == source) {
    end_head(self); // two shards lost each other, and may find each other again
    return self->delayed_send(self, head_pause, again_atom::value);
  }
  for (auto& shard : state.setup.shards) {
    if (!shard.actor || shard.actor->address() != source) continue;
    log::error("engine", "engine.shard_lost", {{"engine", state.setup.name}, {"shard", shard.offer}, {"node", shard.node}});
    shard.actor = nullptr;
    end_head(self);
  }
}

assembly_actor::behavior_type assembly_behavior(self_pointer self, const std::shared_ptr<assembly_setup>& setup) {
  auto& state = self->state;
  state.setup = std::move(*setup);
  self->set_down_handler([=](const caf::down_msg& down) { on_down(self, down.source); });
  for (const auto& shard : state.setup.shards)
    if (!shard.actor) self->send(caf::actor_cast<import_source>(state.setup.links), import_atom::value, shard.node, shard.offer);
    else self->monitor(shard.actor);
  try_head(self);
  return {
      [=](imported_atom, const std::string& node, const std::string& offer, const caf::strong_actor_ptr& actor) { on_shard(self, node, offer, actor); },
      [=](import_atom, const std::string&, const std::string&) {
        self->state.importers.push_back(self->current_sender());
        if (self->state.head) tell(self, self->current_sender());
      },
      [=](again_atom) { try_head(self); },
      [=](const frame_of<wire::Drain>& m) {
        if (const auto scheduler = scheduler_of(self->state))
          return scheduler->enqueue(self->current_sender(), caf::make_message_id(), caf::make_message(m), self->context());
        if (m->announce()) return;
        wire::DrainedT done;
        done.name = self->state.setup.name;
        self->send(caf::actor_cast<drained_sink>(self->current_sender()), make_frame<wire::Drained>(done));
      },
      [=](const frame_of<wire::StatusRequest>& m) -> caf::result<frame_of<wire::ActorStatus>> {
        if (self->state.head) return self->delegate(caf::actor_cast<status_source>(self->state.head->scheduler), m);
        return make_status(self->state.setup.name, "scheduler", {{"missing_shards", static_cast<double>(std::count_if(self->state.setup.shards.begin(), self->state.setup.shards.end(), [](const auto& s) { return !s.actor; }))}});
      },
  };
}

} // namespace

assembly_actor spawn_assembly(caf::actor_system& system, assembly_setup setup) {
  return system.spawn(assembly_behavior, std::make_shared<assembly_setup>(std::move(setup)));
}

} // namespace tokamak::engine
