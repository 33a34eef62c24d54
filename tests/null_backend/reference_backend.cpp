// The reference and fake_device backends behind the ABI.
#include "null_backend/backends.hpp"

#include "null_backend/options.hpp"
#include "null_backend/step_check.hpp"
#include "null_backend/step_run.hpp"
#include "null_backend/worker.hpp"

#include <atomic>
#include <optional>

namespace tokamak::test {

namespace {

constexpr std::uint8_t device_mask = 0x5a;

/// One instance of either backend; `device` tells which.
struct instance {
  bool device = false;
  std::uint64_t tickets = 0;
  std::atomic<std::uint64_t> bytes = 0;
  std::optional<worker> thread; ///< of fake_device; the last member, so that it ends first

  std::uint8_t mask() const { return device ? device_mask : 0; }
};

instance& of(void* self) { return *static_cast<instance*>(self); }

template <bool Device>
tk_status create(const tk_host* host, const tk_options* options, void** self, tk_error* error) {
  return guard(error, [&] {
    auto made = std::make_unique<instance>();
    made->device = Device;
    if (Device)
      made->thread.emplace(unsigned_option(host, options, "step_us", 200));
    *self = made.release();
  });
}

void destroy(void* self) { delete static_cast<instance*>(self); }

void describe(void* self, tk_backend_info* out) {
  const std::string_view name = of(self).device ? "fake_device" : "reference";
  std::memcpy(out->name, name.data(), name.size() + 1);
  std::strcpy(out->level, "reference");
  out->threads = 1;
  out->host_visible = of(self).device ? 0 : 1;
  out->memory_bytes = of(self).bytes;
}

int32_t supports(void* self, const tk_graph_view* graph, std::uint32_t op, const tk_kernel* kernels, std::size_t n) {
  return can_run(*graph, op, std::span(kernels, of(self).device ? 0 : n)) ? 1 : 0;
}

tk_status program_create(void* self, const tk_graph_view* graph, const tk_weight* weights, std::size_t n_weights,
                         const tk_kernel* kernels, std::size_t n_kernels, void** out, tk_error* error) {
  return guard(error, [&] {
    auto made = make_program(*graph, std::span(weights, n_weights), std::span(kernels, of(self).device ? 0 : n_kernels));
    if (of(self).device) // a device works on its copy
      for (auto& value : made->values)
        value.raw = nullptr;
    *out = made.release();
  });
}

void program_destroy(void*, void* p) { delete static_cast<program*>(p); }

tk_status cache_create(void* self, const tk_cache_group* groups, std::size_t n, const std::uint32_t* n_blocks, void** out,
                       tk_error* error) {
  return guard(error, [&] {
    auto made = std::make_unique<paged_cache>(std::span(groups, n), n_blocks);
    of(self).bytes += made->bytes();
    *out = made.release();
  });
}

void cache_destroy(void* self, void* cache) {
  of(self).bytes -= static_cast<paged_cache*>(cache)->bytes();
  delete static_cast<paged_cache*>(cache);
}

void run(const program& p, paged_cache* cache, const tk_step& step, tk_step_done done, void* user,
         std::uint64_t ticket) {
  tk_error failed{};
  failed.size = sizeof failed;
  const auto status = guard(&failed, [&] { step_run(p, cache, step).run(); });
  done(user, ticket, status, status == TK_OK ? nullptr : &failed);
}

tk_status submit(void* self, void* program_handle, void* cache_handle, const tk_step* step, tk_step_done done, void* user,
                 std::uint64_t* ticket, tk_error* error) {
  return guard(error, [&] {
    const auto& p = *static_cast<const program*>(program_handle);
    auto* cache = static_cast<paged_cache*>(cache_handle);
    check_step(p, cache, *step);
    const auto number = ++of(self).tickets;
    *ticket = number;
    if (of(self).device)
      of(self).thread->give([=, s = *step, &p] { run(p, cache, s, done, user, number); }); // its arrays stay
    else
      run(p, cache, *step, done, user, number);
  });
}

tk_status buffer_create(void* self, std::uint64_t bytes, void** out, tk_error* error) {
  return guard(error, [&] {
    *out = new memory(bytes, of(self).mask());
    of(self).bytes += bytes;
  });
}

void buffer_destroy(void* self, void* buffer) {
  of(self).bytes -= static_cast<memory*>(buffer)->bytes();
  delete static_cast<memory*>(buffer);
}

void* buffer_host_pointer(void*, void* buffer) { return static_cast<memory*>(buffer)->host_pointer(); }

tk_status buffer_read(void*, void* buffer, std::uint64_t offset, void* to, std::uint64_t bytes, tk_error* error) {
  return guard(error, [&] { static_cast<memory*>(buffer)->read(offset, to, bytes); });
}

tk_status buffer_write(void*, void* buffer, std::uint64_t offset, const void* from, std::uint64_t bytes,
                       tk_error* error) {
  return guard(error, [&] { static_cast<memory*>(buffer)->write(offset, from, bytes); });
}

template <bool Device>
constexpr tk_backend table{sizeof(tk_backend), create<Device>, destroy,        describe,       supports,
                           program_create,     program_destroy, cache_create,  cache_destroy,  nullptr,
                           submit,             buffer_create,   buffer_destroy, buffer_host_pointer, buffer_read,
                           buffer_write,
                           nullptr,            nullptr,            nullptr};

} // namespace

const tk_backend& reference_backend() { return table<false>; }
const tk_backend& fake_device_backend() { return table<true>; }

} // namespace tokamak::test
