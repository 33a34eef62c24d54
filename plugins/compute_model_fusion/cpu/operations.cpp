// The table of known ops, and what their makers share.
#include "builder.hpp"

#include <tokamak/sdk/failure.hpp>

#include <algorithm>

namespace tokamak::cpu {

namespace {

const op_support* const known[] = {&matmul_support,       &embed_support,     &rms_norm_support,  &rope_support,
                                   &take_outputs_support, &add_support,       &mul_support,       &scale_support,
                                   &softcap_support,      &silu_support,      &gelu_support,      &glu_support,
                                   &kv_write_support,     &attention_support, &decay_scan_support, &fused_matmul_support,
                                   &fused_attention_support};

const op_support* find_known(const op_view& op) {
  if (op.op().version != 1) return nullptr;
  for (const op_support* support : known)
    if (support->name == op.name()) return support;
  return nullptr;
}

} // namespace

std::uint32_t builder::rope(rope_table table) {
  for (std::uint32_t i = 0; i < ropes.size(); ++i)
    if (ropes[i].same_settings(table)) return i;
  ropes.push_back(std::move(table));
  return static_cast<std::uint32_t>(ropes.size() - 1);
}

std::uint32_t builder::plan(const attention_plan& plan) {
  for (std::uint32_t i = 0; i < plans.size(); ++i)
    if (plans[i].same_shape(plan)) return i;
  plans.push_back(plan);
  return static_cast<std::uint32_t>(plans.size() - 1);
}

void builder::add(const op_view& op, std::unique_ptr<operation> operation) {
  constexpr std::string_view ours = "tokamak.";
  operation->kind = op.name().starts_with(ours) ? op.name().substr(ours.size()) : op.name();
  for (std::uint32_t i = 0; i < op.op().n_inputs; ++i)
    if (op.has_input(i) && op.input(i).kind != TK_WEIGHT) operation->reads.push_back(op.input_id(i));
  for (std::uint32_t i = 0; i < op.op().n_outputs; ++i) operation->writes.push_back(op.output_id(i));
  operations.push_back(std::move(operation));
}

const tk_value& rows_input(const op_view& op, std::uint32_t i) {
  const tk_value& value = op.input(i);
  if (value.kind != TK_ROWS && value.kind != TK_OUTPUT_ROWS)
    op.refuse(TK_INVALID_ARGUMENT, quoted(value.name) + " is neither rows nor output rows");
  return value;
}

void same_shape(const op_view& op, const tk_value& value, const tk_value& like) {
  if (value.kind != like.kind || value.dims[0] != like.dims[0])
    op.refuse(TK_INVALID_ARGUMENT, quoted(value.name) + " and " + quoted(like.name) + " must have one kind and width");
}

void check_op(const op_view& op, std::span<const tk_kernel> kernels, kernels::cpu_level level) {
  if (find_kernel(kernels, op.op(), level) != nullptr) return check_kernel_op(op);
  const op_support* support = find_known(op);
  if (support == nullptr)
    op.refuse(TK_UNSUPPORTED, "version " + std::to_string(op.op().version) +
                                  " is not known to the cpu backend, and no kernel for it is given");
  support->check(op);
}

void make_op(const op_view& op, builder& to) {
  const tk_kernel* kernel = find_kernel(to.kernels, op.op(), to.level);
  if (kernel != nullptr) return make_kernel_op(op, *kernel, to);
  find_known(op)->make(op, to);
}

std::vector<std::uint32_t> packed_inputs(const op_view& op, std::span<const tk_kernel> kernels, kernels::cpu_level level) {
  const op_support* support = find_kernel(kernels, op.op(), level) == nullptr ? find_known(op) : nullptr;
  return support == nullptr || support->packed == nullptr ? std::vector<std::uint32_t>{} : support->packed(op);
}

} // namespace tokamak::cpu
