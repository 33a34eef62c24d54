// The C functions behind tk_graph_edit, and decomposition.
#include "model/graph/graph_edit.hpp"

#include <algorithm>
#include <string>

namespace tokamak {
namespace {

std::string text_of(tk_string s) { return s.data ? std::string(s.data, s.size) : std::string(); }

tk_status refuse(tk_error* e, errc code, const std::string& message) {
  if (e) {
    e->code = static_cast<tk_status>(code);
    const auto n = std::min(message.size(), sizeof(e->message) - 1);
    message.copy(e->message, n);
    e->message[n] = '\0';
  }
  return static_cast<tk_status>(code);
}

expected<graph_attribute> attribute_from(const tk_attribute& a) {
  auto name = text_of(a.name);
  switch (a.type) {
    case TK_INTEGER: return graph_attribute{std::move(name), a.integer};
    case TK_REAL: return graph_attribute{std::move(name), a.real};
    case TK_STRING: return graph_attribute{std::move(name), text_of(a.string)};
    case TK_ARRAY: return graph_attribute{std::move(name), std::vector<double>(a.reals, a.reals + a.n_reals)};
    default: return fail(errc::invalid_argument, fmt::format("attribute '{}' has type {}, expected integer, real, string or array", name, a.type));
  }
}

// Weights and inputs are there from the start; other values from the op that writes them.
bool defined_before(const graph& g, value_id id, std::size_t at) {
  const auto& value = g.values()[id];
  if (value.kind == TK_WEIGHT || (value.flags & TK_VALUE_INPUT)) return true;
  for (std::size_t i = 0; i < at; ++i)
    if (std::find(g.ops()[i].outputs.begin(), g.ops()[i].outputs.end(), id) != g.ops()[i].outputs.end()) return true;
  return false;
}

} // namespace

/// Each finds its graph behind the opaque editor.
struct graph_edit_functions {
  static graph& of(tk_graph_editor* editor) { return reinterpret_cast<graph_editor*>(editor)->graph_; }

  static void view(tk_graph_editor* editor, tk_graph_view* out) { *out = of(editor).view(); }

  static tk_status add_value(tk_graph_editor* editor, const tk_value* value, std::uint32_t* index, tk_error* e) {
    auto& g = of(editor);
    graph_value v;
    v.name = text_of(value->name);
    if (v.name.empty()) return refuse(e, errc::invalid_argument, "a value without a name");
    if (g.find_value(v.name) != no_value) return refuse(e, errc::already_exists, fmt::format("a value '{}' exists already", v.name));
    if (value->n_dims < 1 || value->n_dims > 4)
      return refuse(e, errc::invalid_argument, fmt::format("value '{}' has {} dimensions, expected 1 to 4", v.name, value->n_dims));
    v.kind = value->kind;
    v.format = value->format;
    v.flags = value->flags;
    v.dims.assign(value->dims, value->dims + value->n_dims);
    *index = g.add_value(std::move(v));
    return TK_OK;
  }

  static tk_status insert_op(tk_graph_editor* editor, std::uint32_t at, const tk_op* from, tk_error* e) {
    auto& g = of(editor);
    graph_op op;
    op.name = text_of(from->name);
    op.version = from->version;
    if (at > g.ops().size())
      return refuse(e, errc::invalid_argument, fmt::format("op '{}' at position {} of {}", op.name, at, g.ops().size()));
    op.inputs.assign(from->inputs, from->inputs + from->n_inputs);
    op.outputs.assign(from->outputs, from->outputs + from->n_outputs);
    for (auto id : op.inputs) {
      if (id == no_value) continue;
      if (id >= g.values().size()) return refuse(e, errc::invalid_argument, fmt::format("op '{}' reads value {} of {}", op.name, id, g.values().size()));
      if (!defined_before(g, id, at))
        return refuse(e, errc::invalid_argument, fmt::format("op '{}' reads '{}', which is not defined before position {}", op.name, g.values()[id].name, at));
    }
    for (auto id : op.outputs)
      if (id >= g.values().size()) return refuse(e, errc::invalid_argument, fmt::format("op '{}' writes value {} of {}", op.name, id, g.values().size()));
    for (std::uint32_t i = 0; i < from->n_attributes; ++i) {
      auto attribute = attribute_from(from->attributes[i]);
      if (!attribute) return refuse(e, attribute.error().code, attribute.error().message);
      op.attributes.push_back(std::move(*attribute));
    }
    g.insert_op(at, std::move(op));
    return TK_OK;
  }

  static tk_status erase_op(tk_graph_editor* editor, std::uint32_t at, tk_error* e) {
    auto& g = of(editor);
    if (at >= g.ops().size()) return refuse(e, errc::invalid_argument, fmt::format("no op at position {} of {}", at, g.ops().size()));
    g.erase_op(at);
    return TK_OK;
  }

  static tk_status define_op(tk_graph_editor* editor, tk_string name, std::uint32_t version, tk_decompose decompose, tk_error* e) {
    op_definition definition{text_of(name), version, decompose};
    if (definition.name.starts_with("tokamak."))
      return refuse(e, errc::invalid_argument, fmt::format("'{}' is in the project's namespace; name it after yours", definition.name));
    if (!decompose) return refuse(e, errc::invalid_argument, fmt::format("op '{}' has no decomposition", definition.name));
    of(editor).define_op(std::move(definition));
    return TK_OK;
  }
};

const tk_graph_edit& graph_editor::api() {
  using f = graph_edit_functions;
  static const tk_graph_edit table{sizeof(tk_graph_edit), f::view, f::add_value, f::insert_op, f::erase_op, f::define_op};
  return table;
}

expected<void> decompose_unsupported(graph& g, const supports_function& supports) {
  graph_editor editor(g);
  bool changed = false;
  for (std::size_t at = 0; at < g.ops().size();) {
    if (supports(g.view(), static_cast<std::uint32_t>(at))) {
      ++at;
      continue;
    }
    const auto op = g.ops()[at];
    const auto where = fmt::format("op {} ({})", at, op.name);
    const auto* definition = g.find_definition(op.name, op.version);
    if (!definition)
      return fail(errc::unsupported, fmt::format("the backend cannot run version {} of it and nothing says how to take it apart", op.version), where);
    tk_error e{};
    e.size = sizeof e;
    if (const auto status = definition->decompose(editor.handle(), &graph_editor::api(), static_cast<std::uint32_t>(at), &e); status != TK_OK)
      return fail(static_cast<errc>(status), fmt::format("its decomposition failed: {}", static_cast<const char*>(e.message)), where);
    const auto same = [&](const graph_op& o) { return o.serial == op.serial; };
    if (std::any_of(g.ops().begin(), g.ops().end(), same))
      return fail(errc::internal, "its decomposition did not replace it", where);
    changed = true;
    at = 0; // what came in its place may need the same
  }
  return changed ? g.validate() : expected<void>{};
}

} // namespace tokamak
