// Running passes and decompositions.
#include "engine/graph_passes.hpp"

#include "model/graph/graph_edit.hpp"
#include "plugin/backend_instance.hpp"
#include "plugin/graph_pass_instance.hpp"

namespace tokamak::engine {
namespace {

plugin::host_settings part_of(plugin::host_settings settings, const topology::engine& config, std::string_view part) {
  settings.name = fmt::format("engine.{}.{}", config.name, part);
  return settings;
}

} // namespace

expected<graph_rewrite> make_passes(const topology::engine& config, const plugin::registry& registry,
                                    const plugin::host_settings& settings, pass_observer observer) {
  auto passes = std::make_shared<std::vector<plugin::graph_pass_instance>>();
  for (const auto& use : config.graph_passes) {
    auto pass = plugin::graph_pass_instance::create(registry, use, settings);
    if (!pass) return fail(pass.error());
    passes->push_back(std::move(*pass));
  }
  std::vector<std::string> names;
  for (const auto& use : config.graph_passes) names.push_back(use.plugin);
  return [passes, names, observer = std::move(observer)](graph& g) -> expected<void> {
    for (std::size_t i = 0; i < passes->size(); ++i) {
      graph_editor editor(g);
      if (auto ok = (*passes)[i].run(editor.handle(), graph_editor::api()); !ok) return ok;
      if (auto ok = g.validate(); !ok) return ok;
      if (observer) observer(names[i], g);
    }
    return {};
  };
}

expected<engine_kernels> load_kernels(const topology::engine& config, const plugin::registry& registry,
                                      const plugin::host_settings& settings) {
  engine_kernels all;
  for (const auto& use : config.kernels) {
    auto extension = plugin::kernels_extension::create(registry, use, settings);
    if (!extension) return fail(extension.error());
    all.list.insert(all.list.end(), extension->kernels().begin(), extension->kernels().end());
    all.plugins.push_back(std::move(*extension));
  }
  return all;
}

expected<graph> executed_graph(graph model, const topology::engine& config, const plugin::registry& registry,
                               const plugin::host_settings& settings, pass_observer observer) {
  const auto rewrite = make_passes(config, registry, part_of(settings, config, "graph_pass"), std::move(observer));
  if (!rewrite) return fail(rewrite.error());
  if (auto ok = (*rewrite)(model); !ok) return fail(ok.error());
  const auto backend_settings = part_of(settings, config, "backend");
  auto backend = plugin::backend_instance::create(registry, config.backend, backend_settings);
  if (!backend) return fail(backend.error());
  auto kernels = load_kernels(config, registry, backend_settings);
  if (!kernels) return fail(kernels.error());
  const auto supports = [&](const tk_graph_view& view, std::uint32_t op) { return backend->supports(view, op, kernels->list); };
  if (auto ok = decompose_unsupported(model, supports); !ok) return fail(ok.error());
  return model;
}

} // namespace tokamak::engine
