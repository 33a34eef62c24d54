// Reading and checking of plugin slots. Options get their defaults here, so that plugins and `describe` see them.
#include "topology/plugin_slot.hpp"

#include "topology/spelling.hpp"

#include <algorithm>

namespace tokamak::topology {
namespace {

using option_spec = plugin_catalog::option_spec;

std::string_view with_article(option_type type) {
  switch (type) {
    case option_type::boolean: return "a boolean";
    case option_type::integer: return "an integer";
    case option_type::real: return "a number";
    case option_type::string: return "a string";
    case option_type::array: return "an array";
    case option_type::table: return "a table";
  }
  return "something else";
}

bool fits(const value& v, option_type type) {
  switch (type) {
    case option_type::boolean: return v.as<bool>();
    case option_type::integer: return v.as<std::int64_t>();
    case option_type::real: return v.as<double>() || v.as<std::int64_t>();
    case option_type::string: return v.as<std::string>();
    case option_type::array: return v.as<value::array>();
    case option_type::table: return v.as<value::table>();
  }
  return false;
}

/// One plugin in one slot: what was written and what the plugin says.
struct slot_check {
  draft& d;
  slot kind;
  const std::string& plugin;
  position where;
  const std::vector<option_spec>& specs;
  std::string title() const { return fmt::format("{} plugin {}", to_string(kind), in_quotes(plugin)); }

  void check_written(const entry& e) const {
    const auto spec = std::find_if(specs.begin(), specs.end(), [&](const auto& s) { return s.name == e.key; });
    if (spec == specs.end()) {
      std::vector<std::string> known;
      for (const auto& s : specs) known.push_back(s.name);
      d.found.error(e.where, unknown_in(title(), "option", e.key, known));
    } else if (!fits(e.content, spec->type)) {
      d.found.error(e.content.where, fmt::format("option {} of {} is {}; expected {}", in_quotes(e.key), title(),
                                                 type_name(e.content), with_article(spec->type)));
    }
  }

  void fill_in(const option_spec& spec, option_value::table& options) const {
    if (spec.required) {
      d.found.error(where, fmt::format("{} has no option {}; expected {}", title(), in_quotes(spec.name),
                                       with_article(spec.type)));
      return;
    }
    if (spec.default_value.empty()) return;
    const auto parsed = parse_document("default = " + spec.default_value);
    const auto* root = parsed ? parsed->as<value::table>() : nullptr;
    if (!root || root->size() != 1 || !fits(root->front().content, spec.type) || find_date(root->front().content)) {
      d.found.error(where, errc::internal,
                    fmt::format("{} gives its option {} the default {}; expected {} in TOML", title(),
                                in_quotes(spec.name), in_quotes(spec.default_value), with_article(spec.type)));
      return;
    }
    option_value made = to_option_value(root->front().content);
    made.line = made.column = 0; // stands in no file
    options.push_back({spec.name, std::move(made)});
  }

  void ask_plugin(const option_value& options) const {
    const auto fault = d.catalog->validate(kind, plugin, options);
    if (!fault) return;
    d.found.error(fault->where.line ? fault->where : where, fault->code,
                  fmt::format("{}: {}", title(), fault->message));
  }
};

void check_slot(draft& d, slot kind, plugin_use& use, position where, const value::table* written) {
  if (!d.catalog) return;
  const auto* specs = d.catalog->options(kind, use.plugin);
  if (!specs) {
    d.found.error(where, errc::not_found,
                  unknown(fmt::format("{} plugin", to_string(kind)), use.plugin, d.catalog->names(kind), "installed"));
    return;
  }
  const auto errors_before = d.found.count();
  const slot_check check{d, kind, use.plugin, where, *specs};
  if (written)
    for (const auto& e : *written)
      if (e.key != "plugin") check.check_written(e);
  auto& options = std::get<option_value::table>(use.options.value);
  for (const auto& spec : *specs)
    if (!use.options.find(spec.name)) check.fill_in(spec, options);
  if (d.found.count() == errors_before) check.ask_plugin(use.options);
}

/// A slot's value: a string, or a table with `plugin` and options. An empty default means: must be named.
plugin_use read_use(draft& d, std::string_view key, slot kind, const value& v, std::string_view default_plugin) {
  plugin_use use;
  use.plugin = default_plugin;
  position where = v.where;
  const auto* written = v.as<value::table>();
  const value* name = written ? nullptr : &v;
  if (written)
    for (const auto& e : *written)
      if (e.key == "plugin") name = &e.content;
  const auto* text = name ? name->as<std::string>() : nullptr;
  if ((name && !text) || (!name && default_plugin.empty())) {
    d.found.error(name ? name->where : where,
                  written ? fmt::format("{} {}; expected plugin = \"NAME\"", key,
                                        name ? fmt::format("has {} as plugin", type_name(*name)) : "names no plugin")
                          : fmt::format("{} is {}; expected a plugin's name or a table with plugin = \"NAME\"", key,
                                        type_name(v)));
    return use;
  }
  if (text) {
    use.plugin = *text;
    where = name->where;
  }
  use.line = where.line;
  use.column = where.column;
  use.options.line = v.where.line;
  use.options.column = v.where.column;
  if (written) {
    if (const auto* date = find_date(v)) {
      d.found.error(date->where, fmt::format("{} holds a date; expected options without dates", key));
      return use;
    }
    auto& options = std::get<option_value::table>(use.options.value);
    for (const auto& e : *written)
      if (e.key != "plugin") options.push_back({e.key, to_option_value(e.content)});
  }
  check_slot(d, kind, use, where, written);
  return use;
}

} // namespace

std::string_view to_string(slot kind) {
  switch (kind) {
    case slot::fusion: return "fusion";
    case slot::placement: return "placement";
    case slot::scheduler: return "scheduler";
    case slot::cache: return "cache";
    case slot::graph_pass: return "graph pass";
    case slot::kernels: return "kernels";
    case slot::backend: return "backend";
    case slot::constraint: return "constraint";
    case slot::weights: return "weights";
  }
  return "unknown";
}

plugin_use default_slot(draft& d, slot kind, std::string_view plugin, position where) {
  plugin_use use;
  use.plugin = plugin;
  check_slot(d, kind, use, where, nullptr);
  return use;
}

plugin_use read_slot(draft& d, table_reader& in, std::string_view key, slot kind, std::string_view default_plugin) {
  const auto* v = in.find(key);
  return v ? read_use(d, key, kind, *v, default_plugin) : default_slot(d, kind, default_plugin, in.where());
}

std::vector<plugin_use> read_slots(draft& d, table_reader& in, std::string_view key, slot kind) {
  std::vector<plugin_use> uses;
  const auto* v = in.find(key);
  if (!v) return uses;
  const auto* items = v->as<value::array>();
  if (!items) {
    d.found.error(v->where, fmt::format("{} is {}; expected an array of plugins", key, type_name(*v)));
    return uses;
  }
  for (const auto& item : *items) uses.push_back(read_use(d, key, kind, item, ""));
  return uses;
}

} // namespace tokamak::topology
