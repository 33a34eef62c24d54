// Ops that treat each value on its own: add, mul, scale, softcap, silu, gelu and glu.
#include "builder.hpp"

#include "tokamak/kernels/elementwise.hpp"

namespace tokamak::cpu {

namespace {

// Runs fn(begin, end) over the value's floats, in parts.
template <class Fn>
void each_float(const step_run& run, std::uint32_t value, Fn&& fn) {
  run.team.parallel_for(run.rows(value) * run.width(value), 16384,
                        [&](std::size_t begin, std::size_t end, unsigned) { fn(begin, end); });
}

/// out = kernel(level, x, n), with a number.
class unary_op final : public operation {
public:
  using kernel = void (*)(kernels::cpu_level, const float* x, float number, float* out, std::size_t n);
  unary_op(kernel kernel, std::uint32_t x, std::uint32_t out, double number)
      : kernel_(kernel), x_(x), out_(out), number_(static_cast<float>(number)) {}

  void run(const step_run& run) override {
    each_float(run, x_, [&](std::size_t begin, std::size_t end) {
      kernel_(run.level, run.data[x_] + begin, number_, run.data[out_] + begin, end - begin);
    });
  }

private:
  kernel kernel_;
  std::uint32_t x_, out_;
  float number_;
};

class binary_op final : public operation {
public:
  using kernel = void (*)(kernels::cpu_level, const float* x, const float* y, float* out, std::size_t n);
  binary_op(kernel kernel, std::uint32_t x, std::uint32_t y, std::uint32_t out)
      : kernel_(kernel), x_(x), y_(y), out_(out) {}

  void run(const step_run& run) override {
    each_float(run, x_, [&](std::size_t begin, std::size_t end) {
      kernel_(run.level, run.data[x_] + begin, run.data[y_] + begin, run.data[out_] + begin, end - begin);
    });
  }

private:
  kernel kernel_;
  std::uint32_t x_, y_, out_;
};

void check_unary(const op_view& op) { same_shape(op, op.output(0), rows_input(op, 0)); }

void check_factor(const op_view& op) {
  check_unary(op);
  op.real("factor");
}

void check_cap(const op_view& op) {
  check_unary(op);
  if (!(op.real("cap") > 0)) op.refuse(TK_INVALID_ARGUMENT, "attribute 'cap' must be above 0");
}

void check_binary(const op_view& op) {
  check_unary(op);
  same_shape(op, rows_input(op, 1), op.input(0));
}

void check_glu(const op_view& op) {
  check_binary(op);
  activation_of(op);
}

void add_unary(const op_view& op, builder& to, unary_op::kernel kernel, double number) {
  to.add(op, std::make_unique<unary_op>(kernel, op.input_id(0), op.output_id(0), number));
}

void add_binary(const op_view& op, builder& to, binary_op::kernel kernel) {
  to.add(op, std::make_unique<binary_op>(kernel, op.input_id(0), op.input_id(1), op.output_id(0)));
}

void make_scale(const op_view& op, builder& to) { add_unary(op, to, kernels::scale, op.real("factor")); }
void make_softcap(const op_view& op, builder& to) { add_unary(op, to, kernels::soft_cap, op.real("cap")); }
void make_add(const op_view& op, builder& to) { add_binary(op, to, kernels::add); }
void make_mul(const op_view& op, builder& to) { add_binary(op, to, kernels::mul); }

void make_silu(const op_view& op, builder& to) {
  add_unary(
      op, to,
      [](kernels::cpu_level level, const float* x, float, float* out, std::size_t n) {
        kernels::silu(level, x, out, n);
      },
      0);
}

void make_gelu(const op_view& op, builder& to) {
  add_unary(
      op, to,
      [](kernels::cpu_level level, const float* x, float, float* out, std::size_t n) {
        kernels::gelu(level, x, out, n);
      },
      0);
}

void make_glu(const op_view& op, builder& to) { add_binary(op, to, activation_of(op)); }

} // namespace

gate_function activation_of(const op_view& op) {
  const auto name = op.text("activation");
  if (name == "silu") return kernels::silu_mul;
  if (name == "gelu") return kernels::gelu_mul;
  op.refuse(TK_UNSUPPORTED, "activation '" + std::string(name) + "', known: silu, gelu");
}

const op_support add_support{"tokamak.add", check_binary, make_add};
const op_support mul_support{"tokamak.mul", check_binary, make_mul};
const op_support scale_support{"tokamak.scale", check_factor, make_scale};
const op_support softcap_support{"tokamak.softcap", check_cap, make_softcap};
const op_support silu_support{"tokamak.silu", check_unary, make_silu};
const op_support gelu_support{"tokamak.gelu", check_unary, make_gelu};
const op_support glu_support{"tokamak.glu", check_glu, make_glu};

} // namespace tokamak::cpu
