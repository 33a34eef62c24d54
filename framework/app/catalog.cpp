// Slots of the topology are kinds of plugins; positions travel in tk_error.
#include "app/catalog.hpp"

#include "plugin/fusion_instance.hpp"

namespace tokamak::app {

registry_catalog::registry_catalog(const plugin::registry& from) : registry_(from) {
  for (const auto& extension : registry_.extensions()) {
    auto& list = specs_[{static_cast<topology::slot>(extension.kind()), std::string(extension.name())}];
    for (const auto& spec : extension.specs())
      list.push_back({spec.name, static_cast<topology::option_type>(spec.type), spec.required != 0,
                      spec.default_value ? spec.default_value : "", spec.help ? spec.help : ""});
  }
}

std::vector<std::string> registry_catalog::names(topology::slot kind) const {
  std::vector<std::string> out;
  for (auto name : registry_.names(static_cast<tk_kind>(kind))) out.emplace_back(name);
  return out;
}

const std::vector<topology::plugin_catalog::option_spec>* registry_catalog::options(topology::slot kind, std::string_view name) const {
  const auto it = specs_.find(std::pair(kind, std::string(name)));
  return it == specs_.end() ? nullptr : &it->second;
}

std::optional<topology::plugin_fault> registry_catalog::validate(topology::slot kind, std::string_view name, const option_value& options) const {
  auto found = registry_.find(static_cast<tk_kind>(kind), name);
  if (!found) return topology::plugin_fault{found.error().code, found.error().message, {}};
  const auto check = found->descriptor().validate;
  if (!check) return std::nullopt;
  plugin::host_settings settings;
  settings.name = name;
  const plugin::instance_host host(std::move(settings), options);
  auto fault = plugin::empty_error();
  const auto status = check(host.get(), host.options(), &fault);
  if (status == TK_OK) return std::nullopt;
  return topology::plugin_fault{static_cast<errc>(status), fault.message, {fault.line, fault.column}};
}

std::optional<std::uint64_t> registry_catalog::worst_case_tokens(std::string_view fusion, const option_value& options,
                                                                 const std::vector<std::string>& members,
                                                                 std::uint32_t max_tokens) const {
  std::vector<tk_fusion_member> list;
  for (const auto& m : members) list.push_back({plugin::to_tk(m), 1});
  plugin::host_settings settings;
  settings.name = fusion;
  auto made = plugin::fusion_instance::create(registry_, {std::string(fusion), options, 0, 0}, std::move(settings), list);
  if (!made) return std::nullopt;
  return made->worst_case_tokens(max_tokens);
}

} // namespace tokamak::app
