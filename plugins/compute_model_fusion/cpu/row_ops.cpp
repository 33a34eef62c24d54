// Ops that treat each row on its own: embed, rms_norm, rope and take_outputs.
#include "builder.hpp"

#include "tokamak/kernels/elementwise.hpp"
#include "tokamak/kernels/rms_norm.hpp"
#include "tokamak/kernels/rope.hpp"

#include "buffer.hpp"

#include <cstring>

namespace tokamak::cpu {

namespace {

class embed_op final : public operation {
public:
  embed_op(const weights& store, const tk_graph_view& graph, std::uint32_t table, std::uint32_t out, double scale)
      : store_(store), raw_(store.raw(graph, table)), format_(format_of(graph.values[table])), table_(table),
        out_(out), scale_(static_cast<float>(scale)) {}

  void run(const step_run& run) override {
    const std::size_t width = run.width(out_);
    const kernels::packed_matrix* const packed = store_.find_packed(table_); // tied to an output matrix: one copy
    run.team.parallel_for(run.rows(out_), grain_of(width), [&](std::size_t begin, std::size_t end, unsigned) {
      for (std::size_t t = begin; t < end; ++t) {
        float* const row = run.data[out_] + t * width;
        const std::int32_t token = run.step.tokens[t];
        if (token < 0)
          std::memcpy(row,
                      static_cast<const buffer*>(run.step.embeddings)->memory.data() +
                          std::size_t(-1 - token) * width * sizeof(float),
                      width * sizeof(float));
        else if (packed != nullptr)
          packed->unpack_row(static_cast<std::size_t>(token), row);
        else
          kernels::dequantize_row(format_, raw_ + static_cast<std::size_t>(token) * kernels::row_bytes(format_, width),
                                  width, row);
        if (scale_ != 1.0f && token >= 0) kernels::scale(run.level, row, scale_, row, width);
      }
    });
  }

private:
  const weights& store_;
  const std::byte* raw_;
  kernels::weight_format format_;
  std::uint32_t table_, out_;
  float scale_;
};

class rms_norm_op final : public operation {
public:
  rms_norm_op(std::uint32_t x, std::uint32_t out, const float* weight, std::size_t group, double eps)
      : x_(x), out_(out), weight_(weight), group_(group), eps_(static_cast<float>(eps)) {}

  void run(const step_run& run) override {
    const std::size_t groups = run.rows(x_) * (run.width(x_) / group_);
    run.team.parallel_for(groups, grain_of(group_), [&](std::size_t begin, std::size_t end, unsigned) {
      kernels::rms_norm(run.level, run.data[x_] + begin * group_, group_, weight_, eps_,
                        run.data[out_] + begin * group_, group_, end - begin, group_);
    });
  }

private:
  std::uint32_t x_, out_;
  const float* weight_;
  std::size_t group_; ///< values normalised together
  float eps_;
};

class rope_op final : public operation {
public:
  rope_op(std::uint32_t x, std::uint32_t out, std::uint32_t table, kernels::rope_pairs pairs, std::size_t heads)
      : x_(x), out_(out), table_(table), pairs_(pairs), heads_(heads) {}

  void run(const step_run& run) override {
    const std::size_t width = run.width(x_);
    const rope_table& table = run.ropes[table_];
    run.team.parallel_for(run.rows(x_), grain_of(width), [&](std::size_t begin, std::size_t end, unsigned) {
      float* const rows = run.data[out_] + begin * width;
      std::memcpy(rows, run.data[x_] + begin * width, (end - begin) * width * sizeof(float));
      kernels::rope_apply(run.level, pairs_, rows, width, table.angles.data() + begin * table.rotary_dims(),
                          end - begin, heads_, width / heads_, table.rotary_dims());
    });
  }

private:
  std::uint32_t x_, out_, table_;
  kernels::rope_pairs pairs_;
  std::size_t heads_;
};

class take_outputs_op final : public operation {
public:
  take_outputs_op(std::uint32_t x, std::uint32_t out) : x_(x), out_(out) {}

  void run(const step_run& run) override {
    const std::size_t width = run.width(x_);
    for (std::size_t i = 0; i < run.step.n_outputs; ++i)
      std::memcpy(run.data[out_] + i * width, run.data[x_] + run.step.output_rows[i] * width, width * sizeof(float));
  }

private:
  std::uint32_t x_, out_;
};

void check_embed(const op_view& op) {
  check_weight(op, 0, 2);
  if (op.output(0).kind != TK_ROWS || op.output(0).dims[0] != op.input(0).dims[0])
    op.refuse(TK_INVALID_ARGUMENT, "its output must be rows of width " + std::to_string(op.input(0).dims[0]));
  op.real("scale", 1);
}

void make_embed(const op_view& op, builder& to) {
  to.embeds = true;
  to.vocabulary = op.input(0).dims[1];
  to.embedding_width = op.input(0).dims[0];
  to.add(op, std::make_unique<embed_op>(to.store, to.graph, op.input_id(0), op.output_id(0), op.real("scale", 1)));
}

void check_rms_norm(const op_view& op) {
  same_shape(op, op.output(0), rows_input(op, 0));
  check_weight(op, 1, 1);
  op.real("eps");
  if (op.input(0).dims[0] % op.input(1).dims[0] != 0)
    op.refuse(TK_INVALID_ARGUMENT, "groups of " + std::to_string(op.input(1).dims[0]) + " do not divide rows of " +
                                       std::to_string(op.input(0).dims[0]));
}

void make_rms_norm(const op_view& op, builder& to) {
  const float* weight = to.store.vector(to.graph, op.input_id(1), op.real("weight_offset", 0));
  to.add(op,
         std::make_unique<rms_norm_op>(op.input_id(0), op.output_id(0), weight, op.input(1).dims[0], op.real("eps")));
}

void check_rope(const op_view& op) {
  const tk_value& x = rows_input(op, 0);
  same_shape(op, op.output(0), x);
  if (x.kind != TK_ROWS) op.refuse(TK_UNSUPPORTED, "output rows have no positions");
  if (x.dims[0] != std::uint64_t{op.count("heads")} * op.count("head_dim"))
    op.refuse(TK_INVALID_ARGUMENT, "heads of head_dim do not fill rows of " + std::to_string(x.dims[0]));
  check_rotation(op, 1);
}

void make_rope(const op_view& op, builder& to) {
  const float* divisors = op.has_input(1) ? to.store.vector(to.graph, op.input_id(1)) : nullptr;
  to.add(op, std::make_unique<rope_op>(op.input_id(0), op.output_id(0), to.rope(rope_table_of(op, divisors)), pairs_of(op),
                                       op.count("heads")));
}

void check_take_outputs(const op_view& op) {
  if (op.input(0).kind != TK_ROWS || op.output(0).kind != TK_OUTPUT_ROWS || op.input(0).dims[0] != op.output(0).dims[0])
    op.refuse(TK_INVALID_ARGUMENT, "takes rows to output rows of the same width");
}

void make_take_outputs(const op_view& op, builder& to) {
  to.add(op, std::make_unique<take_outputs_op>(op.input_id(0), op.output_id(0)));
}

} // namespace

const op_support embed_support{"tokamak.embed", check_embed, make_embed};
const op_support rms_norm_support{"tokamak.rms_norm", check_rms_norm, make_rms_norm};
const op_support rope_support{"tokamak.rope", check_rope, make_rope};
const op_support take_outputs_support{"tokamak.take_outputs", check_take_outputs, make_take_outputs};

} // namespace tokamak::cpu
