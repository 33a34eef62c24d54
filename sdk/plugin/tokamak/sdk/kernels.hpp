// Kind kernels in C++. Derive from `kernels` and define
//   static constexpr const char *name, *summary;
//   static constexpr tk_kernel list[] = {kernel<&my_function>("acme.fused_norm", 1, "reference"), …};
// where my_function is void(const tk_kernel_args&). It runs on the backend's threads: no locks, no state, no throwing.
#pragma once

#include <tokamak/sdk/extension.hpp>

namespace tokamak::sdk {

template <void (*Function)(const tk_kernel_args&)>
constexpr tk_kernel kernel(std::string_view op_name, std::uint32_t op_version, const char* cpu_level) {
  return {sizeof(tk_kernel), {op_name.data(), op_name.size()}, op_version, cpu_level,
          [](const tk_kernel_args* args) noexcept { Function(*args); }};
}

struct kernels {
  static constexpr tk_kind kind = TK_KIND_KERNELS;

  template <class Plugin>
  static constexpr tk_kernels table{sizeof(tk_kernels), Plugin::list, sizeof Plugin::list / sizeof Plugin::list[0]};
};

} // namespace tokamak::sdk
