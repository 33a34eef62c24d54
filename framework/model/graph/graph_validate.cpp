// The rules every graph keeps, whatever its ops: names, indices, order, single writers, cache groups.
#include "model/graph/graph.hpp"
#include "model/graph/primitive_ops.hpp"

#include <set>
#include <unordered_set>
#include <utility>

namespace tokamak {

namespace {

expected<void> check_value(const graph_value& value) {
  const auto where = fmt::format("value '{}'", value.name);
  if (value.kind < TK_WEIGHT || value.kind > TK_OUTPUT_ROWS)
    return fail(errc::invalid_argument, fmt::format("kind {} is none of weight, rows, output rows", value.kind), where);
  if (value.dims.empty() || value.dims.size() > 4)
    return fail(errc::invalid_argument, fmt::format("has {} dimensions, expected 1 to 4", value.dims.size()), where);
  for (const auto dim : value.dims)
    if (dim == 0 || dim > 0x7fffffff)
      return fail(errc::invalid_argument, fmt::format("a dimension is {}, expected 1 to 2^31-1", dim), where);
  if ((value.flags & ~std::uint32_t{TK_VALUE_INPUT | TK_VALUE_OUTPUT}) != 0)
    return fail(errc::invalid_argument, fmt::format("unknown flags {:#x}", value.flags), where);
  if (value.kind == TK_WEIGHT && value.flags != 0)
    return fail(errc::invalid_argument, "a weight can be neither input nor output of the graph", where);
  if (value.kind != TK_WEIGHT && (value.dims.size() != 1 || value.format != TK_F32))
    return fail(errc::invalid_argument, "rows have one dimension and format f32", where);
  return {};
}

expected<void> check_group(const graph_cache_group& group) {
  const auto where = fmt::format("cache group '{}'", group.name);
  if (group.kind == TK_GROUP_RECURRENT) {
    if (group.state_width == 0 || group.block_size != 1)
      return fail(errc::invalid_argument,
                  fmt::format("a recurrent group needs state_width > 0 and block_size 1, found {} and {}",
                              group.state_width, group.block_size), where);
    return {};
  }
  if (group.kind != TK_GROUP_FULL && group.kind != TK_GROUP_SLIDING)
    return fail(errc::invalid_argument,
                fmt::format("kind {} is none of full, sliding, recurrent", group.kind), where);
  if (group.block_size == 0 || group.k_width == 0 || group.v_width == 0)
    return fail(errc::invalid_argument,
                fmt::format("a paged group needs block_size, k_width and v_width > 0, found {}, {} and {}",
                            group.block_size, group.k_width, group.v_width), where);
  if (group.kind == TK_GROUP_SLIDING && group.window == 0)
    return fail(errc::invalid_argument, "a sliding group needs window > 0", where);
  return {};
}

/// Walks the ops in order and remembers what has been written.
class order_check {
public:
  explicit order_check(const graph& g) : graph_(g), defined_(g.values().size()) {
    for (std::size_t i = 0; i < defined_.size(); ++i) {
      const auto& value = g.values()[i];
      const bool input = (value.flags & TK_VALUE_INPUT) != 0;
      defined_[i] = value.kind == TK_WEIGHT || input;
      has_inputs_ = has_inputs_ || input;
    }
  }

  expected<void> visit(const graph_op& op) {
    for (const auto id : op.inputs) {
      if (id == no_value)
        continue;
      if (id >= defined_.size())
        return fail(errc::invalid_argument, fmt::format("reads value {} of {}", id, defined_.size()));
      if (!defined_[id])
        return fail(errc::invalid_argument, fmt::format("reads '{}' before it is written", name(id)));
    }
    for (const auto id : op.outputs) {
      if (id >= defined_.size())
        return fail(errc::invalid_argument, fmt::format("writes value {} of {}", id, defined_.size()));
      if (graph_.values()[id].kind == TK_WEIGHT)
        return fail(errc::invalid_argument, fmt::format("writes the weight '{}'", name(id)));
      if (defined_[id])
        return fail(errc::invalid_argument, fmt::format("writes '{}', which is {}", name(id),
                                                        (graph_.values()[id].flags & TK_VALUE_INPUT) != 0
                                                            ? "an input of the graph" : "written already"));
      defined_[id] = true;
    }
    return {};
  }

  /// State layers are written once. In a whole graph attention reads what was written before it; in a segment
  /// (a graph with inputs) an earlier segment may have done that.
  expected<void> visit_state(const graph_op& op) {
    const bool writes = op.name == "tokamak.kv_write" || op.name == "tokamak.decay_scan";
    if (!writes && op.name != "tokamak.attention")
      return {};
    const auto group = integer_attribute(op, "group");
    const auto layer = integer_attribute(op, "layer");
    const auto& group_name = graph_.groups()[static_cast<std::size_t>(group)].name;
    if (writes && !state_.insert({group, layer}).second)
      return fail(errc::invalid_argument,
                  fmt::format("layer {} of cache group '{}' is written already", layer, group_name));
    if (!writes && !has_inputs_ && !state_.contains({group, layer}))
      return fail(errc::invalid_argument,
                  fmt::format("layer {} of cache group '{}' is read, but no kv_write before fills it", layer,
                              group_name));
    return {};
  }

  expected<void> finish() const {
    for (std::size_t i = 0; i < defined_.size(); ++i)
      if ((graph_.values()[i].flags & TK_VALUE_OUTPUT) != 0 && !defined_[i])
        return fail(errc::invalid_argument, "is an output, but no op writes it",
                    fmt::format("value '{}'", graph_.values()[i].name));
    return {};
  }

private:
  const std::string& name(value_id id) const { return graph_.values()[id].name; }

  const graph& graph_;
  std::vector<bool> defined_;
  std::set<std::pair<std::int64_t, std::int64_t>> state_;
  bool has_inputs_ = false;
};

} // namespace

expected<void> graph::validate() const {
  std::unordered_set<std::string_view> names;
  for (const auto& value : values_) {
    if (value.name.empty())
      return fail(errc::invalid_argument, "a value has no name");
    if (!names.insert(value.name).second)
      return fail(errc::invalid_argument, "two values have this name", fmt::format("value '{}'", value.name));
    if (auto ok = check_value(value); !ok)
      return ok;
  }
  for (const auto& group : groups_)
    if (auto ok = check_group(group); !ok)
      return ok;
  order_check order(*this);
  for (std::size_t i = 0; i < ops_.size(); ++i) {
    const auto& op = ops_[i];
    auto ok = order.visit(op);
    if (ok && is_primitive(op.name)) {
      ok = check_primitive(*this, op);
      if (ok)
        ok = order.visit_state(op);
    } else if (ok && op.name.find('.') == std::string::npos) {
      ok = fail(errc::invalid_argument, "an op's name needs a namespace, as in 'acme.fused_norm'");
    }
    if (!ok)
      return fail(ok.error().code, ok.error().message, fmt::format("op {} ({})", i, op.name));
  }
  return order.finish();
}

} // namespace tokamak
