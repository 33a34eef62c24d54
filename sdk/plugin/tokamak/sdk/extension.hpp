// What the C tables of all kinds have in common: making and destroying the plugin's object, and the descriptor.
#pragma once

#include <tokamak/sdk/host.hpp>
#include <tokamak/sdk/options.hpp>

#include <concepts>
#include <cstdint>
#include <memory>
#include <span>
#include <utility>

namespace tokamak::sdk {

/// The option specs of a plugin class; none if it declares no `options`.
template <class Plugin>
constexpr std::span<const tk_option_spec> specs_of() {
  if constexpr (requires { Plugin::options[0]; }) return std::span<const tk_option_spec>(Plugin::options);
  else return {};
}

/// The plugin's object beside what its border needs.
template <class Plugin>
struct holder {
  template <class... Extra>
  holder(const tk_host* h, const tk_options* o, Extra&&... extra)
      : border(h), plugin(border, option_table(h, o, specs_of<Plugin>()), std::forward<Extra>(extra)...) {}

  host border;
  Plugin plugin;

  /// For calls that cannot return an error: what f throws is logged, and `otherwise` returned.
  template <class Result, class Function>
  Result call(const char* event, Result otherwise, Function&& f) noexcept {
    try {
      return f(plugin);
    } catch (...) {
      log_current(event);
      return otherwise;
    }
  }
  template <class Function>
  void run(const char* event, Function&& f) noexcept {
    call(event, 0, [&](Plugin& p) { return f(p), 0; });
  }
  void log_current(const char* event) noexcept {
    tk_error e = empty_error();
    report_current(&e);
    border.log(TK_LOG_ERROR, event, e.message);
  }
};

template <class Plugin>
holder<Plugin>& held(void* self) {
  return *static_cast<holder<Plugin>*>(self);
}

template <class Plugin, class... Extra>
tk_status create(const tk_host* h, const tk_options* o, void** self, tk_error* error, Extra&&... extra) noexcept {
  return guard(error, [&] { *self = new holder<Plugin>(h, o, std::forward<Extra>(extra)...); });
}

template <class Plugin>
void destroy(void* self) noexcept {
  delete static_cast<holder<Plugin>*>(self);
}

template <class Plugin>
tk_status validate(const tk_host* h, const tk_options* o, tk_error* error) noexcept {
  return guard(error, [&] { Plugin::validate(option_table(h, o, specs_of<Plugin>())); });
}

/// The descriptor of one plugin class; its base class (placement, fusion, …) says the kind and makes the table.
template <class Plugin>
tk_extension extension_of() {
  tk_extension e{};
  e.size = sizeof e;
  e.kind = Plugin::kind;
  e.name = Plugin::name;
  e.summary = Plugin::summary;
  e.options = specs_of<Plugin>().data();
  e.n_options = specs_of<Plugin>().size();
  e.functions = &Plugin::template table<Plugin>;
  if constexpr (requires(const option_table& t) { Plugin::validate(t); }) e.validate = &validate<Plugin>;
  return e;
}

} // namespace tokamak::sdk
