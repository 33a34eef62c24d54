// The registry: a sorted list of extensions. A service has tens of them and looks them up at start only.
#include "plugin/registry.hpp"

#include <algorithm>
#include <set>
#include <tuple>

#include "base/nearest_name.hpp"
#include "plugin/check_options.hpp"
#include "plugin/kind.hpp"
#include "plugin/search_path.hpp"

namespace tokamak::plugin {
namespace {

auto order(tk_kind kind, std::string_view name) { return std::tuple(kind, name); }

} // namespace

registry registry::scan(std::span<const std::filesystem::path> paths, const pins& pinned,
                        std::vector<error>* problems) {
  std::vector<error> found;
  registry made;
  std::set<std::string, std::less<>> names;
  for (const auto& file : plugin_files(paths, found)) {
    const auto name = file.filename().string();
    names.insert(name);
    const auto pin = pinned.find(name);
    auto opened = library::open(file, pin == pinned.end() ? std::string_view{} : std::string_view(pin->second));
    if (!opened) found.push_back(std::move(opened.error()));
    else if (auto added = made.add(std::move(*opened)); !added) found.push_back(std::move(added.error()));
  }
  for (const auto& [name, digest] : pinned)
    if (!names.contains(name))
      found.push_back(
          {errc::not_found, fmt::format("pinned plugin '{}' is in no folder of the search path", name), {}});
  if (problems) *problems = std::move(found);
  return made;
}

expected<registry> registry::load(std::span<const std::filesystem::path> paths, const pins& pinned) {
  std::vector<error> problems;
  auto made = scan(paths, pinned, &problems);
  if (!problems.empty()) return fail(std::move(problems.front()));
  return made;
}

expected<void> registry::add(std::shared_ptr<const library> file) {
  for (std::size_t i = 0; i < file->size(); ++i) {
    const auto& e = file->extension(i);
    if (const auto* taken = search(e.kind, e.name))
      return fail(
          errc::already_exists,
          fmt::format("{} '{}' is already registered by {}", to_string(e.kind), e.name, taken->from()->file().string()),
          file->file().string());
  }
  for (std::size_t i = 0; i < file->size(); ++i) extensions_.emplace_back(file, file->extension(i));
  std::sort(extensions_.begin(), extensions_.end(), [](const extension& a, const extension& b) {
    return order(a.kind(), a.name()) < order(b.kind(), b.name());
  });
  return {};
}

std::vector<std::string_view> registry::names(tk_kind kind) const {
  std::vector<std::string_view> found;
  for (const auto& e : extensions_)
    if (e.kind() == kind) found.push_back(e.name());
  return found;
}

const extension* registry::search(tk_kind kind, std::string_view name) const {
  for (const auto& e : extensions_)
    if (e.kind() == kind && e.name() == name) return &e;
  return nullptr;
}

expected<extension> registry::find(tk_kind kind, std::string_view name) const {
  if (const auto* found = search(kind, name)) return *found;
  return fail(errc::not_found,
              fmt::format("no {} plugin named '{}'{}", to_string(kind), name, known_names(name, names(kind))));
}

expected<std::span<const tk_option_spec>> registry::specs(tk_kind kind, std::string_view name) const {
  auto found = find(kind, name);
  if (!found) return fail(std::move(found.error()));
  return found->specs();
}

std::vector<error> registry::validate(tk_kind kind, std::string_view name, const option_value& options,
                                      std::string_view file) const {
  auto found = find(kind, name);
  if (!found) return {std::move(found.error())};
  return check_options(*found, options, file);
}

} // namespace tokamak::plugin
