// The architecture "qwen3" of GGUF files: Qwen 3, dense.
#pragma once

#include "model/architectures/architecture.hpp"

namespace tokamak {

expected<model_graph> build_qwen3(const gguf_file& file, const graph_options& options);

} // namespace tokamak
