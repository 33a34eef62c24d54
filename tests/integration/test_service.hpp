// A whole service in this process, from TOML text, for integration tests.
#pragma once

#include "app/catalog.hpp"
#include "app/service.hpp"
#include "base/log.hpp"
#include "topology/topology.hpp"
#include "unit/model/reference_data.hpp"

#include <doctest/doctest.h>

#include <cstdlib>
#include <filesystem>
#include <memory>
#include <string>

namespace tokamak::test {

/// Plugins of this build: TOKAMAK_PLUGIN_PATH, and the test backends of TOKAMAK_TEST_PLUGINS.
inline plugin::registry test_registry() {
  std::vector<std::filesystem::path> paths;
  if (const char* folder = std::getenv("TOKAMAK_TEST_PLUGINS"); folder && std::filesystem::exists(folder))
    for (const auto* name : {"null.so", "reference.so", "fake_device.so", "lockstep.so", "acme.so", "alternatives.so"})
      if (const auto file = std::filesystem::path(folder) / name; std::filesystem::exists(file)) paths.push_back(file);
  auto registry = plugin::registry::load(paths);
  REQUIRE_MESSAGE(registry.has_value(), (registry ? "" : registry.error().to_string()));
  return std::move(*registry);
}

class test_service {
public:
  explicit test_service(const std::string& toml, bool detached = true) : registry_(test_registry()) {
    log::set_level(log::level::error);
    const app::registry_catalog catalog(registry_);
    auto loaded = topology::load_text(toml, "test.toml", &catalog);
    REQUIRE_MESSAGE(loaded.value.has_value(), (loaded.errors.empty() ? "" : loaded.errors.front().to_string()));
    app::service_options options;
    options.detached = detached;
    auto started = app::service::start(runtime_.system(), *loaded.value, registry_, options);
    REQUIRE_MESSAGE(started.has_value(), (started ? "" : started.error().to_string()));
    service_ = std::move(*started);
  }

  app::service& operator*() { return *service_; }
  app::service* operator->() { return service_.get(); }
  caf::actor_system& system() { return runtime_.system(); }
  std::string address() const { return service_->addresses().front(); }

private:
  plugin::registry registry_; // outlives the actors that use its plugins
  app::actor_runtime runtime_;
  std::unique_ptr<app::service> service_;
};

} // namespace tokamak::test
