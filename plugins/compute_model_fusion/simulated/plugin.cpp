// backend "simulated": steps take the time that a cost model says and compute nothing, for studying services larger than
// the machine at hand (and, in real time, what the rest of the service costs).
#include <tokamak/plugin.hpp>

#include "buffer.hpp"
#include "cost_model.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <deque>
#include <mutex>

namespace {

namespace sdk = tokamak::sdk;
namespace simulated = tokamak::simulated;

class simulated_backend : public sdk::backend {
public:
  static constexpr const char* name = "simulated";
  static constexpr const char* summary =
      "Computes nothing: steps take the time of a cost model, memory is counted but not taken, answers mean nothing.";
  static constexpr auto& options = simulated::cost_model::options;

  /// What a step leaves in the outputs of a graph.
  struct program {
    struct output {
      std::uint32_t value = 0;
      std::uint64_t width = 0;
    };
    std::vector<output> logits;
    std::vector<simulated::attention_span> spans;
  };
  struct cache {};
  using buffer = simulated::buffer;

  simulated_backend(sdk::host host, const sdk::option_table& o) : host_(host), costs_(o) {}
  /// The host has ended its timers: what still runs will never be done.
  ~simulated_backend() {
    for (const auto& s : running_) s.done.failed(s.ticket, TK_CANCELLED, "the backend was destroyed");
  }
  static void validate(const sdk::option_table& o) { simulated::cost_model{o}; }

  void describe(tk_backend_info& out) const {
    std::strcpy(out.name, name);
    std::strcpy(out.level, "none");
    out.threads = host_.threads();
    out.host_visible = 0;
    out.memory_bytes = memory_bytes_;
    out.simulated = 1;
  }

  bool supports(const tk_graph_view& graph, std::uint32_t op, std::span<const tk_kernel>) const { return op < graph.n_ops; }

  std::unique_ptr<program> create_program(const tk_graph_view& graph, std::span<const tk_weight> weights, std::span<const tk_kernel>) {
    auto made = std::make_unique<program>();
    for (std::uint32_t i = 0; i < graph.n_values; ++i) {
      const auto& v = graph.values[i];
      if (v.kind == TK_OUTPUT_ROWS && (v.flags & TK_VALUE_OUTPUT)) made->logits.push_back({i, v.dims[0]});
    }
    for (std::size_t g = 0; g < graph.n_groups; ++g) {
      const auto& group = graph.groups[g];
      if (group.kind != TK_GROUP_RECURRENT && group.n_layers > 0)
        made->spans.push_back({group.n_layers, group.kind == TK_GROUP_SLIDING ? group.window : 0});
    }
    for (const auto& w : weights) memory_bytes_ += w.bytes;
    return made;
  }

  std::unique_ptr<cache> create_cache(std::span<const tk_cache_group> groups, std::span<const std::uint32_t> n_blocks) {
    for (std::size_t g = 0; g < groups.size(); ++g) memory_bytes_ += std::uint64_t{n_blocks[g]} * block_bytes(groups[g]);
    return std::make_unique<cache>();
  }

  std::uint64_t submit(program& target, cache*, const tk_step& step, sdk::completion done) {
    leave_logits(target, step);
    const auto ticket = ++ticket_;
    const auto now = host_.now_us();
    const double cost = costs_.time_us(simulated::shape_of(step, target.spans));
    // One step at a time, as on one device: the next begins when the one before it ends.
    free_at_us_ = std::max(free_at_us_, static_cast<double>(now)) + cost;
    const auto due = static_cast<std::uint64_t>(std::llround(free_at_us_));
    {
      const std::lock_guard lock(mutex_);
      running_.push_back({done, ticket});
    }
    // A host without timers (checks of a plugin file) has no time to pass either.
    if (due <= now || !host_.call_later(due - now, &end_first, this)) end_first(this);
    return ticket;
  }

  std::unique_ptr<buffer> create_buffer(std::uint64_t bytes) { return std::make_unique<buffer>(bytes); }
  void* host_pointer(buffer&) const { return nullptr; }
  void read(buffer& from, std::uint64_t offset, std::span<std::byte> to) const {
    inside(from, offset, to.size());
    from.read(offset, to);
  }
  void write(buffer& to, std::uint64_t offset, std::span<const std::byte> from) const {
    inside(to, offset, from.size());
    to.write(offset, from);
  }
  void argmax(buffer& from, std::uint64_t offset, std::uint64_t width, std::span<std::int32_t> indices) const {
    inside(from, offset, width * sizeof(float) * indices.size());
    for (std::size_t i = 0; i < indices.size(); ++i) indices[i] = std::max(0, from.token_at(offset + i * width * sizeof(float)));
  }

private:
  struct running_step {
    sdk::completion done;
    std::uint64_t ticket = 0;
  };

  // Timers of one instance may be late, but steps end in their order: each ends the first.
  static void end_first(void* self) {
    auto& backend = *static_cast<simulated_backend*>(self);
    std::unique_lock lock(backend.mutex_);
    const auto first = backend.running_.front();
    backend.running_.pop_front();
    lock.unlock();
    first.done.ok(first.ticket);
  }

  static void leave_logits(const program& target, const tk_step& step) {
    for (std::uint32_t b = 0; b < step.n_bindings; ++b)
      for (const auto& output : target.logits) {
        if (output.value != step.bindings[b].value) continue;
        std::vector<std::int32_t> tokens(step.n_outputs);
        for (std::uint32_t o = 0; o < step.n_outputs; ++o) {
          const auto row = step.output_rows[o];
          tokens[o] = simulated::token_after(step.tokens[row], step.positions[row], output.width);
        }
        static_cast<buffer*>(step.bindings[b].buffer)->leave_logits(step.bindings[b].offset, output.width, std::move(tokens));
      }
  }

  static std::uint64_t block_bytes(const tk_cache_group& g) {
    if (g.kind == TK_GROUP_RECURRENT) return std::uint64_t{g.n_layers} * g.state_width * sizeof(float);
    return std::uint64_t{g.n_layers} * g.block_size * (std::uint64_t{g.k_width} + g.v_width) * (g.format == TK_F32 ? 4 : 2);
  }

  static void inside(const buffer& of, std::uint64_t offset, std::uint64_t bytes) {
    if (!of.holds(offset, bytes))
      throw sdk::failure(TK_INVALID_ARGUMENT, std::to_string(bytes) + " bytes from offset " + std::to_string(offset) +
                                                  " of a buffer of " + std::to_string(of.bytes()));
  }

  sdk::host host_;
  simulated::cost_model costs_;
  std::uint64_t memory_bytes_ = 0;
  std::uint64_t ticket_ = 0;
  double free_at_us_ = 0;
  std::mutex mutex_; // timers run on another thread than submit
  std::deque<running_step> running_;
};

} // namespace

TOKAMAK_PLUGIN("simulated", "0.1.0", "Apache-2.0", "A backend for simulations: time by a cost model, no computing.", simulated_backend)
