// fused.attention: norm and rotation of Q and K, the write to the cache and attention in one op: a sequence that decodes has its new K and V
// in the nearest cache when attention reads them, and the threads meet once instead of four times.
#include "graph_index.hpp"

#include <array>

namespace tokamak::operator_fusion {

namespace {

constexpr std::string_view fused = "fused.attention", norm = "tokamak.rms_norm", rope = "tokamak.rope", kv_write = "tokamak.kv_write",
                           attention = "tokamak.attention";

enum input : std::uint32_t { q_rows, k_rows, v_rows, q_norm, k_norm, divisors, n_inputs };

constexpr std::array<std::string_view, 7> of_attention{"group", "layer", "heads", "kv_heads", "head_dim", "scale", "softcap"};
constexpr std::array<std::string_view, 9> of_rope{"rotary_dims", "style", "freq_base", "freq_scale", "ext_factor", "attn_factor", "beta_fast", "beta_slow",
                                                  "original_context"};

std::int64_t integer(const tk_op& op, std::string_view name) {
  const auto* found = sdk::find_attribute(op, name);
  return found == nullptr ? -1 : found->integer;
}

bool same_layer(const tk_op& a, const tk_op& b) { return integer(a, "group") == integer(b, "group") && integer(a, "layer") == integer(b, "layer"); }

bool same_value(const tk_attribute* a, const tk_attribute* b) {
  if (a == nullptr || b == nullptr) return a == b;
  return a->type == b->type && a->integer == b->integer && a->real == b->real && sdk::view(a->string) == sdk::view(b->string);
}

bool same_rotation(const tk_op& a, const tk_op& b) {
  for (const auto name : of_rope)
    if (!same_value(sdk::find_attribute(a, name), sdk::find_attribute(b, name))) return false;
  return input_of(a, 1) == input_of(b, 1) && integer(a, "head_dim") == integer(b, "head_dim");
}

// The kv_write that this attention reads behind, with nothing of the layer between; no_op otherwise.
std::uint32_t write_before(const graph_index& graph, std::uint32_t at) {
  for (std::uint32_t i = at; i-- > 0;)
    if (same_layer(graph.op(i), graph.op(at))) return graph.is(i, kv_write) ? i : no_op;
  return no_op;
}

// A norm of heads whose result nothing but `reader` sees.
std::uint32_t head_norm(const graph_index& graph, std::uint32_t id, std::uint32_t reader, std::int64_t head_dim) {
  const auto op = graph.absorbable(id, norm, reader);
  const bool fits = op != no_op && graph.value(graph.op(op).inputs[1]).dims[0] == static_cast<std::uint64_t>(head_dim);
  return fits ? op : no_op;
}

void fuse(sdk::graph_editor& g, const graph_index& graph, std::uint32_t write, std::uint32_t at) {
  std::vector<std::uint32_t> ops{write, at}, inputs(n_inputs, TK_NO_VALUE);
  sdk::op_builder made{std::string(fused)};
  for (const auto name : of_attention)
    if (const auto* a = sdk::find_attribute(graph.op(at), name)) made.copy(*a);
  const auto head_dim = integer(graph.op(at), "head_dim");
  inputs[q_rows] = graph.op(at).inputs[0];
  inputs[k_rows] = graph.op(write).inputs[0];
  inputs[v_rows] = graph.op(write).inputs[1];
  auto q_reader = at, k_reader = write;
  const auto q_rope = graph.absorbable(inputs[q_rows], rope, at), k_rope = graph.absorbable(inputs[k_rows], rope, write);
  if (q_rope != no_op && k_rope != no_op && same_rotation(graph.op(q_rope), graph.op(k_rope)) && integer(graph.op(q_rope), "head_dim") == head_dim) {
    ops.insert(ops.end(), {q_rope, k_rope});
    for (const auto name : of_rope)
      if (const auto* a = sdk::find_attribute(graph.op(q_rope), name)) made.copy(*a);
    inputs[q_rows] = graph.op(q_rope).inputs[0];
    inputs[k_rows] = graph.op(k_rope).inputs[0];
    inputs[divisors] = input_of(graph.op(q_rope), 1);
    q_reader = q_rope;
    k_reader = k_rope;
  }
  const auto absorb_norm = [&](input x, input weight, std::uint32_t reader, const std::string& prefix) {
    const auto op = head_norm(graph, inputs[x], reader, head_dim);
    if (op == no_op) return;
    ops.push_back(op);
    inputs[weight] = graph.op(op).inputs[1];
    inputs[x] = graph.op(op).inputs[0];
    for (const std::string name : {"eps", "weight_offset"})
      if (const auto* a = sdk::find_attribute(graph.op(op), name)) made.copy(*a, prefix + name);
  };
  absorb_norm(q_rows, q_norm, q_reader, "q_");
  absorb_norm(k_rows, k_norm, k_reader, "k_");
  const auto out = graph.op(at).outputs[0];
  replace_ops(g, ops, at, made.inputs(inputs).outputs({out}));
}

void decompose(sdk::graph_editor& g, std::uint32_t at) {
  const auto view = g.view();
  const tk_op& op = view.ops[at];
  const std::vector<std::uint32_t> in(op.inputs, op.inputs + op.n_inputs);
  const auto out = op.outputs[0];
  const std::string name(sdk::view(view.values[out].name));
  const auto copied = [&](std::string_view of, const auto& attributes) {
    sdk::op_builder b{std::string(of)};
    for (const auto a : attributes)
      if (const auto* found = sdk::find_attribute(op, a)) b.copy(*found);
    return b;
  };
  const auto norm_of = [&](const std::string& prefix) {
    sdk::op_builder b{std::string(norm)};
    for (const std::string a : {"eps", "weight_offset"})
      if (const auto* found = sdk::find_attribute(op, prefix + a)) b.copy(*found, a);
    return b;
  };
  auto attend = copied(attention, of_attention), write = copied(kv_write, std::array<std::string_view, 2>{"group", "layer"});
  struct side {
    std::string name;
    std::uint32_t x, weight;
    std::uint64_t width;
    sdk::op_builder norm, turn;
  };
  std::vector<side> sides{{"q", in[q_rows], in[q_norm], view.values[in[q_rows]].dims[0], norm_of("q_"), copied(rope, of_rope)},
                          {"k", in[k_rows], in[k_norm], view.values[in[k_rows]].dims[0], norm_of("k_"), copied(rope, of_rope)}};
  for (auto& s : sides) {
    s.turn.integer("heads", static_cast<std::int64_t>(s.width) / integer(op, "head_dim"));
    s.turn.integer("head_dim", integer(op, "head_dim"));
  }
  const bool turns = sdk::find_attribute(op, "style") != nullptr;
  g.erase_op(at); // from here on nothing of the view is valid
  const auto put = [&](sdk::op_builder& b) { g.insert_op(at++, b); };
  for (auto& s : sides) {
    if (s.weight != TK_NO_VALUE) {
      const auto normed = g.add_rows(name + "." + s.name + "_normed", s.width);
      put(s.norm.inputs({s.x, s.weight}).outputs({normed}));
      s.x = normed;
    }
    if (turns) {
      const auto turned = g.add_rows(name + "." + s.name + "_rotated", s.width);
      put(s.turn.inputs({s.x, in[divisors]}).outputs({turned}));
      s.x = turned;
    }
  }
  put(write.inputs({sides[1].x, in[v_rows]}));
  put(attend.inputs({sides[0].x}).outputs({out}));
}

} // namespace

bool fuse_attention(sdk::graph_editor& g) {
  const graph_index graph(g);
  for (std::uint32_t i = 0; i < graph.n_ops(); ++i) {
    if (!graph.is(i, attention)) continue;
    const auto write = write_before(graph, i);
    if (write == no_op) continue;
    fuse(g, graph, write, i);
    return true;
  }
  return false;
}

void define_fused_attention(sdk::graph_editor& g) { g.define_op<&decompose>(fused, 1); }

} // namespace tokamak::operator_fusion
