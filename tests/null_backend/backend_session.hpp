// A backend with one program and one cache, driven through the ABI without any actor: for tests of
// backends and of what graphs mean.
#pragma once

#include "null_backend/failure.hpp"
#include "null_backend/step_data.hpp"

#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <thread>
#include <vector>

namespace tokamak::test {

/// An instance of a backend. All functions throw `failure` with the backend's error.
class backend_instance {
public:
  /// `host` and `options` may be null.
  explicit backend_instance(const tk_backend& table, const tk_host* host = nullptr, const tk_options* options = nullptr);
  ~backend_instance() { table_.destroy(self_); }
  backend_instance(const backend_instance&) = delete;
  backend_instance& operator=(const backend_instance&) = delete;

  const tk_backend& table() const { return table_; }
  void* self() const { return self_; }

private:
  const tk_backend& table_;
  void* self_ = nullptr;
};

/// Memory of a backend.
class session_buffer {
public:
  session_buffer(backend_instance& backend, std::uint64_t bytes);
  ~session_buffer() { backend_.table().buffer_destroy(backend_.self(), handle_); }
  session_buffer(const session_buffer&) = delete;
  session_buffer& operator=(const session_buffer&) = delete;

  void* handle() const { return handle_; }
  std::uint64_t bytes() const { return bytes_; }
  std::vector<float> read_floats(std::uint64_t n) const;
  std::string read_bytes() const;
  void write(const void* from, std::uint64_t bytes);

private:
  backend_instance& backend_;
  std::uint64_t bytes_;
  void* handle_ = nullptr;
};

/// What came of a step.
struct completion {
  tk_status status = TK_OK;
  std::string message;
  std::thread::id thread;
  std::uint64_t ticket = 0;
};

/// A step on its way: wait() returns once, when done was called.
class pending_step {
public:
  completion wait();
  static void done(void* user, std::uint64_t ticket, tk_status status, const tk_error* error);

private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool done_ = false;
  completion result_;
};

class backend_session {
public:
  /// n_blocks: one a cache group of the view.
  backend_session(backend_instance& backend, const tk_graph_view& graph, std::span<const tk_weight> weights,
                  const std::vector<std::uint32_t>& n_blocks, std::span<const tk_kernel> kernels = {});
  ~backend_session();
  backend_session(const backend_session&) = delete;
  backend_session& operator=(const backend_session&) = delete;

  backend_instance& backend() { return backend_; }
  /// Index of a value by name; throws if there is none.
  std::uint32_t value(std::string_view name) const;

  /// Gives rows to an input of the next run.
  void set_input(std::string_view name, const std::vector<float>& rows);
  /// Binds what is unbound, submits, waits, and returns all outputs by name. Throws the step's error.
  std::map<std::string, std::vector<float>> run(step_data& step);
  /// The output "logits" of run(): [O][vocab].
  std::vector<float> logits(step_data& step) { return run(step).at("logits"); }
  /// Only submits; the caller binds, keeps the step and waits.
  void submit(step_data& step, pending_step& pending);

private:
  struct named_value {
    std::string name;
    std::uint32_t flags;
    tk_value_kind kind;
    std::uint64_t width;
  };

  backend_instance& backend_;
  std::vector<named_value> values_;
  std::map<std::string, std::vector<float>, std::less<>> inputs_;
  void* program_ = nullptr;
  void* cache_ = nullptr;
};

} // namespace tokamak::test
