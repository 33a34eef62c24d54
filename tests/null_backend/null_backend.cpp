// The null backend: the shape of computing without the work.
#include "null_backend/backends.hpp"

#include "null_backend/memory.hpp"
#include "null_backend/options.hpp"
#include "null_backend/worker.hpp"

#include <memory>
#include <optional>
#include <vector>

namespace tokamak::test {

namespace {

struct instance {
  std::uint64_t tickets = 0;
  std::optional<worker> thread; ///< where steps take time
};

/// What a step must fill: the outputs' kinds and widths, by value.
struct null_program {
  struct output {
    std::uint32_t value;
    tk_value_kind kind;
    std::uint64_t width;
  };
  std::vector<output> outputs;
};

instance& of(void* self) { return *static_cast<instance*>(self); }

tk_status create(const tk_host* host, const tk_options* options, void** self, tk_error* error) {
  return guard(error, [&] {
    auto made = std::make_unique<instance>();
    if (const auto delay = unsigned_option(host, options, "step_us", 0); delay > 0)
      made->thread.emplace(delay);
    *self = made.release();
  });
}

void destroy(void* self) { delete static_cast<instance*>(self); }

void describe(void*, tk_backend_info* out) {
  std::strcpy(out->name, "null");
  std::strcpy(out->level, "none");
  out->threads = 1;
  out->host_visible = 1;
  out->memory_bytes = 0;
}

int32_t supports(void*, const tk_graph_view*, std::uint32_t, const tk_kernel*, std::size_t) { return 1; }

tk_status program_create(void*, const tk_graph_view* graph, const tk_weight*, std::size_t, const tk_kernel*, std::size_t,
                         void** out, tk_error* error) {
  return guard(error, [&] {
    auto made = std::make_unique<null_program>();
    for (std::uint32_t i = 0; i < graph->n_values; ++i)
      if ((graph->values[i].flags & TK_VALUE_OUTPUT) != 0)
        made->outputs.push_back({i, graph->values[i].kind, graph->values[i].dims[0]});
    *out = made.release();
  });
}

void program_destroy(void*, void* p) { delete static_cast<null_program*>(p); }

tk_status cache_create(void*, const tk_cache_group*, std::size_t, const std::uint32_t*, void** out, tk_error* error) {
  return guard(error, [&] { *out = new int(0); }); // a cache has an identity and nothing else
}

void cache_destroy(void*, void* cache) { delete static_cast<int*>(cache); }

std::vector<float> logits_after(std::int32_t token, std::uint64_t vocab_size) {
  std::vector<float> logits(vocab_size, 0.0F);
  const auto from = token < 0 ? 0 : static_cast<std::uint64_t>(token);
  for (std::uint64_t i = std::min<std::uint64_t>(8, vocab_size); i-- > 0;)
    logits[(from + 1 + i) % vocab_size] = static_cast<float>(8 - i);
  return logits;
}

void fill_outputs(const null_program& p, const tk_step& step) {
  for (std::uint32_t b = 0; b < step.n_bindings; ++b)
    for (const auto& output : p.outputs) {
      if (output.value != step.bindings[b].value)
        continue;
      const std::uint64_t row_bytes = output.width * 4;
      const auto rows = output.kind == TK_ROWS ? step.n_rows : step.n_outputs;
      for (std::uint32_t r = 0; r < rows; ++r) {
        const auto row = output.kind == TK_ROWS ? std::vector<float>(output.width)
                                                : logits_after(step.tokens[step.output_rows[r]], output.width);
        static_cast<memory*>(step.bindings[b].buffer)->write(step.bindings[b].offset + r * row_bytes, row.data(), row_bytes);
      }
    }
}

void run(const null_program& p, const tk_step& step, tk_step_done done, void* user, std::uint64_t ticket) {
  tk_error failed{};
  failed.size = sizeof failed;
  const auto status = guard(&failed, [&] { fill_outputs(p, step); });
  done(user, ticket, status, status == TK_OK ? nullptr : &failed);
}

tk_status submit(void* self, void* program, void*, const tk_step* step, tk_step_done done, void* user,
                 std::uint64_t* ticket, tk_error* error) {
  return guard(error, [&] {
    const auto& p = *static_cast<const null_program*>(program);
    const auto number = ++of(self).tickets;
    *ticket = number;
    if (of(self).thread)
      of(self).thread->give([=, &p, kept = *step] { run(p, kept, done, user, number); }); // the struct is the caller's, its arrays stay
    else
      run(p, *step, done, user, number);
  });
}

tk_status buffer_create(void*, std::uint64_t bytes, void** out, tk_error* error) {
  return guard(error, [&] { *out = new memory(bytes, 0); });
}

void buffer_destroy(void*, void* buffer) { delete static_cast<memory*>(buffer); }

void* buffer_host_pointer(void*, void* buffer) { return static_cast<memory*>(buffer)->host_pointer(); }

tk_status buffer_read(void*, void* buffer, std::uint64_t offset, void* to, std::uint64_t bytes, tk_error* error) {
  return guard(error, [&] { static_cast<memory*>(buffer)->read(offset, to, bytes); });
}

tk_status buffer_write(void*, void* buffer, std::uint64_t offset, const void* from, std::uint64_t bytes,
                       tk_error* error) {
  return guard(error, [&] { static_cast<memory*>(buffer)->write(offset, from, bytes); });
}

constexpr tk_backend table{sizeof(tk_backend), create,        destroy,        describe,       supports,
                           program_create,     program_destroy, cache_create,  cache_destroy,  nullptr,
                           submit,             buffer_create,   buffer_destroy, buffer_host_pointer, buffer_read,
                           buffer_write,
                           nullptr,            nullptr,            nullptr};

} // namespace

const tk_backend& null_backend() { return table; }

} // namespace tokamak::test
