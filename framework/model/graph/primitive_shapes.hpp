// Shape rules of the primitive ops: one function an op, called when kinds and attributes have been checked.
#pragma once

#include "model/graph/graph.hpp"

namespace tokamak::primitive_shapes {

using rule = expected<void>(const graph& g, const graph_op& op);

rule embed, rms_norm, matmul, rope, kv_write, attention, elementwise, softcap, glu, decay_scan;

} // namespace tokamak::primitive_shapes
