// A backend plugin in use: runs the programs of one shard. Programs, caches and buffers are owning handles; each keeps
// the backend alive, so the order of destruction does not matter.
#pragma once

#include <cstddef>
#include <cstdint>
#include <exception>
#include <memory>
#include <mutex>
#include <span>
#include <utility>

#include "plugin/instance.hpp"

namespace tokamak::plugin {

class backend_instance : public instance<tk_backend> {
  /// An owned handle of the backend, destroyed by the member function `Destroy` of its table.
  template <void (*tk_backend::*Destroy)(void*, void*)>
  class handle {
   public:
    handle() = default;
    handle(handle&& other) noexcept
        : core_(std::move(other.core_)), pointer_(std::exchange(other.pointer_, nullptr)) {}
    handle& operator=(handle&& other) noexcept {
      std::swap(core_, other.core_);
      std::swap(pointer_, other.pointer_);
      return *this;
    }
    ~handle() {
      if (core_) (core_->table.*Destroy)(core_->self, pointer_);
    }
    explicit operator bool() const { return core_ != nullptr; }
    /// What goes into tk_binding, tk_cache_op and tk_step.
    void* get() const { return pointer_; }

   private:
    friend class backend_instance;
    handle(std::shared_ptr<core> c, void* p) : core_(std::move(c)), pointer_(p) {}
    std::shared_ptr<core> core_;
    void* pointer_ = nullptr;
  };

 public:
  using program = handle<&tk_backend::program_destroy>;
  using cache = handle<&tk_backend::cache_destroy>;
  using buffer = handle<&tk_backend::buffer_destroy>;

  static expected<backend_instance> create(const registry& from, const plugin_use& use, host_settings settings);

  tk_backend_info describe() const;
  /// What the backend counts, by name; nothing if it counts nothing.
  std::vector<std::pair<std::string, double>> counters() const;
  /// Can op `op` of the graph run here, with these kernels?
  bool supports(const tk_graph_view& graph, std::uint32_t op, std::span<const tk_kernel> kernels = {}) const {
    return table().supports(self(), &graph, op, kernels.data(), kernels.size()) != 0;
  }

  /// The weights' memory must stay valid until the last program using it is destroyed.
  expected<program> create_program(const tk_graph_view& graph, std::span<const tk_weight> weights,
                                   std::span<const tk_kernel> kernels = {});
  /// n_blocks: one per group.
  expected<cache> create_cache(std::span<const tk_cache_group> groups, std::span<const std::uint32_t> n_blocks);
  /// Announces the largest step to come; nothing if the backend does not care.
  expected<void> prepare(const program& p, std::uint32_t max_rows, std::uint32_t max_sequences,
                         std::uint32_t max_outputs);

  /// Runs a step; its arrays stay valid until `done`. On success `done` is called exactly once, from any thread,
  /// perhaps before this returns; on an error never. Returns the ticket. Allocates nothing unless it fails.
  expected<std::uint64_t> submit(const program& p, const cache& c, const tk_step& step, tk_step_done done, void* user);

  expected<buffer> create_buffer(std::uint64_t bytes);
  /// NULL: the host cannot see it.
  void* host_pointer(const buffer& b) const { return table().buffer_host_pointer(self(), b.get()); }
  /// May block. REQUIRES: no step that uses the buffer is in flight.
  expected<void> read(const buffer& b, std::uint64_t offset, std::span<std::byte> to);
  expected<void> write(const buffer& b, std::uint64_t offset, std::span<const std::byte> from);
  /// Optional for backends: can argmax be called?
  bool finds_largest() const { return table().buffer_argmax != nullptr; }
  /// For each row of `width` f32 from the buffer's start: the index of the largest, the first of equal ones. May block.
  /// REQUIRES: finds_largest(), and no step that uses the buffer is in flight.
  expected<void> argmax(const buffer& b, std::uint64_t width, std::span<std::int32_t> indices);

  /// Calls fn(i) once for each i below `items`, on the backend's compute threads where it lends them, else here one by one; what one
  /// of the calls throws is thrown here. On the thread that submits. REQUIRES: no step is in flight.
  template <class Fn>
  void run_parallel(std::uint32_t items, Fn&& fn) {
    if (table().run_parallel == nullptr || items < 2) {
      for (std::uint32_t i = 0; i < items; ++i) fn(i);
      return;
    }
    struct {
      std::remove_reference_t<Fn>& fn;
      std::once_flag once;
      std::exception_ptr thrown;
    } call{fn, {}, {}};
    using call_type = decltype(call);
    const auto one = [](void* user, std::uint32_t item) {
      auto& c = *static_cast<call_type*>(user);
      try {
        c.fn(item);
      } catch (...) { // no exception crosses the border
        std::call_once(c.once, [&] { c.thrown = std::current_exception(); });
      }
    };
    table().run_parallel(self(), items, one, &call);
    if (call.thrown) std::rethrow_exception(call.thrown);
  }

 private:
  using instance::instance;
};

} // namespace tokamak::plugin
