// fused.matmul: what stands before matmuls of one input (sum with the residual, normalisation) and behind two of them (the gate), in one
// op. Rows are normalised and quantised in one go, and neither they nor gate and up go through memory.
#include "graph_index.hpp"

#include <optional>

namespace tokamak::operator_fusion {

namespace {

constexpr std::string_view fused = "fused.matmul", norm = "tokamak.rms_norm", add = "tokamak.add", matmul = "tokamak.matmul", glu = "tokamak.glu";

// Inputs of fused.matmul: these, then weight and bias of each matrix.
enum input : std::uint32_t { rows, residual, post_norm, norm_weight, first_matrix };

bool normalises_all(const graph_index& graph, std::uint32_t op) {
  return graph.is(op, norm) && graph.value(graph.op(op).inputs[0]).dims[0] == graph.value(graph.op(op).inputs[1]).dims[0];
}

void copy(sdk::op_builder& to, const tk_op& from, std::string_view attribute, std::string_view as) {
  if (const auto* found = sdk::find_attribute(from, attribute)) to.copy(*found, as);
}

// The matmuls that read a norm's output; empty if anything else does.
std::vector<std::uint32_t> matmuls_of(const graph_index& graph, std::uint32_t id) {
  for (const auto op : graph.readers(id))
    if (!graph.is(op, matmul) || graph.op(op).inputs[0] != id) return {};
  return graph.is_output(id) ? std::vector<std::uint32_t>{} : graph.readers(id);
}

// The gate that is all that reads two matmuls, the first its gate projection and the second its up projection; orders them so.
std::uint32_t gate_of(const graph_index& graph, std::vector<std::uint32_t>& matmuls) {
  if (matmuls.size() != 2) return no_op;
  const auto first = graph.op(matmuls[0]).outputs[0], second = graph.op(matmuls[1]).outputs[0];
  const auto& readers = graph.readers(first);
  if (readers.size() != 1 || !graph.is(readers[0], glu) || !graph.only_for(first, readers[0]) || !graph.only_for(second, readers[0])) return no_op;
  if (graph.op(readers[0]).inputs[0] == second) std::swap(matmuls[0], matmuls[1]);
  return readers[0];
}

void fuse(sdk::graph_editor& g, const graph_index& graph, std::uint32_t norm_at, std::vector<std::uint32_t> matmuls) {
  const tk_op& normed = graph.op(norm_at);
  const auto sum = normed.inputs[0];
  std::vector<std::uint32_t> ops{norm_at}, inputs(first_matrix, TK_NO_VALUE), outputs;
  sdk::op_builder made{std::string(fused)};
  inputs[rows] = sum;
  inputs[norm_weight] = normed.inputs[1];
  copy(made, normed, "eps", "eps");
  copy(made, normed, "weight_offset", "weight_offset");
  auto at = norm_at;
  if (graph.is(graph.writer(sum), add)) {
    at = graph.writer(sum);
    ops.push_back(at);
    outputs.push_back(sum);
    inputs[residual] = graph.op(at).inputs[0];
    inputs[rows] = graph.op(at).inputs[1];
    auto post = graph.absorbable(inputs[rows], norm, at);
    if (!normalises_all(graph, post)) {
      post = graph.absorbable(inputs[residual], norm, at);
      if (normalises_all(graph, post)) std::swap(inputs[residual], inputs[rows]);
    }
    if (normalises_all(graph, post) && inputs[rows] != inputs[residual]) {
      ops.push_back(post);
      inputs[rows] = graph.op(post).inputs[0];
      inputs[post_norm] = graph.op(post).inputs[1];
      copy(made, graph.op(post), "eps", "post_eps");
      copy(made, graph.op(post), "weight_offset", "post_weight_offset");
    }
  }
  const auto gate = gate_of(graph, matmuls);
  for (const auto m : matmuls) {
    ops.push_back(m);
    inputs.push_back(graph.op(m).inputs[1]);
    inputs.push_back(input_of(graph.op(m), 2));
    if (gate == no_op) outputs.push_back(graph.op(m).outputs[0]);
  }
  if (gate != no_op) {
    ops.push_back(gate);
    outputs.push_back(graph.op(gate).outputs[0]);
    copy(made, graph.op(gate), "activation", "activation");
  }
  replace_ops(g, ops, at, made.inputs(inputs).outputs(outputs));
}

// A value like `like`, of that width; the name must be free.
std::uint32_t add_like(sdk::graph_editor& g, std::uint32_t like, const std::string& name, std::uint64_t width) {
  return g.view().values[like].kind == TK_ROWS ? g.add_rows(name, width) : g.add_output_rows(name, width);
}

void decompose(sdk::graph_editor& g, std::uint32_t at) {
  const auto view = g.view();
  const tk_op& op = view.ops[at];
  const std::vector<std::uint32_t> in(op.inputs, op.inputs + op.n_inputs), out(op.outputs, op.outputs + op.n_outputs);
  const std::string name(sdk::view(view.values[out.back()].name));
  const auto width = view.values[in[rows]].dims[0];
  const bool gated = sdk::find_attribute(op, "activation") != nullptr;
  std::vector<std::uint64_t> widths;
  for (std::size_t m = first_matrix; m < in.size(); m += 2) widths.push_back(view.values[in[m]].dims[1]);
  sdk::op_builder post{std::string(norm)}, main{std::string(norm)}, gate{std::string(glu)};
  copy(post, op, "post_eps", "eps");
  copy(post, op, "post_weight_offset", "weight_offset");
  copy(main, op, "eps", "eps");
  copy(main, op, "weight_offset", "weight_offset");
  copy(gate, op, "activation", "activation");
  g.erase_op(at); // from here on nothing of the view is valid
  const auto put = [&](sdk::op_builder& b) { g.insert_op(at++, b); };
  auto x = in[rows];
  if (in[post_norm] != TK_NO_VALUE) {
    const auto normed = add_like(g, x, name + ".post_normed", width);
    put(post.inputs({x, in[post_norm]}).outputs({normed}));
    x = normed;
  }
  const bool sums = in[residual] != TK_NO_VALUE;
  if (sums) {
    put(sdk::op_builder(std::string(add)).inputs({in[residual], x}).outputs({out[0]}));
    x = out[0];
  }
  if (in[norm_weight] != TK_NO_VALUE) {
    const auto normed = add_like(g, x, name + ".normed", width);
    put(main.inputs({x, in[norm_weight]}).outputs({normed}));
    x = normed;
  }
  std::vector<std::uint32_t> products;
  for (std::size_t m = 0; m < widths.size(); ++m) {
    products.push_back(gated ? add_like(g, x, name + (m == 0 ? ".gate" : ".up"), widths[m]) : out[m + (sums ? 1 : 0)]);
    put(sdk::op_builder(std::string(matmul)).inputs({x, in[first_matrix + 2 * m], in[first_matrix + 2 * m + 1]}).outputs({products[m]}));
  }
  if (gated) put(gate.inputs({products[0], products[1]}).outputs({out.back()}));
}

} // namespace

bool fuse_matmul(sdk::graph_editor& g) {
  const graph_index graph(g);
  for (std::uint32_t i = 0; i < graph.n_ops(); ++i) {
    if (!normalises_all(graph, i)) continue;
    const auto matmuls = matmuls_of(graph, graph.op(i).outputs[0]);
    if (matmuls.empty()) continue;
    fuse(g, graph, i, matmuls);
    return true;
  }
  return false;
}

void define_fused_matmul(sdk::graph_editor& g) { g.define_op<&decompose>(fused, 1); }

} // namespace tokamak::operator_fusion
