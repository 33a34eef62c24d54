// Graph passes: a small model before and after must compute the same, and what the pass adds must be defined.
#include <fmt/format.h>

#include <algorithm>
#include <numeric>

#include "plugin/conformance/kinds.hpp"
#include "plugin/conformance/tiny_model.hpp"
#include "plugin/graph_pass_instance.hpp"

namespace tokamak::plugin::conformance {
namespace {

outcome check_valid(graph_pass_instance& pass, editable_graph& graph) {
  if (auto ok = pass.run(graph.editor(), editable_graph::api()); !ok) return broken(ok.error().message);
  if (auto ok = graph.validate(); !ok) return broken(ok.error().message);
  return passed();
}

outcome check_outputs(const editable_graph& before, const editable_graph& after) {
  for (const auto& v : before.values) {
    if (!(v.flags & (TK_VALUE_OUTPUT | TK_VALUE_INPUT))) continue;
    const auto same = [&](const editable_graph::value& o) {
      return o.name == v.name && o.kind == v.kind && o.dims == v.dims && o.flags == v.flags;
    };
    if (!std::any_of(after.values.begin(), after.values.end(), same))
      return broken(fmt::format("'{}' is no longer what it was", v.name));
  }
  return passed();
}

outcome check_same_numbers(const tiny_model& model, editable_graph& before, editable_graph& after) {
  std::vector<std::int32_t> tokens(20);
  std::iota(tokens.begin(), tokens.end(), 3);
  const std::vector<std::uint32_t> outputs{0, 7, 19};
  const auto wanted = interpret(before.view(), model.tensors, tokens, outputs);
  const auto found = interpret(after.view(), model.tensors, tokens, outputs);
  if (!wanted || !found) return broken((wanted ? found : wanted).error().message);
  if (!found->contains("logits")) return broken("the output 'logits' is gone");
  const double d = difference(found->at("logits").data, wanted->at("logits").data);
  return d < 1e-4 ? passed() : broken(fmt::format("the logits differ by {:.2g} of the largest", d));
}

/// embed → take_outputs: nothing that a pass for transformers would look for.
editable_graph bare_graph() {
  editable_graph g;
  g.add({"token_embd.weight", TK_WEIGHT, TK_F32, {8, 4}, 0});
  g.add({"x", TK_ROWS, TK_F32, {8}, 0});
  g.add({"y", TK_OUTPUT_ROWS, TK_F32, {8}, TK_VALUE_OUTPUT});
  g.ops.push_back({"tokamak.embed", 1, {0}, {1}, {}});
  g.ops.push_back({"tokamak.take_outputs", 1, {1}, {2}, {}});
  return g;
}

} // namespace

void check_graph_pass(checks& c, const subject& s) {
  auto made = graph_pass_instance::create(s.plugins, s.use, s.settings());
  c.run("is created", [&] { return made ? passed() : broken(made.error().message); });
  if (!made) return;
  tiny_model model(s.seed);
  editable_graph edited(model.graph);
  bool valid = false;
  c.run("leaves a valid graph", [&] {
    const outcome o = check_valid(*made, edited);
    valid = o.passed;
    return o;
  });
  if (!valid) return;
  c.run("keeps the graph's inputs and outputs", [&] { return check_outputs(model.graph, edited); });
  editable_graph plain(edited);
  bool decomposed = false;
  c.run("defines every op that it adds", [&] {
    auto ok = plain.decompose_all();
    if (ok) ok = plain.validate();
    decomposed = ok.has_value();
    return ok ? passed() : broken(ok.error().message);
  });
  if (decomposed)
    c.run("changes nothing in what is computed", [&] { return check_same_numbers(model, model.graph, plain); });
  c.run("may run again on its own result", [&] { return check_valid(*made, edited); });
  c.run("leaves a graph valid in which it finds nothing", [&] {
    editable_graph bare = bare_graph();
    return check_valid(*made, bare);
  });
}

} // namespace tokamak::plugin::conformance
