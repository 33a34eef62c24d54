// Ops of third parties, run by the kernels they bring.
#include "tiny_model.hpp"

#include <atomic>

using namespace cpu_test;

namespace {

std::atomic<int> calls{0};

// out = x * table[position % n] + attribute "shift" + the first of attribute "extra"
void shift_rows(const tk_kernel_args* args) {
  ++calls;
  double shift = 0, extra = 0;
  for (std::uint32_t i = 0; i < args->op->n_attributes; ++i) {
    const tk_attribute& attribute = args->op->attributes[i];
    const std::string name(attribute.name.data, attribute.name.size);
    if (name == "shift") shift = attribute.real;
    if (name == "extra") extra = attribute.reals[0];
  }
  const auto* table = static_cast<const float*>(args->weights[1]);
  for (std::uint32_t t = args->row_begin; t < args->row_end; ++t)
    for (std::uint64_t i = 0; i < args->output_widths[0]; ++i)
      args->outputs[0][t * args->output_widths[0] + i] =
          args->inputs[0][t * args->input_widths[0] + i] * table[args->positions[t] % args->input_widths[1]] +
          static_cast<float>(shift + extra);
}

tk_kernel kernel(const char* name, const char* level, std::uint32_t version = 1) {
  return {sizeof(tk_kernel), {name, std::strlen(name)}, version, level, shift_rows};
}

/// "acme.shift" on rows, or on output rows.
model shifted(bool of_outputs) {
  model m;
  const auto table = m.weight("table", TK_F32, 3);
  const auto x = m.graph.add_rows("x", 1000, TK_VALUE_INPUT);
  primitive_ops op(m.graph);
  const auto from = of_outputs ? op.take_outputs("taken", x) : x;
  const auto out = of_outputs ? m.graph.add_output_rows("out", 1000, TK_VALUE_OUTPUT)
                              : m.graph.add_rows("out", 1000, TK_VALUE_OUTPUT);
  m.graph.add_op(
      {"acme.shift", 1, {from, table, no_value}, {out}, {{"shift", 0.5}, {"extra", std::vector<double>{0.25, 9}}}, 0});
  REQUIRE(m.graph.validate());
  return m;
}

} // namespace

TEST_CASE("a third party's op runs with its kernel on ranges of rows, positions and attributes at hand") {
  for (const bool of_outputs : {false, true}) {
    const model m = shifted(of_outputs);
    backend on(levels().back(), 2);
    const auto ready =
        make_program(on, m, nullptr, {kernel("acme.other", "reference"), kernel("acme.shift", "reference")});
    const std::uint32_t rows = 50;
    buffer in(on, rows * 4000), out(on, rows * 4000);
    for (std::uint32_t i = 0; i < rows * 1000; ++i) in.data()[i] = static_cast<float>(i);
    step s({{std::vector<std::int32_t>(rows, 0), 7, {}, {}, {}, {}}}, 0);
    s.output_rows = {4, 48};
    s.bindings = {{m.graph.find_value("x"), in.get(), 0}, {m.graph.find_value("out"), out.get(), 0}};
    calls = 0;
    REQUIRE(submit(on, *ready, nullptr, s.get()) == "");
    CHECK(calls > 0);
    const auto table = m.values(0);
    for (std::uint32_t i = 0; i < (of_outputs ? 2 : rows); ++i) {
      const std::uint32_t row = of_outputs ? s.output_rows[i] : i;
      for (std::uint32_t c = 0; c < 1000; c += 37)
        CHECK(out.data()[i * 1000 + c] == static_cast<float>(row * 1000 + c) * table[(7 + row) % 3] + 0.75f);
    }
  }
}

TEST_CASE("without a kernel, or with one for another version or a higher level only, the op is not supported") {
  const model m = shifted(false);
  const tk_graph_view view = m.graph.view();
  backend on("reference");
  const auto supported = [&](const std::vector<tk_kernel>& kernels) {
    return backend::table()->supports(on.self(), &view, 0, kernels.data(), kernels.size()) == 1;
  };
  CHECK(supported({kernel("acme.shift", "reference")}));
  CHECK(!supported({}));
  CHECK(!supported(
      {kernel("acme.shift", "avx2"), kernel("acme.shift", "reference", 2), kernel("acme.shif", "reference")}));
  CHECK(!supported({kernel("acme.shift", "sse")}));
  std::string error;
  make_program(on, m, &error);
  CHECK(error == "4: op 0 (acme.shift): version 1 is not known to the cpu backend, and no kernel for it is given");
}
