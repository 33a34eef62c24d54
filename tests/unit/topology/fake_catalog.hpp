// A catalog of made-up plugins, and a folder with files that topologies can name.
#pragma once

#include "topology/topology.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <string>
#include <utility>
#include <vector>

namespace tokamak::topology::testing {

/// The default plugins, a scheduler `fifo` and a fusion `panel` whose worst case is members times tokens.
class fake_catalog : public plugin_catalog {
public:
  std::map<std::pair<slot, std::string>, std::vector<option_spec>> plugins = {
      {{slot::backend, "cpu"}, {}},
      {{slot::backend, "cuda"}, {{"device", option_type::integer, true, "", "which GPU"}}},
      {{slot::scheduler, "continuous"},
       {{"prefill_chunk", option_type::integer, false, "256", ""},
        {"order", option_type::string, false, "\"priority\"", ""},
        {"share", option_type::real, false, "0.5", ""},
        {"strict", option_type::boolean, false, "false", ""},
        {"limits", option_type::array, false, "", ""},
        {"weights", option_type::table, false, "", ""}}},
      {{slot::scheduler, "fifo"}, {}},
      {{slot::cache, "radix"}, {{"max_nodes", option_type::integer, false, "0", ""}}},
      {{slot::placement, "least_loaded"}, {}},
      {{slot::placement, "round_robin"}, {}},
      {{slot::fusion, "direct"}, {}},
      {{slot::fusion, "panel"}, {}},
      {{slot::fusion, "silent"}, {}},
      {{slot::graph_pass, "operator_fusion"}, {}},
      {{slot::constraint, "json_schema"}, {}},
      {{slot::graph_pass, "fuse"}, {{"depth", option_type::integer, false, "2", ""}}},
      {{slot::kernels, "fast"}, {}},
  };

  std::vector<std::string> names(slot kind) const override {
    std::vector<std::string> out;
    for (const auto& [key, specs] : plugins)
      if (key.first == kind) out.push_back(key.second);
    return out;
  }

  const std::vector<option_spec>* options(slot kind, std::string_view name) const override {
    const auto found = plugins.find({kind, std::string(name)});
    return found == plugins.end() ? nullptr : &found->second;
  }

  /// Refuses a prefill_chunk of 0, at its place, and a `fifo` with max as order, without a place.
  std::optional<plugin_fault> validate(slot, std::string_view, const option_value& options) const override {
    const auto* chunk = options.find("prefill_chunk");
    if (chunk && std::get<std::int64_t>(chunk->value) == 0)
      return plugin_fault{errc::invalid_argument, "prefill_chunk is 0; expected at least 1", {chunk->line, chunk->column}};
    const auto* order = options.find("order");
    if (order && std::get<std::string>(order->value) == "random")
      return plugin_fault{errc::unsupported, "cannot order at random", {}};
    return {};
  }

  std::optional<std::uint64_t> worst_case_tokens(std::string_view fusion, const option_value&,
                                                 const std::vector<std::string>& members,
                                                 std::uint32_t max_tokens) const override {
    if (fusion == "silent") return {};
    return fusion == "panel" ? members.size() * std::uint64_t{max_tokens} : max_tokens;
  }
};

/// A fresh folder with the empty files m.gguf, other.gguf and template.jinja, removed at the end.
class test_folder {
public:
  test_folder() {
    auto pattern = (std::filesystem::temp_directory_path() / "tokamak-topology-XXXXXX").string();
    path_ = mkdtemp(pattern.data());
    for (const auto* file : {"m.gguf", "other.gguf", "template.jinja"}) put(file, "");
    std::filesystem::create_directory(path_ / "plugins");
  }
  test_folder(const test_folder&) = delete;
  test_folder& operator=(const test_folder&) = delete;
  ~test_folder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }

  const std::filesystem::path& path() const { return path_; }
  std::string operator/(const std::string& name) const { return (path_ / name).string(); }
  void put(const std::string& name, std::string_view content) const { std::ofstream(path_ / name, std::ios::binary) << content; }

  /// Loads text as DIR/t.toml.
  load_result load(std::string_view toml, const plugin_catalog* catalog) const {
    return load_text(toml, *this / "t.toml", catalog);
  }

  /// "t.toml:3:1: message" of every error, with this folder's name as DIR.
  std::vector<std::string> errors(std::string_view toml, const plugin_catalog* catalog) const {
    return shown(load(toml, catalog).errors);
  }

  std::vector<std::string> shown(const std::vector<error>& list) const {
    std::vector<std::string> out;
    for (const auto& e : list) out.push_back(plain(e.where + ": " + e.message));
    return out;
  }

  std::string plain(std::string text) const {
    for (auto at = text.find(path_.string()); at != std::string::npos; at = text.find(path_.string()))
      text.replace(at, path_.string().size(), "DIR");
    return text.starts_with("DIR/t.toml") ? text.substr(4) : text;
  }

private:
  std::filesystem::path path_;
};

using lines = std::vector<std::string>;

/// The errors of a text with the fake plugins.
inline lines errors_of(std::string_view toml) {
  static const test_folder folder;
  static const fake_catalog catalog;
  return folder.errors(toml, &catalog);
}

/// The errors of a text behind a first line `[models.m]` and a second line with its path.
inline lines errors_behind_model(std::string_view toml) {
  return errors_of("[models.m]\npath = \"m.gguf\"\n" + std::string(toml));
}

} // namespace tokamak::topology::testing

namespace doctest {
template <>
struct StringMaker<std::vector<std::string>> {
  static String convert(const std::vector<std::string>& list) {
    std::string out = "\n";
    for (const auto& item : list) out += "  " + item + "\n";
    return out.c_str();
  }
};
} // namespace doctest
