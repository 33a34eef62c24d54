// The angles of rotary embedding for a step's rows, computed once for all ops with the same settings.
#pragma once

#include "op_view.hpp"
#include "tokamak/kernels/rope.hpp"

#include <cstdint>
#include <vector>

namespace tokamak::cpu {

/// What the angles depend on.
struct rope_table {
  std::vector<double> frequencies; ///< radians a position, [rotary_dims/2]
  double magnitude = 1;
  std::vector<float> angles; ///< of the running step, [rows, rotary_dims]

  std::size_t rotary_dims() const { return frequencies.size() * 2; }
  bool same_settings(const rope_table& other) const {
    return frequencies == other.frequencies && magnitude == other.magnitude;
  }
};

/// Throws (through `op`) unless the attributes of a rotation and the divisors in that input, if there are any, fit one another.
void check_rotation(const op_view& op, std::uint32_t divisors);
/// The attribute "style". REQUIRES: check_rotation passed it.
kernels::rope_pairs pairs_of(const op_view& op);

/// From the op's attributes: base, linear scaling, YaRN (Peng et al. 2023); `divisors` as in Llama 3.1, or nullptr.
rope_table rope_table_of(const op_view& op, const float* divisors);

} // namespace tokamak::cpu
