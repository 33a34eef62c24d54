// From a TOML file to options of a plugin.
#include "app/simulation/costs.hpp"

#include "app/file_place.hpp"
#include "topology/document.hpp"

#include <fstream>
#include <iterator>

namespace tokamak::app {
namespace {

constexpr const char* backend_name = "simulated";

expected<void> check(const plugin::registry& registry, const option_value& options, const std::string& path) {
  const auto problems = registry.validate(TK_KIND_BACKEND, backend_name, options, path);
  return problems.empty() ? expected<void>{} : fail(problems.front());
}

// A [plugin] line may stand there, so that the table fits into a topology as well.
option_value without(const option_value& table, std::string_view key) {
  auto out = table;
  std::erase_if(std::get<option_value::table>(out.value), [&](const option_entry& e) { return e.key == key; });
  return out;
}

} // namespace

expected<cost_file> cost_file::read(const std::string& path, const plugin::registry& registry) {
  std::ifstream in(path, std::ios::binary);
  if (!in) return fail(errc::not_found, "cannot open the cost file", path);
  const std::string text{std::istreambuf_iterator<char>(in), {}};
  const auto root = topology::parse_document(text);
  if (!root) return fail(at_place(path, root.error().where, {root.error().code, root.error().message, {}}));
  if (const auto* date = topology::find_date(*root))
    return fail(at_place(path, date->where, {errc::invalid_argument, "a date; expected numbers", {}}));
  const auto tree = topology::to_option_value(*root);
  cost_file out;
  out.path = path;
  out.all = without(without(tree, "models"), "plugin");
  out.has_all = !out.all.as_table()->empty();
  if (auto ok = check(registry, out.all, path); !ok) return fail(ok.error());
  const auto* models = tree.find("models");
  if (models && !models->as_table())
    return fail(at_place(path, {models->line, models->column}, {errc::invalid_argument, "'models' must be a table of tables", {}}));
  for (const auto& [name, options] : models ? *models->as_table() : option_value::table{}) {
    if (!options.as_table())
      return fail(at_place(path, {options.line, options.column}, {errc::invalid_argument, fmt::format("'models.{}' must be a table", name), {}}));
    auto own = without(options, "plugin");
    if (auto ok = check(registry, own, path); !ok) return fail(ok.error());
    out.models.emplace(name, std::move(own));
  }
  return out;
}

expected<void> simulate_backends(topology::topology& topology, const cost_file* costs) {
  for (auto& e : topology.engines) {
    if (e.backend.plugin == backend_name) continue;
    const auto own = costs ? costs->models.find(e.model) : std::map<std::string, option_value>::const_iterator();
    const bool has_own = costs && own != costs->models.end();
    if (!has_own && !(costs && costs->has_all))
      return fail(at_place(topology.file, e.where,
                           {errc::invalid_argument,
                            fmt::format("engine '{}' computes on '{}', and nothing says what that costs; expected --cost FILE.toml "
                                        "(`tokamak bench MODEL.gguf --fit` prints one), or the backend 'simulated'",
                                        e.name, e.backend.plugin),
                            {}}));
    e.backend = {backend_name, has_own ? own->second : costs->all, e.backend.line, e.backend.column};
    if (e.shards.count > 1 && !e.backend.options.find("share")) {
      option_value share;
      share.value = 1.0 / e.shards.count;
      std::get<option_value::table>(e.backend.options.value).push_back({"share", share});
    }
  }
  return {};
}

} // namespace tokamak::app
