// Architectures for test models: every kind of cache group, built as real ones are.
#pragma once

#include "model/architectures/architecture.hpp"

namespace tokamak::test {

expected<model_graph> build_tiny_sliding(const gguf_file& file, const graph_options& options);
expected<model_graph> build_tiny_recurrent(const gguf_file& file, const graph_options& options);

} // namespace tokamak::test
