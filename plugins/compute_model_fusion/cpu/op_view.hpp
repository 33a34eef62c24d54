// Reading one op of a graph: inputs, outputs and attributes, with errors that name the op.
#pragma once

#include <tokamak/plugin.h>

#include <cstdint>
#include <string>
#include <string_view>

namespace tokamak::cpu {

/// Valid while the graph view is. All members throw sdk::failure, beginning with "op 3 (tokamak.matmul): ".
class op_view {
public:
  op_view(const tk_graph_view& graph, std::uint32_t index);

  const tk_graph_view& graph() const { return graph_; }
  const tk_op& op() const { return op_; }
  std::string_view name() const { return {op_.name.data, op_.name.size}; }

  bool has_input(std::uint32_t i) const { return i < op_.n_inputs && op_.inputs[i] != TK_NO_VALUE; }
  std::uint32_t input_id(std::uint32_t i) const;
  std::uint32_t output_id(std::uint32_t i) const;
  const tk_value& input(std::uint32_t i) const { return graph_.values[input_id(i)]; }
  const tk_value& output(std::uint32_t i) const { return graph_.values[output_id(i)]; }

  bool has_attribute(std::string_view name) const { return find(name) != nullptr; }
  std::int64_t integer(std::string_view attribute) const;
  double real(std::string_view attribute) const;
  double real(std::string_view attribute, double otherwise) const;
  std::string_view text(std::string_view attribute) const;
  /// An integer attribute from 1 to 2^31-1.
  std::uint32_t count(std::string_view attribute) const;
  /// The cache group that the attribute "group" names.
  const tk_cache_group& group() const;
  std::uint32_t group_number() const { return static_cast<std::uint32_t>(integer("group")); }
  /// The attribute "layer", inside that group.
  std::uint32_t layer() const;

  [[noreturn]] void refuse(tk_status code, const std::string& what) const;

private:
  const tk_attribute* find(std::string_view attribute) const;
  const tk_attribute& need(std::string_view attribute) const;

  const tk_graph_view& graph_;
  const tk_op& op_;
  std::uint32_t index_;
};

inline std::string quoted(tk_string name) { return "'" + std::string(name.data, name.size) + "'"; }

} // namespace tokamak::cpu
