// The rules of the primitive ops: a table of what each takes and gives.
#include "model/graph/primitive_ops.hpp"

#include "model/graph/primitive_shapes.hpp"

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
  primitive_shapes::rule* shapes;
};

template <class... Parts>
tl::unexpected<error> wrong(fmt::format_string<Parts...> text, Parts&&... parts) {
  return fail(errc::invalid_argument, fmt::format(text, std::forward<Parts>(parts)...));
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
    {"tokamak.embed", embed_in, one_rows, embed_attributes, primitive_shapes::embed},
    {"tokamak.rms_norm", norm_in, one_like, norm_attributes, primitive_shapes::rms_norm},
    {"tokamak.matmul", matmul_in, one_like, {}, primitive_shapes::matmul},
    {"tokamak.rope", rope_in, one_rows, rope_attributes, primitive_shapes::rope},
    {"tokamak.kv_write", two_rows, {}, layer_attributes, primitive_shapes::kv_write},
    {"tokamak.attention", one_rows, one_rows, attention_attributes, primitive_shapes::attention},
    {"tokamak.add", two_any, one_like, {}, primitive_shapes::elementwise},
    {"tokamak.mul", two_any, one_like, {}, primitive_shapes::elementwise},
    {"tokamak.scale", one_any, one_like, scale_attributes, primitive_shapes::elementwise},
    {"tokamak.softcap", one_any, one_like, softcap_attributes, primitive_shapes::softcap},
    {"tokamak.silu", one_any, one_like, {}, primitive_shapes::elementwise},
    {"tokamak.gelu", one_any, one_like, {}, primitive_shapes::elementwise},
    {"tokamak.glu", two_any, one_like, glu_attributes, primitive_shapes::glu},
    {"tokamak.take_outputs", one_rows, one_output, {}, primitive_shapes::elementwise},
    {"tokamak.decay_scan", one_rows, one_rows, scan_attributes, primitive_shapes::decay_scan},
    {"tokamak.all_reduce", one_rows, one_rows, {}, primitive_shapes::elementwise},
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
