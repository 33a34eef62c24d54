// Probe: the whole path under a virtual clock. Deadlines and leases pass without sleeping.
#include "probes/probe.hpp"

using namespace tokamak;
using namespace tokamak::probe;

namespace {

/// A service whose actors all run on a scheduler that the test turns by hand.
class virtual_service {
public:
  explicit virtual_service(const std::string& toml) : registry_(test::test_registry()) {
    log::set_level(log::level::error);
    config_.set("scheduler.policy", caf::atom("testing"));
    system_ = std::make_unique<caf::actor_system>(config_);
    scheduler_ = &dynamic_cast<caf::scheduler::test_coordinator&>(system_->scheduler());
    scheduler_->clock().current_time += std::chrono::hours(1);
    const app::registry_catalog catalog(registry_);
    auto loaded = topology::load_text(toml, "test.toml", &catalog);
    REQUIRE(loaded.value.has_value());
    app::service_options options;
    options.detached = false;
    options.with_frontends = false;
    auto started = app::service::start(*system_, *loaded.value, registry_, options);
    REQUIRE(started.has_value());
    service_ = std::move(*started);
  }
  ~virtual_service() {
    service_.reset();
    settle();
  }

  void settle() {
    while (scheduler_->try_run_once()) {
    }
  }
  void advance(std::chrono::milliseconds by) {
    for (auto left = by; left.count() > 0; left -= std::chrono::milliseconds(10)) {
      scheduler_->advance_time(std::min(left, std::chrono::milliseconds(10)));
      settle();
    }
  }
  caf::actor_system& system() { return *system_; }
  app::service* operator->() { return service_.get(); }

private:
  plugin::registry registry_;
  caf::actor_system_config config_;
  std::unique_ptr<caf::actor_system> system_;
  caf::scheduler::test_coordinator* scheduler_ = nullptr;
  std::unique_ptr<app::service> service_;
};

} // namespace

TEST_CASE("under a virtual clock a request is answered, a deadline passes and a lease expires, without sleeping") {
  const temporary_file model(test::tiny_llama_gguf());
  virtual_service s(tiny_toml(model, "backend = \"reference\"\n"));
  owner o(s.system(), s->pool("m"), [&] { s.settle(); });
  o.open(1, prompt_of(6), 5);
  CHECK(o.finished(1).tokens.size() == 5);

  o.open(2, prompt_of(6, 2), 0, [](wire::OpenT& m) { m.deadline_us = 5'000'000; });
  o.open(3, prompt_of(6, 3), 0, [](wire::OpenT& m) { m.lease_us = 2'000'000; });
  o.open(4, prompt_of(6, 4), 0, [](wire::OpenT& m) { m.lease_us = 2'000'000; });
  s.settle();
  s.advance(std::chrono::milliseconds(1500));
  wire::RenewT renew;
  renew.ids = {4};
  renew.lease_us = 60'000'000;
  o.send<wire::Renew>(renew);
  s.settle();
  s.advance(std::chrono::milliseconds(1000));
  CHECK(o.finished(3).finish == wire::FinishReason::cancelled);
  CHECK(o.of[3].error == "the owner's lease on the sequence expired");
  CHECK(o.of[2].finish == wire::FinishReason::none);
  s.advance(std::chrono::milliseconds(3000));
  CHECK(o.finished(2).error == "the request's deadline passed");
  o.generate(4, 1, 3);
  o.answered(4, 1);
  CHECK(o.of[4].tokens.size() == 3);
}
