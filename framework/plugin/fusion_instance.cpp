// Fusion plugins: creation and the begin of requests.
#include "plugin/fusion_instance.hpp"

namespace tokamak::plugin {

expected<fusion_instance> fusion_instance::create(const registry& from, const plugin_use& use, host_settings settings,
                                                  std::span<const tk_fusion_member> members) {
  auto made = make(from, use, std::move(settings), members.data(), members.size());
  if (!made) return fail(std::move(made.error()));
  return fusion_instance(std::move(*made));
}

expected<fusion_instance::call> fusion_instance::begin(const tk_request& request, const tk_fusion_host& host,
                                                       void* handle) {
  void* state = nullptr;
  tk_error e = empty_error();
  const tk_status status = table().begin(self(), &request, &host, handle, &state, &e);
  if (status != TK_OK) return fail(core_->failure(status, e));
  return call(core_, state);
}

} // namespace tokamak::plugin
