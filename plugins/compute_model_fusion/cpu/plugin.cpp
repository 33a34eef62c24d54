// backend "cpu": runs graphs on this machine's processor with the kernels of kernels/ (DESIGN.md 5, step 5).
#include <tokamak/plugin.hpp>

#include "buffer.hpp"
#include "cache.hpp"
#include "program.hpp"
#include "tokamak/kernels/argmax.hpp"

#include <algorithm>
#include <cstring>
#include <limits>
#include <optional>
#include <vector>

namespace {

namespace sdk = tokamak::sdk;
namespace cpu = tokamak::cpu;
namespace kernels = tokamak::kernels;

class cpu_backend : public sdk::backend {
public:
  static constexpr const char* name = "cpu";
  static constexpr const char* summary =
      "Runs models on the processor; threads and memory come from the engine's settings.";
  static constexpr tk_option_spec options[] = {
      sdk::optional("profile", TK_BOOLEAN, "false", "count the time of each kind of op, for `tokamak status` and `bench --profile`")};

  using program = cpu::program;
  using cache = cpu::cache;
  using buffer = cpu::buffer;

  cpu_backend(sdk::host host, const sdk::option_table& o)
      : host_(host), level_(wanted_level()), account_(host.memory_budget_bytes()), team_(host.threads()) {
    if (o.boolean("profile")) profile_.emplace(kernels::measure_peaks(level_, team_));
  }

  static void validate(const sdk::option_table& o) {
    wanted_level();
    o.boolean("profile");
  }

  void describe(tk_backend_info& out) const {
    copy(out.name, name);
    copy(out.level, kernels::level_name(level_));
    out.threads = team_.size();
    out.host_visible = 1;
    out.memory_bytes = account_.used();
  }

  template <class Put>
  void counters(Put put) const {
    if (profile_) profile_->counters(put);
  }

  bool supports(const tk_graph_view& graph, std::uint32_t op, std::span<const tk_kernel> given) const {
    if (op >= graph.n_ops) return false;
    try {
      cpu::check_op(cpu::op_view(graph, op), given, level_);
      return true;
    } catch (const sdk::failure&) {
      return false;
    }
  }

  std::unique_ptr<program> create_program(const tk_graph_view& graph, std::span<const tk_weight> weights,
                                          std::span<const tk_kernel> given) {
    return std::make_unique<program>(host_, level_, team_, account_, graph, weights, given);
  }

  std::unique_ptr<cache> create_cache(std::span<const tk_cache_group> groups, std::span<const std::uint32_t> n_blocks) {
    return std::make_unique<cache>(account_, groups, n_blocks);
  }

  void prepare(program& target, std::uint32_t max_rows, std::uint32_t, std::uint32_t max_outputs) {
    target.reserve(max_rows, max_outputs);
  }

  /// The step is done when this returns: the shard has its own thread, which computes too.
  std::uint64_t submit(program& target, cache* state, const tk_step& step, sdk::completion done) {
    target.check(step, state);
    target.run(step, state, profile_ ? &*profile_ : nullptr);
    done.ok(++ticket_);
    return ticket_;
  }

  std::unique_ptr<buffer> create_buffer(std::uint64_t bytes) {
    auto made = std::make_unique<buffer>();
    made->held = cpu::charge(account_, bytes, "a buffer");
    made->memory = kernels::aligned_buffer(bytes, kernels::page_size::small);
    if (bytes != 0 && made->memory.data() == nullptr)
      throw sdk::failure(TK_OUT_OF_MEMORY, "the system has no " + std::to_string(bytes) + " bytes for a buffer");
    return made;
  }

  void* host_pointer(buffer& from) const { return from.memory.data(); }

  void read(buffer& from, std::uint64_t offset, std::span<std::byte> to) const {
    inside(from, offset, to.size());
    if (!to.empty()) std::memcpy(to.data(), from.memory.data() + offset, to.size());
  }

  void write(buffer& to, std::uint64_t offset, std::span<const std::byte> from) const {
    inside(to, offset, from.size());
    if (!from.empty()) std::memcpy(to.memory.data() + offset, from.data(), from.size());
  }

  template <class Call>
  void run_parallel(std::uint32_t items, Call call) {
    team_.parallel_for(items, 1, [&](std::size_t begin, std::size_t end, unsigned) {
      for (std::size_t i = begin; i < end; ++i) call(static_cast<std::uint32_t>(i));
    });
  }

  // A row in parts, so that all threads help with one row as with many.
  void argmax(buffer& from, std::uint64_t offset, std::uint64_t width, std::span<std::int32_t> indices) {
    constexpr std::uint64_t part = 32768;
    if (width == 0 || width > INT32_MAX) throw sdk::failure(TK_INVALID_ARGUMENT, "argmax of rows of " + std::to_string(width) + " values");
    if (!indices.empty()) inside(from, offset, indices.size() * width * sizeof(float));
    const auto* rows = reinterpret_cast<const float*>(from.memory.data() + offset);
    const std::uint64_t parts = (width + part - 1) / part;
    best_.resize(indices.size() * parts);
    team_.parallel_for(best_.size(), 1, [&](std::size_t begin, std::size_t end, unsigned) {
      for (std::size_t i = begin; i < end; ++i) {
        const std::uint64_t first = i % parts * part;
        const auto found = kernels::argmax(level_, rows + i / parts * width + first, std::min(part, width - first));
        best_[i] = found < 0 ? -1 : found + static_cast<std::int32_t>(first);
      }
    });
    for (std::size_t row = 0; row < indices.size(); ++row) {
      const auto value = [&](std::int32_t i) { return std::min(rows[row * width + static_cast<std::size_t>(i)], std::numeric_limits<float>::max()); };
      auto& best = indices[row] = -1;
      for (std::size_t p = row * parts; p < (row + 1) * parts; ++p)
        if (best_[p] >= 0 && (best < 0 || value(best_[p]) > value(best))) best = best_[p];
    }
  }

private:
  static kernels::cpu_level wanted_level() {
    const kernels::level_choice choice = kernels::active();
    if (!choice.error.empty()) throw sdk::failure(TK_UNSUPPORTED, choice.error);
    return choice.level;
  }

  static void copy(char (&to)[64], std::string_view from) {
    std::copy_n(from.data(), std::min(from.size(), sizeof to - 1), to);
  }

  static void inside(const buffer& of, std::uint64_t offset, std::uint64_t bytes) {
    if (!of.holds(offset, bytes))
      throw sdk::failure(TK_INVALID_ARGUMENT, std::to_string(bytes) + " bytes from offset " + std::to_string(offset) +
                                                  " of a buffer of " + std::to_string(of.memory.size()));
  }

  sdk::host host_;
  kernels::cpu_level level_;
  cpu::memory_account account_;
  kernels::thread_team team_;
  std::optional<cpu::profile> profile_;
  std::uint64_t ticket_ = 0;
  std::vector<std::int32_t> best_; ///< of argmax: of each part of each row
};

} // namespace

TOKAMAK_PLUGIN("cpu", "0.1.0", "Apache-2.0", "Compute on the processor: reference, AVX2 and AVX-512 kernels.", cpu_backend)
