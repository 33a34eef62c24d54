// The architecture "llama": Llama 1 to 3, Mistral, SmolLM2, TinyLlama and others of their shape.
#pragma once

#include "model/architectures/architecture.hpp"

namespace tokamak {

expected<model_graph> build_llama(const gguf_file& file, const graph_options& options);

} // namespace tokamak
