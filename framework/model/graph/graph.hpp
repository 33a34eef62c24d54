// A model as data: a list of operations on named values, and the state its sequences keep. Architectures
// build it, passes rewrite it, cuts divide it, backends run it (through view()). What the primitive ops
// mean stands in framework/CONTRACTS.md, "Graph".
#pragma once

#include "base/error.hpp"

#include <tokamak/plugin.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace tokamak {

/// Index of a value in its graph.
using value_id = std::uint32_t;
/// Stands where an optional input is absent.
inline constexpr value_id no_value = TK_NO_VALUE;

/// TK_INTEGER, TK_REAL, TK_STRING, TK_ARRAY of reals.
using attribute_value = std::variant<std::int64_t, double, std::string, std::vector<double>>;

struct graph_attribute {
  std::string name;
  attribute_value value;
};

/// A weight (named as its tensor in the model file), rows f32 [T][dims[0]], or output rows f32 [O][dims[0]].
struct graph_value {
  std::string name; ///< unique in the graph
  tk_value_kind kind = TK_ROWS;
  tk_format format = TK_F32;
  std::vector<std::uint64_t> dims; ///< 1 to 4, contiguous first; one for rows
  std::uint32_t flags = 0;         ///< TK_VALUE_INPUT, TK_VALUE_OUTPUT

  std::uint64_t width() const { return dims.empty() ? 0 : dims[0]; }
};

struct graph_op {
  std::string name; ///< namespaced, "tokamak.matmul"
  std::uint32_t version = 1;
  std::vector<value_id> inputs; ///< no_value where optional and absent
  std::vector<value_id> outputs;
  std::vector<graph_attribute> attributes;
  std::uint64_t serial = 0; ///< set by the graph: tells an op from others while positions move
};

/// The attribute of that name; null if the op has none.
const attribute_value* find_attribute(const graph_op& op, std::string_view name);
/// Values of attributes whose type has been checked by graph::validate(), or the default where absent.
std::int64_t integer_attribute(const graph_op& op, std::string_view name, std::int64_t fallback = 0);
double real_attribute(const graph_op& op, std::string_view name, double fallback = 0);
/// Sets or adds an attribute.
void set_attribute(graph_op& op, std::string_view name, attribute_value value);

/// tk_cache_group with a name of its own. A shard that has no layer of a group keeps the group with
/// n_layers = 0, so that group numbers mean the same in all shards of an engine.
struct graph_cache_group {
  std::string name;
  tk_group_kind kind = TK_GROUP_FULL;
  std::uint32_t n_layers = 0;
  std::uint32_t block_size = 0;
  std::uint32_t window = 0;
  std::uint32_t k_width = 0;
  std::uint32_t v_width = 0;
  std::uint32_t state_width = 0;
  tk_format format = TK_F16;
};

/// How an op that not every backend knows falls apart into simpler ones.
struct op_definition {
  std::string name;
  std::uint32_t version = 1;
  tk_decompose decompose = nullptr; ///< its plugin stays loaded as long as the graph lives
};

/// Copyable and movable. One thread at a time; a graph that is only read may be read by many once view() has
/// been called. Editing functions check nothing: validate() does, when the graph is complete.
class graph {
public:
  graph();
  graph(const graph& other);
  graph(graph&& other) noexcept;
  graph& operator=(const graph& other);
  graph& operator=(graph&& other) noexcept;
  ~graph();

  value_id add_value(graph_value value);
  value_id add_weight(std::string name, tk_format format, std::vector<std::uint64_t> dims);
  value_id add_rows(std::string name, std::uint64_t width, std::uint32_t flags = 0);
  value_id add_output_rows(std::string name, std::uint64_t width, std::uint32_t flags = 0);
  /// REQUIRES: id < values().size().
  void set_flags(value_id id, std::uint32_t flags);
  /// Returns the group's number.
  std::uint32_t add_group(graph_cache_group group);

  void add_op(graph_op op);
  /// Before position `at`. REQUIRES: at <= ops().size().
  void insert_op(std::size_t at, graph_op op);
  /// REQUIRES: at < ops().size().
  void erase_op(std::size_t at);
  /// Keeps a definition; one of the same name and version is replaced.
  void define_op(op_definition definition);

  const std::vector<graph_value>& values() const { return values_; }
  const std::vector<graph_op>& ops() const { return ops_; }
  const std::vector<graph_cache_group>& groups() const { return groups_; }
  const std::vector<op_definition>& definitions() const { return definitions_; }
  /// no_value if there is none.
  value_id find_value(std::string_view name) const;
  /// Null if there is none.
  const op_definition* find_definition(std::string_view name, std::uint32_t version) const;

  /// The graph as the ABI shows it. Its memory is the graph's own: valid until the next edit or the graph's end;
  /// moving the graph keeps it.
  tk_graph_view view() const;

  /// Checks everything that can be known without weights: names, indices, values defined before use and written
  /// once, cache groups, and for primitive ops their inputs, shapes and attributes. Ops of other namespaces are
  /// checked for indices and order only. Errors: invalid_argument or unsupported; `where` is "op 3
  /// (tokamak.matmul)", "value 'x'" or "cache group 'full'".
  expected<void> validate() const;

  /// One line a group, value and op, for people; without values that passes left behind, which no op touches.
  std::string print() const;

private:
  struct view_memory;
  void edited();

  std::vector<graph_value> values_;
  std::vector<graph_op> ops_;
  std::vector<graph_cache_group> groups_;
  std::vector<op_definition> definitions_;
  std::uint64_t next_serial_ = 1;
  mutable std::unique_ptr<view_memory> view_;
};

} // namespace tokamak
