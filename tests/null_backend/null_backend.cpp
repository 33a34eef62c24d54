// The null backend: the shape of computing without the work.
#include "null_backend/backends.hpp"

#include "null_backend/memory.hpp"
#include "null_backend/options.hpp"
#include "null_backend/worker.hpp"

#include <algorithm>
#include <map>
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

/// A buffer that knows which rows of logits it holds, so that neither making them nor finding their largest goes through a vocabulary: what
/// is measured with this backend is everything else.
class null_buffer final : public memory {
public:
  explicit null_buffer(std::uint64_t bytes) : memory(bytes, 0) {}

  void put_logits(std::uint64_t offset, std::uint64_t width, std::int32_t token) {
    const auto from = token < 0 ? 0 : static_cast<std::uint64_t>(token);
    if (const auto known = rows_.find(offset); known != rows_.end() && known->second.width == width) {
      put_largest(offset, known->second, false);
    } else {
      forget(offset, width * sizeof(float));
      const std::vector<float> zeros(width);
      write(offset, zeros.data(), width * sizeof(float));
    }
    const row made{width, from};
    put_largest(offset, made, true);
    rows_[offset] = made;
  }

  /// -2: the row is not known.
  std::int32_t largest(std::uint64_t offset, std::uint64_t width) const {
    const auto known = rows_.find(offset);
    return known != rows_.end() && known->second.width == width ? static_cast<std::int32_t>((known->second.from + 1) % width) : -2;
  }

  /// Rows that these bytes are part of are no longer known.
  void forget(std::uint64_t offset, std::uint64_t bytes) {
    std::erase_if(rows_, [&](const auto& known) { return known.first < offset + bytes && offset < known.first + known.second.width * sizeof(float); });
  }

private:
  struct row {
    std::uint64_t width, from;
  };

  void put_largest(std::uint64_t offset, const row& r, bool there) {
    for (std::uint64_t i = std::min<std::uint64_t>(8, r.width); i-- > 0;) {
      const float logit = there ? static_cast<float>(8 - i) : 0.0F;
      write(offset + (r.from + 1 + i) % r.width * sizeof(float), &logit, sizeof logit);
    }
  }

  std::map<std::uint64_t, row> rows_; ///< by offset; none overlap
};

void fill_outputs(const null_program& p, const tk_step& step) {
  for (std::uint32_t b = 0; b < step.n_bindings; ++b)
    for (const auto& output : p.outputs) {
      if (output.value != step.bindings[b].value)
        continue;
      const std::uint64_t row_bytes = output.width * sizeof(float);
      auto& buffer = *static_cast<null_buffer*>(step.bindings[b].buffer);
      if (output.kind == TK_ROWS) {
        const std::vector<float> zeros(output.width * step.n_rows);
        buffer.forget(step.bindings[b].offset, zeros.size() * sizeof(float));
        buffer.write(step.bindings[b].offset, zeros.data(), zeros.size() * sizeof(float));
      } else {
        for (std::uint32_t r = 0; r < step.n_outputs; ++r)
          buffer.put_logits(step.bindings[b].offset + r * row_bytes, output.width, step.tokens[step.output_rows[r]]);
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
  return guard(error, [&] { *out = new null_buffer(bytes); });
}

void buffer_destroy(void*, void* buffer) { delete static_cast<null_buffer*>(buffer); }

void* buffer_host_pointer(void*, void* buffer) { return static_cast<null_buffer*>(buffer)->host_pointer(); }

tk_status buffer_read(void*, void* buffer, std::uint64_t offset, void* to, std::uint64_t bytes, tk_error* error) {
  return guard(error, [&] { static_cast<null_buffer*>(buffer)->read(offset, to, bytes); });
}

tk_status buffer_write(void*, void* buffer, std::uint64_t offset, const void* from, std::uint64_t bytes,
                       tk_error* error) {
  return guard(error, [&] {
    static_cast<null_buffer*>(buffer)->forget(offset, bytes);
    static_cast<null_buffer*>(buffer)->write(offset, from, bytes);
  });
}

tk_status buffer_argmax(void*, void* buffer, std::uint64_t offset, std::uint64_t width, std::uint32_t n_rows, std::int32_t* indices, tk_error* error) {
  return guard(error, [&] {
    const auto& from = *static_cast<const null_buffer*>(buffer);
    for (std::uint32_t r = 0; r < n_rows; ++r) {
      const auto at = offset + r * width * sizeof(float);
      from.check(at, width * sizeof(float));
      indices[r] = from.largest(at, width);
      if (indices[r] != -2) continue;
      std::vector<float> row(width); // written by the host
      from.read(at, row.data(), width * sizeof(float));
      indices[r] = static_cast<std::int32_t>(std::max_element(row.begin(), row.end()) - row.begin());
    }
  });
}

constexpr tk_backend table{sizeof(tk_backend), create,        destroy,        describe,       supports,
                           program_create,     program_destroy, cache_create,  cache_destroy,  nullptr,
                           submit,             buffer_create,   buffer_destroy, buffer_host_pointer, buffer_read,
                           buffer_write,       buffer_argmax,      nullptr,       nullptr};

} // namespace

const tk_backend& null_backend() { return table; }

} // namespace tokamak::test
