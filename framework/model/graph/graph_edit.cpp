// The editing functions behind the plugin ABI.
#include "model/graph/graph_edit.hpp"

#include "model/graph/primitive_ops.hpp"

#include <algorithm>
#include <cstring>
#include <span>

struct tk_graph_editor {
  tokamak::graph* target;
};

namespace tokamak {

namespace {

constexpr std::size_t most_ops = 1'000'000; // a plugin that inserts without end stops here

tk_status report(tk_error* out, errc code, std::string_view message) {
  if (out != nullptr && out->size >= sizeof(tk_error)) {
    out->code = static_cast<tk_status>(code);
    out->line = out->column = 0;
    const auto n = std::min(message.size(), sizeof out->message - 1);
    std::memcpy(out->message, message.data(), n);
    out->message[n] = '\0';
  }
  return static_cast<tk_status>(code);
}

template <class... Parts>
tk_status wrong(tk_error* out, fmt::format_string<Parts...> text, Parts&&... parts) {
  return report(out, errc::invalid_argument, fmt::format(text, std::forward<Parts>(parts)...));
}

std::string text_of(tk_string s) { return s.size == 0 ? std::string() : std::string(s.data, s.size); }

/// True if the value is there before op `at` runs.
bool defined_before(const graph& g, value_id id, std::uint32_t at) {
  const auto& value = g.values()[id];
  if (value.kind == TK_WEIGHT || (value.flags & TK_VALUE_INPUT) != 0)
    return true;
  for (std::uint32_t i = 0; i < at; ++i)
    if (const auto& out = g.ops()[i].outputs; std::find(out.begin(), out.end(), id) != out.end())
      return true;
  return false;
}

expected<graph_attribute> copy_attribute(const tk_attribute& from) {
  switch (from.type) {
    case TK_INTEGER: return graph_attribute{text_of(from.name), from.integer};
    case TK_REAL: return graph_attribute{text_of(from.name), from.real};
    case TK_STRING: return graph_attribute{text_of(from.name), text_of(from.string)};
    case TK_ARRAY:
      return graph_attribute{text_of(from.name), std::vector<double>(from.reals, from.reals + from.n_reals)};
    default:
      return fail(errc::invalid_argument,
                  fmt::format("attribute '{}' has type {}, expected integer, real, string or array of reals",
                              text_of(from.name), from.type));
  }
}

void view(tk_graph_editor* editor, tk_graph_view* out) { *out = editor->target->view(); }

tk_status add_value(tk_graph_editor* editor, const tk_value* value, std::uint32_t* index, tk_error* error) {
  auto& g = *editor->target;
  const auto name = text_of(value->name);
  if (name.empty())
    return wrong(error, "a value needs a name");
  if (g.find_value(name) != no_value)
    return report(error, errc::already_exists, fmt::format("there is a value '{}' already", name));
  if (value->n_dims < 1 || value->n_dims > 4)
    return wrong(error, "value '{}' has {} dimensions, expected 1 to 4", name, value->n_dims);
  if (g.values().size() >= most_ops)
    return report(error, errc::too_large, fmt::format("a graph holds at most {} values", most_ops));
  *index = g.add_value({name, value->kind, value->format, {value->dims, value->dims + value->n_dims}, value->flags});
  return TK_OK;
}

tk_status insert_op(tk_graph_editor* editor, std::uint32_t at, const tk_op* op, tk_error* error) {
  auto& g = *editor->target;
  const auto name = text_of(op->name);
  if (at > g.ops().size())
    return wrong(error, "op '{}' goes before position {}, but there are {} ops", name, at, g.ops().size());
  if (g.ops().size() >= most_ops)
    return report(error, errc::too_large, fmt::format("a graph holds at most {} ops", most_ops));
  graph_op made{name, op->version, {}, {}, {}, 0};
  for (const auto id : std::span(op->inputs, op->n_inputs)) {
    if (id != no_value && id >= g.values().size())
      return wrong(error, "op '{}' reads value {} of {}", name, id, g.values().size());
    if (id != no_value && !defined_before(g, id, at))
      return wrong(error, "op '{}' reads '{}', which is not written before position {}", name, g.values()[id].name, at);
    made.inputs.push_back(id);
  }
  for (const auto id : std::span(op->outputs, op->n_outputs)) {
    if (id >= g.values().size())
      return wrong(error, "op '{}' writes value {} of {}", name, id, g.values().size());
    made.outputs.push_back(id);
  }
  for (const auto& attribute : std::span(op->attributes, op->n_attributes)) {
    auto copy = copy_attribute(attribute);
    if (!copy)
      return report(error, copy.error().code, fmt::format("op '{}': {}", name, copy.error().message));
    made.attributes.push_back(std::move(*copy));
  }
  g.insert_op(at, std::move(made));
  return TK_OK;
}

tk_status erase_op(tk_graph_editor* editor, std::uint32_t at, tk_error* error) {
  auto& g = *editor->target;
  if (at >= g.ops().size())
    return wrong(error, "there is no op {} to erase, only {}", at, g.ops().size());
  g.erase_op(at);
  return TK_OK;
}

tk_status define_op(tk_graph_editor* editor, tk_string name, std::uint32_t version, tk_decompose decompose,
                    tk_error* error) {
  const auto text = text_of(name);
  if (text.find('.') == std::string::npos || is_primitive(text))
    return wrong(error, "op '{}' cannot be defined: it needs a namespace other than 'tokamak.'", text);
  if (decompose == nullptr)
    return wrong(error, "op '{}' is defined without a decomposition", text);
  editor->target->define_op({text, version, decompose});
  return TK_OK;
}

} // namespace

graph_editor::graph_editor(graph& target) : handle_(new tk_graph_editor{&target}) {}
graph_editor::~graph_editor() = default;

const tk_graph_edit& graph_editor::api() {
  static constexpr tk_graph_edit functions{sizeof(tk_graph_edit), view, add_value, insert_op, erase_op, define_op};
  return functions;
}

expected<void> edit_graph(graph& g, const graph_edit_function& pass) {
  graph copy = g;
  graph_editor editor(copy);
  if (auto ok = pass(editor.handle(), graph_editor::api()); !ok)
    return ok;
  if (auto ok = copy.validate(); !ok)
    return fail(errc::internal, "the pass left the graph invalid: " + ok.error().to_string());
  g = std::move(copy);
  return {};
}

} // namespace tokamak
