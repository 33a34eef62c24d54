// Kernels: what they say of themselves, and where the file's own passes use their ops, what they compute.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <numeric>
#include <set>
#include <tuple>

#include "plugin/conformance/kinds.hpp"
#include "plugin/conformance/tiny_model.hpp"
#include "plugin/graph_pass_instance.hpp"
#include "plugin/kernels_extension.hpp"

namespace tokamak::plugin::conformance {
namespace {

bool machine_has(std::string_view level) {
#if defined(__x86_64__)
  if (level == "avx2") return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
  if (level == "avx512")
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
           __builtin_cpu_supports("avx512vl");
#endif
  return level == "reference";
}

outcome check_list(std::span<const tk_kernel> kernels) {
  if (kernels.empty()) return broken("it has no kernels");
  std::set<std::tuple<std::string_view, std::uint32_t, std::string_view>> seen;
  for (const auto& k : kernels) {
    const auto name = from_tk(k.op_name);
    if (name.find('.') == std::string_view::npos)
      return broken(fmt::format("op '{}' has no namespace, as in 'acme.fused_norm'", name));
    constexpr std::array<std::string_view, 3> levels{"reference", "avx2", "avx512"};
    if (std::find(levels.begin(), levels.end(), k.cpu_level) == levels.end())
      return broken(fmt::format("op '{}' has the level '{}'; reference, avx2 or avx512 expected", name, k.cpu_level));
    if (!seen.emplace(name, k.op_version, k.cpu_level).second)
      return broken(fmt::format("op '{}' version {} has two kernels of level {}", name, k.op_version, k.cpu_level));
  }
  return passed();
}

/// These depend on more than their rows, so a kernel for them cannot be called alone.
bool stateful(std::string_view op) {
  return op == "tokamak.kv_write" || op == "tokamak.attention" || op == "tokamak.embed" ||
         op == "tokamak.take_outputs" || op == "tokamak.decay_scan" || op == "tokamak.all_reduce";
}

/// The small model after all graph passes of the same file.
outcome make_graph(const subject& s, editable_graph& graph) {
  for (const auto& e : s.plugins.extensions()) {
    if (e.kind() != TK_KIND_GRAPH_PASS) continue;
    auto pass = graph_pass_instance::create(
        s.plugins, {std::string(e.name()), option_value{option_value::table{}, 0, 0}, 0, 0}, s.settings());
    if (!pass) return broken(pass.error().message);
    if (auto ok = pass->run(graph.editor(), editable_graph::api()); !ok) return broken(ok.error().message);
  }
  return passed();
}

/// One kernel computes its op, everything else is decomposed: the logits must be those of the untouched model.
outcome check_numbers(const subject& s, const tk_kernel& kernel) {
  const auto name = from_tk(kernel.op_name);
  if (!machine_has(kernel.cpu_level)) return passed(fmt::format("not run: this machine has no {}", kernel.cpu_level));
  if (stateful(name)) return passed("not run: it needs a backend's state");
  tiny_model model(s.seed);
  editable_graph graph(model.graph);
  const auto is_mine = [&](const editable_graph::op& o) { return o.name == name && o.version == kernel.op_version; };
  if (!name.starts_with("tokamak."))
    if (auto o = make_graph(s, graph); !o.passed) return o;
  if (!std::any_of(graph.ops.begin(), graph.ops.end(), is_mine))
    return passed("not run: no pass of this file makes its op from a llama");
  if (auto ok = graph.decompose_all(is_mine); !ok) return broken(ok.error().message);
  std::vector<std::int32_t> tokens(21);
  std::iota(tokens.begin(), tokens.end(), 5);
  const std::vector<std::uint32_t> outputs{0, 9, 20};
  const auto wanted = interpret(model.graph.view(), model.tensors, tokens, outputs);
  const auto found = interpret(graph.view(), model.tensors, tokens, outputs, {&kernel, 1});
  if (!wanted || !found) return broken((wanted ? found : wanted).error().message);
  const double d = difference(found->at("logits").data, wanted->at("logits").data);
  return d < 1e-3 ? passed() : broken(fmt::format("with it the logits differ by {:.2g} of the largest", d));
}

} // namespace

void check_kernels(checks& c, const subject& s) {
  auto made = kernels_extension::create(s.plugins, s.use, s.settings());
  c.run("is found", [&] { return made ? passed() : broken(made.error().message); });
  if (!made) return;
  bool sound = false;
  c.run("names its ops and levels, each once", [&] {
    const outcome o = check_list(made->kernels());
    sound = o.passed;
    return o;
  });
  if (!sound) return;
  for (const auto& k : made->kernels())
    c.run(fmt::format("the {} kernel of '{}' computes its op", k.cpu_level, from_tk(k.op_name)),
          [&] { return check_numbers(s, k); });
}

} // namespace tokamak::plugin::conformance
