// Ops from outside with a kernel, and what a backend that lacks it says.
#include "unit/null_backend/op_bench.hpp"

using namespace tokamak;
using namespace tokamak::test;

namespace {

/// y = x * w + bias attribute + position, row by row.
void affine(const tk_kernel_args* args) {
  const auto* weight = static_cast<const float*>(args->weights[1]);
  for (auto r = args->row_begin; r < args->row_end; ++r)
    for (std::uint64_t i = 0; i < args->output_widths[0]; ++i)
      args->outputs[0][r * args->output_widths[0] + i] =
          args->inputs[0][r * args->input_widths[0] + i] * weight[i] +
          static_cast<float>(args->op->attributes[0].real + args->positions[r]);
}

const tk_kernel affine_kernel{sizeof(tk_kernel), {"acme.affine", 11}, 2, "reference", affine};

op_bench with_affine(std::uint32_t version) {
  op_bench b;
  const auto x = b.input("x", 2), w = b.weight("w", {2}, {10, 100}), y = b.g.add_rows("y", 2);
  b.g.add_op({"acme.affine", version, {x, w}, {y}, {{"bias", 0.5}}, 0});
  b.output(y);
  return b;
}

} // namespace

TEST_CASE("an op with a kernel runs in the reference backend") {
  auto b = with_affine(2);
  backend_instance backend(reference_backend());
  const auto session = b.start(backend, {&affine_kernel, 1});
  session->set_input("x", {1, 2, 3, 4});
  auto step = plain_rows(2);
  CHECK(session->run(step).at("y") == std::vector<float>{10.5F, 200.5F, 31.5F, 401.5F});
}

TEST_CASE("without the kernel, with another version or on a device the op is not supported") {
  auto b = with_affine(2);
  const auto view = b.g.view();
  backend_instance here(reference_backend()), device(fake_device_backend()), null(null_backend());
  const auto supports = [&](const backend_instance& backend, std::size_t kernels) {
    return backend.table().supports(backend.self(), &view, 0, &affine_kernel, kernels);
  };
  CHECK(supports(here, 1) == 1);
  CHECK(supports(here, 0) == 0);
  CHECK(supports(device, 1) == 0);
  CHECK(supports(null, 0) == 1);
  CHECK_THROWS_WITH_AS(b.start(here), "op 0 (acme.affine) version 2 cannot run here", failure);
  auto newer = with_affine(3);
  CHECK_THROWS_WITH_AS(newer.start(here, {&affine_kernel, 1}), "op 0 (acme.affine) version 3 cannot run here", failure);
}

TEST_CASE("collectives and unknown weight formats are not for a backend") {
  op_bench b;
  b.output(b.op.all_reduce("y", b.input("x", 2)));
  backend_instance backend(reference_backend());
  CHECK_THROWS_WITH_AS(b.start(backend), "op 0 (tokamak.all_reduce) version 1 cannot run here", failure);
  op_bench k;
  k.output(k.op.matmul("y", k.input("x", 256), k.g.add_weight("w", 12, {256, 1})));
  CHECK_THROWS_WITH_AS(k.start(backend), "op 0 (tokamak.matmul) version 1 cannot run here", failure);
}

TEST_CASE("weights must be given whole") {
  op_bench b;
  b.output(b.op.matmul("y", b.input("x", 2), b.g.add_weight("w", TK_F32, {2, 2})));
  backend_instance backend(reference_backend());
  CHECK_THROWS_WITH_AS(b.start(backend), "weight 'w' is not given", failure);
  op_bench shorter;
  shorter.output(shorter.op.matmul("y", shorter.input("x", 2), shorter.weight("w", {2, 2}, {1, 2, 3})));
  CHECK_THROWS_WITH_AS(shorter.start(backend), "weight 'w' has 12 bytes, expected 16", failure);
}
