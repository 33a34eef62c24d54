// One job at a time: bind buffers, submit a segment, wait for done, then the next segment or the end.
#include "engine/shard_core.hpp"

#include "message/wire_error.hpp"

#include <cstring>

namespace tokamak::engine {

shard_core::shard_core(shard_program program, done_poster post, shard_effects& effects)
    : program_(std::move(program)), post_(std::move(post)), effects_(effects), sampler_(program_.vocab_size, program_.constraints) {}

// A simulated step ends when virtual time passes, which may be never; its backend drops it.
shard_core::~shard_core() {
  if (*in_flight_ && !program_.backend.describe().simulated) in_flight_->wait(true);
}

void shard_core::enqueue(std::unique_ptr<job> j) {
  j->number = next_job_++;
  jobs_.push_back(std::move(j));
  start_next();
}

// Epochs count up with each scheduler that an engine gets. The one before left steps behind that will never be whole.
bool shard_core::in_epoch(std::uint64_t epoch) {
  if (epoch > epoch_) {
    epoch_ = epoch;
    forget();
  }
  return epoch == epoch_;
}

void shard_core::forget() {
  while (!jobs_.empty() && !jobs_.back()->running) jobs_.pop_back();
  if (!jobs_.empty()) jobs_.front()->abandoned = true; // the backend is at it still
  received_.clear();
  partials_.clear();
  sampler_ = step_sampler(program_.vocab_size, program_.constraints);
}

void shard_core::step(frame_of<wire::Step> frame) {
  if (in_epoch(frame->epoch())) enqueue(std::make_unique<job>(std::move(frame)));
}

void shard_core::transfer(frame_of<wire::CacheTransfer> frame) {
  if (in_epoch(frame->epoch())) enqueue(std::make_unique<job>(std::move(frame)));
}

void shard_core::activations(frame_of<wire::Activations> frame) {
  if (!in_epoch(frame->epoch())) return;
  const auto id = frame->id();
  received_.insert_or_assign(id, std::move(frame));
  start_next();
}

void shard_core::partial(frame_of<wire::Partial> frame) {
  if (!in_epoch(frame->epoch())) return;
  const auto key = std::pair(frame->id(), frame->cut());
  const auto rank = frame->rank();
  partials_[key].insert_or_assign(rank, std::move(frame));
  if (jobs_.empty()) return;
  const auto& j = current();
  if (!j.view || j.running || j.started_us == 0 || j.segment >= program_.segments.size()) return;
  after_segment();
}

void shard_core::start_next() {
  if (jobs_.empty()) return;
  auto& j = current();
  if (j.started_us != 0) return;
  if (j.view && !program_.received.empty() && !received_.contains(step_id())) return;
  j.started_us = std::max<std::uint64_t>(1, effects_.now_us());
  if (j.view) begin_step();
  else run_transfer();
}

void shard_core::begin_step() {
  const auto& view = *current().view;
  const auto id = step_id();
  ++counts_.steps;
  counts_.rows += view.n_rows();
  counts_.outputs += view.n_outputs();
  if (!program_.logits.empty()) sampler_.observe(view.message());
  if (!program_.received.empty()) {
    const auto frame = received_.extract(id).mapped();
    const auto* input = find_input(program_.received);
    const auto bytes = frame.attachments().empty() ? std::span<const std::byte>{} : frame.attachments()[0].bytes();
    if (!input || bytes.size() != view.n_rows() * input->width * sizeof(float))
      return fail_job({errc::corrupt, fmt::format("activations of {} bytes for {} rows", bytes.size(), view.n_rows()), {}});
    auto buffer = buffer_for(*input);
    if (!buffer) return fail_job(buffer.error());
    if (auto ok = program_.backend.write((*buffer)->buffer, 0, bytes); !ok) return fail_job(ok.error());
  }
  run_segment();
}

const bound_value* shard_core::find_output(const std::string& name) const {
  for (const auto& segment : program_.segments)
    for (const auto& v : segment.outputs)
      if (v.name == name) return &v;
  return nullptr;
}

const bound_value* shard_core::find_input(const std::string& name) const {
  for (const auto& segment : program_.segments)
    for (const auto& v : segment.inputs)
      if (v.name == name) return &v;
  return nullptr;
}

// The buffer that carries this value, large enough for the job's rows.
expected<shard_core::value_buffer*> shard_core::buffer_for(const bound_value& value) {
  const auto& view = current().view;
  const auto rows = view ? std::max(1u, value.output_rows ? view->n_outputs() : view->n_rows()) : 1u;
  const auto bytes = std::uint64_t{rows} * value.width * sizeof(float);
  auto& slot = buffers_[value.name];
  if (slot.bytes < bytes) {
    slot = {};
    auto made = program_.backend.create_buffer(bytes);
    if (!made) return fail(made.error());
    slot = {std::move(*made), bytes};
  }
  return &slot;
}

expected<void> shard_core::bind(const program_segment& segment) {
  auto& j = current();
  j.bindings.clear();
  for (const auto* list : {&segment.inputs, &segment.outputs})
    for (const auto& value : *list) {
      auto buffer = buffer_for(value);
      if (!buffer) return fail(buffer.error());
      j.bindings.push_back({value.value, (*buffer)->buffer.get(), 0});
    }
  return {};
}

void shard_core::run_segment() {
  auto& j = current();
  const auto& segment = program_.segments[j.segment];
  if (auto ok = bind(segment); !ok) return fail_job(ok.error());
  submit(segment, j.view->with(j.bindings));
}

void shard_core::submit(const program_segment& segment, const tk_step& step) {
  auto& j = current();
  // The callback owns its context: it may come after this shard is gone.
  struct context {
    done_poster post;
    std::uint64_t job;
    std::shared_ptr<std::atomic<bool>> in_flight;
  };
  auto owned = std::make_unique<context>(context{post_, j.number, in_flight_});
  const auto on_done = [](void* user, std::uint64_t, tk_status status, const tk_error* e) {
    const std::unique_ptr<context> c(static_cast<context*>(user));
    *c->in_flight = false; // before the shard can submit the next
    c->in_flight->notify_all();
    c->post(c->job, status, status == TK_OK || !e ? std::string() : std::string(e->message));
  };
  j.running = true;
  *in_flight_ = true;
  auto ticket = program_.backend.submit(segment.program, program_.cache, step, on_done, owned.get());
  if (ticket) {
    owned.release();
  } else {
    j.running = *in_flight_ = false;
    fail_job(ticket.error());
  }
}

void shard_core::done(std::uint64_t job, tk_status status, const std::string& message) {
  if (jobs_.empty() || current().number != job || !current().running) return;
  auto& j = current();
  j.running = false;
  if (j.abandoned) return end_job();
  if (status != TK_OK) return fail_job({static_cast<errc>(status), message.empty() ? "the backend failed" : message, {}});
  if (!j.view) return finish_transfer();
  j.view->forget_cache_ops();
  const auto& segment = program_.segments[j.segment];
  if (!segment.reduce.empty())
    if (auto ok = send_partial(segment); !ok) return fail_job(ok.error());
  after_segment();
}

// The current segment has run here. Goes on when the other ranks' parts are in, too.
void shard_core::after_segment() {
  auto& j = current();
  const auto& segment = program_.segments[j.segment];
  if (!segment.reduce.empty() && !sum_partials(segment)) return;
  if (++j.segment < program_.segments.size()) return run_segment();
  finish();
}

expected<void> shard_core::send_partial(const program_segment& segment) {
  const auto& j = current();
  const auto* value = find_output(segment.reduce);
  const auto bytes = j.view->n_rows() * value->width * sizeof(float);
  auto [to, bulk] = make_attachment(bytes);
  if (auto ok = program_.backend.read(buffers_.at(segment.reduce).buffer, 0, {to, bytes}); !ok) return ok;
  wire::PartialT message;
  message.id = j.view->message().id();
  message.epoch = j.view->message().epoch();
  message.cut = static_cast<std::uint32_t>(j.segment);
  message.rank = program_.rank;
  message.rows = j.view->n_rows();
  message.width = static_cast<std::uint32_t>(value->width);
  auto frame = make_frame<wire::Partial>(message, {bulk});
  partials_[{message.id, message.cut}].insert_or_assign(program_.rank, frame);
  effects_.partial(std::move(frame));
  return {};
}

// Sums in the order of ranks, so that every rank gets the same bits. False: some are missing yet.
bool shard_core::sum_partials(const program_segment& segment) {
  const auto& j = current();
  const auto key = std::pair(j.view->message().id(), static_cast<std::uint32_t>(j.segment));
  const auto it = partials_.find(key);
  if (it == partials_.end() || it->second.size() < program_.ranks) return false;
  const auto* value = find_output(segment.reduce);
  const auto count = j.view->n_rows() * value->width;
  std::vector<float> sum(count, 0.0f);
  for (const auto& [rank, frame] : it->second) {
    const auto part = frame.attachments().empty() ? std::span<const float>{} : frame.attachments()[0].template as<float>();
    if (part.size() != count) {
      fail_job({errc::corrupt, fmt::format("rank {} sent {} values, {} expected", rank, part.size(), count), {}});
      return false;
    }
    for (std::size_t i = 0; i < count; ++i) sum[i] += part[i];
  }
  partials_.erase(it);
  const auto ok = [&]() -> expected<void> {
    auto buffer = buffer_for(*find_input(segment.reduce_into));
    if (!buffer) return fail(buffer.error());
    return program_.backend.write((*buffer)->buffer, 0, std::as_bytes(std::span(sum)));
  }();
  if (!ok) fail_job(ok.error());
  return ok.has_value();
}

void shard_core::finish() {
  auto& j = current();
  if (!program_.sent.empty())
    if (auto ok = hand_over(); !ok) return fail_job(ok.error());
  if (!program_.logits.empty()) {
    const auto begin = effects_.now_us();
    auto result = sample();
    if (!result) return fail_job(result.error());
    const auto end = effects_.now_us();
    counts_.sample_us += end - begin;
    result->compute_us = begin - j.started_us;
    effects_.result(step_id(), std::move(*result));
  }
  end_job();
}

void shard_core::end_job() {
  counts_.busy_us += effects_.now_us() - current().started_us;
  jobs_.pop_front();
  start_next();
}

expected<void> shard_core::hand_over() {
  const auto& j = current();
  const auto* value = find_output(program_.sent);
  const auto bytes = j.view->n_rows() * value->width * sizeof(float);
  auto [to, bulk] = make_attachment(bytes);
  if (auto ok = program_.backend.read(buffers_.at(program_.sent).buffer, 0, {to, bytes}); !ok) return ok;
  wire::ActivationsT message;
  message.id = j.view->message().id();
  message.epoch = j.view->message().epoch();
  message.rows = j.view->n_rows();
  message.width = static_cast<std::uint32_t>(value->width);
  effects_.activations(make_frame<wire::Activations>(message, {bulk}));
  return {};
}

// `count` floats of a value where the host can write them: the buffer itself, or a copy.
expected<std::span<float>> shard_core::floats(const std::string& name, std::uint64_t count) {
  if (count == 0) return std::span<float>{};
  const auto& buffer = buffers_.at(name).buffer;
  if (auto* p = program_.backend.host_pointer(buffer)) return std::span(static_cast<float*>(p), count);
  staging_.resize(count);
  if (auto ok = program_.backend.read(buffer, 0, std::as_writable_bytes(std::span(staging_))); !ok) return fail(ok.error());
  return std::span(staging_);
}

expected<wire::StepResultT> shard_core::sample() {
  const auto& j = current();
  const auto& step = j.view->message();
  if (program_.backend.finds_largest() && j.view->n_outputs() > 0 && sampler_.wants_largest(step)) {
    std::vector<std::int32_t> largest(j.view->n_outputs());
    if (auto ok = program_.backend.argmax(buffers_.at(program_.logits).buffer, program_.vocab_size, largest); !ok) return fail(ok.error());
    if (auto result = sampler_.choose(step, largest)) return std::move(*result);
  }
  auto logits = floats(program_.logits, std::uint64_t{j.view->n_outputs()} * program_.vocab_size);
  if (!logits) return fail(logits.error());
  return sampler_.sample(step, *logits, [&](std::uint32_t outputs, const auto& output) { program_.backend.run_parallel(outputs, output); });
}

void shard_core::fail_job(const error& why) {
  ++counts_.failed;
  if (current().view) fail_step(why);
  else answer_transfer(&why, {});
  end_job();
}

void shard_core::fail_step(const error& why) {
  const auto id = step_id();
  wire::StepResultT result;
  result.id = id;
  result.epoch = current().view->message().epoch();
  result.error = to_wire(why);
  effects_.result(id, std::move(result));
  received_.erase(received_.begin(), received_.upper_bound(id));
  partials_.erase(partials_.begin(), partials_.upper_bound({id, UINT32_MAX}));
}

} // namespace tokamak::engine
