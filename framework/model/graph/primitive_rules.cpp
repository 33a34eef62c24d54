// The rules of the primitive ops: a table of what each takes and gives, and one function an op for its shapes.
#include "model/graph/primitive_ops.hpp"

#include <fmt/ranges.h>

#include <array>
#include <cmath>
#include <span>

namespace tokamak {

namespace {

/// What an input or output may be.
enum class slot : std::uint8_t { rows, any_rows, output_rows, weight, optional_weight, like_first };

struct attribute_rule {
  std::string_view name;
  tk_option_type type;
  bool required;
};

struct op_rule {
  std::string_view name;
  std::span<const slot> inputs;
  std::span<const slot> outputs;
  std::span<const attribute_rule> attributes;
  expected<void> (*shapes)(const graph& g, const graph_op& op);
};

template <class... Parts>
tl::unexpected<error> wrong(fmt::format_string<Parts...> text, Parts&&... parts) {
  return fail(errc::invalid_argument, fmt::format(text, std::forward<Parts>(parts)...));
}

const graph_value& input(const graph& g, const graph_op& op, std::size_t i) { return g.values()[op.inputs[i]]; }
const graph_value& output(const graph& g, const graph_op& op) { return g.values()[op.outputs[0]]; }
bool has_input(const graph_op& op, std::size_t i) { return op.inputs[i] != no_value; }

std::string shape(const graph_value& value) { return fmt::format("'{}' is [{}]", value.name, fmt::join(value.dims, ", ")); }

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

expected<void> embed_shapes(const graph& g, const graph_op& op) {
  const auto& table = input(g, op, 0);
  if (table.dims.size() != 2)
    return wrong("{}, expected two dimensions", shape(table));
  return expect_dims(output(g, op), {table.dims[0]});
}

expected<void> rms_norm_shapes(const graph& g, const graph_op& op) {
  const auto& x = input(g, op, 0);
  const auto& weight = input(g, op, 1);
  if (weight.dims.size() != 1 || x.width() % weight.width() != 0)
    return wrong("weight {}, expected one dimension that divides {}", shape(weight), x.width());
  if (const auto eps = real_attribute(op, "eps"); !(eps >= 0))
    return wrong("attribute 'eps' is {}, expected a number of at least 0", eps);
  return expect_dims(output(g, op), {x.width()});
}

expected<void> matmul_shapes(const graph& g, const graph_op& op) {
  const auto& x = input(g, op, 0);
  const auto& weight = input(g, op, 1);
  if (weight.dims.size() != 2 || weight.dims[0] != x.width())
    return wrong("weight {}, expected [{}, N]", shape(weight), x.width());
  if (has_input(op, 2))
    if (auto ok = expect_dims(input(g, op, 2), {weight.dims[1]}); !ok)
      return ok;
  return expect_dims(output(g, op), {weight.dims[1]});
}

expected<void> rope_shapes(const graph& g, const graph_op& op) {
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

expected<void> kv_write_shapes(const graph& g, const graph_op& op) {
  const auto group = state_layer(g, op, false);
  if (!group)
    return fail(group.error());
  if (auto ok = expect_dims(input(g, op, 0), {(*group)->k_width}); !ok)
    return ok;
  return expect_dims(input(g, op, 1), {(*group)->v_width});
}

expected<void> attention_shapes(const graph& g, const graph_op& op) {
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

expected<void> elementwise_shapes(const graph& g, const graph_op& op) {
  const auto& a = input(g, op, 0);
  if (op.inputs.size() > 1)
    if (auto ok = expect_dims(input(g, op, 1), a.dims); !ok)
      return ok;
  return expect_dims(output(g, op), a.dims);
}

expected<void> softcap_shapes(const graph& g, const graph_op& op) {
  if (const auto cap = real_attribute(op, "cap"); !(cap > 0))
    return wrong("attribute 'cap' is {}, expected a number above 0", cap);
  return elementwise_shapes(g, op);
}

expected<void> glu_shapes(const graph& g, const graph_op& op) {
  const auto& activation = std::get<std::string>(*find_attribute(op, "activation"));
  if (activation != "silu" && activation != "gelu")
    return wrong("attribute 'activation' is \"{}\", expected \"silu\" or \"gelu\"", activation);
  return elementwise_shapes(g, op);
}

expected<void> decay_scan_shapes(const graph& g, const graph_op& op) {
  const auto group = state_layer(g, op, true);
  if (!group)
    return fail(group.error());
  if (auto ok = expect_dims(input(g, op, 0), {(*group)->state_width}); !ok)
    return ok;
  return elementwise_shapes(g, op);
}

constexpr slot embed_in[] = {slot::weight};
constexpr slot norm_in[] = {slot::any_rows, slot::weight};
constexpr slot matmul_in[] = {slot::any_rows, slot::weight, slot::optional_weight};
constexpr slot rope_in[] = {slot::rows, slot::optional_weight};
constexpr slot two_rows[] = {slot::rows, slot::rows};
constexpr slot one_rows[] = {slot::rows};
constexpr slot one_any[] = {slot::any_rows};
constexpr slot two_any[] = {slot::any_rows, slot::like_first};
constexpr slot one_like[] = {slot::like_first};
constexpr slot one_output[] = {slot::output_rows};

constexpr attribute_rule embed_attributes[] = {{"scale", TK_REAL, false}};
constexpr attribute_rule norm_attributes[] = {{"eps", TK_REAL, true}, {"weight_offset", TK_REAL, false}};
constexpr attribute_rule rope_attributes[] = {
    {"heads", TK_INTEGER, true},      {"head_dim", TK_INTEGER, true}, {"rotary_dims", TK_INTEGER, true},
    {"style", TK_STRING, true},       {"freq_base", TK_REAL, true},   {"freq_scale", TK_REAL, false},
    {"ext_factor", TK_REAL, false},   {"attn_factor", TK_REAL, false}, {"beta_fast", TK_REAL, false},
    {"beta_slow", TK_REAL, false},    {"original_context", TK_INTEGER, false}};
constexpr attribute_rule layer_attributes[] = {{"group", TK_INTEGER, true}, {"layer", TK_INTEGER, true}};
constexpr attribute_rule attention_attributes[] = {
    {"group", TK_INTEGER, true},    {"layer", TK_INTEGER, true},    {"heads", TK_INTEGER, true},
    {"kv_heads", TK_INTEGER, true}, {"head_dim", TK_INTEGER, true}, {"scale", TK_REAL, true},
    {"softcap", TK_REAL, false}};
constexpr attribute_rule scale_attributes[] = {{"factor", TK_REAL, true}};
constexpr attribute_rule softcap_attributes[] = {{"cap", TK_REAL, true}};
constexpr attribute_rule glu_attributes[] = {{"activation", TK_STRING, true}};
constexpr attribute_rule scan_attributes[] = {
    {"group", TK_INTEGER, true}, {"layer", TK_INTEGER, true}, {"decay", TK_REAL, true}};

constexpr op_rule rules[] = {
    {"tokamak.embed", embed_in, one_rows, embed_attributes, embed_shapes},
    {"tokamak.rms_norm", norm_in, one_like, norm_attributes, rms_norm_shapes},
    {"tokamak.matmul", matmul_in, one_like, {}, matmul_shapes},
    {"tokamak.rope", rope_in, one_rows, rope_attributes, rope_shapes},
    {"tokamak.kv_write", two_rows, {}, layer_attributes, kv_write_shapes},
    {"tokamak.attention", one_rows, one_rows, attention_attributes, attention_shapes},
    {"tokamak.add", two_any, one_like, {}, elementwise_shapes},
    {"tokamak.mul", two_any, one_like, {}, elementwise_shapes},
    {"tokamak.scale", one_any, one_like, scale_attributes, elementwise_shapes},
    {"tokamak.softcap", one_any, one_like, softcap_attributes, softcap_shapes},
    {"tokamak.silu", one_any, one_like, {}, elementwise_shapes},
    {"tokamak.gelu", one_any, one_like, {}, elementwise_shapes},
    {"tokamak.glu", two_any, one_like, glu_attributes, glu_shapes},
    {"tokamak.take_outputs", one_rows, one_output, {}, elementwise_shapes},
    {"tokamak.decay_scan", one_rows, one_rows, scan_attributes, decay_scan_shapes},
    {"tokamak.all_reduce", one_rows, one_rows, {}, elementwise_shapes},
};

bool fits(slot wanted, const graph_value& value, const graph_value* first) {
  switch (wanted) {
    case slot::rows: return value.kind == TK_ROWS;
    case slot::output_rows: return value.kind == TK_OUTPUT_ROWS;
    case slot::any_rows: return value.kind == TK_ROWS || value.kind == TK_OUTPUT_ROWS;
    case slot::weight:
    case slot::optional_weight: return value.kind == TK_WEIGHT;
    case slot::like_first: return first != nullptr && value.kind == first->kind;
  }
  return false;
}

std::string_view slot_name(slot wanted) {
  static constexpr std::array<std::string_view, 6> names = {
      "rows", "rows or output rows", "output rows", "a weight", "a weight", "the kind of input 0"};
  return names[static_cast<std::size_t>(wanted)];
}

expected<void> check_slots(const graph& g, const std::vector<value_id>& ids, std::span<const slot> slots,
                           const graph_value* first, std::string_view what) {
  if (ids.size() != slots.size())
    return wrong("has {} {}s, expected {}", ids.size(), what, slots.size());
  for (std::size_t i = 0; i < ids.size(); ++i) {
    if (ids[i] == no_value) {
      if (slots[i] == slot::optional_weight)
        continue;
      return wrong("{} {} is absent, expected {}", what, i, slot_name(slots[i]));
    }
    const auto& value = g.values()[ids[i]];
    if (!fits(slots[i], value, first))
      return wrong("{} {} '{}' has the wrong kind, expected {}", what, i, value.name, slot_name(slots[i]));
  }
  return {};
}

tk_option_type type_of(const attribute_value& value) {
  static constexpr std::array<tk_option_type, 4> types = {TK_INTEGER, TK_REAL, TK_STRING, TK_ARRAY};
  return types[value.index()];
}

std::string_view type_name(tk_option_type type) {
  switch (type) {
    case TK_INTEGER: return "an integer";
    case TK_REAL: return "a real number";
    case TK_STRING: return "a string";
    default: return "an array";
  }
}

expected<void> check_attributes(const graph_op& op, std::span<const attribute_rule> known) {
  for (const auto& rule : known)
    if (rule.required && find_attribute(op, rule.name) == nullptr)
      return wrong("needs the attribute '{}'", rule.name);
  for (std::size_t i = 0; i < op.attributes.size(); ++i) {
    const auto& attribute = op.attributes[i];
    const attribute_rule* rule = nullptr;
    for (const auto& candidate : known)
      if (candidate.name == attribute.name)
        rule = &candidate;
    if (rule == nullptr)
      return wrong("unknown attribute '{}'", attribute.name);
    if (type_of(attribute.value) != rule->type)
      return wrong("attribute '{}' is {}, expected {}", attribute.name, type_name(type_of(attribute.value)),
                   type_name(rule->type));
    if (const auto* real = std::get_if<double>(&attribute.value); real != nullptr && std::isnan(*real))
      return wrong("attribute '{}' is not a number", attribute.name);
    for (std::size_t j = 0; j < i; ++j)
      if (op.attributes[j].name == attribute.name)
        return wrong("attribute '{}' is given twice", attribute.name);
  }
  return {};
}

} // namespace

bool is_primitive(std::string_view op_name) { return op_name.starts_with("tokamak."); }

expected<void> check_primitive(const graph& g, const graph_op& op) {
  const op_rule* rule = nullptr;
  for (const auto& candidate : rules)
    if (candidate.name == op.name)
      rule = &candidate;
  if (rule == nullptr)
    return fail(errc::unsupported, fmt::format("no primitive op has the name '{}'", op.name));
  if (op.version != 1)
    return fail(errc::unsupported, fmt::format("version {}, expected 1", op.version));
  const auto* first = !op.inputs.empty() && op.inputs[0] != no_value ? &g.values()[op.inputs[0]] : nullptr;
  if (auto ok = check_slots(g, op.inputs, rule->inputs, first, "input"); !ok)
    return ok;
  if (auto ok = check_slots(g, op.outputs, rule->outputs, first, "output"); !ok)
    return ok;
  if (auto ok = check_attributes(op, rule->attributes); !ok)
    return ok;
  return rule->shapes(g, op);
}

} // namespace tokamak
