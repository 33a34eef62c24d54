// The cpu plugin loaded with dlopen, its handles as objects, and steps put together by hand.
#pragma once

#include <doctest/doctest.h>
#include <tokamak/plugin.h>

#include <dlfcn.h>

#include <cstdlib>
#include <cstring>
#include <stdexcept>
#include <string>
#include <vector>

namespace cpu_test {

/// The extension of the installed plugin file.
inline const tk_extension& extension() {
  static const tk_plugin* const plugin = [] {
    const char* folder = std::getenv("TOKAMAK_PLUGIN_PATH");
    const std::string path = std::string(folder == nullptr ? "lib/tokamak/plugins" : folder) + "/cpu.so";
    void* const library = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
    if (library == nullptr) throw std::runtime_error(dlerror());
    return reinterpret_cast<tk_plugin_entry>(dlsym(library, "tokamak_plugin"))(TK_ABI_MAJOR, TK_ABI_MINOR);
  }();
  return plugin->extensions[0];
}

/// A call's error as text: "3: message", or "" when it succeeded.
inline std::string text_of(tk_status status, const tk_error& error) {
  return status == TK_OK ? std::string() : std::to_string(status) + ": " + error.message;
}

inline void require_ok(tk_status status, const tk_error& error) {
  if (status != TK_OK) throw std::runtime_error(text_of(status, error));
}

inline tk_error no_error() {
  tk_error error{};
  error.size = sizeof error;
  return error;
}

/// A host with that many threads and no options.
inline tk_host host_of(std::uint32_t threads) {
  tk_host host{};
  host.size = sizeof host;
  host.threads = threads;
  host.log = [](void*, std::int32_t, tk_string, tk_string text) {
    MESSAGE("logged: ", std::string(text.data, text.size));
  };
  host.option_count = [](const tk_options*) -> std::uint32_t { return 0; };
  host.option_find = [](const tk_options*, tk_string, tk_option_value*) -> tk_status { return TK_NOT_FOUND; };
  return host;
}

/// One instance of the backend. Handles made from it must go first.
class backend {
public:
  explicit backend(const char* level, std::uint32_t threads = 1, std::uint64_t budget = 0) : host_(host_of(threads)) {
    host_.memory_budget_bytes = budget;
    setenv("TOKAMAK_CPU", level, 1);
    tk_error error = no_error();
    const tk_status status = table()->create(&host_, nullptr, &self_, &error);
    unsetenv("TOKAMAK_CPU");
    require_ok(status, error);
  }
  ~backend() { table()->destroy(self_); }
  backend(const backend&) = delete;
  backend& operator=(const backend&) = delete;

  static const tk_backend* table() { return static_cast<const tk_backend*>(extension().functions); }
  void* self() const { return self_; }
  tk_backend_info describe() const {
    tk_backend_info info{};
    info.size = sizeof info;
    table()->describe(self_, &info);
    return info;
  }

private:
  tk_host host_;
  void* self_ = nullptr;
};

/// An owned handle.
template <void (*tk_backend::*Destroy)(void*, void*)>
class handle {
public:
  handle(const backend& of, void* held) : of_(&of), held_(held) {}
  ~handle() { (backend::table()->*Destroy)(of_->self(), held_); }
  handle(const handle&) = delete;
  handle& operator=(const handle&) = delete;
  void* get() const { return held_; }

private:
  const backend* of_;
  void* held_;
};

using program = handle<&tk_backend::program_destroy>;
using cache = handle<&tk_backend::cache_destroy>;

/// A buffer that the test can see.
class buffer : public handle<&tk_backend::buffer_destroy> {
public:
  buffer(const backend& of, std::uint64_t bytes)
      : handle(of, make(of, bytes)),
        data_(static_cast<float*>(backend::table()->buffer_host_pointer(of.self(), get()))) {}
  float* data() const { return data_; }

private:
  static void* make(const backend& of, std::uint64_t bytes) {
    tk_error error = no_error();
    void* made = nullptr;
    require_ok(backend::table()->buffer_create(of.self(), bytes, &made, &error), error);
    return made;
  }
  float* data_;
};

/// Why an instance cannot be made at this level.
inline std::string create_error(const char* level) {
  try {
    backend made(level);
    return {};
  } catch (const std::runtime_error& e) {
    return e.what();
  }
}

/// The levels this machine has.
inline std::vector<const char*> levels() {
  std::vector<const char*> here;
  for (const char* level : {"reference", "avx2", "avx512"})
    if (create_error(level).empty()) here.push_back(level);
  return here;
}

/// One sequence's part of a step.
struct part {
  std::vector<std::int32_t> tokens;
  std::uint32_t context = 0;
  std::vector<std::vector<std::uint32_t>> tables; ///< by group
  std::vector<std::int32_t> parents;       ///< counted from the part's first row; empty: each continues the one before
  std::vector<std::uint32_t> positions;    ///< empty: context + row
  std::vector<std::uint32_t> first_blocks; ///< by group; empty: 0
};

/// A tk_step and what it points to. Fill the vectors, then call get().
class step {
public:
  explicit step(const std::vector<part>& parts, std::size_t n_groups = 1);

  std::vector<tk_step_sequence> sequences;
  std::vector<std::int32_t> tokens, parents;
  std::vector<std::uint32_t> positions, output_rows;
  std::vector<tk_cache_op> cache_ops;
  std::vector<tk_binding> bindings;
  struct group {
    std::vector<std::uint32_t> context, first_block, table_begin, tables;
  };
  std::vector<group> groups;
  void* embeddings = nullptr;

  /// All rows are outputs.
  void want_all() {
    output_rows.clear();
    for (std::uint32_t row = 0; row < tokens.size(); ++row) output_rows.push_back(row);
  }
  const tk_step& get();

private:
  std::vector<tk_step_group> group_views_;
  tk_step view_{};
};

inline step::step(const std::vector<part>& parts, std::size_t n_groups) : groups(n_groups) {
  for (group& g : groups) g.table_begin.push_back(0);
  bool any_parents = false;
  for (const part& p : parts) any_parents = any_parents || !p.parents.empty();
  std::uint64_t id = 100;
  for (const part& p : parts) {
    const auto first = static_cast<std::uint32_t>(tokens.size()), rows = static_cast<std::uint32_t>(p.tokens.size());
    sequences.push_back({id++, first, rows});
    tokens.insert(tokens.end(), p.tokens.begin(), p.tokens.end());
    for (std::uint32_t i = 0; i < rows; ++i) {
      positions.push_back(p.positions.empty() ? p.context + i : p.positions[i]);
      const std::int32_t parent = p.parents.empty() ? static_cast<std::int32_t>(i) - 1 : p.parents[i];
      if (any_parents) parents.push_back(parent < 0 ? -1 : parent + static_cast<std::int32_t>(first));
    }
    if (rows > 0) output_rows.push_back(first + rows - 1);
    for (std::size_t g = 0; g < n_groups; ++g) {
      groups[g].context.push_back(p.context);
      groups[g].first_block.push_back(p.first_blocks.empty() ? 0 : p.first_blocks[g]);
      groups[g].tables.insert(groups[g].tables.end(), p.tables[g].begin(), p.tables[g].end());
      groups[g].table_begin.push_back(static_cast<std::uint32_t>(groups[g].tables.size()));
    }
  }
}

inline const tk_step& step::get() {
  group_views_.clear();
  for (const group& g : groups)
    group_views_.push_back({g.context.data(), g.first_block.data(), g.table_begin.data(), g.tables.data()});
  view_ = {};
  view_.size = sizeof view_;
  view_.n_rows = static_cast<std::uint32_t>(tokens.size());
  view_.n_sequences = static_cast<std::uint32_t>(sequences.size());
  view_.n_groups = static_cast<std::uint32_t>(groups.size());
  view_.n_cache_ops = static_cast<std::uint32_t>(cache_ops.size());
  view_.n_outputs = static_cast<std::uint32_t>(output_rows.size());
  view_.n_bindings = static_cast<std::uint32_t>(bindings.size());
  view_.tokens = tokens.data();
  view_.positions = positions.data();
  view_.parents = parents.empty() ? nullptr : parents.data();
  view_.sequences = sequences.data();
  view_.groups = group_views_.data();
  view_.cache_ops = cache_ops.data();
  view_.output_rows = output_rows.data();
  view_.bindings = bindings.data();
  view_.embeddings = embeddings;
  return view_;
}

/// Submits and waits; returns the error's text, "" when the step was done.
inline std::string submit(const backend& on, const program& what, const cache* state, const tk_step& step) {
  struct seen {
    int calls = 0;
    tk_status status = TK_INTERNAL;
  } done;
  tk_error error = no_error();
  std::uint64_t ticket = 0;
  const auto on_done = [](void* user, std::uint64_t, tk_status status, const tk_error*) {
    auto* s = static_cast<seen*>(user);
    ++s->calls;
    s->status = status;
  };
  const tk_status status = backend::table()->submit(on.self(), what.get(), state == nullptr ? nullptr : state->get(),
                                                    &step, on_done, &done, &ticket, &error);
  CHECK(done.calls == (status == TK_OK ? 1 : 0)); // the cpu backend is done when submit returns
  if (status == TK_OK) CHECK(done.status == TK_OK);
  return text_of(status, error);
}

} // namespace cpu_test
