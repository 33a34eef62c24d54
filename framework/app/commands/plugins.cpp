// `tokamak plugins`: what is installed, and whether a third party's plugin keeps the contract.
#include "app/commands/commands.hpp"
#include "plugin/conformance/conformance.hpp"
#include "plugin/kind.hpp"
#include "plugin/registry.hpp"

#include <cstdio>

namespace tokamak::app {
namespace {

const char* type_name(tk_option_type type) {
  switch (type) {
    case TK_BOOLEAN: return "boolean";
    case TK_INTEGER: return "integer";
    case TK_REAL: return "real";
    case TK_STRING: return "string";
    case TK_ARRAY: return "array";
    default: return "table";
  }
}

int list(const std::vector<std::string>& folders) {
  const std::vector<std::filesystem::path> paths(folders.begin(), folders.end());
  std::vector<error> problems;
  const auto registry = plugin::registry::scan(paths, {}, &problems);
  for (const auto& e : registry.extensions()) {
    std::printf("%-13s %-14s %s\n", std::string(plugin::to_string(e.kind())).c_str(), std::string(e.name()).c_str(),
                std::string(e.summary()).c_str());
    for (const auto& o : e.specs())
      std::printf("                %-22s %s%s%s: %s\n", o.name, type_name(o.type), o.required ? ", required" : "",
                  o.default_value ? fmt::format(", default {}", o.default_value).c_str() : "", o.help ? o.help : "");
  }
  for (const auto& p : problems) std::fprintf(stderr, "tokamak: %s\n", p.to_string().c_str());
  return problems.empty() ? 0 : 1;
}

int check(const std::string& file) {
  const auto results = plugin::check_plugin(file);
  std::size_t failed = 0;
  for (const auto& r : results) {
    std::printf("%s\n", plugin::to_string(r).c_str());
    failed += !r.passed;
  }
  std::printf("%zu passed, %zu failed\n", results.size() - failed, failed);
  return failed == 0 ? 0 : 1;
}

} // namespace

void add_plugins(CLI::App& app, command& chosen) {
  auto folders = std::make_shared<std::vector<std::string>>();
  auto file = std::make_shared<std::string>();
  auto* sub = app.add_subcommand("plugins", "List installed plugins with their options");
  sub->add_option("--path", *folders, "Further folders to look in");
  auto* checking = sub->add_subcommand("check", "Run the conformance test of a plugin file");
  checking->add_option("file", *file, "The plugin (.so)")->required();
  sub->callback([=, &chosen] {
    if (checking->parsed()) chosen = [=] { return check(*file); };
    else chosen = [=] { return list(*folders); };
  });
}

} // namespace tokamak::app
