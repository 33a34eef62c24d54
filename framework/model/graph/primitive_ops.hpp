// The primitive ops (framework/CONTRACTS.md, "Graph") as functions that append to a graph: what an
// architecture is written with. And their rules, for graph::validate().
#pragma once

#include "model/graph/graph.hpp"

#include <string>
#include <string_view>

namespace tokamak {

/// Rotary position embedding. Pairs: "interleaved" (2i, 2i+1) or "halves" (i, i + rotary_dims/2). Pair i turns by
/// position / freq_base^(2i/rotary_dims) / divisor[i]; `freq_scale` and the YaRN numbers as in CONTRACTS.md.
struct rope_settings {
  std::int64_t head_dim = 0;
  std::int64_t rotary_dims = 0;
  std::string style = "interleaved";
  double freq_base = 10000;
  double freq_scale = 1;
  double ext_factor = 0;
  double attn_factor = 1;
  double beta_fast = 32;
  double beta_slow = 1;
  std::int64_t original_context = 0;
  value_id divisors = no_value;
};

struct attention_settings {
  std::uint32_t group = 0;
  std::uint32_t layer = 0;
  std::int64_t heads = 0;
  std::int64_t kv_heads = 0;
  std::int64_t head_dim = 0;
  double scale = 1;
  double softcap = 0;
};

/// Appends one op a call and returns its output value, named `name` (unique in the graph), with the kind and width that
/// follow from the inputs. REQUIRES: the graph outlives this; ids are of this graph.
class primitive_ops {
public:
  explicit primitive_ops(graph& target) : graph_(target) {}

  value_id embed(std::string name, value_id table, double scale = 1);
  value_id rms_norm(std::string name, value_id x, value_id weight, double eps, double weight_offset = 0);
  value_id matmul(std::string name, value_id x, value_id weight, value_id bias = no_value);
  value_id rope(std::string name, value_id x, const rope_settings& settings);
  void kv_write(value_id k, value_id v, std::uint32_t group, std::uint32_t layer);
  value_id attention(std::string name, value_id q, const attention_settings& settings);
  value_id add(std::string name, value_id a, value_id b);
  value_id mul(std::string name, value_id a, value_id b);
  value_id scale(std::string name, value_id x, double factor);
  value_id softcap(std::string name, value_id x, double cap);
  value_id silu(std::string name, value_id x);
  value_id gelu(std::string name, value_id x);
  value_id glu(std::string name, value_id gate, value_id up, std::string activation);
  value_id take_outputs(std::string name, value_id x);
  value_id decay_scan(std::string name, value_id x, std::uint32_t group, std::uint32_t layer, double decay);
  value_id all_reduce(std::string name, value_id x);

private:
  value_id same_kind(std::string name, value_id like, std::uint64_t width);
  value_id unary(const char* op, std::string name, value_id x, std::vector<graph_attribute> attributes = {});
  value_id binary(const char* op, std::string name, value_id a, value_id b,
                  std::vector<graph_attribute> attributes = {});

  graph& graph_;
};

/// True for names in the namespace "tokamak.".
bool is_primitive(std::string_view op_name);

/// Checks inputs, outputs, shapes and attributes of a primitive op whose value indices are in range. Errors without
/// `where`.
expected<void> check_primitive(const graph& g, const graph_op& op);

} // namespace tokamak
