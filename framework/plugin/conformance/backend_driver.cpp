// Steps for backends: the same arrays that a shard hands over.
#include "plugin/conformance/backend_driver.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace tokamak::plugin::conformance {

void flight::done(void* user, std::uint64_t ticket, tk_status status, const tk_error* e) {
  auto& f = *static_cast<flight*>(user);
  {
    const std::lock_guard lock(*f.order_mutex_);
    f.order_->push_back(f.id);
  }
  const std::lock_guard lock(f.mutex_);
  ++f.times_done_;
  f.done_ticket_ = ticket;
  if (status != TK_OK)
    f.fault_ = e ? to_error(status, *e, "the step failed").message : "the step failed without an error";
  f.changed_.notify_all();
}

flight::~flight() {
  if (accepted_) wait();
}

std::string flight::wait() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return times_done_ > 0; });
  if (times_done_ > 1) return fmt::format("done was called {} times", times_done_);
  if (done_ticket_ != ticket_) return fmt::format("done named ticket {} of step with ticket {}", done_ticket_, ticket_);
  return fault_;
}

std::string backend_driver::start() {
  const auto view = model_.graph.view();
  std::vector<tk_weight> list;
  for (std::uint32_t i = 0; i < view.n_values; ++i)
    if (view.values[i].kind == TK_WEIGHT) {
      const auto& data = model_.tensors.at(std::string(from_tk(view.values[i].name)));
      list.push_back({i, data.data(), data.size() * sizeof(float)});
    }
  auto program = backend_.create_program(view, list);
  if (!program) return program.error().message;
  const std::uint32_t blocks = n_blocks;
  auto cache = backend_.create_cache({view.groups, view.n_groups}, {&blocks, 1});
  if (!cache) return cache.error().message;
  if (auto ok = backend_.prepare(*program, 64, 8, 64); !ok) return ok.error().message;
  program_ = std::move(*program);
  cache_ = std::move(*cache);
  return {};
}

std::unique_ptr<flight> backend_driver::submit(const std::vector<part>& parts, std::vector<tk_cache_op> cache_ops) {
  auto f = std::make_unique<flight>();
  const bool tree = std::any_of(parts.begin(), parts.end(), [](const part& p) { return !p.parents.empty(); });
  f->cache_ops_ = std::move(cache_ops);
  f->table_begin_.push_back(0);
  for (const auto& p : parts) {
    const auto begin = static_cast<std::uint32_t>(f->tokens_.size());
    f->sequences_.push_back({p.id, begin, static_cast<std::uint32_t>(p.tokens.size())});
    for (std::uint32_t i = 0; i < p.tokens.size(); ++i) {
      f->tokens_.push_back(p.tokens[i]);
      f->positions_.push_back(p.positions.empty() ? p.context + i : p.positions[i]);
      const std::int32_t before = p.parents.empty() ? static_cast<std::int32_t>(i) - 1 : p.parents[i];
      f->parents_.push_back(before < 0 ? -1 : static_cast<std::int32_t>(begin) + before);
      f->output_rows_.push_back(begin + i);
    }
    f->context_.push_back(p.context);
    f->first_block_.push_back(0);
    f->tables_.insert(f->tables_.end(), p.blocks.begin(), p.blocks.end());
    f->table_begin_.push_back(static_cast<std::uint32_t>(f->tables_.size()));
  }
  auto logits =
      backend_.create_buffer(std::max<std::size_t>(1, f->tokens_.size()) * tiny_model::vocabulary * sizeof(float));
  if (!logits) return fault = logits.error().message, nullptr;
  f->logits_ = std::move(*logits);
  f->group_ = {f->context_.data(), f->first_block_.data(), f->table_begin_.data(), f->tables_.data()};
  f->binding_ = {static_cast<std::uint32_t>(model_.graph.values.size() - 1), f->logits_.get(), 0};
  f->order_ = &completed;
  f->order_mutex_ = &completed_mutex_;
  f->id = next_step_++;
  tk_step s{};
  s.size = sizeof s;
  s.id = f->id;
  s.n_rows = static_cast<std::uint32_t>(f->tokens_.size());
  s.n_sequences = static_cast<std::uint32_t>(parts.size());
  s.n_groups = 1;
  s.n_cache_ops = static_cast<std::uint32_t>(f->cache_ops_.size());
  s.n_outputs = s.n_rows;
  s.n_bindings = 1;
  s.tokens = f->tokens_.data();
  s.positions = f->positions_.data();
  s.parents = tree ? f->parents_.data() : nullptr;
  s.sequences = f->sequences_.data();
  s.groups = &f->group_;
  s.cache_ops = f->cache_ops_.data();
  s.output_rows = f->output_rows_.data();
  s.bindings = &f->binding_;
  auto ticket = backend_.submit(program_, cache_, s, &flight::done, f.get());
  if (!ticket) return fault = ticket.error().message, nullptr;
  f->accepted_ = true;
  f->ticket_ = *ticket; // only compared in wait(), on this thread
  return f;
}

std::vector<float> backend_driver::read(const flight& f) {
  std::vector<float> out(f.tokens_.size() * tiny_model::vocabulary);
  if (auto ok = backend_.read(f.logits_, 0, std::as_writable_bytes(std::span(out))); !ok) {
    fault = ok.error().message;
    return {};
  }
  return out;
}

std::vector<float> backend_driver::run(const std::vector<part>& parts, std::vector<tk_cache_op> cache_ops) {
  auto f = submit(parts, std::move(cache_ops));
  if (!f) return {};
  if (fault = f->wait(); !fault.empty()) return {};
  return read(*f);
}

} // namespace tokamak::plugin::conformance
