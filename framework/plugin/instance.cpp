// Finding the extension that a topology names, before an instance of it is made.
#include "plugin/instance.hpp"

#include "plugin/check_options.hpp"

namespace tokamak::plugin {

expected<extension> resolve(const registry& from, tk_kind kind, const plugin_use& use, const host_settings& settings) {
  std::string where = settings.file;
  if (use.line) where += fmt::format("{}{}:{}", where.empty() ? "" : ":", use.line, use.column);
  auto found = from.find(kind, use.plugin);
  if (!found) {
    found.error().where = std::move(where);
    return found;
  }
  auto problems = check_options(*found, use.options, settings.file);
  if (problems.empty()) return found;
  error& first = problems.front();
  if (first.where == settings.file) first.where = std::move(where);
  return fail(std::move(first));
}

} // namespace tokamak::plugin
