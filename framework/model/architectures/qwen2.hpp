// The architecture "qwen2" of GGUF files: Qwen 2 and 2.5.
#pragma once

#include "model/architectures/architecture.hpp"

namespace tokamak {

expected<model_graph> build_qwen2(const gguf_file& file, const graph_options& options);

} // namespace tokamak
