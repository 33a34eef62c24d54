// Backend plugins: creation, handles and calls, with their errors as values.
#include "plugin/backend_instance.hpp"

namespace tokamak::plugin {

expected<backend_instance> backend_instance::create(const registry& from, const plugin_use& use,
                                                    host_settings settings) {
  auto made = make(from, use, std::move(settings));
  if (!made) return fail(std::move(made.error()));
  return backend_instance(std::move(*made));
}

std::vector<std::pair<std::string, double>> backend_instance::counters() const {
  std::vector<std::pair<std::string, double>> all;
  if (table().counters == nullptr) return all;
  table().counters(
      self(),
      [](void* user, tk_string name, double value) {
        static_cast<decltype(all)*>(user)->emplace_back(std::string(from_tk(name)), value);
      },
      &all);
  return all;
}

tk_backend_info backend_instance::describe() const {
  tk_backend_info info{};
  info.size = sizeof info;
  table().describe(self(), &info);
  // The plugin may have filled them to the brim.
  info.name[sizeof info.name - 1] = '\0';
  info.level[sizeof info.level - 1] = '\0';
  return info;
}

expected<backend_instance::program> backend_instance::create_program(const tk_graph_view& graph,
                                                                     std::span<const tk_weight> weights,
                                                                     std::span<const tk_kernel> kernels) {
  void* made = nullptr;
  tk_error e = empty_error();
  const tk_status status = table().program_create(self(), &graph, weights.data(), weights.size(), kernels.data(),
                                                  kernels.size(), &made, &e);
  if (status != TK_OK) return fail(core_->failure(status, e));
  return program(core_, made);
}

expected<backend_instance::cache> backend_instance::create_cache(std::span<const tk_cache_group> groups,
                                                                 std::span<const std::uint32_t> n_blocks) {
  void* made = nullptr;
  tk_error e = empty_error();
  const tk_status status = table().cache_create(self(), groups.data(), groups.size(), n_blocks.data(), &made, &e);
  if (status != TK_OK) return fail(core_->failure(status, e));
  return cache(core_, made);
}

expected<void> backend_instance::prepare(const program& p, std::uint32_t max_rows, std::uint32_t max_sequences,
                                         std::uint32_t max_outputs) {
  if (!table().prepare) return {};
  tk_error e = empty_error();
  const tk_status status = table().prepare(self(), p.get(), max_rows, max_sequences, max_outputs, &e);
  if (status != TK_OK) return fail(core_->failure(status, e));
  return {};
}

expected<std::uint64_t> backend_instance::submit(const program& p, const cache& c, const tk_step& step,
                                                 tk_step_done done, void* user) {
  std::uint64_t ticket = 0;
  tk_error e = empty_error();
  const tk_status status = table().submit(self(), p.get(), c.get(), &step, done, user, &ticket, &e);
  if (status != TK_OK) return fail(core_->failure(status, e));
  return ticket;
}

expected<backend_instance::buffer> backend_instance::create_buffer(std::uint64_t bytes) {
  void* made = nullptr;
  tk_error e = empty_error();
  const tk_status status = table().buffer_create(self(), bytes, &made, &e);
  if (status != TK_OK) return fail(core_->failure(status, e));
  return buffer(core_, made);
}

expected<void> backend_instance::read(const buffer& b, std::uint64_t offset, std::span<std::byte> to) {
  tk_error e = empty_error();
  const tk_status status = table().buffer_read(self(), b.get(), offset, to.data(), to.size(), &e);
  if (status != TK_OK) return fail(core_->failure(status, e));
  return {};
}

expected<void> backend_instance::write(const buffer& b, std::uint64_t offset, std::span<const std::byte> from) {
  tk_error e = empty_error();
  const tk_status status = table().buffer_write(self(), b.get(), offset, from.data(), from.size(), &e);
  if (status != TK_OK) return fail(core_->failure(status, e));
  return {};
}

expected<void> backend_instance::argmax(const buffer& b, std::uint64_t width, std::span<std::int32_t> indices) {
  tk_error e = empty_error();
  const tk_status status = table().buffer_argmax(self(), b.get(), 0, width, static_cast<std::uint32_t>(indices.size()),
                                                 indices.data(), &e);
  if (status != TK_OK) return fail(core_->failure(status, e));
  return {};
}

} // namespace tokamak::plugin
