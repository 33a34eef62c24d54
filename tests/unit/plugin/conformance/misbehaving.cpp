// Extensions that load well and then break the contract of their kind, each in one way. What the conformance tests
// must find.
#include <tokamak/plugin.hpp>

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <map>
#include <vector>

namespace {

namespace sdk = tokamak::sdk;
using sdk::host;
using sdk::option_table;

/// What a placement or scheduler needs besides its fault.
#define TEST_EXTENSION(NAME)                                  \
  static constexpr const char* name = #NAME;                  \
  static constexpr const char* summary = "Misbehaves.";       \
  NAME(host, const option_table&) {}

struct takes_lost : sdk::placement {
  TEST_EXTENSION(takes_lost)
  std::size_t choose(const tk_placement_request&, std::span<const tk_placement_member>) { return 0; }
};

struct crashes : sdk::placement {
  TEST_EXTENSION(crashes)
  std::size_t choose(const tk_placement_request&, std::span<const tk_placement_member>) {
    std::raise(SIGKILL);
    return 0;
  }
};

struct hangs : sdk::placement {
  TEST_EXTENSION(hangs)
  std::size_t choose(const tk_placement_request&, std::span<const tk_placement_member>) {
    for (volatile bool forever = true; forever;) {
    }
    return 0;
  }
};

struct leaves : sdk::placement {
  TEST_EXTENSION(leaves)
  std::size_t choose(const tk_placement_request&, std::span<const tk_placement_member>) { std::_Exit(4); }
};

struct bad_specs : sdk::placement {
  TEST_EXTENSION(bad_specs)
  static constexpr tk_option_spec options[] = {
      sdk::optional("size", TK_INTEGER, "large", "a default that is no integer")};
  std::size_t choose(const tk_placement_request&, std::span<const tk_placement_member> m) { return m.size(); }
};

struct needs_option : sdk::placement {
  TEST_EXTENSION(needs_option)
  static constexpr tk_option_spec options[] = {sdk::required("size", TK_INTEGER, "cannot do without")};
  std::size_t choose(const tk_placement_request&, std::span<const tk_placement_member> m) {
    return static_cast<std::size_t>(std::find_if(m.begin(), m.end(), [](const auto& x) { return x.available; }) -
                                    m.begin());
  }
};

struct plans_too_much : sdk::scheduler {
  TEST_EXTENSION(plans_too_much)
  void plan(const tk_schedule_input& in, std::span<std::uint32_t> rows, std::span<std::uint8_t>) {
    for (std::size_t i = 0; i < rows.size(); ++i) rows[i] = in.sequences[i].pending_rows;
  }
};

/// Knows max_rows, but not that a step has it only once.
struct exceeds : sdk::scheduler {
  TEST_EXTENSION(exceeds)
  void plan(const tk_schedule_input& in, std::span<std::uint32_t> rows, std::span<std::uint8_t>) {
    for (std::size_t i = 0; i < rows.size(); ++i) rows[i] = std::min(in.sequences[i].pending_rows, in.max_rows);
  }
};

struct plans_nothing : sdk::scheduler {
  TEST_EXTENSION(plans_nothing)
  void plan(const tk_schedule_input&, std::span<std::uint32_t>, std::span<std::uint8_t>) {}
};

/// One sequence a step, always of the highest priority.
struct starves : sdk::scheduler {
  TEST_EXTENSION(starves)
  void plan(const tk_schedule_input& in, std::span<std::uint32_t> rows, std::span<std::uint8_t>) {
    if (!in.n_sequences || !in.max_sequences) return;
    std::size_t best = 0;
    for (std::size_t i = 1; i < in.n_sequences; ++i)
      if (in.sequences[i].priority > in.sequences[best].priority) best = i;
    rows[best] = std::min(in.sequences[best].pending_rows, in.max_rows);
  }
};

/// A cache of whole prompts that gives up pinned ones.
struct gives_pinned : sdk::cache_policy {
  static constexpr const char* name = "gives_pinned";
  static constexpr const char* summary = "Misbehaves.";
  gives_pinned(host, const option_table&, std::uint32_t block_size, std::uint32_t n_groups)
      : block_size_(block_size), n_groups_(n_groups) {}
  std::size_t lookup(std::uint64_t, std::span<const std::int32_t> tokens, std::span<std::uint32_t> blocks) {
    std::size_t n = 0;
    for (; (n + 1) * block_size_ <= tokens.size() && (n + 1) * n_groups_ <= blocks.size(); ++n) {
      const auto it =
          nodes_.find({tokens.begin(), tokens.begin() + static_cast<std::ptrdiff_t>((n + 1) * block_size_)});
      if (it == nodes_.end()) break;
      std::copy(it->second.begin(), it->second.end(), blocks.begin() + static_cast<std::ptrdiff_t>(n * n_groups_));
    }
    return n;
  }
  void unpin(std::uint64_t) {}
  void insert(std::uint64_t, std::span<const std::int32_t> tokens, std::span<const std::uint32_t> blocks,
              std::span<std::uint8_t> taken) {
    for (std::size_t i = 0; i < blocks.size() / n_groups_; ++i) {
      const auto* at = &blocks[i * n_groups_];
      if (std::all_of(at, at + n_groups_, [](std::uint32_t b) { return b == TK_NO_BLOCK; })) return;
      const auto [it, fresh] = nodes_.try_emplace(
          {tokens.begin(), tokens.begin() + static_cast<std::ptrdiff_t>((i + 1) * block_size_)}, at, at + n_groups_);
      for (std::uint32_t g = 0; g < n_groups_; ++g) taken[i * n_groups_ + g] = fresh && at[g] != TK_NO_BLOCK;
    }
  }
  std::size_t evict(std::uint32_t group, std::size_t wanted, const sdk::give_block& give) {
    std::size_t n = 0;
    while (n < wanted && !nodes_.empty()) {
      const auto it = std::prev(nodes_.end());
      for (std::uint32_t g = 0; g < n_groups_; ++g)
        if (it->second[g] != TK_NO_BLOCK) give(g, it->second[g]), n += g == group;
      nodes_.erase(it);
    }
    return n;
  }
  std::uint64_t cached_nodes() const { return nodes_.size(); }
  std::uint64_t evictable(std::uint32_t) const { return 0; }

 private:
  std::size_t block_size_, n_groups_;
  std::map<std::vector<std::int32_t>, std::vector<std::uint32_t>> nodes_;
};

/// Base of fusions that open their first member; what they do with events is their fault.
#define TEST_FUSION(NAME, WORST)                                                               \
  static constexpr const char* name = #NAME;                                                   \
  static constexpr const char* summary = "Misbehaves.";                                        \
  NAME(host, const option_table&, std::span<const tk_fusion_member>) {}                        \
  std::uint64_t worst_case_tokens(std::uint32_t max_tokens) const { return (void)max_tokens, WORST; }

std::uint64_t open_first(const tk_request& r, sdk::fusion_call call) {
  tk_open how{};
  how.size = sizeof how;
  how.use_request_prompt = 1;
  how.generate = r.max_tokens;
  return call.open(how);
}

struct never_ends : sdk::fusion {
  TEST_FUSION(never_ends, max_tokens)
  struct request {
    request(never_ends&, const tk_request& r, sdk::fusion_call c) : call(c) { open_first(r, c); }
    void on_event(const tk_sequence_event& e) { call.forward(e); }
    sdk::fusion_call call;
  };
};

struct talks_after_end : sdk::fusion {
  TEST_FUSION(talks_after_end, max_tokens)
  struct request {
    request(talks_after_end&, const tk_request& r, sdk::fusion_call c) : call(c) { open_first(r, c); }
    void on_event(const tk_sequence_event& e) {
      if (e.finish != TK_FINISH_NONE) call.finish(e.finish);
      call.forward(e);
    }
    sdk::fusion_call call;
  };
};

struct costs_more : sdk::fusion {
  TEST_FUSION(costs_more, max_tokens / 2)
  struct request {
    request(costs_more&, const tk_request& r, sdk::fusion_call c) : call(c) { open_first(r, c); }
    void on_event(const tk_sequence_event& e) {
      call.forward(e);
      if (e.finish != TK_FINISH_NONE) call.finish(e.finish);
    }
    sdk::fusion_call call;
  };
};

struct breaks_graph : sdk::graph_pass {
  TEST_EXTENSION(breaks_graph)
  void run(sdk::graph_editor& g) { g.erase_op(0); }
};

struct changes_numbers : sdk::graph_pass {
  TEST_EXTENSION(changes_numbers)
  void run(sdk::graph_editor& g) {
    const auto v = g.view();
    for (std::uint32_t i = 0; i < v.n_ops; ++i) {
      if (sdk::view(v.ops[i].name) != "tokamak.add") continue;
      const std::uint32_t a = v.ops[i].inputs[0], y = v.ops[i].outputs[0]; // x + x instead of x + f(x)
      g.erase_op(i);
      g.insert_op(i, sdk::op_builder("tokamak.add").inputs({a, a}).outputs({y}));
      return;
    }
  }
};

struct leaves_undefined : sdk::graph_pass {
  TEST_EXTENSION(leaves_undefined)
  void run(sdk::graph_editor& g) {
    const auto v = g.view();
    for (std::uint32_t i = 0; i < v.n_ops; ++i) {
      if (sdk::view(v.ops[i].name) != "tokamak.add") continue;
      const std::uint32_t a = v.ops[i].inputs[0], b = v.ops[i].inputs[1], y = v.ops[i].outputs[0];
      g.erase_op(i);
      g.insert_op(i, sdk::op_builder("acme.secret").inputs({a, b}).outputs({y}));
      return;
    }
  }
};

struct drops_input : sdk::graph_pass {
  TEST_EXTENSION(drops_input)
  void run(sdk::graph_editor& g) {
    const auto v = g.view();
    for (std::uint32_t i = 0; i < v.n_ops; ++i) {
      if (i < 6 || sdk::view(v.ops[i].name) != "tokamak.matmul") continue;
      const std::uint32_t x = v.ops[i].inputs[0], w = v.ops[i].inputs[1], y = v.ops[i].outputs[0];
      g.erase_op(i);
      g.insert_op(i, sdk::op_builder("tokamak.matmul").inputs({x, w}).outputs({y}));
      return;
    }
  }
};

struct wrong_kernel : sdk::kernels {
  static constexpr const char* name = "wrong_kernel";
  static constexpr const char* summary = "Misbehaves.";
  static void subtract(const tk_kernel_args& a) {
    for (std::uint64_t i = a.row_begin * a.output_widths[0]; i < a.row_end * a.output_widths[0]; ++i)
      a.outputs[0][i] = a.inputs[0][i] - a.inputs[1][i];
  }
  static constexpr tk_kernel list[] = {sdk::kernel<&subtract>("tokamak.add", 1, "reference")};
};

/// Takes any text, and allows what its mask says.
template <class Fault>
struct faulty_constraint : sdk::constraint {
  static constexpr const char* summary = "Misbehaves.";
  faulty_constraint(host, const option_table&, std::span<const tk_string> tokens) : n_tokens(tokens.size()) {}
  struct compiled {};
  using matcher = Fault;
  std::unique_ptr<compiled> compile(std::string_view) const { return std::make_unique<compiled>(); }
  std::unique_ptr<matcher> match(const compiled&) const { return std::make_unique<matcher>(n_tokens); }
  std::size_t n_tokens;
};

struct every_token {
  explicit every_token(std::size_t n) : n_tokens(n) {}
  bool advance(std::int32_t) { return true; }
  void allowed(std::span<std::uint32_t> mask) {
    for (std::size_t t = 0; t < n_tokens; ++t) mask[t / 32] |= 1u << (t % 32);
  }
  std::int32_t ending() { return TK_MAY_END; }
  std::size_t n_tokens;
};

struct one_token : every_token {
  using every_token::every_token;
  void allowed(std::span<std::uint32_t> mask) { mask[1] = 1; } // but advance takes every one
};

struct throws_in_mask : every_token {
  using every_token::every_token;
  bool advance(std::int32_t) { return false; }
  void allowed(std::span<std::uint32_t>) { throw sdk::failure(TK_INTERNAL, "no idea"); }
};

struct allows_controls : faulty_constraint<every_token> {
  static constexpr const char* name = "allows_controls";
  using faulty_constraint::faulty_constraint;
};
struct takes_others : faulty_constraint<one_token> {
  static constexpr const char* name = "takes_others";
  using faulty_constraint::faulty_constraint;
};
struct stuck : faulty_constraint<throws_in_mask> {
  static constexpr const char* name = "stuck";
  using faulty_constraint::faulty_constraint;
};

} // namespace

TOKAMAK_PLUGIN("misbehaving", "0.1", "", "For tests.", takes_lost, crashes, hangs, leaves, bad_specs, needs_option,
               plans_too_much, exceeds, plans_nothing, starves, gives_pinned, never_ends, talks_after_end, costs_more,
               breaks_graph, changes_numbers, leaves_undefined, drops_input, wrong_kernel,
               allows_controls, takes_others, stuck)
