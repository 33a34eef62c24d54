// Regions by union of what each op ties together.
#include "model/graph/split_regions.hpp"

#include "model/tensor_type.hpp"

#include <algorithm>
#include <numeric>
#include <string_view>

namespace tokamak {

namespace {

constexpr std::string_view by_column[] = {"tokamak.add",  "tokamak.mul",  "tokamak.glu",     "tokamak.silu",
                                          "tokamak.gelu", "tokamak.scale", "tokamak.softcap", "tokamak.decay_scan"};

bool is(const graph_op& op, std::string_view name) { return op.name == name; }

/// What an op means for the values around it.
class region_finder {
public:
  region_finder(const graph& g, const std::vector<std::uint32_t>& layer_begin, std::size_t nodes)
      : g_(g), layer_begin_(layer_begin), parent(nodes), whole(nodes), granule(nodes, 1), heads(nodes, 0),
        region_granule(nodes, 1) {
    std::iota(parent.begin(), parent.end(), 0U);
    for (value_id id = 0; id < g.values().size(); ++id)
      whole[id] = g.values()[id].flags != 0 || g.values()[id].kind != TK_ROWS;
    for (const auto& op : g.ops())
      visit(op);
    for (std::uint32_t i = 0; i < nodes; ++i) { // facts move to representatives
      const auto r = root(i);
      whole[r] = whole[r] || whole[i];
      region_granule[r] = std::lcm(region_granule[r], granule[i]);
      if (heads[i] != 0) {
        whole[r] = whole[r] || (heads[r] != 0 && heads[r] != heads[i]);
        heads[r] = heads[i];
      }
    }
  }

  std::uint32_t root(std::uint32_t i) {
    while (parent[i] != i)
      i = parent[i] = parent[parent[i]];
    return i;
  }

private:
  void join(std::uint32_t a, std::uint32_t b) { parent[root(a)] = root(b); }
  std::uint32_t layer_of(const graph_op& op) const {
    return layer_begin_[static_cast<std::size_t>(integer_attribute(op, "group"))] +
           static_cast<std::uint32_t>(integer_attribute(op, "layer"));
  }
  bool is_rows(value_id id) const { return id != no_value && g_.values()[id].kind != TK_WEIGHT; }

  void visit(const graph_op& op) {
    if (is(op, "tokamak.matmul")) { // both sides are free of each other; the input may be cut at blocks of the weight
      const auto* traits = find_traits(static_cast<tensor_type>(g_.values()[op.inputs[1]].format));
      granule[op.inputs[0]] = std::lcm(granule[op.inputs[0]], traits != nullptr ? traits->block_elements : 256U);
    } else if (std::find(std::begin(by_column), std::end(by_column), op.name) != std::end(by_column)) {
      tie(op);
      if (is(op, "tokamak.decay_scan"))
        join(op.outputs[0], layer_of(op));
    } else if (is(op, "tokamak.rope")) {
      tie(op);
      const auto head_dim = static_cast<std::uint64_t>(integer_attribute(op, "head_dim"));
      granule[op.outputs[0]] = std::lcm(granule[op.outputs[0]], head_dim);
    } else if (is(op, "tokamak.rms_norm") && g_.values()[op.inputs[1]].width() < g_.values()[op.inputs[0]].width()) {
      tie(op);
      granule[op.outputs[0]] = std::lcm(granule[op.outputs[0]], g_.values()[op.inputs[1]].width());
    } else if (is(op, "tokamak.kv_write")) {
      join(op.inputs[0], layer_of(op));
      join(op.inputs[1], layer_of(op));
    } else if (is(op, "tokamak.attention")) {
      tie(op);
      join(op.outputs[0], layer_of(op));
      heads[op.outputs[0]] = static_cast<std::uint64_t>(integer_attribute(op, "kv_heads"));
    } else { // embed, a norm over the whole row, take_outputs, all_reduce, ops of others
      for (const auto* list : {&op.inputs, &op.outputs})
        for (const auto id : *list)
          if (is_rows(id))
            whole[id] = true;
    }
  }

  void tie(const graph_op& op) {
    for (const auto id : op.inputs)
      if (is_rows(id))
        join(id, op.outputs[0]);
  }

  const graph& g_;
  const std::vector<std::uint32_t>& layer_begin_;

public:
  std::vector<std::uint32_t> parent;
  std::vector<bool> whole;            ///< cannot be cut
  std::vector<std::uint64_t> granule; ///< of one value: columns that stay together
  std::vector<std::uint64_t> heads;   ///< K/V heads where attention is involved, else 0
  std::vector<std::uint64_t> region_granule; ///< by representative: for all values of a region, which are equally wide
};

/// True if splitting region r leaves its matmuls possible: none may read and write split rows.
bool can_split(const graph& g, const region_finder& finder, const std::vector<std::uint32_t>& root,
               const std::vector<split_region>& regions, std::uint32_t r) {
  bool read = false;
  for (const auto& op : g.ops())
    if (is(op, "tokamak.matmul")) {
      const auto in = root[op.inputs[0]], out = root[op.outputs[0]];
      read = read || in == r;
      if ((in == r && out == r) || (out == r && regions[in].split) || (in == r && regions[out].split))
        return false;
    }
  return read && !finder.whole[r];
}

/// The units of region r, which `value` belongs to, or why it cannot be shared out.
expected<std::uint64_t> units_of(const region_finder& finder, std::uint32_t r, const graph_value& value,
                                 std::uint32_t ranks) {
  const auto heads = finder.heads[r], granule = finder.region_granule[r];
  if (heads == 0 && value.width() % granule != 0)
    return fail(errc::unsupported, fmt::format("rows '{}' of {} columns cannot be cut into parts of {}", value.name,
                                               value.width(), granule));
  const auto units = heads != 0 ? heads : value.width() / granule;
  if (units < ranks)
    return fail(errc::unsupported, fmt::format("rows '{}' have {} {}, fewer than {} ranks", value.name, units,
                                               heads != 0 ? "K/V heads" : "parts", ranks));
  return units;
}

/// Every value of a region must fall apart at the borders of its units.
expected<void> check_borders(const graph& g, const region_finder& finder, const std::vector<std::uint32_t>& root,
                             std::uint32_t r, std::uint64_t units, std::uint32_t ranks) {
  for (value_id id = 0; id < g.values().size(); ++id)
    for (std::uint32_t rank = 1; root[id] == r && rank < ranks; ++rank) {
      const auto& value = g.values()[id];
      const auto at = value.width() / units * (units * rank / ranks);
      if (value.width() % units != 0 || at % finder.granule[id] != 0)
        return fail(errc::unsupported, fmt::format("rows '{}' of {} columns cannot be cut at {}: {} stay together",
                                                   value.name, value.width(), at, finder.granule[id]));
    }
  return {};
}

} // namespace

expected<split_regions> split_regions::find(const graph& g, std::uint32_t ranks) {
  split_regions found;
  std::size_t nodes = g.values().size();
  for (const auto& group : g.groups()) {
    found.layer_begin_.push_back(static_cast<std::uint32_t>(nodes));
    nodes += group.n_layers;
  }
  region_finder finder(g, found.layer_begin_, nodes);
  for (std::uint32_t i = 0; i < nodes; ++i)
    found.root_.push_back(finder.root(i));
  found.regions_.resize(nodes);
  bool any = false;
  for (const auto& op : g.ops()) {
    if (!is(op, "tokamak.matmul"))
      continue;
    const auto r = found.root_[op.outputs[0]];
    auto& region = found.regions_[r];
    if (region.split || !can_split(g, finder, found.root_, found.regions_, r))
      continue;
    const auto units = units_of(finder, r, g.values()[op.outputs[0]], ranks);
    if (!units)
      return fail(units.error());
    if (auto ok = check_borders(g, finder, found.root_, r, *units, ranks); !ok)
      return fail(ok.error());
    region = {true, *units};
    any = true;
  }
  if (!any)
    return fail(errc::invalid_argument, "nothing in this graph can be split over ranks");
  return found;
}

expected<const split_region*> split_regions::of_group(const graph& g, std::uint32_t group) const {
  const split_region* first = nullptr;
  for (std::uint32_t layer = 0; layer < g.groups()[group].n_layers; ++layer) {
    const auto& region = regions_[root_[layer_begin_[group] + layer]];
    if (layer > 0 && (region.split != first->split || region.units != first->units))
      return fail(errc::unsupported, fmt::format("layers 0 and {} of cache group '{}' cannot be split alike", layer,
                                                 g.groups()[group].name));
    first = &region;
  }
  return first != nullptr && first->split ? first : nullptr;
}

} // namespace tokamak
