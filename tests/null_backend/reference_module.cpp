// The plugin reference.so.
#include "null_backend/module.hpp"

TK_EXPORT const tk_plugin* tokamak_plugin(uint32_t host_abi_major, uint32_t host_abi_minor) {
  static const tk_extension extension{
      sizeof(tk_extension), TK_KIND_BACKEND, "reference", "Plain loops over every primitive op, for comparison.",
      nullptr, 0, &tokamak::test::reference_backend(), nullptr};
  return tokamak::test::describe_module(extension, host_abi_major, host_abi_minor);
}
