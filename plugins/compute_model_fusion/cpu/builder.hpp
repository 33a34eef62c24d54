// What the makers of operations share while a program is built.
#pragma once

#include "attention_plan.hpp"
#include "op_view.hpp"
#include "operation.hpp"
#include "rope_table.hpp"
#include "weights.hpp"

#include <memory>
#include <span>
#include <vector>

namespace tokamak::cpu {

class builder {
public:
  builder(kernels::cpu_level level, unsigned threads, const tk_graph_view& graph, weights& store, std::span<const tk_kernel> kernels)
      : level(level), threads(threads), graph(graph), store(store), kernels(kernels) {}

  const kernels::cpu_level level;
  const unsigned threads;
  const tk_graph_view& graph;
  weights& store;
  const std::span<const tk_kernel> kernels;

  std::vector<std::unique_ptr<operation>> operations;
  std::vector<rope_table> ropes;      ///< each setting once
  std::vector<attention_plan> plans;  ///< each shape once
  std::vector<std::uint8_t> attended; ///< by group: some op reads all keys of a row
  std::vector<std::uint8_t> used;     ///< by group: some op reads or writes it
  bool embeds = false;                ///< tokens are looked up, in a table of `vocabulary` rows
  std::uint64_t vocabulary = 0;
  std::size_t embedding_width = 0;

  /// Index of an equal table, or of this one added.
  std::uint32_t rope(rope_table table);
  std::uint32_t plan(const attention_plan& plan);
  /// Adds an operation that reads the op's rows inputs and writes its outputs.
  void add(const op_view& op, std::unique_ptr<operation> operation);
};

/// What the backend knows of an op: `check` throws sdk::failure unless it can run; `make` adds it to a program; `packed` names the inputs
/// that it packs as weights of matmuls (nullptr: none).
struct op_support {
  std::string_view name;
  void (*check)(const op_view& op);
  void (*make)(const op_view& op, builder& to);
  std::vector<std::uint32_t> (*packed)(const op_view& op) = nullptr;
};

/// The namespace "tokamak.", version 1, and what the pass operator_fusion makes of it ("fused.", version 1).
extern const op_support matmul_support, embed_support, rms_norm_support, rope_support, take_outputs_support;
extern const op_support add_support, mul_support, scale_support, softcap_support, silu_support, gelu_support,
    glu_support;
extern const op_support kv_write_support, attention_support, decay_scan_support;
extern const op_support fused_matmul_support, fused_attention_support;

/// The kernel that would run the op at this level, or nullptr: the one that needs the highest level.
const tk_kernel* find_kernel(std::span<const tk_kernel> kernels, const tk_op& op, kernels::cpu_level level);
/// Throws unless rows and widths suit a third-party kernel.
void check_kernel_op(const op_view& op);
void make_kernel_op(const op_view& op, const tk_kernel& kernel, builder& to);

/// Throws sdk::failure, saying why, unless the op can run here.
void check_op(const op_view& op, std::span<const tk_kernel> kernels, kernels::cpu_level level);
/// REQUIRES: check_op accepted it, and the weights that packed_inputs named are reserved.
void make_op(const op_view& op, builder& to);
/// The inputs whose weights make_op will pack.
std::vector<std::uint32_t> packed_inputs(const op_view& op, std::span<const tk_kernel> kernels, kernels::cpu_level level);

/// Throws unless the value is rows or output rows; returns it.
const tk_value& rows_input(const op_view& op, std::uint32_t i);
/// The gate that the attribute "activation" names; throws if it is not known.
using gate_function = void (*)(kernels::cpu_level, const float* gate, const float* up, float* out, std::size_t n);
gate_function activation_of(const op_view& op);
/// Throws unless the two have one kind and width.
void same_shape(const op_view& op, const tk_value& value, const tk_value& like);

} // namespace tokamak::cpu
