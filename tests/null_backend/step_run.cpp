// The order of a step, and the ops that work row by row.
#include "null_backend/step_run.hpp"

#include "null_backend/step_check.hpp"

#include <cmath>
#include <numbers>

namespace tokamak::test {

namespace {

double silu_of(double x) { return x / (1 + std::exp(-x)); }

/// The tanh form (Hendrycks & Gimpel 2016).
double gelu_of(double x) {
  return 0.5 * x * (1 + std::tanh(std::sqrt(2 / std::numbers::pi) * (x + 0.044715 * x * x * x)));
}

} // namespace

const std::map<std::string_view, step_run::compute>& step_run::computes() {
  static const std::map<std::string_view, compute> table = {
      {"tokamak.embed", &step_run::embed},         {"tokamak.rms_norm", &step_run::rms_norm},
      {"tokamak.matmul", &step_run::matmul},       {"tokamak.rope", &step_run::rope},
      {"tokamak.kv_write", &step_run::kv_write},   {"tokamak.attention", &step_run::attention},
      {"tokamak.add", &step_run::add},             {"tokamak.mul", &step_run::mul},
      {"tokamak.scale", &step_run::scale},         {"tokamak.softcap", &step_run::softcap},
      {"tokamak.silu", &step_run::silu},           {"tokamak.gelu", &step_run::gelu},
      {"tokamak.glu", &step_run::glu},             {"tokamak.take_outputs", &step_run::take_outputs},
      {"tokamak.decay_scan", &step_run::decay_scan}};
  return table;
}

bool step_run::knows(std::string_view op_name) { return computes().contains(op_name); }

step_run::step_run(const program& p, paged_cache* cache, const tk_step& step)
    : p_(p), cache_(cache), step_(step), sequence_of_(sequences_of_rows(step)), values_(p.values.size()) {}

void step_run::run() {
  for (std::uint32_t i = 0; i < values_.size(); ++i)
    if (p_.values[i].kind != TK_WEIGHT)
      values_[i].assign(rows_of(i) * width(i), 0.0F);
  cache_ops(0);
  read_inputs();
  for (const auto& op : p_.ops)
    if (op->kernel != nullptr)
      with_kernel(*op);
    else
      (this->*computes().at(op->name()))(*op);
  write_outputs();
  cache_ops(1);
}

void step_run::cache_ops(std::uint32_t after) {
  for (std::uint32_t i = 0; i < step_.n_cache_ops; ++i)
    if (step_.cache_ops[i].after == after)
      cache_->apply(step_.cache_ops[i]);
}

void step_run::read_inputs() {
  for (std::uint32_t i = 0; i < step_.n_bindings; ++i) {
    const auto& b = step_.bindings[i];
    if ((p_.values[b.value].flags & TK_VALUE_INPUT) != 0)
      static_cast<const memory*>(b.buffer)->read(b.offset, values_[b.value].data(), values_[b.value].size() * 4);
  }
}

void step_run::write_outputs() {
  for (std::uint32_t i = 0; i < step_.n_bindings; ++i) {
    const auto& b = step_.bindings[i];
    if ((p_.values[b.value].flags & TK_VALUE_OUTPUT) != 0)
      static_cast<memory*>(b.buffer)->write(b.offset, values_[b.value].data(), values_[b.value].size() * 4);
  }
}

std::uint64_t step_run::rows_of(std::uint32_t value) const {
  return p_.values[value].kind == TK_ROWS ? step_.n_rows : step_.n_outputs;
}

void step_run::embed(const program_op& op) {
  const auto& table = p_.values[op.inputs()[0]];
  const auto factor = op.real("scale", 1);
  for (std::uint32_t r = 0; r < step_.n_rows; ++r) {
    auto* out = row(op.outputs()[0], r);
    const auto token = step_.tokens[r];
    if (token < 0) { // a given embedding is taken as it is
      const auto bytes = table.width * 4;
      static_cast<const memory*>(step_.embeddings)->read(static_cast<std::uint64_t>(-1 - token) * bytes, out, bytes);
      continue;
    }
    if (static_cast<std::uint64_t>(token) * table.width >= table.elements)
      refuse("row {} has token {}, expected 0 to {}", r, token, table.elements / table.width - 1);
    for (std::uint64_t i = 0; i < table.width; ++i)
      out[i] = static_cast<float>(table.weight[static_cast<std::uint64_t>(token) * table.width + i] * factor);
  }
}

void step_run::rms_norm(const program_op& op) {
  const auto x = op.inputs()[0], y = op.outputs()[0];
  const auto& weight = p_.values[op.inputs()[1]].weight;
  const auto offset = op.real("weight_offset", 0);
  const auto group = weight.size();
  for (std::uint64_t r = 0; r < rows_of(x); ++r)
    for (std::uint64_t begin = 0; begin < width(x); begin += group) {
      double squares = 0;
      for (std::size_t i = 0; i < group; ++i)
        squares += double{row(x, r)[begin + i]} * row(x, r)[begin + i];
      const double factor = 1 / std::sqrt(squares / static_cast<double>(group) + op.real("eps"));
      for (std::size_t i = 0; i < group; ++i)
        row(y, r)[begin + i] = static_cast<float>(row(x, r)[begin + i] * factor * (weight[i] + offset));
    }
}

void step_run::matmul(const program_op& op) {
  const auto x = op.inputs()[0], y = op.outputs()[0];
  const auto& weight = p_.values[op.inputs()[1]].weight; // [N][K]
  const auto bias = op.inputs()[2];
  const auto K = width(x), N = width(y);
  for (std::uint64_t r = 0; r < rows_of(x); ++r)
    for (std::uint64_t n = 0; n < N; ++n) {
      double lanes[4] = {};
      for (std::uint64_t k = 0; k < K; ++k)
        lanes[k % 4] += double{row(x, r)[k]} * weight[n * K + k];
      const double sum = (lanes[0] + lanes[1]) + (lanes[2] + lanes[3]);
      row(y, r)[n] = static_cast<float>(sum + (bias == TK_NO_VALUE ? 0.0 : p_.values[bias].weight[n]));
    }
}

template <class Function>
void step_run::each(const program_op& op, Function f) {
  const auto& x = values_[op.inputs()[0]];
  auto& y = values_[op.outputs()[0]];
  for (std::size_t i = 0; i < y.size(); ++i)
    y[i] = static_cast<float>(f(double{x[i]}, i));
}

void step_run::add(const program_op& op) {
  each(op, [&](double x, std::size_t i) { return x + values_[op.inputs()[1]][i]; });
}

void step_run::mul(const program_op& op) {
  each(op, [&](double x, std::size_t i) { return x * values_[op.inputs()[1]][i]; });
}

void step_run::scale(const program_op& op) {
  each(op, [factor = op.real("factor")](double x, std::size_t) { return x * factor; });
}

void step_run::softcap(const program_op& op) {
  each(op, [cap = op.real("cap")](double x, std::size_t) { return cap * std::tanh(x / cap); });
}

void step_run::silu(const program_op& op) {
  each(op, [](double x, std::size_t) { return silu_of(x); });
}

void step_run::gelu(const program_op& op) {
  each(op, [](double x, std::size_t) { return gelu_of(x); });
}

void step_run::glu(const program_op& op) {
  const bool silu = op.text("activation") == "silu";
  each(op, [&](double gate, std::size_t i) {
    return (silu ? silu_of(gate) : gelu_of(gate)) * values_[op.inputs()[1]][i];
  });
}

void step_run::take_outputs(const program_op& op) {
  const auto x = op.inputs()[0], y = op.outputs()[0];
  for (std::uint32_t o = 0; o < step_.n_outputs; ++o)
    std::copy_n(row(x, step_.output_rows[o]), width(x), row(y, o));
}

void step_run::with_kernel(const program_op& op) {
  std::vector<const float*> inputs;
  std::vector<const void*> weights;
  std::vector<std::uint64_t> input_widths, output_widths;
  std::vector<float*> outputs;
  std::uint64_t rows = step_.n_rows;
  for (const auto id : op.inputs()) {
    const bool absent = id == TK_NO_VALUE;
    const bool weight = !absent && p_.values[id].kind == TK_WEIGHT;
    inputs.push_back(absent || weight ? nullptr : values_[id].data());
    weights.push_back(weight ? p_.values[id].raw : nullptr);
    input_widths.push_back(absent ? 0 : width(id));
  }
  for (const auto id : op.outputs()) {
    outputs.push_back(values_[id].data());
    output_widths.push_back(width(id));
    rows = rows_of(id);
  }
  const bool of_outputs = !op.outputs().empty() && p_.values[op.outputs()[0]].kind == TK_OUTPUT_ROWS;
  std::vector<std::uint32_t> positions;
  for (std::uint64_t r = 0; r < rows; ++r)
    positions.push_back(step_.positions[of_outputs ? step_.output_rows[r] : r]);
  for (std::uint32_t r = 0; r < rows; ++r) { // one row a call: a kernel must not care how rows are split
    const tk_kernel_args args{sizeof(tk_kernel_args), static_cast<std::uint32_t>(inputs.size()),
                              static_cast<std::uint32_t>(outputs.size()), inputs.data(), weights.data(),
                              input_widths.data(), outputs.data(), output_widths.data(), r, r + 1, positions.data(),
                              &op.abi()};
    op.kernel(&args);
  }
}

} // namespace tokamak::test
