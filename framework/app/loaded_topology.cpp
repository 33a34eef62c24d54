// Plugins first: the file's own options are checked by them.
#include "app/loaded_topology.hpp"

#include "app/catalog.hpp"
#include "app/file_place.hpp"
#include "engine/engine.hpp"
#include "engine/model_files.hpp"
#include "frontend/http/tls_certificate.hpp"
#include "model/card.hpp"
#include "plugin/fusion_instance.hpp"

#include <algorithm>
#include <cstdio>

namespace tokamak::app {
namespace {

namespace fs = std::filesystem;

// No file has this hash, so that a plugin whose pin is mistyped is not loaded.
constexpr const char* impossible_sha256 = "a malformed pin";

bool lies_in(const std::string& where, const fs::path& path) {
  std::error_code code;
  const auto folder = fs::absolute(path, code).lexically_normal().string();
  return where == folder || (where.starts_with(folder) && where[folder.size()] == '/') || where == path.string();
}

// What the file itself says about [plugins] is reported by load_file; here are the plugins that do not load.
plugin::registry load_plugins(const std::string& file, std::vector<error>& errors) {
  const auto section = topology::load_plugin_section(file);
  std::vector<fs::path> paths;
  std::error_code code;
  for (const auto& path : section.paths)
    if (fs::exists(path, code)) paths.emplace_back(path);
  plugin::pins pins;
  for (const auto& pin : section.pins) pins.emplace(pin.file, pin.sha256.empty() ? impossible_sha256 : pin.sha256);
  std::vector<error> problems;
  auto registry = plugin::registry::scan(paths, pins, &problems);
  for (auto& problem : problems) {
    topology::position place;
    for (std::size_t i = 0; i < section.paths.size() && place.line == 0; ++i)
      if (lies_in(problem.where, section.paths[i])) place = section.path_places[i];
    bool reported = false;
    for (const auto& pin : section.pins) {
      const bool about = fs::path(problem.where).filename() == pin.file ||
                         problem.message.find("'" + pin.file + "'") != std::string::npos;
      if (about && place.line == 0) place = pin.where;
      reported |= about && pin.sha256.empty();
    }
    if (!reported) errors.push_back(at_place(file, place, std::move(problem)));
  }
  return registry;
}

std::vector<std::string> used_models(const topology::topology& t) {
  std::vector<std::string> names;
  for (const auto& e : t.engines) names.push_back(e.model);
  return names;
}

void open_models(const topology::topology& t, std::vector<error>& errors) {
  const auto used = used_models(t);
  for (const auto& m : t.models)
    if (std::find(used.begin(), used.end(), m.name) != used.end())
      if (auto file = gguf_file::open(m.path); !file)
        errors.push_back(at_place(t.file, m.path_where, std::move(file.error())));
}

// Only creation shows whether a fusion plugin can do with these members: how many, which are pools, of what names.
void create_fusions(const topology::topology& t, const plugin::registry& registry, std::vector<error>& errors) {
  for (const auto& e : t.endpoints) {
    std::vector<tk_fusion_member> members;
    for (const auto& name : e.members) members.push_back({plugin::to_tk(name), t.find_pool(name) != nullptr});
    plugin::host_settings settings;
    settings.name = "endpoint." + e.name + ".fusion";
    settings.file = t.file;
    auto made = plugin::fusion_instance::create(registry, e.fusion, std::move(settings), members);
    if (made) continue;
    auto why = std::move(made.error());
    if (place_in(t.file, why).line == 0) why = at_place(t.file, e.where, {why.code, std::move(why.message), {}});
    errors.push_back(std::move(why));
  }
}

void read_certificates(const topology::topology& t, std::vector<error>& errors, std::vector<error>& warnings) {
  for (const auto& f : t.frontends) {
    if (f.http.tls_certificate.empty()) continue;
    const auto placed = [&](const error& e) { return at_place(t.file, e.where == f.http.tls_key ? f.http.tls_key_where : f.http.tls_certificate_where, e); };
    const auto read = frontend::tls_certificate::read(f.http.tls_certificate, f.http.tls_key);
    if (!read) errors.push_back(placed(read.error()));
    else for (const auto& w : read->warnings()) warnings.push_back(placed(w));
  }
}

void sort_by_place(const std::string& file, std::vector<error>& errors) {
  std::stable_sort(errors.begin(), errors.end(),
                   [&](const error& a, const error& b) { return place_in(file, a) < place_in(file, b); });
}

} // namespace

tl::expected<loaded_topology, std::vector<error>> load_topology(const std::string& path) {
  std::vector<error> errors;
  auto registry = load_plugins(path, errors);
  const registry_catalog catalog(registry);
  auto checked = topology::load_file(path, &catalog);
  errors.insert(errors.end(), checked.errors.begin(), checked.errors.end());
  if (checked.value) {
    open_models(*checked.value, errors);
    create_fusions(*checked.value, registry, errors);
    read_certificates(*checked.value, errors, checked.warnings);
    sort_by_place(path, checked.warnings);
  }
  if (!errors.empty()) {
    sort_by_place(path, errors);
    return tl::unexpected(std::move(errors));
  }
  return loaded_topology{std::move(registry), std::move(*checked.value), std::move(checked.warnings)};
}

std::vector<error> check_models(const topology::topology& t) {
  std::vector<error> errors;
  engine::model_files files;
  for (const auto& e : t.engines) {
    const auto& m = *t.find_model(e.model);
    const auto wrong = [&](topology::position place, error why) {
      errors.push_back(at_place(t.file, place, std::move(why)));
    };
    auto file = files.open(m.path, m.sha256);
    if (!file) {
      wrong(m.path_where, std::move(file.error()));
      continue;
    }
    auto card = model_card::load(**file, m.name, m.chat_template);
    if (!card) wrong(m.where, std::move(card.error()));
    else if (auto data = engine::read_model(*file, e, card->end_tokens); !data) wrong(e.where, std::move(data.error()));
  }
  sort_by_place(t.file, errors);
  errors.erase(std::unique(errors.begin(), errors.end()), errors.end()); // engines of one model find the same
  return errors;
}

std::optional<loaded_topology> load_topology_or_complain(const std::string& path, bool thorough) {
  auto loaded = load_topology(path);
  std::vector<error> errors;
  if (!loaded) errors = std::move(loaded.error());
  else if (thorough) errors = check_models(loaded->topology);
  for (const auto& e : errors) std::fprintf(stderr, "tokamak: %s\n", e.to_string().c_str());
  if (!errors.empty()) return std::nullopt;
  for (const auto& w : loaded->warnings) std::fprintf(stderr, "tokamak: warning: %s\n", w.to_string().c_str());
  return std::move(*loaded);
}

} // namespace tokamak::app
