// tokamak.matmul. All matmuls of one input (Q, K and V; gate and up) run as one operation: x is quantised once, and
// the threads meet once.
#include "builder.hpp"

#include "tokamak/kernels/elementwise.hpp"

#include <algorithm>

namespace tokamak::cpu {

namespace {

// Rows of x that one item covers: enough to reuse a tile of weights from the nearest cache.
constexpr std::size_t item_rows = 128;

struct target {
  const kernels::packed_matrix* weights;
  const float* bias; ///< or nullptr
  std::uint32_t out;
};

class matmul_op final : public operation {
public:
  /// `of_outputs`: x is output rows.
  matmul_op(std::uint32_t x, bool of_outputs) : x_(x), of_outputs_(of_outputs) {}

  std::uint32_t x() const { return x_; }
  void add(const target& target) {
    targets_.push_back(target);
    quantized_ = quantized_ || kernels::wants_quantized(target.weights->format());
  }

  std::size_t scratch_bytes(std::size_t rows, std::size_t outputs) const override {
    return quantized_ ? kernels::quantized_bytes(of_outputs_ ? outputs : rows, targets_[0].weights->k()) : 0;
  }

  void run(const step_run& run) override {
    const std::size_t rows = run.rows(x_);
    if (rows == 0) return;
    kernels::matmul_input in;
    in.f32 = run.data[x_];
    in.ld = run.width(x_);
    if (quantized_) {
      in.q8 = kernels::quantized_view(run.scratch, rows, in.ld);
      run.team.parallel_for(rows, grain_of(in.ld), [&](std::size_t begin, std::size_t end, unsigned) {
        kernels::quantize_rows(run.level, in.f32, in.ld, begin, end, in.q8);
      });
    }
    multiply(run, in, rows);
  }

  work work_of(const step_run& run) const override {
    work sum;
    for (const target& target : targets_) {
      sum.bytes += target.weights->bytes();
      sum.multiply_adds += std::uint64_t{run.rows(x_)} * target.weights->n() * target.weights->k();
    }
    return sum;
  }

private:
  void multiply(const step_run& run, const kernels::matmul_input& in, std::size_t rows) const {
    std::size_t tiles = 0, items = 0;
    for (const target& target : targets_) tiles += target.weights->tiles();
    const std::size_t row_parts = (rows + item_rows - 1) / item_rows;
    // About eight items a thread even out their speeds; larger items walk through weights in longer runs.
    const std::size_t item_tiles = std::clamp<std::size_t>(tiles * row_parts / (run.team.size() * 8), 1, 256);
    for (const target& target : targets_) items += parts_of(target, item_tiles);
    run.team.parallel_for(items * row_parts, 1, [&](std::size_t begin, std::size_t, unsigned) {
      std::size_t item = begin % items;
      const std::size_t first_row = begin / items * item_rows;
      for (const target& target : targets_) {
        const std::size_t parts = parts_of(target, item_tiles);
        if (item < parts) {
          const std::size_t item_columns = item_tiles * target.weights->tile_rows(), n = item * item_columns;
          return one_item(run, in, target, first_row, std::min(rows, first_row + item_rows), n,
                          std::min(target.weights->n(), n + item_columns));
        }
        item -= parts;
      }
    });
  }

  static std::size_t parts_of(const target& target, std::size_t item_tiles) {
    return (target.weights->tiles() + item_tiles - 1) / item_tiles;
  }

  static void one_item(const step_run& run, const kernels::matmul_input& in, const target& target, std::size_t t,
                       std::size_t t_end, std::size_t n, std::size_t n_end) {
    const std::size_t width = target.weights->n();
    float* const y = run.data[target.out];
    kernels::matmul(*target.weights, in, t, t_end, n, n_end, y, width);
    if (target.bias == nullptr) return;
    for (; t < t_end; ++t) kernels::add(run.level, y + t * width + n, target.bias + n, y + t * width + n, n_end - n);
  }

  std::uint32_t x_;
  bool of_outputs_;
  bool quantized_ = false;
  std::vector<target> targets_;
};

void check(const op_view& op) {
  const tk_value& x = rows_input(op, 0);
  check_weight(op, 1, 2);
  const tk_value& weight = op.input(1);
  if (weight.dims[0] != x.dims[0])
    op.refuse(TK_INVALID_ARGUMENT, "weight " + quoted(weight.name) + " takes rows of " +
                                       std::to_string(weight.dims[0]) + ", but " + quoted(x.name) + " has " +
                                       std::to_string(x.dims[0]));
  if (op.output(0).kind != x.kind || op.output(0).dims[0] != weight.dims[1])
    op.refuse(TK_INVALID_ARGUMENT,
              "its output must be of the input's kind and have width " + std::to_string(weight.dims[1]));
  if (!op.has_input(2)) return;
  check_weight(op, 2, 1);
  if (op.input(2).dims[0] != weight.dims[1])
    op.refuse(TK_INVALID_ARGUMENT, "bias " + quoted(op.input(2).name) + " has " + std::to_string(op.input(2).dims[0]) +
                                       " elements, expected " + std::to_string(weight.dims[1]));
}

void make(const op_view& op, builder& to) {
  const target target{&to.store.packed(to.graph, op.input_id(1)),
                      op.has_input(2) ? to.store.vector(to.graph, op.input_id(2)) : nullptr, op.output_id(0)};
  // Values are written once, so an earlier matmul of the same input can do this one, too.
  for (const auto& earlier : to.operations) {
    auto* const same = dynamic_cast<matmul_op*>(earlier.get());
    if (same == nullptr || same->x() != op.input_id(0)) continue;
    same->add(target);
    same->writes.push_back(target.out);
    return;
  }
  auto made = std::make_unique<matmul_op>(op.input_id(0), op.input(0).kind == TK_OUTPUT_ROWS);
  made->add(target);
  to.add(op, std::move(made));
}

} // namespace

const op_support matmul_support{"tokamak.matmul", check, make};

} // namespace tokamak::cpu
