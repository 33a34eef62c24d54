// A third party's operator fusion: a pass that puts acme.add_norm where a sum is normalised, what the op means to backends
// that lack it, and its kernel for those that take kernels.
#include <tokamak/plugin.hpp>

#include <cmath>

namespace {

namespace sdk = tokamak::sdk;

const tk_attribute* find(const tk_op& op, std::string_view name) {
  for (std::uint32_t i = 0; i < op.n_attributes; ++i)
    if (sdk::view(op.attributes[i].name) == name) return &op.attributes[i];
  return nullptr;
}

// acme.add_norm(a, b, weight) -> sum, normalised sum
void decompose(sdk::graph_editor& g, std::uint32_t at) {
  const tk_op& op = g.view().ops[at];
  const std::uint32_t a = op.inputs[0], b = op.inputs[1], weight = op.inputs[2], sum = op.outputs[0], out = op.outputs[1];
  const auto add = sdk::op_builder("tokamak.add").inputs({a, b}).outputs({sum});
  const auto norm = sdk::op_builder("tokamak.rms_norm").inputs({sum, weight}).outputs({out}).copy(*find(op, "eps"));
  g.erase_op(at);
  g.insert_op(at, add);
  g.insert_op(at + 1, norm);
}

struct fuse_add_norm : sdk::graph_pass {
  static constexpr const char* name = "fuse_add_norm";
  static constexpr const char* summary = "Adds and normalises in one op.";
  static constexpr tk_option_spec options[] = {
      {"silence", TK_BOOLEAN, 0, "false", "The kernel writes zeros, so that a test can tell that it ran."}};

  fuse_add_norm(sdk::host, const sdk::option_table& options) : silence_(options.boolean("silence")) {}

  void run(sdk::graph_editor& g) {
    g.define_op<&decompose>("acme.add_norm", 1);
    for (std::uint32_t i = 0; i < g.view().n_ops; ++i) {
      if (sdk::view(g.view().ops[i].name) != "tokamak.add") continue;
      const std::uint32_t norm = norm_of(g.view(), g.view().ops[i].outputs[0], i);
      if (norm == g.view().n_ops) continue;
      const auto view = g.view();
      const tk_op &first = view.ops[i], &second = view.ops[norm];
      const auto fused = sdk::op_builder("acme.add_norm")
                             .inputs({first.inputs[0], first.inputs[1], second.inputs[1]})
                             .outputs({first.outputs[0], second.outputs[0]})
                             .copy(*find(second, "eps"))
                             .integer("silence", silence_);
      g.erase_op(norm);
      g.erase_op(i);
      g.insert_op(i, fused);
    }
  }

private:
  // The norm of this value, if there is one, else n_ops.
  static std::uint32_t norm_of(const tk_graph_view& view, std::uint32_t value, std::uint32_t after) {
    for (std::uint32_t i = after + 1; i < view.n_ops; ++i)
      if (sdk::view(view.ops[i].name) == "tokamak.rms_norm" && view.ops[i].inputs[0] == value) return i;
    return static_cast<std::uint32_t>(view.n_ops);
  }

  std::int64_t silence_;
};

struct add_norm_kernels : sdk::kernels {
  static constexpr const char* name = "add_norm";
  static constexpr const char* summary = "acme.add_norm for any processor.";

  static void add_norm(const tk_kernel_args& args) {
    const std::uint64_t width = args.output_widths[0];
    const auto* weight = static_cast<const float*>(args.weights[2]);
    const float eps = static_cast<float>(find(*args.op, "eps")->real);
    const float volume = find(*args.op, "silence")->integer != 0 ? 0.0f : 1.0f;
    for (std::uint64_t row = args.row_begin; row < args.row_end; ++row) {
      const float *a = args.inputs[0] + row * width, *b = args.inputs[1] + row * width;
      float *sum = args.outputs[0] + row * width, *out = args.outputs[1] + row * width;
      float squares = 0;
      for (std::uint64_t i = 0; i < width; ++i) {
        sum[i] = a[i] + b[i];
        squares += sum[i] * sum[i];
      }
      const float scale = volume / std::sqrt(squares / static_cast<float>(width) + eps);
      for (std::uint64_t i = 0; i < width; ++i) out[i] = sum[i] * scale * weight[i];
    }
  }
  static constexpr tk_kernel list[] = {sdk::kernel<&add_norm>("acme.add_norm", 1, "reference")};
};

} // namespace

TOKAMAK_PLUGIN("acme", "1.0.0", "Apache-2.0", "A third party's operator fusion.", fuse_add_norm, add_norm_kernels)
