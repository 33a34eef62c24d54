// Frequencies of rotary embedding.
#include "rope_table.hpp"

#include "weights.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace tokamak::cpu {

namespace {

// The pair (counted from 0) whose wave turns `rotations` times within the original context.
double pair_of(double rotations, double dims, double base, double context) {
  return dims * std::log(context / (rotations * 2 * std::numbers::pi)) / (2 * std::log(base));
}

} // namespace

void check_rotation(const op_view& op, std::uint32_t divisors) {
  const std::uint32_t dims = op.count("rotary_dims");
  if (dims % 2 != 0 || dims > op.count("head_dim"))
    op.refuse(TK_INVALID_ARGUMENT,
              "rotary_dims is " + std::to_string(dims) + ", expected an even number of at most head_dim");
  if (op.text("style") != "interleaved" && op.text("style") != "halves")
    op.refuse(TK_UNSUPPORTED, "style '" + std::string(op.text("style")) + "', known: interleaved, halves");
  if (op.has_input(divisors)) {
    check_weight(op, divisors, 1);
    if (op.input(divisors).dims[0] != dims / 2)
      op.refuse(TK_INVALID_ARGUMENT,
                "divisors " + quoted(op.input(divisors).name) + " must have " + std::to_string(dims / 2) + " elements");
  }
  rope_table_of(op, nullptr);
}

kernels::rope_pairs pairs_of(const op_view& op) {
  return op.text("style") == "halves" ? kernels::rope_pairs::halves : kernels::rope_pairs::interleaved;
}

rope_table rope_table_of(const op_view& op, const float* divisors) {
  const std::uint32_t dims = op.count("rotary_dims");
  const double base = op.real("freq_base"), scale = op.real("freq_scale", 1), extrapolated = op.real("ext_factor", 0);
  rope_table table;
  table.magnitude = op.real("attn_factor", 1);
  double low = 0, high = 0;
  if (extrapolated != 0) {
    const double context = op.count("original_context");
    low = std::max(0.0, std::floor(pair_of(op.real("beta_fast", 32), dims, base, context)));
    high = std::min(dims - 1.0, std::ceil(pair_of(op.real("beta_slow", 1), dims, base, context)));
    table.magnitude *= 1 + 0.1 * std::log(1 / scale);
  }
  for (std::uint32_t i = 0; i < dims / 2; ++i) {
    const double plain =
        std::pow(base, -2.0 * i / dims) / (divisors == nullptr ? 1.0 : static_cast<double>(divisors[i]));
    double kept = 0; // the part of the plain frequency: fast waves keep theirs, slow ones are stretched
    if (extrapolated != 0) kept = extrapolated * (1 - std::clamp((i - low) / std::max(0.001, high - low), 0.0, 1.0));
    table.frequencies.push_back(plain * (scale * (1 - kept) + kept));
  }
  return table;
}

} // namespace tokamak::cpu
