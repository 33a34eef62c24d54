// Ops that read or write what sequences keep: kv_write, attention, decay_scan.
#include "builder.hpp"

#include "tokamak/kernels/decay_scan.hpp"

#include <cstring>

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

class attention_op final : public operation {
public:
  attention_op(std::uint32_t q, std::uint32_t out, std::uint32_t plan, std::uint32_t layer,
               const kernels::attention_params& params)
      : q_(q), out_(out), plan_(plan), layer_(layer), params_(params) {}

  void run(const step_run& run) override {
    const attention_plan& plan = run.plans[plan_];
    const kernels::kv_layer layer = run.state->layer(plan.group, layer_);
    const auto rows_of = [&](const attention_item& item) {
      kernels::attention_rows rows = plan.sequences[item.sequence];
      const std::size_t first = run.step.sequences[item.sequence].row_begin;
      rows.q = run.data[q_] + first * rows.ldq;
      rows.out = run.data[out_] + first * rows.ldo;
      return rows;
    };
    auto* const partials = reinterpret_cast<float*>(run.scratch);
    run.team.parallel_for(plan.items.size(), 1, [&](std::size_t begin, std::size_t, unsigned) {
      const attention_item& item = plan.items[begin];
      if (item.split == attention_item::all)
        kernels::attention(run.level, layer, params_, rows_of(item), item.row_begin, item.row_end, item.kv_head,
                           item.kv_head + 1);
      else
        kernels::attention_partial(run.level, layer, params_, rows_of(item), 0, item.kv_head, item.split,
                                   partials + item.partial);
    });
    for (const attention_item& item : plan.merges)
      kernels::attention_merge(run.level, layer, params_, rows_of(item), 0, item.kv_head, partials + item.partial);
  }

  work work_of(const step_run& run) const override {
    const attention_plan& plan = run.plans[plan_];
    const std::uint64_t element = run.state->layer(plan.group, layer_).shape.type == kernels::kv_type::f32 ? 4 : 2;
    work sum;
    for (std::uint32_t s = 0; s < run.step.n_sequences; ++s) {
      const std::uint64_t rows = run.step.sequences[s].row_count, context = plan.sequences[s].context;
      const std::uint64_t window = plan.window == 0 ? UINT64_MAX : plan.window;
      sum.bytes += std::min(context + rows, window + rows) * plan.kv_heads * (plan.head_dim + plan.value_dim) * element;
      std::uint64_t keys = 0;
      for (std::uint64_t row = 0; row < rows; ++row) keys += std::min(context + row + 1, window);
      sum.multiply_adds += keys * plan.heads * (plan.head_dim + plan.value_dim);
    }
    return sum;
  }

private:
  std::uint32_t q_, out_, plan_, layer_;
  kernels::attention_params params_;
};

class decay_scan_op final : public operation {
public:
  decay_scan_op(std::uint32_t x, std::uint32_t out, std::uint32_t group, std::uint32_t layer, double decay)
      : x_(x), out_(out), group_(group), layer_(layer), decay_(static_cast<float>(decay)) {}

  void run(const step_run& run) override {
    const std::size_t width = run.width(x_);
    const tk_step_group& at = run.step.groups[group_];
    run.team.parallel_for(run.step.n_sequences, 1, [&](std::size_t s, std::size_t, unsigned) {
      const tk_step_sequence& sequence = run.step.sequences[s];
      if (sequence.row_count == 0) return;
      float* const state = run.state->state(group_, layer_, at.tables[at.table_begin[s]]);
      if (!run.trees.ancestor_begin.empty()) return scan_tree(run, sequence, state);
      const std::size_t first = sequence.row_begin * width;
      kernels::decay_scan(run.data[x_] + first, width, decay_, state, run.data[out_] + first, width, sequence.row_count,
                          width);
    });
  }

private:
  // A row goes on from its parent's state, which is the parent's output; the slot keeps what the last row left.
  void scan_tree(const step_run& run, const tk_step_sequence& sequence, float* state) const {
    const std::size_t width = run.width(x_);
    float* const out = run.data[out_];
    const std::size_t end = std::size_t{sequence.row_begin} + sequence.row_count;
    for (std::size_t row = sequence.row_begin; row < end; ++row) {
      const std::int32_t parent = run.step.parents[row];
      std::memcpy(out + row * width, parent < 0 ? state : out + static_cast<std::size_t>(parent) * width,
                  width * sizeof(float));
      kernels::decay_scan(run.data[x_] + row * width, width, decay_, out + row * width, out + row * width, width, 1,
                          width);
    }
    std::memcpy(state, out + (end - 1) * width, width * sizeof(float));
  }

  std::uint32_t x_, out_, group_, layer_;
  float decay_;
};

std::uint32_t group_number(const op_view& op) { return static_cast<std::uint32_t>(op.integer("group")); }

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
  to.used[group_number(op)] = 1;
  to.add(op, std::make_unique<kv_write_op>(op.input_id(0), op.input_id(1), group_number(op), op.layer()));
}

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

void make_attention(const op_view& op, builder& to) {
  const tk_cache_group& group = op.group();
  attention_plan plan;
  plan.group = group_number(op);
  plan.heads = op.count("heads");
  plan.kv_heads = op.count("kv_heads");
  plan.head_dim = op.count("head_dim");
  plan.value_dim = group.v_width / plan.kv_heads;
  plan.window = group.kind == TK_GROUP_SLIDING ? group.window : 0;
  to.used[plan.group] = to.attended[plan.group] = 1;
  const kernels::attention_params params{plan.heads, plan.kv_heads, static_cast<float>(op.real("scale")),
                                         static_cast<float>(op.real("softcap", 0)), plan.window};
  to.add(op, std::make_unique<attention_op>(op.input_id(0), op.output_id(0), to.plan(plan), op.layer(), params));
}

void check_decay_scan(const op_view& op) {
  const tk_cache_group& group = op.group();
  op.layer();
  if (group.kind != TK_GROUP_RECURRENT)
    op.refuse(TK_UNSUPPORTED, "cache group " + quoted(group.name) + " is no recurrent one");
  need_rows(op, 0, group.state_width);
  if (op.output(0).kind != TK_ROWS || op.output(0).dims[0] != group.state_width)
    op.refuse(TK_INVALID_ARGUMENT, "its output must be rows of width " + std::to_string(group.state_width));
  op.real("decay");
}

void make_decay_scan(const op_view& op, builder& to) {
  to.used[group_number(op)] = 1;
  to.add(op, std::make_unique<decay_scan_op>(op.input_id(0), op.output_id(0), group_number(op), op.layer(),
                                             op.real("decay")));
}

} // namespace

const op_support kv_write_support{"tokamak.kv_write", check_kv_write, make_kv_write};
const op_support attention_support{"tokamak.attention", check_attention, make_attention};
const op_support decay_scan_support{"tokamak.decay_scan", check_decay_scan, make_decay_scan};

} // namespace tokamak::cpu
