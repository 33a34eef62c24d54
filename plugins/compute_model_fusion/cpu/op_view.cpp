// Reading ops.
#include "op_view.hpp"

#include <tokamak/sdk/failure.hpp>

namespace tokamak::cpu {

op_view::op_view(const tk_graph_view& graph, std::uint32_t index)
    : graph_(graph), op_(graph.ops[index]), index_(index) {}

void op_view::refuse(tk_status code, const std::string& what) const {
  throw sdk::failure(code, "op " + std::to_string(index_) + " (" + std::string(name()) + "): " + what);
}

std::uint32_t op_view::input_id(std::uint32_t i) const {
  if (!has_input(i)) refuse(TK_INVALID_ARGUMENT, "has no input " + std::to_string(i));
  if (op_.inputs[i] >= graph_.n_values)
    refuse(TK_INVALID_ARGUMENT,
           "reads value " + std::to_string(op_.inputs[i]) + " of " + std::to_string(graph_.n_values));
  return op_.inputs[i];
}

std::uint32_t op_view::output_id(std::uint32_t i) const {
  if (i >= op_.n_outputs) refuse(TK_INVALID_ARGUMENT, "has no output " + std::to_string(i));
  if (op_.outputs[i] >= graph_.n_values)
    refuse(TK_INVALID_ARGUMENT,
           "writes value " + std::to_string(op_.outputs[i]) + " of " + std::to_string(graph_.n_values));
  return op_.outputs[i];
}

const tk_attribute* op_view::find(std::string_view attribute) const {
  for (std::uint32_t i = 0; i < op_.n_attributes; ++i)
    if (sdk::view(op_.attributes[i].name) == attribute) return &op_.attributes[i];
  return nullptr;
}

const tk_attribute& op_view::need(std::string_view attribute) const {
  const tk_attribute* found = find(attribute);
  if (found == nullptr) refuse(TK_INVALID_ARGUMENT, "lacks the attribute '" + std::string(attribute) + "'");
  return *found;
}

std::int64_t op_view::integer(std::string_view attribute) const {
  const tk_attribute& found = need(attribute);
  if (found.type != TK_INTEGER) refuse(TK_INVALID_ARGUMENT, "attribute '" + std::string(attribute) + "' is no integer");
  return found.integer;
}

double op_view::real(std::string_view attribute) const {
  const tk_attribute& found = need(attribute);
  if (found.type != TK_REAL) refuse(TK_INVALID_ARGUMENT, "attribute '" + std::string(attribute) + "' is no real");
  return found.real;
}

double op_view::real(std::string_view attribute, double otherwise) const {
  return find(attribute) == nullptr ? otherwise : real(attribute);
}

std::string_view op_view::text(std::string_view attribute) const {
  const tk_attribute& found = need(attribute);
  if (found.type != TK_STRING) refuse(TK_INVALID_ARGUMENT, "attribute '" + std::string(attribute) + "' is no string");
  return sdk::view(found.string);
}

std::uint32_t op_view::count(std::string_view attribute) const {
  const std::int64_t value = integer(attribute);
  if (value < 1 || value > 0x7fffffff)
    refuse(TK_INVALID_ARGUMENT,
           "attribute '" + std::string(attribute) + "' is " + std::to_string(value) + ", expected 1 to 2^31-1");
  return static_cast<std::uint32_t>(value);
}

const tk_cache_group& op_view::group() const {
  const std::int64_t group = integer("group");
  if (group < 0 || static_cast<std::uint64_t>(group) >= graph_.n_groups)
    refuse(TK_INVALID_ARGUMENT, "cache group " + std::to_string(group) + " of " + std::to_string(graph_.n_groups));
  return graph_.groups[group];
}

std::uint32_t op_view::layer() const {
  const std::int64_t layer = integer("layer");
  if (layer < 0 || layer >= std::int64_t{group().n_layers})
    refuse(TK_INVALID_ARGUMENT, "layer " + std::to_string(layer) + " of cache group " + quoted(group().name) +
                                    ", which has " + std::to_string(group().n_layers));
  return static_cast<std::uint32_t>(layer);
}

} // namespace tokamak::cpu
