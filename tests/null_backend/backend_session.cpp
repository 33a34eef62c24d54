// Driving a backend by hand.
#include "null_backend/backend_session.hpp"

namespace tokamak::test {

namespace {

/// Calls f(error) and throws what it reports.
template <class Function>
void call(Function f) {
  tk_error error{};
  error.size = sizeof error;
  if (const auto status = f(&error); status != TK_OK)
    throw failure(status, error.message);
}

} // namespace

backend_instance::backend_instance(const tk_backend& table, const tk_host* host, const tk_options* options)
    : table_(table) {
  call([&](tk_error* e) { return table_.create(host, options, &self_, e); });
}

session_buffer::session_buffer(backend_instance& backend, std::uint64_t bytes) : backend_(backend), bytes_(bytes) {
  call([&](tk_error* e) { return backend_.table().buffer_create(backend_.self(), bytes, &handle_, e); });
}

std::vector<float> session_buffer::read_floats(std::uint64_t n) const {
  std::vector<float> floats(n);
  call([&](tk_error* e) {
    return backend_.table().buffer_read(backend_.self(), handle_, 0, floats.data(), n * 4, e);
  });
  return floats;
}

std::string session_buffer::read_bytes() const {
  std::string bytes(bytes_, '\0');
  call([&](tk_error* e) { return backend_.table().buffer_read(backend_.self(), handle_, 0, bytes.data(), bytes_, e); });
  return bytes;
}

void session_buffer::write(const void* from, std::uint64_t bytes) {
  call([&](tk_error* e) { return backend_.table().buffer_write(backend_.self(), handle_, 0, from, bytes, e); });
}

completion pending_step::wait() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return done_; });
  return result_;
}

void pending_step::done(void* user, std::uint64_t ticket, tk_status status, const tk_error* error) {
  auto& self = *static_cast<pending_step*>(user);
  const std::lock_guard lock(self.mutex_);
  self.result_ = {status, error != nullptr ? error->message : "", std::this_thread::get_id(), ticket};
  self.done_ = true;
  self.changed_.notify_all(); // under the lock: the waiter may destroy this as soon as it is free
}

backend_session::backend_session(backend_instance& backend, const tk_graph_view& graph,
                                 std::span<const tk_weight> weights, const std::vector<std::uint32_t>& n_blocks,
                                 std::span<const tk_kernel> kernels)
    : backend_(backend) {
  for (std::size_t i = 0; i < graph.n_values; ++i) {
    const auto& v = graph.values[i];
    values_.push_back({std::string(text_of(v.name)), v.flags, v.kind, v.dims[0]});
  }
  const auto& table = backend_.table();
  call([&](tk_error* e) {
    return table.program_create(backend_.self(), &graph, weights.data(), weights.size(), kernels.data(), kernels.size(),
                                &program_, e);
  });
  try {
    call([&](tk_error* e) {
      return table.cache_create(backend_.self(), graph.groups, graph.n_groups, n_blocks.data(), &cache_, e);
    });
  } catch (...) {
    table.program_destroy(backend_.self(), program_);
    throw;
  }
}

backend_session::~backend_session() {
  backend_.table().cache_destroy(backend_.self(), cache_);
  backend_.table().program_destroy(backend_.self(), program_);
}

std::uint32_t backend_session::value(std::string_view name) const {
  for (std::uint32_t i = 0; i < values_.size(); ++i)
    if (values_[i].name == name)
      return i;
  refuse("no value '{}'", name);
}

void backend_session::set_input(std::string_view name, const std::vector<float>& rows) {
  value(name);
  inputs_[std::string(name)] = rows;
}

void backend_session::submit(step_data& step, pending_step& pending) {
  std::uint64_t ticket = 0;
  call([&](tk_error* e) {
    return backend_.table().submit(backend_.self(), program_, cache_, &step.abi(), &pending_step::done, &pending, &ticket,
                                   e);
  });
}

std::map<std::string, std::vector<float>> backend_session::run(step_data& step) {
  std::vector<std::unique_ptr<session_buffer>> buffers;
  std::map<std::string, std::pair<session_buffer*, std::uint64_t>> outputs;
  for (std::uint32_t i = 0; i < values_.size(); ++i) {
    const auto& v = values_[i];
    if (v.flags == 0)
      continue;
    const std::uint64_t floats = (v.kind == TK_ROWS ? step.rows() : step.outputs()) * v.width;
    buffers.push_back(std::make_unique<session_buffer>(backend_, floats * 4));
    step.bind(i, buffers.back()->handle());
    if ((v.flags & TK_VALUE_INPUT) != 0)
      buffers.back()->write(inputs_.at(v.name).data(), floats * 4);
    else
      outputs[v.name] = {buffers.back().get(), floats};
  }
  pending_step pending;
  submit(step, pending);
  const auto result = pending.wait();
  if (result.status != TK_OK)
    throw failure(result.status, result.message);
  std::map<std::string, std::vector<float>> read;
  for (const auto& [name, output] : outputs)
    read[name] = output.first->read_floats(output.second);
  return read;
}

} // namespace tokamak::test
