// Kind backend in C++. Derive from `backend` and define
//   static constexpr const char *name, *summary;  [static constexpr tk_option_spec options[];]
//   MyClass(host, const option_table&);           [static void validate(const option_table&);]
//   class program; class cache; class buffer;     // your types; the host holds pointers to them
//   void describe(tk_backend_info&);              // zeroed but for its size
//   bool supports(const tk_graph_view&, std::uint32_t op, std::span<const tk_kernel>);
//   std::unique_ptr<program> create_program(const tk_graph_view&, std::span<const tk_weight>, std::span<const
//   tk_kernel>); std::unique_ptr<cache> create_cache(std::span<const tk_cache_group>, std::span<const std::uint32_t>
//   n_blocks); std::uint64_t submit(program&, cache*, const tk_step&, completion);   // throwing: not accepted; returns
//   the ticket std::unique_ptr<buffer> create_buffer(std::uint64_t bytes); void* host_pointer(buffer&);  void
//   read(buffer&, std::uint64_t offset, std::span<std::byte>); void write(buffer&, std::uint64_t offset,
//   std::span<const std::byte>); [void prepare(program&, std::uint32_t max_rows, std::uint32_t max_sequences,
//   std::uint32_t max_outputs);]
//   [void argmax(buffer&, std::uint64_t offset, std::uint64_t width, std::span<std::int32_t> indices);  // one a row]
//   [template <class Call> void run_parallel(std::uint32_t items, Call call);                 // call(item), on all threads]
//   [template <class Put> void counters(Put put) const;  // calls put(std::string_view name, double value)]
#pragma once

#include <tokamak/sdk/extension.hpp>

#include <cstddef>

namespace tokamak::sdk {

/// Tells the host that a step is done; to be called exactly once for each accepted submit, from any thread.
class completion {
 public:
  completion(tk_step_done done, void* user) : done_(done), user_(user) {}
  void ok(std::uint64_t ticket) const { done_(user_, ticket, TK_OK, nullptr); }
  void failed(std::uint64_t ticket, tk_status code, std::string_view message) const {
    tk_error e = empty_error();
    report(&e, code, message);
    done_(user_, ticket, code, &e);
  }

 private:
  tk_step_done done_;
  void* user_;
};

class backend {
  using argmax_function = tk_status (*)(void*, void*, std::uint64_t, std::uint64_t, std::uint32_t, std::int32_t*,
                                        tk_error*);
  template <class Plugin>
  static constexpr argmax_function argmax_of() {
    if constexpr (requires(Plugin& p, typename Plugin::buffer& b) { p.argmax(b, 0, 0, std::span<std::int32_t>()); })
      return [](void* self, void* buffer, std::uint64_t offset, std::uint64_t width, std::uint32_t n_rows,
                std::int32_t* indices, tk_error* e) {
        return guard(e, [&] {
          held<Plugin>(self).plugin.argmax(*static_cast<typename Plugin::buffer*>(buffer), offset, width,
                                           std::span(indices, n_rows));
        });
      };
    else return nullptr;
  }

  struct parallel_call {
    void (*call)(void* user, std::uint32_t item);
    void* user;
    void operator()(std::uint32_t item) const { call(user, item); }
  };
  using run_parallel_function = void (*)(void*, std::uint32_t, void (*)(void*, std::uint32_t), void*);
  template <class Plugin>
  static constexpr run_parallel_function run_parallel_of() {
    if constexpr (requires(Plugin& p) { p.run_parallel(std::uint32_t{}, parallel_call{}); })
      return [](void* self, std::uint32_t items, void (*call)(void*, std::uint32_t), void* user) {
        held<Plugin>(self).run("backend.failed", [&](Plugin& p) { p.run_parallel(items, parallel_call{call, user}); });
      };
    else return nullptr;
  }

  struct counter_sink {
    tk_put_counter put;
    void* user;
    void operator()(std::string_view name, double value) const { put(user, to_tk(name), value); }
  };
  template <class Plugin>
  static constexpr auto counters_of() -> void (*)(void*, tk_put_counter, void*) {
    if constexpr (requires(const Plugin& p, counter_sink put) { p.counters(put); })
      return [](void* self, tk_put_counter put, void* user) {
        held<Plugin>(self).run("backend.failed", [&](Plugin& p) { p.counters(counter_sink{put, user}); });
      };
    else return nullptr;
  }

 public:
  static constexpr tk_kind kind = TK_KIND_BACKEND;

  template <class Plugin>
  static constexpr tk_backend table{
      sizeof(tk_backend),
      [](const tk_host* h, const tk_options* o, void** self, tk_error* e) { return create<Plugin>(h, o, self, e); },
      &destroy<Plugin>,
      [](void* self, tk_backend_info* out) {
        held<Plugin>(self).run("backend.failed", [&](Plugin& p) { p.describe(*out); });
      },
      [](void* self, const tk_graph_view* graph, std::uint32_t op, const tk_kernel* kernels, std::size_t n) {
        return held<Plugin>(self).call("backend.failed", std::int32_t{0}, [&](Plugin& p) -> std::int32_t {
          return p.supports(*graph, op, std::span(kernels, n)) ? 1 : 0;
        });
      },
      [](void* self, const tk_graph_view* graph, const tk_weight* weights, std::size_t n_weights,
         const tk_kernel* kernels, std::size_t n_kernels, void** program, tk_error* e) {
        return guard(e, [&] {
          *program = held<Plugin>(self)
                         .plugin.create_program(*graph, std::span(weights, n_weights), std::span(kernels, n_kernels))
                         .release();
        });
      },
      [](void*, void* program) { delete static_cast<typename Plugin::program*>(program); },
      [](void* self, const tk_cache_group* groups, std::size_t n, const std::uint32_t* n_blocks, void** cache,
         tk_error* e) {
        return guard(e, [&] {
          *cache = held<Plugin>(self).plugin.create_cache(std::span(groups, n), std::span(n_blocks, n)).release();
        });
      },
      [](void*, void* cache) { delete static_cast<typename Plugin::cache*>(cache); },
      [](void* self, void* program, std::uint32_t rows, std::uint32_t sequences, std::uint32_t outputs, tk_error* e) {
        return guard(e, [&] {
          auto& p = held<Plugin>(self).plugin;
          auto& target = *static_cast<typename Plugin::program*>(program);
          if constexpr (requires { p.prepare(target, rows, sequences, outputs); })
            p.prepare(target, rows, sequences, outputs);
        });
      },
      [](void* self, void* program, void* cache, const tk_step* step, tk_step_done done, void* user,
         std::uint64_t* ticket, tk_error* e) {
        return guard(e, [&] {
          *ticket = held<Plugin>(self).plugin.submit(*static_cast<typename Plugin::program*>(program),
                                                     static_cast<typename Plugin::cache*>(cache), *step,
                                                     completion(done, user));
        });
      },
      [](void* self, std::uint64_t bytes, void** buffer, tk_error* e) {
        return guard(e, [&] { *buffer = held<Plugin>(self).plugin.create_buffer(bytes).release(); });
      },
      [](void*, void* buffer) { delete static_cast<typename Plugin::buffer*>(buffer); },
      [](void* self, void* buffer) {
        return held<Plugin>(self).call("backend.failed", static_cast<void*>(nullptr), [&](Plugin& p) -> void* {
          return p.host_pointer(*static_cast<typename Plugin::buffer*>(buffer));
        });
      },
      [](void* self, void* buffer, std::uint64_t offset, void* to, std::uint64_t bytes, tk_error* e) {
        return guard(e, [&] {
          held<Plugin>(self).plugin.read(*static_cast<typename Plugin::buffer*>(buffer), offset,
                                         std::span(static_cast<std::byte*>(to), bytes));
        });
      },
      [](void* self, void* buffer, std::uint64_t offset, const void* from, std::uint64_t bytes, tk_error* e) {
        return guard(e, [&] {
          held<Plugin>(self).plugin.write(*static_cast<typename Plugin::buffer*>(buffer), offset,
                                          std::span(static_cast<const std::byte*>(from), bytes));
        });
      },
      argmax_of<Plugin>(),
      counters_of<Plugin>(),
      run_parallel_of<Plugin>()};
};

} // namespace tokamak::sdk
