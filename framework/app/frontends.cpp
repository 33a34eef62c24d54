// From a frontend's table to what its kind needs.
#include "app/frontends.hpp"

#include "app/version.hpp"
#include "base/log.hpp"
#include "base/nearest_name.hpp"
#include "frontend/http/http_frontend.hpp"
#include "frontend/zmq_frontend.hpp"
#include "network/keys.hpp"
#include "topology/address.hpp"

#include <algorithm>

namespace tokamak::app {
namespace {

// Key files are read where their frontend runs; the checker cannot know their owners.
expected<void> know_admins(const topology::frontend& config, const std::map<std::string, std::string>& clients) {
  std::vector<std::string> owners;
  for (const auto& [key, owner] : clients) owners.push_back(owner);
  for (const auto& admin : config.admins)
    if (std::find(owners.begin(), owners.end(), admin) == owners.end())
      return fail(errc::not_found, fmt::format("admins of frontend '{}' names '{}', who has no key in client_keys{}", config.name, admin, known_names(admin, owners)));
  return {};
}

// What clients may ask for: endpoints, by their own names and others.
std::vector<std::pair<std::string, const topology::endpoint*>> asked_for(const topology::topology& topology) {
  std::vector<std::pair<std::string, const topology::endpoint*>> names;
  for (const auto& e : topology.endpoints) names.emplace_back(e.name, &e);
  for (const auto& e : topology.endpoints)
    for (const auto& alias : e.aliases) names.emplace_back(alias, &e);
  return names;
}

expected<running_frontend> start_zmq(const topology::frontend& config, const frontend_parts& parts) {
  frontend::zmq_frontend_setup setup;
  setup.name = config.name;
  setup.bind = config.bind;
  setup.limits.max_clients = config.max_clients;
  setup.limits.max_message_bytes = config.max_message_bytes;
  setup.limits.max_requests_per_client = config.max_requests_per_client;
  setup.limits.window_tokens = config.window_tokens;
  setup.limits.stall_us = std::uint64_t{config.stall_timeout_ms} * 1000;
  setup.limits.client_buffer_bytes = config.client_buffer_bytes;
  if (!config.key_file.empty()) {
    auto own = network::read_secret_key(config.key_file);
    if (!own) return fail(own.error());
    auto clients = network::read_public_keys(config.client_keys);
    if (!clients) return fail(clients.error());
    if (auto ok = know_admins(config, *clients); !ok) return fail(ok.error());
    setup.keys = frontend::socket_keys{std::move(own->secret_key), std::move(*clients)};
  } else if (config.insecure) {
    log::warning("frontend", "insecure", {{"name", config.name}, {"address", config.bind}, {"clients", "anybody, in the clear"}});
  }
  setup.admins.frontend = config.name;
  setup.admins.keys = !config.key_file.empty();
  setup.admins.anybody = config.key_file.empty() && topology::is_local(config.bind);
  setup.admins.names = {config.admins.begin(), config.admins.end()};
  setup.directory = parts.directory;
  setup.ids = parts.ids;
  for (const auto& [name, endpoint] : asked_for(parts.topology)) {
    setup.endpoint_names.push_back(name);
    setup.endpoints.push_back(parts.endpoints.at(endpoint->name));
  }
  auto started = frontend::spawn_zmq_frontend(parts.system, std::move(setup));
  if (!started) return fail(started.error());
  return running_frontend{caf::actor_cast<caf::strong_actor_ptr>(started->actor), started->address};
}

// The one model card of all pools behind an endpoint, if they have one.
std::shared_ptr<const model_card> card_of(const topology::endpoint& config, const frontend_parts& parts) {
  std::shared_ptr<const model_card> card;
  for (const auto& name : config.members) {
    const auto* pool = parts.topology.find_pool(name);
    if (!pool) return nullptr;
    const auto known = parts.cards.find(parts.topology.find_engine(pool->engines.front())->model);
    if (known == parts.cards.end() || (card && card->name != known->second.name)) return nullptr;
    card = std::make_shared<const model_card>(known->second);
  }
  return card;
}

// Of each engine what clients ask for to have it: the endpoint that leads to its pool alone, or else the model's name.
std::map<std::string, std::string> models_of_engines(const topology::topology& t) {
  std::map<std::string, std::string> models;
  for (const auto& engine : t.engines) models.emplace(engine.name, engine.model);
  for (const auto& endpoint : t.endpoints)
    if (const auto* pool = endpoint.members.size() == 1 ? t.find_pool(endpoint.members.front()) : nullptr)
      for (const auto& engine : pool->engines) models.at(engine) = endpoint.name;
  return models;
}

expected<running_frontend> start_http(const topology::frontend& config, const frontend_parts& parts) {
  frontend::http_frontend_setup setup;
  setup.settings.name = config.name;
  setup.settings.version = version;
  setup.settings.cors_origins = config.http.cors_origins;
  if (!config.http.api_keys.empty()) {
    auto keys = frontend::api_keys::read(config.http.api_keys);
    if (!keys) return fail(keys.error());
    setup.settings.keys = std::move(*keys);
  } else if (config.insecure) {
    log::warning("frontend", "insecure", {{"name", config.name}, {"address", config.bind}, {"clients", config.http.tls_certificate.empty() ? "anybody, in the clear" : "anybody"}});
  }
  if (!config.http.tls_certificate.empty()) {
    auto read = frontend::tls_certificate::read(config.http.tls_certificate, config.http.tls_key);
    if (!read) return fail(read.error());
    setup.certificate = std::move(*read);
  }
  for (const auto& [name, endpoint] : asked_for(parts.topology)) {
    setup.settings.endpoint_names.push_back(name);
    setup.settings.cards.push_back(card_of(*endpoint, parts));
    setup.endpoints.push_back(parts.endpoints.at(endpoint->name));
  }
  if (parts.topology.endpoints.size() == 1) setup.settings.only_model = parts.topology.endpoints.front().name;
  setup.settings.models = models_of_engines(parts.topology);
  setup.bind = config.bind;
  setup.max_connections = config.max_clients;
  setup.limits.header_bytes = config.http.max_header_bytes;
  setup.limits.body_bytes = config.max_message_bytes;
  setup.limits.buffer_bytes = config.client_buffer_bytes;
  setup.limits.idle_us = std::uint64_t{config.http.idle_timeout_ms} * 1000;
  setup.limits.request_us = std::uint64_t{config.http.request_timeout_ms} * 1000;
  setup.limits.stall_us = std::uint64_t{config.stall_timeout_ms} * 1000;
  setup.directory = parts.directory;
  setup.ids = parts.ids;
  setup.background = parts.background;
  auto started = frontend::spawn_http_frontend(parts.system, std::move(setup));
  if (!started) return fail(started.error());
  return running_frontend{caf::actor_cast<caf::strong_actor_ptr>(started->actor), started->address};
}

} // namespace

expected<running_frontend> start_frontend(const topology::frontend& config, const frontend_parts& parts) {
  return config.kind == "http" ? start_http(config, parts) : start_zmq(config, parts);
}

} // namespace tokamak::app
