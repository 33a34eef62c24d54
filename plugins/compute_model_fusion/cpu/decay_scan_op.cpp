// tokamak.decay_scan: a state for each channel of a sequence.
#include "builder.hpp"

#include "tokamak/kernels/decay_scan.hpp"

#include <cstring>

namespace tokamak::cpu {

namespace {

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

void check_decay_scan(const op_view& op) {
  const tk_cache_group& group = op.group();
  op.layer();
  if (group.kind != TK_GROUP_RECURRENT)
    op.refuse(TK_UNSUPPORTED, "cache group " + quoted(group.name) + " is no recurrent one");
  if (op.input(0).kind != TK_ROWS || op.input(0).dims[0] != group.state_width)
    op.refuse(TK_INVALID_ARGUMENT, quoted(op.input(0).name) + " must be rows of width " + std::to_string(group.state_width));
  if (op.output(0).kind != TK_ROWS || op.output(0).dims[0] != group.state_width)
    op.refuse(TK_INVALID_ARGUMENT, "its output must be rows of width " + std::to_string(group.state_width));
  op.real("decay");
}

void make_decay_scan(const op_view& op, builder& to) {
  to.used[op.group_number()] = 1;
  to.add(op, std::make_unique<decay_scan_op>(op.input_id(0), op.output_id(0), op.group_number(), op.layer(),
                                             op.real("decay")));
}

} // namespace

const op_support decay_scan_support{"tokamak.decay_scan", check_decay_scan, make_decay_scan};

} // namespace tokamak::cpu
