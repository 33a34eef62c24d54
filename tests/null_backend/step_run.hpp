// One step of the reference backend: each op over all rows, one row after another, sums in double.
#pragma once

#include "null_backend/paged_cache.hpp"
#include "null_backend/program.hpp"

#include <map>

namespace tokamak::test {

class step_run {
public:
  /// REQUIRES: check_step() found nothing.
  step_run(const program& p, paged_cache* cache, const tk_step& step);

  /// Cache ops before, all ops, outputs, cache ops behind. Refuses token ids outside an embedding table.
  void run();

  /// True for the primitive ops that run here: all of them but all_reduce, where the host cuts the graph.
  static bool knows(std::string_view op_name);

private:
  using compute = void (step_run::*)(const program_op&);
  static const std::map<std::string_view, compute>& computes();

  void embed(const program_op& op);
  void rms_norm(const program_op& op);
  void matmul(const program_op& op);
  void rope(const program_op& op);
  void kv_write(const program_op& op);
  void attention(const program_op& op);
  void add(const program_op& op);
  void mul(const program_op& op);
  void scale(const program_op& op);
  void softcap(const program_op& op);
  void silu(const program_op& op);
  void gelu(const program_op& op);
  void glu(const program_op& op);
  void take_outputs(const program_op& op);
  void decay_scan(const program_op& op);
  void with_kernel(const program_op& op);

  template <class Function>
  void each(const program_op& op, Function f);
  void cache_ops(std::uint32_t after);
  void read_inputs();
  void write_outputs();

  std::uint64_t rows_of(std::uint32_t value) const;
  std::uint64_t width(std::uint32_t value) const { return p_.values[value].width; }
  float* row(std::uint32_t value, std::uint64_t r) { return values_[value].data() + r * width(value); }

  /// Where a row's key lies: block and offset in its group.
  struct slot {
    std::uint32_t block, offset;
  };
  slot slot_of(std::uint32_t group, std::uint32_t sequence, std::uint64_t index) const;
  /// What a row attends, oldest first: context, ancestors in this step, itself; only what the window leaves.
  std::vector<slot> visible(std::uint32_t group, std::uint32_t r) const;
  std::int64_t parent(std::uint32_t r) const;

  const program& p_;
  paged_cache* cache_;
  const tk_step& step_;
  std::vector<std::uint32_t> sequence_of_; ///< [T]
  std::vector<std::vector<float>> values_; ///< rows of every value
};

} // namespace tokamak::test
