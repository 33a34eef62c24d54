// A graph as the reference backend keeps it: its own copy, weights as f32.
#pragma once

#include "null_backend/failure.hpp"

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace tokamak::test {

struct program_value {
  std::string name;
  tk_value_kind kind = TK_ROWS;
  tk_format format = TK_F32;
  std::uint32_t flags = 0;
  std::uint64_t width = 0;       ///< dims[0]
  std::uint64_t elements = 0;    ///< of a weight
  std::vector<float> weight;     ///< dequantised, rows of `width`
  const void* raw = nullptr;     ///< the host's bytes, for kernels
};

/// An op with memory of its own for everything a tk_op points to.
class program_op {
public:
  explicit program_op(const tk_op& from);

  const std::string& name() const { return name_; }
  const std::vector<std::uint32_t>& inputs() const { return inputs_; }
  const std::vector<std::uint32_t>& outputs() const { return outputs_; }
  std::int64_t integer(std::string_view attribute, std::int64_t fallback = 0) const;
  double real(std::string_view attribute, double fallback = 0) const;
  std::string_view text(std::string_view attribute) const;
  /// Valid while this object lives where it is.
  const tk_op& abi() const { return abi_; }

  decltype(tk_kernel::compute) kernel = nullptr; ///< runs the op instead of the backend's own code

private:
  struct attribute_memory {
    std::string name, text;
    std::vector<double> reals;
  };
  const tk_attribute* find(std::string_view attribute) const;

  std::string name_;
  std::vector<std::uint32_t> inputs_, outputs_;
  std::vector<std::unique_ptr<attribute_memory>> memory_;
  std::vector<tk_attribute> attributes_;
  tk_op abi_{};
};

struct program {
  std::vector<program_value> values;
  std::vector<std::unique_ptr<program_op>> ops;
  std::size_t n_groups = 0;
};

/// True if op `op` can run: a primitive on weights of known formats, or one that a kernel implements.
bool can_run(const tk_graph_view& graph, std::uint32_t op, std::span<const tk_kernel> kernels);

/// Copies graph and weights. Refuses missing or short weights and ops that cannot run.
std::unique_ptr<program> make_program(const tk_graph_view& graph, std::span<const tk_weight> weights,
                                      std::span<const tk_kernel> kernels);

} // namespace tokamak::test
