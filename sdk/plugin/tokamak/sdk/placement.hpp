// Kind placement in C++. Derive from `placement` and define
//   static constexpr const char *name, *summary;  [static constexpr tk_option_spec options[];]
//   MyClass(host, const option_table&);           [static void validate(const option_table&);]
//   std::size_t choose(const tk_placement_request&, std::span<const tk_placement_member>);  // size(): none
#pragma once

#include <tokamak/sdk/extension.hpp>

namespace tokamak::sdk {

struct placement {
  static constexpr tk_kind kind = TK_KIND_PLACEMENT;

  template <class Plugin>
  static constexpr tk_placement table{
      sizeof(tk_placement),
      [](const tk_host* h, const tk_options* o, void** self, tk_error* e) { return create<Plugin>(h, o, self, e); },
      &destroy<Plugin>,
      [](void* self, const tk_placement_request* request, const tk_placement_member* members, std::size_t n) {
        return held<Plugin>(self).call("placement.failed", n, [&](Plugin& p) -> std::size_t {
          return p.choose(*request, std::span<const tk_placement_member>(members, n));
        });
      }};
};

} // namespace tokamak::sdk
