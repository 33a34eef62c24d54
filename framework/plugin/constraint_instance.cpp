// Constraint plugins: creation, and ownership of what they make.
#include "plugin/constraint_instance.hpp"

#include <algorithm>
#include <vector>

namespace tokamak::plugin {

expected<constraint_instance> constraint_instance::create(const registry& from, const plugin_use& use, host_settings settings,
                                                          std::span<const std::string> tokens) {
  std::vector<tk_string> list;
  list.reserve(tokens.size());
  for (const auto& token : tokens) list.push_back(to_tk(token));
  auto made = make(from, use, std::move(settings), static_cast<const tk_string*>(list.data()), list.size());
  if (!made) return fail(std::move(made.error()));
  return constraint_instance(std::move(*made));
}

expected<constraint_instance::compiled> constraint_instance::compile(std::string_view text) const {
  tk_error e = empty_error();
  void* made = nullptr;
  const tk_status status = table().compile(self(), to_tk(text), &made, &e);
  // The text is the client's: neither the place of the plugin in the topology nor its name says anything about it.
  if (status != TK_OK) return fail(error{to_error(status, e, {}).code, e.message, {}});
  return compiled(std::shared_ptr<void>(made, [c = core_](void* p) { c->table.compiled_destroy(c->self, p); }));
}

expected<constraint_instance::matcher> constraint_instance::match(const compiled& of) const {
  tk_error e = empty_error();
  void* made = nullptr;
  const tk_status status = table().matcher_create(self(), of.handle_.get(), &made, &e);
  if (status != TK_OK) return fail(core_->failure(status, e));
  return matcher(core_, of, made);
}

void constraint_instance::matcher::allowed(std::span<std::uint32_t> mask) const {
  std::fill(mask.begin(), mask.end(), 0);
  core_->table.allowed(core_->self, pointer_, mask.data());
}

} // namespace tokamak::plugin
