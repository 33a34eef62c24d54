// Ops on paged K/V: tokamak.kv_write, tokamak.attention, and fused.attention, which is both with the norms and rotations before them.
#include "builder.hpp"

#include "tokamak/kernels/rms_norm.hpp"
#include "tokamak/kernels/rope.hpp"

#include <cstring>
#include <optional>

namespace tokamak::cpu {

namespace {

class kv_write_op final : public operation {
public:
  kv_write_op(std::uint32_t k, std::uint32_t v, std::uint32_t group, std::uint32_t layer)
      : k_(k), v_(v), group_(group), layer_(layer) {}

  void run(const step_run& run) override {
    const kernels::kv_layer layer = run.state->layer(group_, layer_);
    const tk_step_group& at = run.step.groups[group_];
    const std::size_t k_width = run.width(k_), v_width = run.width(v_);
    for (std::uint32_t s = 0; s < run.step.n_sequences; ++s) {
      const tk_step_sequence& sequence = run.step.sequences[s];
      const std::uint32_t* const table = at.tables + at.table_begin[s];
      run.team.parallel_for(
          sequence.row_count, grain_of(k_width + v_width), [&](std::size_t begin, std::size_t end, unsigned) {
            for (std::size_t i = begin; i < end; ++i) {
              const std::size_t row = sequence.row_begin + i, slot = at.context[s] + i;
              kernels::kv_write(run.level, layer, run.data[k_] + row * k_width, run.data[v_] + row * v_width,
                                table[slot / layer.shape.block_size - at.first_block[s]],
                                static_cast<std::uint32_t>(slot % layer.shape.block_size));
            }
          });
    }
  }

private:
  std::uint32_t k_, v_, group_, layer_;
};

struct head_norm {
  const float* weight = nullptr; ///< [head_dim]; nullptr: none
  float eps = 0;
};

/// What fused.attention does before attention.
struct preparation {
  static constexpr std::uint32_t none = 0xffffffffu;
  std::uint32_t k = 0, v = 0; ///< values
  head_norm q_norm, k_norm;
  std::uint32_t rope = none; ///< table
  kernels::rope_pairs pairs = kernels::rope_pairs::halves;

  bool changes_q() const { return q_norm.weight != nullptr || rope != none; }
  bool changes_k() const { return k_norm.weight != nullptr || rope != none; }
};

class attention_op final : public operation {
public:
  attention_op(std::uint32_t q, std::uint32_t out, std::uint32_t plan, const attention_plan& shape, std::uint32_t layer, unsigned threads,
               const kernels::attention_params& params, const std::optional<preparation>& before)
      : q_(q), out_(out), plan_(plan), layer_(layer), threads_(threads), q_width_(std::size_t{shape.heads} * shape.head_dim),
        k_width_(std::size_t{shape.kv_heads} * shape.head_dim), params_(params), before_(before) {}

  std::size_t scratch_bytes(std::size_t rows, std::size_t) const override {
    if (!before_) return 0;
    return ((before_->changes_q() ? rows * q_width_ : 0) + (before_->changes_k() ? threads_ * k_width_ : 0)) * sizeof(float);
  }

  void run(const step_run& run) override {
    const attention_plan& plan = run.plans[plan_];
    const kernels::kv_layer layer = run.state->layer(plan.group, layer_);
    const float* const q = before_ && before_->changes_q() ? reinterpret_cast<const float*>(run.scratch) : run.data[q_];
    const auto rows_of = [&](const attention_item& item) {
      kernels::attention_rows rows = plan.sequences[item.sequence];
      const std::size_t first = run.step.sequences[item.sequence].row_begin;
      rows.q = q + first * rows.ldq;
      rows.out = run.data[out_] + first * rows.ldo;
      return rows;
    };
    if (before_) // rows whose K and V several items read; the others are prepared by their item, for the sake of its cache
      run.team.parallel_for(plan.shared_rows.size(), grain_of(4 * q_width_), [&](std::size_t begin, std::size_t end, unsigned worker) {
        for (std::size_t i = begin; i < end; ++i)
          prepare(run, plan, layer, plan.shared_rows[i].sequence, plan.shared_rows[i].row, 0, plan.kv_heads, worker);
      }, kernels::sharing::runs);
    // Threads keep to the rows whose Q they computed, as far as those are equally much work.
    const bool by_rows = run.step.n_rows > run.step.n_sequences;
    const std::size_t to_next = by_rows ? 1 : run.team.size();
    run.team.parallel_for(plan.items.size(), 1, [&](std::size_t begin, std::size_t, unsigned worker) {
      const attention_item& item = plan.items[begin];
      if (begin + to_next < plan.items.size()) { // what this thread most likely does next
        const attention_item& next = plan.items[begin + to_next];
        if (plan.sequences[next.sequence].rows == 1 && next.split == attention_item::all)
          kernels::attention_prefetch(layer, params_, plan.sequences[next.sequence], 0, next.kv_head);
      }
      if (item.split != attention_item::all)
        return kernels::attention_partial(run.level, layer, params_, rows_of(item), 0, item.kv_head, item.split, run.partials + item.partial);
      if (before_ && plan.sequences[item.sequence].rows == 1) prepare(run, plan, layer, item.sequence, 0, item.kv_head, item.kv_head + 1, worker);
      kernels::attention(run.level, layer, params_, rows_of(item), item.row_begin, item.row_end, item.kv_head, item.kv_head + 1);
    }, by_rows ? kernels::sharing::runs : kernels::sharing::in_order);
    for (const attention_item& item : plan.merges)
      kernels::attention_merge(run.level, layer, params_, rows_of(item), 0, item.kv_head, run.partials + item.partial);
  }

  work work_of(const step_run& run) const override {
    const attention_plan& plan = run.plans[plan_];
    const std::uint64_t element = run.state->layer(plan.group, layer_).shape.type == kernels::kv_type::f32 ? 4 : 2;
    work sum;
    for (std::uint32_t s = 0; s < run.step.n_sequences; ++s) {
      const std::uint64_t rows = run.step.sequences[s].row_count, context = plan.sequences[s].context;
      const std::uint64_t window = plan.window == 0 ? context + rows : plan.window;
      sum.bytes += std::min(context + rows, window + rows) * plan.kv_heads * (plan.head_dim + plan.value_dim) * element;
      std::uint64_t keys = 0;
      for (std::uint64_t row = 0; row < rows; ++row) keys += std::min(context + row + 1, window);
      sum.multiply_adds += keys * plan.heads * (plan.head_dim + plan.value_dim);
    }
    return sum;
  }

private:
  // Q of the heads that share kv heads [begin, end), and these heads' K and V into the cache.
  void prepare(const step_run& run, const attention_plan& plan, const kernels::kv_layer& layer, std::uint32_t sequence, std::uint32_t row_in_sequence,
               std::uint32_t begin, std::uint32_t end, unsigned worker) const {
    const std::size_t row = run.step.sequences[sequence].row_begin + row_in_sequence, group = plan.heads / plan.kv_heads;
    auto* const scratch = reinterpret_cast<float*>(run.scratch);
    if (before_->changes_q()) {
      const std::size_t at = row * q_width_ + begin * group * plan.head_dim;
      turn(run, plan, row, before_->q_norm, run.data[q_] + at, (end - begin) * group, scratch + at);
    }
    const float* k = run.data[before_->k] + row * k_width_ + std::size_t{begin} * plan.head_dim;
    if (before_->changes_k()) {
      float* const turned = scratch + (before_->changes_q() ? run.step.n_rows * q_width_ : 0) + worker * k_width_;
      turn(run, plan, row, before_->k_norm, k, end - begin, turned);
      k = turned;
    }
    const float* const v = run.data[before_->v] + row * layer.shape.v_width + std::size_t{begin} * plan.value_dim;
    const tk_step_group& at = run.step.groups[plan.group];
    const std::uint32_t slot = at.context[sequence] + row_in_sequence;
    kernels::kv_write_heads(run.level, layer, plan.kv_heads, begin, end, k, v,
                            at.tables[at.table_begin[sequence] + slot / layer.shape.block_size - at.first_block[sequence]], slot % layer.shape.block_size);
  }

  void turn(const step_run& run, const attention_plan& plan, std::size_t row, const head_norm& norm, const float* x, std::size_t heads, float* out) const {
    const std::size_t dim = plan.head_dim;
    if (norm.weight != nullptr)
      kernels::rms_norm(run.level, x, dim, norm.weight, norm.eps, out, dim, heads, dim);
    else
      std::memcpy(out, x, heads * dim * sizeof(float));
    if (before_->rope == preparation::none) return;
    const rope_table& table = run.ropes[before_->rope];
    kernels::rope_apply(run.level, before_->pairs, out, heads * dim, table.angles.data() + row * table.rotary_dims(), 1, heads, dim, table.rotary_dims());
  }

  std::uint32_t q_, out_, plan_, layer_;
  unsigned threads_;
  std::size_t q_width_, k_width_;
  kernels::attention_params params_;
  std::optional<preparation> before_;
};

const tk_cache_group& paged_group(const op_view& op) {
  const tk_cache_group& group = op.group();
  op.layer();
  if (group.kind != TK_GROUP_FULL && group.kind != TK_GROUP_SLIDING)
    op.refuse(TK_UNSUPPORTED, "cache group " + quoted(group.name) + " is no paged one");
  return group;
}

void need_rows(const op_view& op, std::uint32_t i, std::uint64_t width) {
  const tk_value& value = op.input(i);
  if (value.kind != TK_ROWS || value.dims[0] != width)
    op.refuse(TK_INVALID_ARGUMENT, quoted(value.name) + " must be rows of width " + std::to_string(width));
}


void check_kv_write(const op_view& op) {
  const tk_cache_group& group = paged_group(op);
  need_rows(op, 0, group.k_width);
  need_rows(op, 1, group.v_width);
}

void make_kv_write(const op_view& op, builder& to) {
  to.used[op.group_number()] = 1;
  to.add(op, std::make_unique<kv_write_op>(op.input_id(0), op.input_id(1), op.group_number(), op.layer()));
}

// Attributes, Q (input 0) and the output of an attention.
void check_attention(const op_view& op) {
  const tk_cache_group& group = paged_group(op);
  const std::uint32_t heads = op.count("heads"), kv_heads = op.count("kv_heads"), head_dim = op.count("head_dim");
  if (heads % kv_heads != 0)
    op.refuse(TK_INVALID_ARGUMENT,
              std::to_string(heads) + " heads are no multiple of " + std::to_string(kv_heads) + " kv_heads");
  if (std::uint64_t{kv_heads} * head_dim != group.k_width || group.v_width % kv_heads != 0)
    op.refuse(TK_INVALID_ARGUMENT, std::to_string(kv_heads) + " kv_heads of " + std::to_string(head_dim) +
                                       " do not fit cache group " + quoted(group.name) + " with K " +
                                       std::to_string(group.k_width) + " and V " + std::to_string(group.v_width));
  if (std::max(head_dim, group.v_width / kv_heads) > kernels::attention_max_head_dim)
    op.refuse(TK_UNSUPPORTED, "heads wider than " + std::to_string(kernels::attention_max_head_dim) +
                                  " are not known to the cpu backend");
  need_rows(op, 0, std::uint64_t{heads} * head_dim);
  if (op.output(0).kind != TK_ROWS || op.output(0).dims[0] != std::uint64_t{heads} * (group.v_width / kv_heads))
    op.refuse(TK_INVALID_ARGUMENT,
              "its output must be rows of width " + std::to_string(std::uint64_t{heads} * (group.v_width / kv_heads)));
  op.real("scale");
  if (!(op.real("softcap", 0) >= 0)) op.refuse(TK_INVALID_ARGUMENT, "attribute 'softcap' must be at least 0");
}

void add_attention(const op_view& op, builder& to, const std::optional<preparation>& before) {
  const tk_cache_group& group = op.group();
  attention_plan plan;
  plan.group = op.group_number();
  plan.heads = op.count("heads");
  plan.kv_heads = op.count("kv_heads");
  plan.head_dim = op.count("head_dim");
  plan.value_dim = group.v_width / plan.kv_heads;
  plan.window = group.kind == TK_GROUP_SLIDING ? group.window : 0;
  to.used[plan.group] = to.attended[plan.group] = 1;
  const kernels::attention_params params{plan.heads, plan.kv_heads, static_cast<float>(op.real("scale")),
                                         static_cast<float>(op.real("softcap", 0)), plan.window};
  to.add(op, std::make_unique<attention_op>(op.input_id(0), op.output_id(0), to.plan(plan), plan, op.layer(), to.threads, params, before));
}

void make_attention(const op_view& op, builder& to) { add_attention(op, to, std::nullopt); }

// Inputs of fused.attention: Q, K, V, optional norms of the heads of Q and K, optional divisors of the rotation's frequencies.
enum fused_input : std::uint32_t { fused_q, fused_k, fused_v, fused_q_norm, fused_k_norm, fused_divisors };

bool rotates(const op_view& op) { return op.has_attribute("style"); }

void check_fused(const op_view& op) {
  const tk_cache_group& group = paged_group(op);
  check_attention(op);
  need_rows(op, fused_k, group.k_width);
  need_rows(op, fused_v, group.v_width);
  for (const auto& [input, eps] : {std::pair{fused_q_norm, "q_eps"}, std::pair{fused_k_norm, "k_eps"}}) {
    if (!op.has_input(input)) continue;
    check_weight(op, input, 1);
    op.real(eps);
    if (op.input(input).dims[0] != op.count("head_dim"))
      op.refuse(TK_INVALID_ARGUMENT, "norm " + quoted(op.input(input).name) + " must be of heads, that is have " +
                                         std::to_string(op.count("head_dim")) + " elements");
  }
  if (rotates(op)) check_rotation(op, fused_divisors);
}

head_norm norm_of(const op_view& op, std::uint32_t input, const std::string& prefix, builder& to) {
  if (!op.has_input(input)) return {};
  return {to.store.vector(to.graph, op.input_id(input), op.real(prefix + "weight_offset", 0)), static_cast<float>(op.real(prefix + "eps"))};
}

void make_fused(const op_view& op, builder& to) {
  preparation before;
  before.k = op.input_id(fused_k);
  before.v = op.input_id(fused_v);
  before.q_norm = norm_of(op, fused_q_norm, "q_", to);
  before.k_norm = norm_of(op, fused_k_norm, "k_", to);
  if (rotates(op)) {
    before.rope = to.rope(rope_table_of(op, op.has_input(fused_divisors) ? to.store.vector(to.graph, op.input_id(fused_divisors)) : nullptr));
    before.pairs = pairs_of(op);
  }
  add_attention(op, to, before);
}

} // namespace

const op_support kv_write_support{"tokamak.kv_write", check_kv_write, make_kv_write};
const op_support attention_support{"tokamak.attention", check_attention, make_attention};
const op_support fused_attention_support{"fused.attention", check_fused, make_fused};

} // namespace tokamak::cpu
