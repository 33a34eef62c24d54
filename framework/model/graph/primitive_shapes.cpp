// Shapes of the primitive ops as framework/CONTRACTS.md states them.
#include "model/graph/primitive_shapes.hpp"

#include <fmt/ranges.h>

#include <cmath>

namespace tokamak::primitive_shapes {

namespace {

template <class... Parts>
tl::unexpected<error> wrong(fmt::format_string<Parts...> text, Parts&&... parts) {
  return fail(errc::invalid_argument, fmt::format(text, std::forward<Parts>(parts)...));
}

const graph_value& input(const graph& g, const graph_op& op, std::size_t i) { return g.values()[op.inputs[i]]; }
const graph_value& output(const graph& g, const graph_op& op) { return g.values()[op.outputs[0]]; }
bool has_input(const graph_op& op, std::size_t i) { return op.inputs[i] != no_value; }

std::string shape(const graph_value& value) {
  return fmt::format("'{}' is [{}]", value.name, fmt::join(value.dims, ", "));
}

expected<void> expect_dims(const graph_value& value, std::vector<std::uint64_t> dims) {
  if (value.dims == dims)
    return {};
  return wrong("{}, expected [{}]", shape(value), fmt::join(dims, ", "));
}

/// An integer attribute as a count.
expected<std::uint64_t> positive(const graph_op& op, std::string_view name) {
  const auto value = integer_attribute(op, name);
  if (value < 1 || value > 0x7fffffff)
    return wrong("attribute '{}' is {}, expected 1 to 2^31-1", name, value);
  return static_cast<std::uint64_t>(value);
}

expected<const graph_cache_group*> state_layer(const graph& g, const graph_op& op, bool recurrent) {
  const auto group = integer_attribute(op, "group");
  if (group < 0 || static_cast<std::size_t>(group) >= g.groups().size())
    return wrong("cache group {} of {}", group, g.groups().size());
  const auto& found = g.groups()[static_cast<std::size_t>(group)];
  if ((found.kind == TK_GROUP_RECURRENT) != recurrent)
    return wrong("cache group '{}' is {}, expected a {} one", found.name,
                 recurrent ? "paged" : "recurrent", recurrent ? "recurrent" : "paged");
  const auto layer = integer_attribute(op, "layer");
  if (layer < 0 || layer >= std::int64_t{found.n_layers})
    return wrong("layer {} of cache group '{}', which has {}", layer, found.name, found.n_layers);
  return &found;
}

} // namespace

expected<void> embed(const graph& g, const graph_op& op) {
  const auto& table = input(g, op, 0);
  if (table.dims.size() != 2)
    return wrong("{}, expected two dimensions", shape(table));
  return expect_dims(output(g, op), {table.dims[0]});
}

expected<void> rms_norm(const graph& g, const graph_op& op) {
  const auto& x = input(g, op, 0);
  const auto& weight = input(g, op, 1);
  if (weight.dims.size() != 1 || x.width() % weight.width() != 0)
    return wrong("weight {}, expected one dimension that divides {}", shape(weight), x.width());
  if (const auto eps = real_attribute(op, "eps"); !(eps >= 0))
    return wrong("attribute 'eps' is {}, expected a number of at least 0", eps);
  return expect_dims(output(g, op), {x.width()});
}

expected<void> matmul(const graph& g, const graph_op& op) {
  const auto& x = input(g, op, 0);
  const auto& weight = input(g, op, 1);
  if (weight.dims.size() != 2 || weight.dims[0] != x.width())
    return wrong("weight {}, expected [{}, N]", shape(weight), x.width());
  if (has_input(op, 2))
    if (auto ok = expect_dims(input(g, op, 2), {weight.dims[1]}); !ok)
      return ok;
  return expect_dims(output(g, op), {weight.dims[1]});
}

expected<void> rope(const graph& g, const graph_op& op) {
  const auto heads = positive(op, "heads");
  const auto head_dim = positive(op, "head_dim");
  const auto rotary = positive(op, "rotary_dims");
  for (const auto* count : {&heads, &head_dim, &rotary})
    if (!*count)
      return fail(count->error());
  if (*rotary % 2 != 0 || *rotary > *head_dim)
    return wrong("attribute 'rotary_dims' is {}, expected an even number of at most {}", *rotary, *head_dim);
  const auto& style = std::get<std::string>(*find_attribute(op, "style"));
  if (style != "interleaved" && style != "halves")
    return wrong("attribute 'style' is \"{}\", expected \"interleaved\" or \"halves\"", style);
  for (const auto* name : {"freq_base", "freq_scale"})
    if (const auto value = real_attribute(op, name, 1); !(value > 0) || std::isinf(value))
      return wrong("attribute '{}' is {}, expected a number above 0", name, value);
  if (real_attribute(op, "ext_factor") != 0 && integer_attribute(op, "original_context") < 1)
    return wrong("YaRN (attribute 'ext_factor') needs the attribute 'original_context'");
  if (has_input(op, 1))
    if (auto ok = expect_dims(input(g, op, 1), {*rotary / 2}); !ok)
      return ok;
  if (auto ok = expect_dims(input(g, op, 0), {*heads * *head_dim}); !ok)
    return ok;
  return expect_dims(output(g, op), {*heads * *head_dim});
}

expected<void> kv_write(const graph& g, const graph_op& op) {
  const auto group = state_layer(g, op, false);
  if (!group)
    return fail(group.error());
  if (auto ok = expect_dims(input(g, op, 0), {(*group)->k_width}); !ok)
    return ok;
  return expect_dims(input(g, op, 1), {(*group)->v_width});
}

expected<void> attention(const graph& g, const graph_op& op) {
  const auto group = state_layer(g, op, false);
  if (!group)
    return fail(group.error());
  const auto heads = positive(op, "heads");
  const auto kv_heads = positive(op, "kv_heads");
  const auto head_dim = positive(op, "head_dim");
  for (const auto* count : {&heads, &kv_heads, &head_dim})
    if (!*count)
      return fail(count->error());
  if (*heads % *kv_heads != 0)
    return wrong("{} heads are no multiple of {} kv_heads", *heads, *kv_heads);
  if (*kv_heads * *head_dim != (*group)->k_width || (*group)->v_width % *kv_heads != 0)
    return wrong("{} kv_heads of {} do not fit cache group '{}' with K {} and V {}", *kv_heads, *head_dim,
                 (*group)->name, (*group)->k_width, (*group)->v_width);
  if (auto ok = expect_dims(input(g, op, 0), {*heads * *head_dim}); !ok)
    return ok;
  return expect_dims(output(g, op), {*heads * ((*group)->v_width / *kv_heads)});
}

expected<void> elementwise(const graph& g, const graph_op& op) {
  const auto& a = input(g, op, 0);
  if (op.inputs.size() > 1)
    if (auto ok = expect_dims(input(g, op, 1), a.dims); !ok)
      return ok;
  return expect_dims(output(g, op), a.dims);
}

expected<void> softcap(const graph& g, const graph_op& op) {
  if (const auto cap = real_attribute(op, "cap"); !(cap > 0))
    return wrong("attribute 'cap' is {}, expected a number above 0", cap);
  return elementwise(g, op);
}

expected<void> glu(const graph& g, const graph_op& op) {
  const auto& activation = std::get<std::string>(*find_attribute(op, "activation"));
  if (activation != "silu" && activation != "gelu")
    return wrong("attribute 'activation' is \"{}\", expected \"silu\" or \"gelu\"", activation);
  return elementwise(g, op);
}

expected<void> decay_scan(const graph& g, const graph_op& op) {
  const auto group = state_layer(g, op, true);
  if (!group)
    return fail(group.error());
  if (auto ok = expect_dims(input(g, op, 0), {(*group)->state_width}); !ok)
    return ok;
  return elementwise(g, op);
}

} // namespace tokamak::primitive_shapes
