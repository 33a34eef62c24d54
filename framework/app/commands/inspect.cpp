// `tokamak inspect`: what is in a model file, and what an engine makes of it, without loading it.
#include "app/commands/commands.hpp"
#include "app/complain.hpp"
#include "app/one_model.hpp"
#include "base/log.hpp"
#include "engine/engine.hpp"
#include "engine/graph_passes.hpp"
#include "engine/memory_plan.hpp"
#include "model/architectures/architecture.hpp"
#include "plugin/registry.hpp"

#include <fmt/ranges.h>

#include <algorithm>
#include <memory>

namespace tokamak::app {
namespace {

struct inspect_options {
  std::string model;
  std::string backend = "cpu";
  std::vector<std::string> passes;
  std::uint32_t context = 0;
};

std::string size_text(std::uint64_t bytes) {
  static constexpr const char* units[] = {"B", "KiB", "MiB", "GiB", "TiB"};
  auto size = static_cast<double>(bytes);
  std::size_t unit = 0;
  for (; size >= 1024 && unit + 1 < std::size(units); ++unit) size /= 1024;
  return unit == 0 ? fmt::format("{} B", bytes) : fmt::format("{:.1f} {}", size, units[unit]);
}

void print_file(const gguf_file& file) {
  std::uint64_t bytes = 0;
  for (const auto part : file.parts()) bytes += part.size();
  fmt::print("{}: GGUF version {}, {}", file.name(), file.version(), size_text(bytes));
  if (file.parts().size() > 1) fmt::print(" in {} files", file.parts().size());
  fmt::print("\n\nMetadata ({} keys)\n", file.metadata().size());
  for (const auto& [key, value] : file.metadata()) fmt::print("  {:44} {}\n", key, value.describe());
  std::uint64_t tensor_bytes = 0;
  for (const auto& t : file.tensors()) tensor_bytes += t.data.size();
  fmt::print("\nTensors ({}, {})\n", file.tensors().size(), size_text(tensor_bytes));
  for (const auto& t : file.tensors())
    fmt::print("  {:32} {:7} [{}], {}\n", t.name, to_string(t.type), fmt::join(t.shape(), ", "), size_text(t.data.size()));
}

void print_groups(const graph& g) {
  fmt::print("\nCache groups ({})\n", g.groups().size());
  for (const auto& group : g.groups()) {
    const auto block = engine::block_bytes(group);
    if (group.kind == TK_GROUP_RECURRENT) {
      fmt::print("  {:12} {} layers, {} a sequence\n", group.name, group.n_layers, size_text(block));
      continue;
    }
    fmt::print("  {:12} {} layers, {} a block of {} tokens", group.name, group.n_layers, size_text(block), group.block_size);
    if (group.kind == TK_GROUP_SLIDING) fmt::print(", window of {} tokens", group.window);
    fmt::print("\n");
  }
}

expected<void> print_memory(const graph& g, std::uint32_t context, const topology::engine& config, std::uint32_t vocab_size) {
  const auto available = engine::available_memory_bytes();
  const auto cache = engine::plan_memory(g.groups(), {config.kv_memory_bytes, context, config.max_sequences, available});
  if (!cache) return fail(cache.error());
  const auto weights = engine::weight_bytes(g);
  const auto logits = std::uint64_t{config.max_sequences} * vocab_size * sizeof(float);
  fmt::print("\nMemory\n  {:12} {}\n  {:12} {} (kv_memory_bytes of an engine sets it; {} tokens of context, {} sequences a step)\n", "weights",
             size_text(weights), "cache", size_text(cache->bytes), context, config.max_sequences);
  fmt::print("  {:12} {}\n  {:12} {} and the backend's work space; {} are available\n", "logits", size_text(logits), "together",
             size_text(weights + cache->bytes + logits), size_text(available));
  return {};
}

int inspect(const inspect_options& o) {
  log::set_level(log::level::warning);
  auto opened = gguf_file::open(o.model);
  if (!opened) return complain(opened.error());
  const auto file = std::make_shared<const gguf_file>(std::move(*opened));
  print_file(*file);

  auto topology = one_model_topology("inspect", o.model, o.backend);
  auto& config = topology.engines.front();
  config.context_length = o.context;
  if (!o.passes.empty()) config.graph_passes.clear();
  for (const auto& pass : o.passes)
    if (pass != "none") config.graph_passes.push_back({.plugin = pass});
  const auto model = engine::read_model(file, config, {});
  if (!model) return complain(model.error());
  print_groups(model->model);
  if (auto ok = print_memory(model->model, model->context_length, config, model->vocab_size); !ok) return complain(ok.error());

  const auto registry = plugin::registry::load();
  if (!registry) return complain(registry.error());
  plugin::host_settings settings;
  settings.file = o.model;
  auto before = model->model.print();
  fmt::print("\nGraph ({} ops)\n{}", model->model.ops().size(), before);
  const auto print_change = [&](const std::string& title, const graph& g) {
    auto after = g.print();
    if (after == before) fmt::print("\nGraph {}: the same\n", title);
    else fmt::print("\nGraph {} ({} ops)\n{}", title, g.ops().size(), after);
    before = std::move(after);
  };
  const auto executed = engine::executed_graph(model->model, config, *registry, settings,
                                               [&](const std::string& pass, const graph& g) { print_change(fmt::format("behind pass '{}'", pass), g); });
  if (!executed) return complain(executed.error());
  print_change(fmt::format("as backend '{}' runs it", o.backend), *executed);
  return 0;
}

} // namespace

void add_inspect(CLI::App& app, command& chosen) {
  auto o = std::make_shared<inspect_options>();
  auto* sub = app.add_subcommand("inspect", "Show a model's metadata, tensors, cache groups, memory, and its graph before and after passes");
  sub->add_option("model", o->model, "GGUF file")->required();
  sub->add_option("--context", o->context, "Tokens of context to plan memory for; 0: the model's")->capture_default_str();
  sub->add_option("--graph-pass", o->passes, "Graph pass plugin to apply, may be repeated; none: no pass. Default: those of an engine, operator_fusion");
  sub->add_option("--backend", o->backend, "Backend plugin that the graph is for")->capture_default_str();
  sub->callback([o, &chosen] { chosen = [o] { return inspect(*o); }; });
}

} // namespace tokamak::app
