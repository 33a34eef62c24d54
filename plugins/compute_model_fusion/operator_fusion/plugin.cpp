// graph_pass "operator_fusion": ops that are computed together become one, which backends that know it run faster; for the others it falls
// apart again. No result changes by a bit.
#include "graph_index.hpp"

namespace tokamak::operator_fusion {
namespace {

class operator_fusion : public sdk::graph_pass {
public:
  static constexpr const char* name = "operator_fusion";
  static constexpr const char* summary = "Fuses norm, matmul and gate; rotation, cache write and attention; computes the last layer for output rows only.";
  static constexpr tk_option_spec options[] = {
      {"matmul", TK_BOOLEAN, 0, "true", "Sum with the residual, norm, matmuls of one input and the gate behind them as fused.matmul."},
      {"attention", TK_BOOLEAN, 0, "true", "Norm and rotation of Q and K, kv_write and attention as fused.attention."},
      {"output_rows", TK_BOOLEAN, 0, "true", "What follows attention in the last layer only for rows whose logits are wanted."}};

  operator_fusion(sdk::host, const sdk::option_table& options)
      : matmul_(options.boolean("matmul")), attention_(options.boolean("attention")), output_rows_(options.boolean("output_rows")) {}

  void run(sdk::graph_editor& g) {
    if (output_rows_) {
      while (move_outputs_up(g)) {
      }
    }
    if (attention_) {
      define_fused_attention(g);
      while (fuse_attention(g)) {
      }
    }
    if (matmul_) {
      define_fused_matmul(g);
      while (fuse_matmul(g)) {
      }
    }
  }

private:
  bool matmul_, attention_, output_rows_;
};

} // namespace
} // namespace tokamak::operator_fusion

TOKAMAK_PLUGIN("operator_fusion", "0.1.0", "Apache-2.0", "Operator fusion.", tokamak::operator_fusion::operator_fusion)
