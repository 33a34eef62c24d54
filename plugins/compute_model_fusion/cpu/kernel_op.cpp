// Ops that a kernels plugin implements: its function is called for ranges of rows.
#include "builder.hpp"

#include <tokamak/sdk/failure.hpp>

#include <cstring>

namespace tokamak::cpu {

namespace {

/// The op with all it points to, since the graph view ends with program_create.
class kept_op {
public:
  explicit kept_op(const tk_op& from) : op_(from) {
    name_.assign(from.name.data, from.name.size);
    inputs_.assign(from.inputs, from.inputs + from.n_inputs);
    outputs_.assign(from.outputs, from.outputs + from.n_outputs);
    attributes_.assign(from.attributes, from.attributes + from.n_attributes);
    texts_.reserve(2 * attributes_.size());
    reals_.reserve(attributes_.size());
    for (tk_attribute& attribute : attributes_) {
      attribute.name = keep(attribute.name);
      attribute.string = keep(attribute.string);
      if (attribute.type == TK_ARRAY)
        attribute.reals = reals_.emplace_back(attribute.reals, attribute.reals + attribute.n_reals).data();
    }
    op_.name = sdk::to_tk(name_);
    op_.inputs = inputs_.data();
    op_.outputs = outputs_.data();
    op_.attributes = attributes_.data();
  }
  kept_op(const kept_op&) = delete;
  kept_op& operator=(const kept_op&) = delete;
  const tk_op& get() const { return op_; }

private:
  tk_string keep(tk_string text) {
    return sdk::to_tk(texts_.emplace_back(text.data == nullptr ? "" : text.data, text.size));
  }

  tk_op op_;
  std::string name_;
  std::vector<std::uint32_t> inputs_, outputs_;
  std::vector<tk_attribute> attributes_;
  std::vector<std::string> texts_;
  std::vector<std::vector<double>> reals_;
};

class kernel_op final : public operation {
public:
  kernel_op(const op_view& op, const tk_kernel& kernel, builder& to) : op_(op.op()), compute_(kernel.compute) {
    for (std::uint32_t i = 0; i < op.op().n_inputs; ++i) {
      const bool given = op.has_input(i), weight = given && op.input(i).kind == TK_WEIGHT;
      weights_.push_back(weight ? to.store.raw(op.graph(), op.input_id(i)) : nullptr);
      inputs_.push_back(given && !weight ? op.input_id(i) : TK_NO_VALUE);
      input_widths_.push_back(given ? op.input(i).dims[0] : 0);
    }
    for (std::uint32_t i = 0; i < op.op().n_outputs; ++i) {
      outputs_.push_back(op.output_id(i));
      output_widths_.push_back(op.output(i).dims[0]);
    }
    input_data_.resize(inputs_.size());
    output_data_.resize(outputs_.size());
  }

  void run(const step_run& run) override {
    const std::size_t rows = run.rows(outputs_[0]);
    for (std::size_t i = 0; i < inputs_.size(); ++i)
      input_data_[i] = inputs_[i] == TK_NO_VALUE ? nullptr : run.data[inputs_[i]];
    for (std::size_t i = 0; i < outputs_.size(); ++i) output_data_[i] = run.data[outputs_[i]];
    const std::uint32_t* positions = run.step.positions;
    if (run.values[outputs_[0]].kind == TK_OUTPUT_ROWS && positions != nullptr) {
      auto* const taken = reinterpret_cast<std::uint32_t*>(run.scratch);
      for (std::size_t i = 0; i < rows; ++i) taken[i] = positions[run.step.output_rows[i]];
      positions = taken;
    }
    run.team.parallel_for(rows, grain_of(output_widths_[0] * 4), [&](std::size_t begin, std::size_t end, unsigned) {
      tk_kernel_args args{};
      args.size = sizeof args;
      args.n_inputs = static_cast<std::uint32_t>(inputs_.size());
      args.n_outputs = static_cast<std::uint32_t>(outputs_.size());
      args.inputs = input_data_.data();
      args.weights = weights_.data();
      args.input_widths = input_widths_.data();
      args.outputs = output_data_.data();
      args.output_widths = output_widths_.data();
      args.row_begin = static_cast<std::uint32_t>(begin);
      args.row_end = static_cast<std::uint32_t>(end);
      args.positions = positions;
      args.op = &op_.get();
      compute_(&args);
    });
  }

  std::size_t scratch_bytes(std::size_t, std::size_t outputs) const override { return outputs * sizeof(std::uint32_t); }

private:
  kept_op op_;
  void (*compute_)(const tk_kernel_args*);
  std::vector<const void*> weights_;
  std::vector<std::uint32_t> inputs_, outputs_;
  std::vector<std::uint64_t> input_widths_, output_widths_;
  std::vector<const float*> input_data_;
  std::vector<float*> output_data_;
};

} // namespace

const tk_kernel* find_kernel(std::span<const tk_kernel> kernels, const tk_op& op, kernels::cpu_level level) {
  const tk_kernel* best = nullptr;
  auto best_level = kernels::cpu_level::reference;
  for (const tk_kernel& kernel : kernels) {
    if (sdk::view(kernel.op_name) != sdk::view(op.name) || kernel.op_version != op.version) continue;
    for (const auto wanted : {kernels::cpu_level::reference, kernels::cpu_level::avx2, kernels::cpu_level::avx512}) {
      if (std::strcmp(kernel.cpu_level, kernels::level_name(wanted)) != 0 || wanted > level) continue;
      if (best == nullptr || wanted > best_level) {
        best = &kernel;
        best_level = wanted;
      }
    }
  }
  return best;
}

void check_kernel_op(const op_view& op) {
  if (op.op().n_outputs == 0) op.refuse(TK_UNSUPPORTED, "has no output that a kernel could write");
  const tk_value_kind kind = op.output(0).kind;
  for (std::uint32_t i = 0; i < op.op().n_outputs; ++i)
    if (op.output(i).kind != kind) op.refuse(TK_UNSUPPORTED, "its outputs are of different kinds");
  for (std::uint32_t i = 0; i < op.op().n_inputs; ++i)
    if (op.has_input(i) && op.input(i).kind != TK_WEIGHT && op.input(i).kind != kind)
      op.refuse(TK_UNSUPPORTED, quoted(op.input(i).name) + " is not of its output's kind");
}

void make_kernel_op(const op_view& op, const tk_kernel& kernel, builder& to) {
  to.add(op, std::make_unique<kernel_op>(op, kernel, to));
}

} // namespace tokamak::cpu
