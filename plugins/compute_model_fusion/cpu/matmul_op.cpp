// tokamak.matmul and fused.matmul. All matmuls of one input (Q, K and V; gate and up) run as one operation: x is quantised once, and
// the threads meet once. In fused.matmul rows are summed, normalised and quantised one by one, in the nearest cache, and gate and up meet
// their activation there.
#include "builder.hpp"

#include "tokamak/kernels/elementwise.hpp"
#include "tokamak/kernels/rms_norm.hpp"

#include <algorithm>
#include <cstring>

namespace tokamak::cpu {

namespace {

// Rows of x that one item covers at most: enough that a tile of weights is asked of memory a few times only. Whole groups of
// quantized_rows.
constexpr std::size_t most_item_rows = 384;
// Rows of a part for which it is worth it that several threads read all weights.
constexpr std::size_t enough_rows = 96;
static_assert(most_item_rows % kernels::quantized_rows::largest_group == 0);
// Columns of gate and up that are computed before their activation: with `rows`, what the second cache holds beside weights.
constexpr std::size_t gated_columns(std::size_t rows) { return rows <= most_item_rows / 2 ? 64 : 32; }

// Rows cut into equal parts: if there are enough rows one at least for each thread, which then finds in its own cache what it wrote in the
// operation before.
struct row_parts {
  std::size_t count, rows;
  row_parts(std::size_t all, unsigned threads)
      : count(std::max((all + most_item_rows - 1) / most_item_rows, std::min<std::size_t>(threads, all / enough_rows))) {
    constexpr std::size_t group = kernels::quantized_rows::largest_group;
    rows = ((all + count - 1) / count + group - 1) / group * group;
  }
};

constexpr std::size_t aligned(std::size_t bytes) { return (bytes + 63) / 64 * 64; }

// As grain_of; but threads that quantise many rows take whole groups, whose rows share cache lines.
std::size_t grain_of_rows(std::size_t rows, std::size_t work) {
  constexpr std::size_t group = kernels::quantized_rows::largest_group;
  const std::size_t grain = grain_of(work);
  return rows <= group ? grain : (grain + group - 1) / group * group;
}

struct target {
  const kernels::packed_matrix* weights;
  const float* bias; ///< or nullptr
  std::uint32_t out;
};

struct norm {
  const float* weight = nullptr; ///< nullptr: none
  float eps = 0;
};

/// Where the rows that are multiplied come from: x; or its sum with a residual, which is kept as a value of its own; normalised or not.
struct row_source {
  std::uint32_t x = 0;
  std::uint32_t residual = TK_NO_VALUE, sum = TK_NO_VALUE;
  norm post; ///< of x, before the sum
  norm main;

  bool plain() const { return residual == TK_NO_VALUE && main.weight == nullptr; }

  /// Row `t`, computed or where it lies. `made`: room for it. A sum is written to its value in any case.
  const float* row(const step_run& run, std::size_t t, std::size_t width, float* made) const {
    const float* row = run.data[x] + t * width;
    if (residual != TK_NO_VALUE) {
      float* const kept = run.data[sum] + t * width;
      if (post.weight != nullptr) {
        kernels::rms_norm(run.level, row, width, post.weight, post.eps, made, width, 1, width);
        row = made;
      }
      kernels::add(run.level, run.data[residual] + t * width, row, kept, width);
      row = kept;
    }
    if (main.weight == nullptr) return row;
    kernels::rms_norm(run.level, row, width, main.weight, main.eps, made, width, 1, width);
    return made;
  }
};

class matmul_op final : public operation {
public:
  /// `of_outputs`: x is output rows.
  matmul_op(const row_source& source, std::size_t width, bool of_outputs, unsigned threads)
      : source_(source), width_(width), of_outputs_(of_outputs), threads_(threads) {}

  /// True if the rows are those of a value, as they are.
  bool multiplies(std::uint32_t value) const { return source_.plain() && gate_ == nullptr && source_.x == value; }
  void add(const target& target) {
    targets_.push_back(target);
    const bool codes = kernels::wants_quantized(target.weights->format());
    quantized_ = quantized_ || codes;
    floats_ = floats_ || !codes;
  }
  /// The two targets are a gate and what it lets through, and `out` is their product.
  void gate(gate_function gate, std::uint32_t out) {
    gate_ = gate;
    gated_ = out;
  }

  std::size_t scratch_bytes(std::size_t rows, std::size_t outputs) const override {
    return layout(of_outputs_ ? outputs : rows).bytes;
  }

  void run(const step_run& run) override {
    const std::size_t rows = run.rows(source_.x);
    if (rows == 0) return;
    kernels::matmul_input in;
    in.f32 = run.data[source_.x];
    in.ld = width_;
    const places at = layout(rows);
    if (quantized_) in.q8 = kernels::quantized_view(run.scratch, rows, width_);
    if (!source_.plain()) {
      auto* const made = reinterpret_cast<float*>(run.scratch + at.rows);
      if (floats_) in.f32 = made;
      run.team.parallel_for(rows, grain_of_rows(rows, 4 * width_), [&](std::size_t begin, std::size_t end, unsigned worker) {
        for (std::size_t t = begin; t < end; ++t) {
          float* const room = made + (floats_ ? t : worker) * width_;
          const float* const row = source_.row(run, t, width_, room);
          if (quantized_) kernels::quantize_rows(run.level, row, 0, t, t + 1, in.q8); // stride 0: "row t" is this one
          if (floats_ && row != room) std::memcpy(room, row, width_ * sizeof(float));
        }
      }, kernels::sharing::runs);
    } else if (quantized_) {
      run.team.parallel_for(rows, grain_of_rows(rows, width_), [&](std::size_t begin, std::size_t end, unsigned) {
        kernels::quantize_rows(run.level, in.f32, width_, begin, end, in.q8);
      }, kernels::sharing::runs);
    }
    gate_ != nullptr ? multiply_gated(run, in, rows, reinterpret_cast<float*>(run.scratch + at.gated)) : multiply(run, in, rows);
  }

  work work_of(const step_run& run) const override {
    work sum;
    for (const target& target : targets_) {
      sum.bytes += target.weights->bytes();
      sum.multiply_adds += std::uint64_t{run.rows(source_.x)} * target.weights->n() * target.weights->k();
    }
    return sum;
  }

private:
  /// Offsets in scratch: quantised rows, then f32 rows (one a thread where all weights want them quantised), then gate and up of each thread.
  struct places {
    std::size_t rows, gated, bytes;
  };
  places layout(std::size_t rows) const {
    places at{};
    at.rows = quantized_ ? aligned(kernels::quantized_bytes(rows, width_)) : 0;
    const std::size_t made = source_.plain() ? 0 : floats_ ? rows : threads_;
    at.gated = at.rows + aligned(made * width_ * sizeof(float));
    at.bytes = at.gated + (gate_ != nullptr ? threads_ * 2 * std::min(rows, most_item_rows / 2) * gated_columns(0) * sizeof(float) : 0);
    return at;
  }

  void multiply(const step_run& run, const kernels::matmul_input& in, std::size_t rows) const {
    std::size_t tiles = 0, items = 0;
    for (const target& target : targets_) tiles += target.weights->tiles();
    const row_parts of_rows(rows, run.team.size());
    // About eight items a thread even out their speeds; larger items walk through weights in longer runs.
    const std::size_t item_tiles = std::clamp<std::size_t>(tiles * of_rows.count / (run.team.size() * 8), 1, 256);
    for (const target& target : targets_) items += parts_of(target, item_tiles);
    run.team.parallel_for(items * of_rows.count, 1, [&](std::size_t begin, std::size_t, unsigned) {
      std::size_t item = begin % items;
      const std::size_t t = begin / items * of_rows.rows, t_end = std::min(rows, t + of_rows.rows);
      for (const target& target : targets_) {
        const std::size_t parts = parts_of(target, item_tiles);
        if (item < parts) {
          const std::size_t item_columns = item_tiles * target.weights->tile_rows(), n = item * item_columns;
          const std::size_t width = target.weights->n(), n_end = std::min(width, n + item_columns);
          return columns(run, in, target, t, t_end, n, n_end, run.data[target.out], width);
        }
        item -= parts;
      }
    }, kernels::sharing::runs);
  }

  // `room`: of each thread for gate and up, [2][rows of an item][columns of an item].
  void multiply_gated(const step_run& run, const kernels::matmul_input& in, std::size_t rows, float* room) const {
    const row_parts of_rows(rows, run.team.size());
    const std::size_t item_rows = std::min(rows, of_rows.rows), item_columns = gated_columns(item_rows);
    const std::size_t width = targets_[0].weights->n(), parts = (width + item_columns - 1) / item_columns;
    run.team.parallel_for(parts * of_rows.count, 1, [&](std::size_t begin, std::size_t, unsigned worker) {
      const std::size_t t = begin / parts * item_rows, t_end = std::min(rows, t + item_rows);
      const std::size_t n = begin % parts * item_columns, n_end = std::min(width, n + item_columns);
      float* const both = room + worker * 2 * item_rows * item_columns;
      float* const side[] = {both, both + item_rows * item_columns};
      for (int i = 0; i < 2; ++i) // y is indexed by the same t and n: it begins where row 0 and column 0 would lie
        columns(run, in, targets_[i], t, t_end, n, n_end, side[i] - t * item_columns - n, item_columns);
      for (std::size_t r = t; r < t_end; ++r)
        gate_(run.level, side[0] + (r - t) * item_columns, side[1] + (r - t) * item_columns, run.data[gated_] + r * width + n, n_end - n);
    }, kernels::sharing::runs);
  }

  static std::size_t parts_of(const target& target, std::size_t item_tiles) {
    return (target.weights->tiles() + item_tiles - 1) / item_tiles;
  }

  // Rows [t, t_end) and columns [n, n_end) of one product, into y [T, ldy].
  static void columns(const step_run& run, const kernels::matmul_input& in, const target& target, std::size_t t, std::size_t t_end, std::size_t n,
                      std::size_t n_end, float* y, std::size_t ldy) {
    kernels::matmul(*target.weights, in, t, t_end, n, n_end, y, ldy);
    if (target.bias == nullptr) return;
    for (; t < t_end; ++t) kernels::add(run.level, y + t * ldy + n, target.bias + n, y + t * ldy + n, n_end - n);
  }

  row_source source_;
  std::size_t width_;
  bool of_outputs_;
  unsigned threads_;
  bool quantized_ = false, floats_ = false;
  std::vector<target> targets_;
  gate_function gate_ = nullptr;
  std::uint32_t gated_ = TK_NO_VALUE;
};

// Weight `at` and bias behind it, of a matmul of x.
void check_matrix(const op_view& op, const tk_value& x, std::uint32_t at) {
  check_weight(op, at, 2);
  const tk_value& weight = op.input(at);
  if (weight.dims[0] != x.dims[0])
    op.refuse(TK_INVALID_ARGUMENT, "weight " + quoted(weight.name) + " takes rows of " +
                                       std::to_string(weight.dims[0]) + ", but " + quoted(x.name) + " has " +
                                       std::to_string(x.dims[0]));
  if (!op.has_input(at + 1)) return;
  check_weight(op, at + 1, 1);
  if (op.input(at + 1).dims[0] != weight.dims[1])
    op.refuse(TK_INVALID_ARGUMENT, "bias " + quoted(op.input(at + 1).name) + " has " + std::to_string(op.input(at + 1).dims[0]) +
                                       " elements, expected " + std::to_string(weight.dims[1]));
}

void check_product(const op_view& op, const tk_value& x, const tk_value& out, std::uint64_t width) {
  if (out.kind != x.kind || out.dims[0] != width)
    op.refuse(TK_INVALID_ARGUMENT, quoted(out.name) + " must be of the input's kind and have width " + std::to_string(width));
}

target target_of(const op_view& op, std::uint32_t weight, std::uint32_t out, builder& to) {
  return {&to.store.packed(to.graph, op.input_id(weight)),
          op.has_input(weight + 1) ? to.store.vector(to.graph, op.input_id(weight + 1)) : nullptr, out};
}

void check(const op_view& op) {
  const tk_value& x = rows_input(op, 0);
  check_matrix(op, x, 1);
  check_product(op, x, op.output(0), op.input(1).dims[1]);
}

void make(const op_view& op, builder& to) {
  const target target = target_of(op, 1, op.output_id(0), to);
  // Values are written once, so an earlier matmul of the same input can do this one, too.
  for (const auto& earlier : to.operations) {
    auto* const same = dynamic_cast<matmul_op*>(earlier.get());
    if (same == nullptr || !same->multiplies(op.input_id(0))) continue;
    same->add(target);
    same->writes.push_back(target.out);
    return;
  }
  row_source source;
  source.x = op.input_id(0);
  auto made = std::make_unique<matmul_op>(source, op.input(0).dims[0], op.input(0).kind == TK_OUTPUT_ROWS, to.threads);
  made->add(target);
  to.add(op, std::move(made));
}

// Inputs of fused.matmul: x, optional residual, optional norm of x before their sum, optional norm, then weight and optional bias of each matrix.
enum fused_input : std::uint32_t { fused_x, fused_residual, fused_post, fused_norm, first_matrix };

bool is_gated(const op_view& op) { return op.has_attribute("activation"); }

void check_norm(const op_view& op, const tk_value& x, std::uint32_t at, const char* eps) {
  if (!op.has_input(at)) return;
  check_weight(op, at, 1);
  op.real(eps);
  if (op.input(at).dims[0] != x.dims[0])
    op.refuse(TK_INVALID_ARGUMENT, "norm " + quoted(op.input(at).name) + " must have the width of " + quoted(x.name));
}

void check_fused(const op_view& op) {
  const tk_value& x = rows_input(op, fused_x);
  const bool sums = op.has_input(fused_residual);
  if (sums) {
    same_shape(op, rows_input(op, fused_residual), x);
    same_shape(op, op.output(0), x);
  } else if (op.has_input(fused_post)) {
    op.refuse(TK_INVALID_ARGUMENT, "has a norm before the sum, but no residual");
  }
  check_norm(op, x, fused_post, "post_eps");
  check_norm(op, x, fused_norm, "eps");
  const std::uint32_t matrices = (op.op().n_inputs - std::min<std::uint32_t>(op.op().n_inputs, first_matrix)) / 2;
  if (matrices == 0 || op.op().n_inputs != first_matrix + 2 * matrices)
    op.refuse(TK_INVALID_ARGUMENT, "must have a weight and a place for its bias for each matrix, has " + std::to_string(op.op().n_inputs) + " inputs");
  const std::uint32_t products = is_gated(op) ? 1 : matrices;
  if (op.op().n_outputs != products + (sums ? 1 : 0))
    op.refuse(TK_INVALID_ARGUMENT, "has " + std::to_string(op.op().n_outputs) + " outputs, expected " + std::to_string(products + (sums ? 1 : 0)));
  for (std::uint32_t m = 0; m < matrices; ++m) {
    check_matrix(op, x, first_matrix + 2 * m);
    if (!is_gated(op)) check_product(op, x, op.output(m + (sums ? 1 : 0)), op.input(first_matrix + 2 * m).dims[1]);
  }
  if (!is_gated(op)) return;
  activation_of(op);
  if (matrices != 2 || op.input(first_matrix).dims[1] != op.input(first_matrix + 2).dims[1])
    op.refuse(TK_INVALID_ARGUMENT, "with an activation it must have two matrices of one width");
  check_product(op, x, op.output(sums ? 1 : 0), op.input(first_matrix).dims[1]);
}

norm norm_of(const op_view& op, std::uint32_t at, const char* eps, const char* offset, builder& to) {
  if (!op.has_input(at)) return {};
  return {to.store.vector(to.graph, op.input_id(at), op.real(offset, 0)), static_cast<float>(op.real(eps))};
}

void make_fused(const op_view& op, builder& to) {
  row_source source;
  source.x = op.input_id(fused_x);
  const bool sums = op.has_input(fused_residual);
  if (sums) {
    source.residual = op.input_id(fused_residual);
    source.sum = op.output_id(0);
  }
  source.post = norm_of(op, fused_post, "post_eps", "post_weight_offset", to);
  source.main = norm_of(op, fused_norm, "eps", "weight_offset", to);
  auto made = std::make_unique<matmul_op>(source, op.input(fused_x).dims[0], op.input(fused_x).kind == TK_OUTPUT_ROWS, to.threads);
  for (std::uint32_t i = first_matrix, out = sums ? 1 : 0; i < op.op().n_inputs; i += 2, ++out)
    made->add(target_of(op, i, is_gated(op) ? TK_NO_VALUE : op.output_id(out), to));
  if (is_gated(op)) made->gate(activation_of(op), op.output_id(sums ? 1 : 0));
  to.add(op, std::move(made));
}

} // namespace

const op_support matmul_support{"tokamak.matmul", check, make, [](const op_view&) { return std::vector<std::uint32_t>{1}; }};
const op_support fused_matmul_support{"fused.matmul", check_fused, make_fused, [](const op_view& op) {
  std::vector<std::uint32_t> matrices;
  for (std::uint32_t i = first_matrix; i < op.op().n_inputs; i += 2) matrices.push_back(i);
  return matrices;
}};

} // namespace tokamak::cpu
