// Extensions that keep the contract in ways that the installed plugins do not show. A pass, its op and its kernel:
// additions become "acme.sum", which falls apart into tokamak.add where a backend has no kernel for it. And a fusion
// that steers its member token by token.
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
      const auto fused =
          sdk::op_builder("acme.sum").inputs({op.inputs[0], op.inputs[1]}).outputs({op.outputs[0]}).integer("terms", 2);
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
    for (std::uint64_t i = a.row_begin * width; i < a.row_end * width; ++i)
      a.outputs[0][i] = a.inputs[0][i] + a.inputs[1][i];
  }
  static constexpr tk_kernel list[] = {sdk::kernel<&sum>("acme.sum", 1, "reference"),
                                       sdk::kernel<&sum>("acme.unused", 1, "reference")};
};

/// Waits a little, forces the beginning of the answer, looks at the candidates, forks, then asks for one token at a
/// time.
class steers : public sdk::fusion {
 public:
  static constexpr const char* name = "steers";
  static constexpr const char* summary = "Steers its member token by token.";
  steers(sdk::host, const sdk::option_table&, std::span<const tk_fusion_member>) {}
  std::uint64_t worst_case_tokens(std::uint32_t max_tokens) const { return max_tokens + 8; }

  class request {
   public:
    request(steers&, const tk_request& r, sdk::fusion_call call) : call_(call), left_(r.max_tokens) {
      tk_open how{};
      how.size = sizeof how;
      how.use_request_prompt = 1;
      trunk_ = call_.open(how);
      call_.set_timer(1000, 1);
    }
    void on_timer(std::uint64_t) { call_.extend(trunk_, 1, {}, "Well, ", 3); }
    void on_event(const tk_sequence_event& e) {
      if (e.finish == TK_FINISH_ERROR) return call_.fail(e.error->code, e.error->message);
      if (e.op == 1) return branch(e);
      call_.emit({e.tokens, e.n_tokens}, sdk::view(e.text));
      left_ -= static_cast<std::uint32_t>(e.n_tokens);
      if (e.finish != TK_FINISH_NONE) return call_.finish(e.finish, sdk::view(e.stop));
      if (left_ == 0) return call_.finish(TK_FINISH_LENGTH);
      call_.generate(branch_, 1);
    }

   private:
    void branch(const tk_sequence_event& e) {
      if (e.n_candidates != 3) throw sdk::failure(TK_INTERNAL, "three candidates were asked for");
      branch_ = call_.fork(trunk_, e.length);
      call_.truncate(branch_, e.length - 1);
      call_.close(trunk_);
      call_.generate(branch_, 1);
    }

    sdk::fusion_call call_;
    std::uint32_t left_;
    std::uint64_t trunk_ = 0, branch_ = 0;
  };
};

} // namespace

TOKAMAK_PLUGIN("well_behaved", "0.1", "Apache-2.0", "For tests.", fuse_add, add_kernels, steers)
