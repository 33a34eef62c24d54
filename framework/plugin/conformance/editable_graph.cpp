// The editing functions check what a plugin hands in: a bad index is an error here, not a crash later.
#include "plugin/conformance/editable_graph.hpp"

#include <algorithm>
#include <set>
#include <utility>

#include "plugin/host.hpp"

namespace tokamak::plugin::conformance {
namespace {

editable_graph& graph_of(tk_graph_editor* editor) { return *reinterpret_cast<editable_graph*>(editor); }

tk_status refuse(tk_error* out, std::string why) {
  if (out) *out = to_tk(error{errc::invalid_argument, std::move(why), {}});
  return TK_INVALID_ARGUMENT;
}

editable_graph::op copy(const tk_op& from) {
  editable_graph::op o{std::string(from_tk(from.name)), from.version, {from.inputs, from.inputs + from.n_inputs},
                       {from.outputs, from.outputs + from.n_outputs}, {}};
  for (std::uint32_t i = 0; i < from.n_attributes; ++i) {
    const auto& a = from.attributes[i];
    o.attributes.push_back({std::string(from_tk(a.name)), a.type, a.integer, a.real, std::string(from_tk(a.string)),
                            std::vector<double>(a.reals, a.reals + a.n_reals)});
  }
  return o;
}

/// Inputs of the primitive ops, the optional ones included; 0: no such op.
std::size_t n_inputs_of(std::string_view primitive) {
  constexpr std::pair<std::string_view, std::size_t> counts[] = {
      {"embed", 1}, {"rms_norm", 2},     {"matmul", 3},     {"rope", 2},      {"kv_write", 2}, {"attention", 1},
      {"add", 2},   {"mul", 2},          {"scale", 1},      {"softcap", 1},   {"silu", 1},     {"gelu", 1},
      {"glu", 2},   {"take_outputs", 1}, {"decay_scan", 1}, {"all_reduce", 1}};
  for (const auto& [name, n] : counts)
    if (primitive == name) return n;
  return 0;
}

void view(tk_graph_editor* editor, tk_graph_view* out) { *out = graph_of(editor).view(); }

tk_status add_value(tk_graph_editor* editor, const tk_value* v, std::uint32_t* index, tk_error* e) {
  auto& g = graph_of(editor);
  if (v->n_dims == 0 || v->n_dims > 4) return refuse(e, fmt::format("a value has {} dimensions", v->n_dims));
  const auto name = from_tk(v->name);
  if (name.empty()) return refuse(e, "a value has no name");
  for (const auto& known : g.values)
    if (known.name == name) return refuse(e, fmt::format("two values are named '{}'", name));
  *index = g.add({std::string(name), v->kind, v->format, {v->dims, v->dims + v->n_dims}, v->flags});
  return TK_OK;
}

tk_status insert_op(tk_graph_editor* editor, std::uint32_t at, const tk_op* o, tk_error* e) {
  auto& g = graph_of(editor);
  if (at > g.ops.size()) return refuse(e, fmt::format("op inserted at {} of {}", at, g.ops.size()));
  auto made = copy(*o);
  for (const auto* list : {&made.inputs, &made.outputs})
    for (const std::uint32_t v : *list)
      if (v >= g.values.size() && !(list == &made.inputs && v == TK_NO_VALUE))
        return refuse(e, fmt::format("op '{}' names value {} of {}", made.name, v, g.values.size()));
  g.ops.insert(g.ops.begin() + at, std::move(made));
  return TK_OK;
}

tk_status erase_op(tk_graph_editor* editor, std::uint32_t at, tk_error* e) {
  auto& g = graph_of(editor);
  if (at >= g.ops.size()) return refuse(e, fmt::format("op {} of {} erased", at, g.ops.size()));
  g.ops.erase(g.ops.begin() + at);
  return TK_OK;
}

tk_status define_op(tk_graph_editor* editor, tk_string name, std::uint32_t version, tk_decompose decompose,
                    tk_error* e) {
  auto& g = graph_of(editor);
  const std::string text(from_tk(name));
  if (text.starts_with("tokamak.") || text.find('.') == std::string::npos)
    return refuse(e, fmt::format("op '{}': a name with a namespace of your own is expected", text));
  if (!decompose) return refuse(e, fmt::format("op '{}' is defined without a decomposition", text));
  std::erase_if(g.definitions, [&](const auto& d) { return d.name == text && d.version == version; });
  g.definitions.push_back({text, version, decompose});
  return TK_OK;
}

} // namespace

editable_graph::editable_graph(const editable_graph& other)
    : values(other.values),
      ops(other.ops),
      groups(other.groups),
      group_names(other.group_names),
      definitions(other.definitions) {
  for (std::size_t i = 0; i < groups.size(); ++i) groups[i].name = to_tk(group_names[i]);
}

const tk_graph_edit& editable_graph::api() {
  static const tk_graph_edit functions{
      sizeof(tk_graph_edit), &conformance::view, &add_value, &insert_op, &erase_op, &define_op};
  return functions;
}

tk_graph_view editable_graph::view() {
  view_values_.clear();
  view_ops_.clear();
  view_attributes_.clear();
  for (const auto& v : values) {
    tk_value c{to_tk(v.name), v.kind, v.format, static_cast<std::uint32_t>(v.dims.size()), v.flags, {}};
    std::copy(v.dims.begin(), v.dims.end(), c.dims);
    view_values_.push_back(c);
  }
  for (const auto& o : ops) {
    auto& list = view_attributes_.emplace_back();
    for (const auto& a : o.attributes)
      list.push_back({to_tk(a.name), a.type, a.integer, a.real, to_tk(a.string), a.reals.data(), a.reals.size()});
    view_ops_.push_back({to_tk(o.name), o.version, static_cast<std::uint32_t>(o.inputs.size()),
                         static_cast<std::uint32_t>(o.outputs.size()), static_cast<std::uint32_t>(list.size()),
                         o.inputs.data(), o.outputs.data(), list.data()});
  }
  return {sizeof(tk_graph_view), view_values_.data(), view_values_.size(), view_ops_.data(),
          view_ops_.size(),      groups.data(),       groups.size()};
}

expected<void> editable_graph::validate() const {
  std::set<std::string_view> names;
  std::vector<bool> written(values.size());
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (!names.insert(values[i].name).second)
      return fail(errc::invalid_argument, fmt::format("two values are named '{}'", values[i].name));
    written[i] = values[i].kind == TK_WEIGHT || (values[i].flags & TK_VALUE_INPUT);
  }
  for (std::size_t i = 0; i < ops.size(); ++i) {
    const auto& o = ops[i];
    if (o.name.starts_with("tokamak.")) {
      const std::size_t n = n_inputs_of(std::string_view(o.name).substr(8));
      if (n == 0) return fail(errc::invalid_argument, fmt::format("op {} ({}) is no primitive op", i, o.name));
      if (n != o.inputs.size())
        return fail(errc::invalid_argument,
                    fmt::format("op {} ({}) has {} inputs, {} expected (TK_NO_VALUE where an optional one is absent)",
                                i, o.name, o.inputs.size(), n));
    }
    for (const std::uint32_t v : o.inputs)
      if (v != TK_NO_VALUE && !written.at(v))
        return fail(errc::invalid_argument,
                    fmt::format("op {} ({}) reads '{}' before it is written", i, o.name, values[v].name));
    for (const std::uint32_t v : o.outputs) {
      if (written.at(v))
        return fail(errc::invalid_argument, fmt::format("op {} ({}) writes '{}' again", i, o.name, values[v].name));
      written[v] = true;
    }
  }
  for (std::size_t i = 0; i < values.size(); ++i)
    if ((values[i].flags & TK_VALUE_OUTPUT) && !written[i])
      return fail(errc::invalid_argument, fmt::format("the output '{}' is not written", values[i].name));
  return {};
}

expected<void> editable_graph::decompose_all(const std::function<bool(const op&)>& keep) {
  constexpr int most = 10'000; // replacements; more is a definition that goes round
  int done = 0;
  for (std::size_t i = 0; i < ops.size();) {
    if (ops[i].name.starts_with("tokamak.") || keep(ops[i])) {
      ++i;
      continue;
    }
    const std::string name = ops[i].name;
    const auto version = ops[i].version;
    const auto d = std::find_if(definitions.begin(), definitions.end(),
                                [&](const auto& known) { return known.name == name && known.version == version; });
    if (d == definitions.end())
      return fail(errc::unsupported, fmt::format("op '{}' version {} is not defined (define_op)", name, version));
    if (++done > most) return fail(errc::internal, fmt::format("the decomposition of '{}' does not end", name));
    tk_error e = empty_error();
    const tk_status status = d->decompose(editor(), &api(), static_cast<std::uint32_t>(i), &e);
    if (status != TK_OK) return fail(to_error(status, e, fmt::format("the decomposition of '{}'", name)));
  }
  return {};
}

} // namespace tokamak::plugin::conformance
