// One row of quantised weights into its place in a tile (layout.hpp).
#pragma once

#include "matmul/layout.hpp"

namespace tokamak::kernels::matmul_detail {

/// `row`: view.k weights as the file stores them; `tile`: memory of the tile, row `r` of which is written.
void pack_row(const packed_view& view, const std::byte* row, std::size_t r, std::byte* tile);

} // namespace tokamak::kernels::matmul_detail
