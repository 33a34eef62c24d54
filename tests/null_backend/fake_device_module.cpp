// The plugin fake_device.so.
#include "null_backend/module.hpp"

TK_EXPORT const tk_plugin* tokamak_plugin(uint32_t host_abi_major, uint32_t host_abi_minor) {
  static const tk_extension extension{
      sizeof(tk_extension), TK_KIND_BACKEND, "fake_device",
      "The reference behind memory that the host cannot read, completing later.",
      &tokamak::test::device_delay, 1, &tokamak::test::fake_device_backend(), nullptr};
  return tokamak::test::describe_module(extension, host_abi_major, host_abi_minor);
}
