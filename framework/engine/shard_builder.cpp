// Cuts, weights and programs.
#include "engine/shard_builder.hpp"

#include "model/graph/graph_edit.hpp"
#include "model/tensor_type.hpp"
#include "plugin/kernels_extension.hpp"

#include <cstring>

namespace tokamak::engine {
namespace {

expected<shard_plan> whole(graph g, std::vector<weight_slice> slices, std::uint32_t rank, std::uint32_t ranks,
                           const graph_rewrite& rewrite) {
  if (auto ok = rewrite(g); !ok) return fail(ok.error());
  shard_plan plan;
  plan.slices = std::move(slices);
  plan.rank = rank;
  plan.ranks = ranks;
  auto segments = cut_collectives(g);
  if (!segments) return fail(segments.error());
  for (auto& s : *segments) {
    plan.segments.push_back(std::move(s.part));
    plan.partials.push_back(std::move(s.partial));
    plan.reduced.push_back(std::move(s.reduced));
  }
  return plan;
}

/// Bytes of weights, whole from the source or cut for this rank into memory kept beside the program.
class weight_reader {
public:
  weight_reader(const engine_setup& setup, const shard_plan& plan) : setup_(setup), plan_(plan) {}

  expected<std::vector<tk_weight>> read(const graph& g) {
    std::vector<tk_weight> out;
    for (value_id id = 0; id < g.values().size(); ++id) {
      const auto& value = g.values()[id];
      if (value.kind != TK_WEIGHT) continue;
      auto bytes = setup_.model.weight(value.name);
      if (bytes.empty())
        return fail(errc::not_found, fmt::format("the model has no tensor '{}'", value.name));
      if (const auto* slice = find_slice(value.name)) {
        auto cut = cut_out(value, bytes, *slice);
        if (!cut) return fail(cut.error());
        bytes = *cut;
      }
      out.push_back({id, bytes.data(), bytes.size()});
    }
    return out;
  }
  std::vector<std::shared_ptr<std::vector<std::byte>>> take() { return std::move(copies_); }

private:
  const weight_slice* find_slice(const std::string& name) const {
    for (const auto& s : plan_.slices)
      if (s.name == name) return &s;
    return nullptr;
  }

  // `value` has the sliced dims; rows of the whole tensor are longer (dim 0) or more (dim 1).
  expected<std::span<const std::byte>> cut_out(const graph_value& value, std::span<const std::byte> bytes, const weight_slice& slice) {
    const auto rows = value.dims.size() > 1 ? value.dims[1] : 1;
    if (slice.dim == 1 || value.dims.size() == 1) {
      const auto unit = bytes_of_row(value, slice.dim == 1 ? value.dims[0] : slice.end - slice.begin);
      if (!unit) return fail(unit.error());
      const auto part = slice.dim == 1 ? bytes.subspan(slice.begin * *unit, (slice.end - slice.begin) * *unit)
                                       : bytes.subspan(*unit / (slice.end - slice.begin) * slice.begin, *unit);
      return part;
    }
    const auto part = bytes_of_row(value, slice.end - slice.begin);
    const auto before = bytes_of_row(value, slice.begin);
    if (!part) return fail(part.error());
    if (!before) return fail(before.error());
    const auto whole_row = bytes.size() / rows;
    auto copy = std::make_shared<std::vector<std::byte>>(rows * *part);
    for (std::uint64_t r = 0; r < rows; ++r)
      std::memcpy(copy->data() + r * *part, bytes.data() + r * whole_row + *before, *part);
    copies_.push_back(copy);
    return std::span<const std::byte>(*copy);
  }

  static expected<std::size_t> bytes_of_row(const graph_value& value, std::uint64_t width) {
    if (width == 0) return std::size_t{0};
    const std::uint64_t dims[] = {width};
    return bytes_of(static_cast<tensor_type>(value.format), dims);
  }

  const engine_setup& setup_;
  const shard_plan& plan_;
  std::vector<std::shared_ptr<std::vector<std::byte>>> copies_;
};

program_segment bind_values(const graph& g) {
  program_segment segment;
  for (value_id id = 0; id < g.values().size(); ++id) {
    const auto& v = g.values()[id];
    const bound_value bound{id, v.name, v.width(), v.kind == TK_OUTPUT_ROWS};
    if (v.flags & TK_VALUE_INPUT) segment.inputs.push_back(bound);
    if (v.flags & TK_VALUE_OUTPUT) segment.outputs.push_back(bound);
  }
  return segment;
}

// Before anything is read: what a shard takes of the host's memory is weights, packed as wide as the file has them, and
// its cache.
expected<void> check_memory(const std::vector<graph>& segments, std::span<const std::uint32_t> n_blocks) {
  std::uint64_t weights = 0, cache = 0;
  for (const auto& g : segments) weights += weight_bytes(g);
  const auto& groups = segments.front().groups();
  for (std::size_t i = 0; i < groups.size(); ++i) cache += n_blocks[i] * block_bytes(groups[i]);
  const auto available = available_memory_bytes();
  if (weights + cache <= available) return {};
  const auto mib = [](std::uint64_t bytes) { return (bytes + (1 << 20) - 1) >> 20; };
  return fail(errc::out_of_memory,
              fmt::format("{} MiB are needed ({} of weights, {} of cache), {} are available; a smaller context_length or kv_memory_bytes needs less",
                          mib(weights + cache), mib(weights), mib(cache), available >> 20));
}

void copy_groups(const graph& g, shard_program& program) {
  for (const auto& group : g.groups()) program.group_names.push_back(group.name);
  for (std::size_t i = 0; i < g.groups().size(); ++i) {
    const auto& from = g.groups()[i];
    tk_cache_group to{};
    to.name = plugin::to_tk(program.group_names[i]);
    to.kind = from.kind;
    to.n_layers = from.n_layers;
    to.block_size = from.block_size;
    to.window = from.window;
    to.k_width = from.k_width;
    to.v_width = from.v_width;
    to.state_width = from.state_width;
    to.format = from.format;
    program.groups.push_back(to);
  }
}

} // namespace

expected<std::vector<shard_plan>> plan_shards(const graph& model, const topology::sharding& shards,
                                              const graph_rewrite& rewrite) {
  std::vector<shard_plan> plans;
  if (shards.kind == "layers") {
    auto parts = cut_layers(model, shards.count);
    if (!parts) return fail(parts.error());
    for (auto& part : *parts) {
      auto plan = whole(std::move(part.part), {}, 0, 1, rewrite);
      if (!plan) return fail(plan.error());
      plan->received = std::move(part.input);
      plan->sent = std::move(part.output);
      plans.push_back(std::move(*plan));
    }
    return plans;
  }
  const auto ranks = shards.kind == "tensor" ? shards.count : 1;
  for (std::uint32_t rank = 0; rank < ranks; ++rank) {
    expected<sliced_graph> sliced = sliced_graph{model, {}};
    if (ranks > 1) sliced = slice_tensor(model, rank, ranks);
    if (!sliced) return fail(sliced.error());
    auto plan = whole(std::move(sliced->part), std::move(sliced->slices), rank, ranks, rewrite);
    if (!plan) return fail(plan.error());
    plans.push_back(std::move(*plan));
  }
  return plans;
}

expected<shard_program> build_shard(shard_plan plan, const engine_setup& setup, std::span<const std::uint32_t> n_blocks,
                                    std::uint32_t threads, std::function<std::uint64_t()> clock, call_later_function call_later) {
  plugin::host_settings settings;
  settings.name = "engine." + setup.config.name + ".backend";
  settings.file = setup.topology_file;
  settings.now_us = std::move(clock);
  settings.threads = threads;
  settings.call_later = std::move(call_later);
  settings.release_weight = setup.model.release;
  auto backend = plugin::backend_instance::create(*setup.registry, setup.config.backend, settings);
  if (!backend) return fail(backend.error());
  auto kernels = load_kernels(setup.config, *setup.registry, settings);
  if (!kernels) return fail(kernels.error());
  if (backend->describe().host_visible)
    if (auto ok = check_memory(plan.segments, n_blocks); !ok) return fail(ok.error());

  weight_reader weights(setup, plan);
  shard_program program{.keep = {}, .kernels = {}, .backend = std::move(*backend), .cache = {}, .segments = {}, .groups = {},
                        .group_names = {}, .received = {}, .sent = {}, .logits = {}, .vocab_size = 0, .constraints = {}, .rank = plan.rank,
                        .ranks = plan.ranks};
  for (std::size_t i = 0; i < plan.segments.size(); ++i) {
    auto& g = plan.segments[i];
    const auto supports = [&](const tk_graph_view& view, std::uint32_t op) { return program.backend.supports(view, op, kernels->list); };
    if (auto ok = decompose_unsupported(g, supports); !ok) return fail(ok.error());
    auto bound = weights.read(g);
    if (!bound) return fail(bound.error());
    auto created = program.backend.create_program(g.view(), *bound, kernels->list);
    if (!created) return fail(created.error());
    auto segment = bind_values(g);
    segment.program = std::move(*created);
    segment.reduce = plan.partials[i];
    segment.reduce_into = plan.reduced[i];
    for (const auto& v : segment.outputs)
      if (v.output_rows) {
        program.logits = v.name;
        program.vocab_size = static_cast<std::uint32_t>(v.width);
      }
    program.segments.push_back(std::move(segment));
  }
  copy_groups(plan.segments.front(), program);
  auto cache = program.backend.create_cache(program.groups, n_blocks);
  if (!cache) return fail(cache.error());
  program.cache = std::move(*cache);
  for (auto& segment : program.segments)
    if (auto ok = program.backend.prepare(segment.program, setup.config.max_step_rows, setup.config.max_sequences,
                                          setup.config.max_sequences);
        !ok)
      return fail(ok.error());
  program.received = std::move(plan.received);
  program.sent = std::move(plan.sent);
  program.kernels = std::move(kernels->plugins);
  for (auto& copy : weights.take()) program.keep.push_back(std::move(copy));
  program.keep.push_back(setup.model.keep);
  // Ranks compute the same logits; one samples.
  if (plan.rank != 0) program.logits.clear();
  if (!program.logits.empty()) {
    plugin::host_settings own;
    own.name = "engine." + setup.config.name + ".constraint";
    own.file = setup.topology_file;
    program.constraints = std::make_shared<constraints>(setup.config.constraints, *setup.registry, std::move(own), setup.model.tokens);
  }
  return program;
}

} // namespace tokamak::engine
