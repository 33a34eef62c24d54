// The architecture "gemma3" of GGUF files: Gemma 3, its text part.
#pragma once

#include "model/architectures/architecture.hpp"

namespace tokamak {

expected<model_graph> build_gemma3(const gguf_file& file, const graph_options& options);

} // namespace tokamak
