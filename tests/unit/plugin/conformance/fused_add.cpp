// A pass, its op and its kernel that keep the contract: residual additions become "acme.sum", which falls apart into
// tokamak.add where a backend has no kernel for it.
#include <tokamak/plugin.hpp>

namespace {

namespace sdk = tokamak::sdk;

void decompose_sum(sdk::graph_editor& g, std::uint32_t at) {
  const tk_op& op = g.view().ops[at];
  const auto plain = sdk::op_builder("tokamak.add").inputs({op.inputs[0], op.inputs[1]}).outputs({op.outputs[0]});
  g.erase_op(at);
  g.insert_op(at, plain);
}

struct fuse_add : sdk::graph_pass {
  static constexpr const char* name = "fuse_add";
  static constexpr const char* summary = "Turns additions into acme.sum.";
  fuse_add(sdk::host, const sdk::option_table&) {}
  void run(sdk::graph_editor& g) {
    g.define_op<&decompose_sum>("acme.sum", 1);
    for (std::uint32_t i = 0; i < g.view().n_ops; ++i) {
      const tk_op& op = g.view().ops[i];
      if (sdk::view(op.name) != "tokamak.add") continue;
      const auto fused = sdk::op_builder("acme.sum").inputs({op.inputs[0], op.inputs[1]}).outputs({op.outputs[0]}).integer("terms", 2);
      g.erase_op(i);
      g.insert_op(i, fused);
    }
  }
};

struct add_kernels : sdk::kernels {
  static constexpr const char* name = "add_kernels";
  static constexpr const char* summary = "acme.sum for any processor.";
  static void sum(const tk_kernel_args& a) {
    const std::uint64_t width = a.output_widths[0];
    for (std::uint64_t i = a.row_begin * width; i < a.row_end * width; ++i) a.outputs[0][i] = a.inputs[0][i] + a.inputs[1][i];
  }
  static constexpr tk_kernel list[] = {sdk::kernel<&sum>("acme.sum", 1, "reference"), sdk::kernel<&sum>("acme.unused", 1, "reference")};
};

} // namespace

TOKAMAK_PLUGIN("fused_add", "0.1", "Apache-2.0", "For tests.", fuse_add, add_kernels)
