// From a file to a checked topology: text, tree, tables, then what goes across tables.
#include "topology/draft.hpp"
#include "topology/paths.hpp"
#include "topology/spelling.hpp"

#include <fstream>

namespace tokamak::topology {
namespace {

/// The file's bytes, of which max_file_bytes + 1 are enough to see that it is too large.
expected<std::string> read_text(const std::string& path) {
  if (const auto problem = path_problem(path, path_kind::file); !problem.empty())
    return fail(errc::not_found, problem + "; expected a topology file", path);
  std::ifstream in(path, std::ios::binary);
  std::string text(max_file_bytes + 1, '\0');
  if (in) in.read(text.data(), static_cast<std::streamsize>(text.size()));
  if (in.bad() || (!in && !in.eof())) return fail(errc::io, fmt::format("cannot read {}", in_quotes(path)), path);
  text.resize(static_cast<std::size_t>(in.gcount()));
  if (text.size() > max_file_bytes)
    return fail(errc::too_large, fmt::format("the file has more than {} bytes; expected a topology", max_file_bytes), path);
  return text;
}

load_result only(error e) {
  load_result result;
  result.errors.push_back(std::move(e));
  return result;
}

template <class T>
const T* find_in(const std::vector<T>& list, std::string_view name) {
  for (const auto& item : list)
    if (item.name == name) return &item;
  return nullptr;
}

} // namespace

const model* topology::find_model(std::string_view name) const { return find_in(models, name); }
const engine* topology::find_engine(std::string_view name) const { return find_in(engines, name); }
const pool* topology::find_pool(std::string_view name) const { return find_in(pools, name); }
const endpoint* topology::find_endpoint(std::string_view name) const { return find_in(endpoints, name); }
const frontend* topology::find_frontend(std::string_view name) const { return find_in(frontends, name); }
const node* topology::find_node(std::string_view name) const { return find_in(nodes, name); }

load_result load_text(std::string_view toml, std::string file_name, const plugin_catalog* catalog) {
  load_result result;
  draft d;
  d.catalog = catalog;
  d.folder = std::filesystem::path(file_name).parent_path();
  const auto root = parse_document(toml);
  if (!root) {
    d.found.error(root.error().where, root.error().code, root.error().message);
  } else {
    read_sections(d, std::get<value::table>(root->data));
    const auto before_references = d.found.count();
    check_references(d);
    if (d.found.count() == before_references) {
      check_structure(d);
      check_endpoints(d);
    }
  }
  if (d.found.clean()) {
    d.result.digest = digest_of(*root);
    d.result.file = file_name;
    result.value = std::move(d.result);
  }
  d.found.move_to(result, file_name);
  return result;
}

load_result load_file(const std::string& path, const plugin_catalog* catalog) {
  auto text = read_text(path);
  if (!text) return only(text.error());
  return load_text(*text, path, catalog);
}

plugin_section load_plugin_section(const std::string& path) {
  const auto text = read_text(path);
  if (!text) return {};
  const auto root = parse_document(*text);
  if (!root) return {};
  draft d;
  d.folder = std::filesystem::path(path).parent_path();
  for (const auto& e : std::get<value::table>(root->data))
    if (const auto* table = e.content.as<value::table>(); table && e.key == "plugins")
      read_plugins_table(d, *table, e.where);
  return {std::move(d.result.plugin_paths), std::move(d.plugin_path_places), std::move(d.result.plugin_pins)};
}

} // namespace tokamak::topology
