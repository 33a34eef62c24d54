// Taking a graph over from the host.
#include "null_backend/program.hpp"

#include "null_backend/number_formats.hpp"
#include "null_backend/step_run.hpp"

namespace tokamak::test {

namespace {

const tk_kernel* find_kernel(const tk_op& op, std::span<const tk_kernel> kernels) {
  for (const auto& kernel : kernels)
    if (text_of(kernel.op_name) == text_of(op.name) && kernel.op_version == op.version &&
        std::string_view(kernel.cpu_level) == "reference")
      return &kernel;
  return nullptr;
}

std::uint64_t elements_of(const tk_value& value) {
  std::uint64_t n = 1;
  for (std::uint32_t i = 0; i < value.n_dims; ++i)
    n *= value.dims[i];
  return n;
}

void take_weight(program_value& value, const tk_weight& weight) {
  const auto needed = bytes_of_format(value.format, value.elements);
  if (needed == 0)
    refuse("weight '{}' has format {} and {} elements, which this backend cannot read", value.name, value.format,
           value.elements);
  if (weight.bytes < needed)
    refuse("weight '{}' has {} bytes, expected {}", value.name, weight.bytes, needed);
  value.raw = weight.data;
  value.weight = dequantize(value.format, weight.data, value.elements);
}

} // namespace

program_op::program_op(const tk_op& from)
    : name_(text_of(from.name)), inputs_(from.inputs, from.inputs + from.n_inputs),
      outputs_(from.outputs, from.outputs + from.n_outputs) {
  for (std::uint32_t i = 0; i < from.n_attributes; ++i) {
    const auto& a = from.attributes[i];
    auto kept = std::make_unique<attribute_memory>();
    kept->name = text_of(a.name);
    if (a.type == TK_STRING)
      kept->text = text_of(a.string);
    if (a.type == TK_ARRAY)
      kept->reals.assign(a.reals, a.reals + a.n_reals);
    tk_attribute copy = a;
    copy.name = {kept->name.data(), kept->name.size()};
    copy.string = {kept->text.data(), kept->text.size()};
    copy.reals = kept->reals.data();
    attributes_.push_back(copy);
    memory_.push_back(std::move(kept));
  }
  abi_ = {{name_.data(), name_.size()}, from.version,     from.n_inputs,    from.n_outputs,
          from.n_attributes,            inputs_.data(), outputs_.data(), attributes_.data()};
}

const tk_attribute* program_op::find(std::string_view attribute) const {
  for (const auto& a : attributes_)
    if (text_of(a.name) == attribute)
      return &a;
  return nullptr;
}

std::int64_t program_op::integer(std::string_view attribute, std::int64_t fallback) const {
  const auto* a = find(attribute);
  return a != nullptr ? a->integer : fallback;
}

double program_op::real(std::string_view attribute, double fallback) const {
  const auto* a = find(attribute);
  return a != nullptr ? a->real : fallback;
}

std::string_view program_op::text(std::string_view attribute) const {
  const auto* a = find(attribute);
  return a != nullptr ? text_of(a->string) : std::string_view();
}

bool can_run(const tk_graph_view& graph, std::uint32_t op, std::span<const tk_kernel> kernels) {
  const auto& o = graph.ops[op];
  if (find_kernel(o, kernels) != nullptr)
    return true;
  if (o.version != 1 || !step_run::knows(text_of(o.name)))
    return false;
  for (std::uint32_t i = 0; i < o.n_inputs; ++i)
    if (o.inputs[i] != TK_NO_VALUE && graph.values[o.inputs[i]].kind == TK_WEIGHT &&
        !known_format(graph.values[o.inputs[i]].format))
      return false;
  return true;
}

std::unique_ptr<program> make_program(const tk_graph_view& graph, std::span<const tk_weight> weights,
                                      std::span<const tk_kernel> kernels) {
  auto made = std::make_unique<program>();
  made->n_groups = graph.n_groups;
  for (std::size_t i = 0; i < graph.n_values; ++i) {
    const auto& from = graph.values[i];
    made->values.push_back({std::string(text_of(from.name)), from.kind, from.format, from.flags, from.dims[0],
                            elements_of(from), {}, nullptr});
  }
  for (const auto& weight : weights) {
    if (weight.value >= graph.n_values || graph.values[weight.value].kind != TK_WEIGHT)
      refuse("a weight is given for value {}, which is none", weight.value);
    take_weight(made->values[weight.value], weight);
  }
  for (std::uint32_t i = 0; i < graph.n_ops; ++i) {
    const auto& op = graph.ops[i];
    if (!can_run(graph, i, kernels))
      refuse("op {} ({}) version {} cannot run here", i, text_of(op.name), op.version);
    for (std::uint32_t j = 0; j < op.n_inputs; ++j)
      if (op.inputs[j] != TK_NO_VALUE && graph.values[op.inputs[j]].kind == TK_WEIGHT &&
          made->values[op.inputs[j]].raw == nullptr)
        refuse("weight '{}' is not given", made->values[op.inputs[j]].name);
    made->ops.push_back(std::make_unique<program_op>(op));
    if (const auto* kernel = find_kernel(op, kernels)) made->ops.back()->kernel = kernel->compute;
  }
  return made;
}

} // namespace tokamak::test
