// The architecture "phi3" of GGUF files: Phi 3, 3.5 and 4.
#pragma once

#include "model/architectures/architecture.hpp"

namespace tokamak {

expected<model_graph> build_phi3(const gguf_file& file, const graph_options& options);

} // namespace tokamak
