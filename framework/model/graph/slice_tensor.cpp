// One rank's graph: values, weights, heads and groups cut where split_regions says.
#include "model/graph/cut.hpp"
#include "model/graph/split_regions.hpp"

#include <optional>
#include <utility>

namespace tokamak {

namespace {

struct range {
  std::uint64_t begin, end;
};

/// This rank's part of `width` columns (or heads) of a split region.
range part_of(const split_region& region, std::uint64_t width, std::uint32_t rank, std::uint32_t ranks) {
  const auto unit = width / region.units;
  return {unit * (region.units * rank / ranks), unit * (region.units * (rank + 1) / ranks)};
}

class slicer {
public:
  slicer(const graph& g, const split_regions& regions, std::uint32_t rank, std::uint32_t ranks)
      : g_(g), regions_(regions), rank_(rank), ranks_(ranks), cuts_(g.values().size()),
        used_whole_(g.values().size()) {}

  expected<sliced_graph> run() {
    for (const auto& op : g_.ops())
      if (auto ok = cut_weights(op); !ok)
        return fail(ok.error());
    add_values();
    if (auto ok = add_groups(); !ok)
      return fail(ok.error());
    for (const auto& definition : g_.definitions())
      result_.part.define_op(definition);
    for (const auto& op : g_.ops())
      add_op(op);
    return std::move(result_);
  }

private:
  bool split(value_id id) const { return id != no_value && g_.values()[id].kind == TK_ROWS && regions_.of(id).split; }
  range part(value_id region_of, std::uint64_t width) const {
    return part_of(regions_.of(region_of), width, rank_, ranks_);
  }

  /// Notes which part of a weight an op wants; two ops must not want different ones.
  expected<void> want(value_id weight, std::optional<weight_slice> slice) {
    auto& known = cuts_[weight];
    const bool same =
        known && slice && known->dim == slice->dim && known->begin == slice->begin && known->end == slice->end;
    if ((slice && used_whole_[weight]) || (known && !same))
      return fail(errc::unsupported, fmt::format("weight '{}' is needed in different parts", g_.values()[weight].name));
    if (slice)
      known = std::move(slice);
    else
      used_whole_[weight] = true;
    return {};
  }

  expected<void> cut_weights(const graph_op& op) {
    if (op.name != "tokamak.matmul") {
      for (const auto id : op.inputs)
        if (id != no_value && g_.values()[id].kind == TK_WEIGHT)
          if (auto ok = want(id, std::nullopt); !ok)
            return ok;
      return {};
    }
    const auto weight = op.inputs[1], bias = op.inputs[2];
    const auto& value = g_.values()[weight];
    const bool by_input = split(op.inputs[0]), by_output = split(op.outputs[0]);
    std::optional<weight_slice> slice, bias_slice;
    if (by_input || by_output) {
      const auto p = by_input ? part(op.inputs[0], value.dims[0]) : part(op.outputs[0], value.dims[1]);
      slice = weight_slice{value.name, by_input ? 0U : 1U, p.begin, p.end};
      if (by_output && bias != no_value)
        bias_slice = weight_slice{g_.values()[bias].name, 0, p.begin, p.end};
    }
    if (auto ok = want(weight, slice); !ok)
      return ok;
    const bool bias_elsewhere = by_input && rank_ > 0; // added once, by rank 0
    return bias == no_value || bias_elsewhere ? expected<void>() : want(bias, bias_slice);
  }

  void add_values() {
    for (value_id id = 0; id < g_.values().size(); ++id) {
      auto value = g_.values()[id];
      const bool unused = value.kind == TK_WEIGHT && !cuts_[id] && !used_whole_[id];
      if (cuts_[id]) {
        value.dims[cuts_[id]->dim] = cuts_[id]->end - cuts_[id]->begin;
        result_.slices.push_back(*cuts_[id]);
      } else if (split(id)) {
        const auto p = part(id, value.width());
        value.dims[0] = p.end - p.begin;
      }
      ids_.push_back(unused ? no_value : result_.part.add_value(std::move(value)));
    }
  }

  expected<void> add_groups() {
    for (std::uint32_t i = 0; i < g_.groups().size(); ++i) {
      auto group = g_.groups()[i];
      const auto region = regions_.of_group(g_, i);
      if (!region)
        return fail(region.error());
      if (*region != nullptr)
        for (auto* width : {&group.k_width, &group.v_width, &group.state_width}) {
          const auto p = part_of(**region, *width, rank_, ranks_);
          *width = static_cast<std::uint32_t>(p.end - p.begin);
        }
      result_.part.add_group(std::move(group));
    }
    return {};
  }

  void add_op(const graph_op& op) {
    auto made = op;
    for (auto* list : {&made.inputs, &made.outputs})
      for (auto& id : *list)
        id = id == no_value ? no_value : ids_[id];
    if (!op.outputs.empty() && split(op.outputs[0]))
      for (const auto* name : {"heads", "kv_heads"})
        if (const auto count = integer_attribute(op, name); count > 0) {
          const auto p = part(op.outputs[0], static_cast<std::uint64_t>(count));
          set_attribute(made, name, static_cast<std::int64_t>(p.end - p.begin));
        }
    if (op.name != "tokamak.matmul" || !split(op.inputs[0])) {
      result_.part.add_op(std::move(made));
      return;
    }
    const auto& sum = g_.values()[op.outputs[0]];
    const auto partial = result_.part.add_rows(sum.name + ".partial", sum.width());
    if (rank_ > 0)
      made.inputs[2] = no_value;
    const auto summed = std::exchange(made.outputs[0], partial);
    result_.part.add_op(std::move(made));
    result_.part.add_op({"tokamak.all_reduce", 1, {partial}, {summed}, {}, 0});
  }

  const graph& g_;
  const split_regions& regions_;
  std::uint32_t rank_, ranks_;
  std::vector<std::optional<weight_slice>> cuts_; ///< [values]
  std::vector<bool> used_whole_;                  ///< [values]
  std::vector<value_id> ids_;                     ///< [values] in the result
  sliced_graph result_;
};

} // namespace

expected<sliced_graph> slice_tensor(const graph& g, std::uint32_t rank, std::uint32_t ranks) {
  if (rank >= ranks)
    return fail(errc::invalid_argument, fmt::format("rank {} of {} ranks", rank, ranks));
  if (ranks == 1)
    return sliced_graph{g, {}};
  const auto regions = split_regions::find(g, ranks);
  if (!regions)
    return fail(regions.error());
  return slicer(g, *regions, rank, ranks).run();
}

} // namespace tokamak
