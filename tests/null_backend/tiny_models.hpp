// Made-up models that run in microseconds: a GGUF file each, and from it graph and weights. Weights come from a
// seed, so that two models of one seed are equal and of two seeds are not.
#pragma once

#include "model/architectures/architecture.hpp"
#include "model/architectures/weights.hpp"

#include <cstdint>
#include <memory>
#include <string>

namespace tokamak::test {

/// Sizes must divide as a model's do: heads by kv_heads, width by heads; 32 divides widths of quantised weights.
struct tiny_options {
  std::uint32_t vocab_size = 288; ///< from 264 on the file has a byte-level tokenizer and a chat template
  std::uint32_t width = 32;
  std::uint32_t layers = 2;
  std::uint32_t heads = 4;
  std::uint32_t kv_heads = 2;
  std::uint32_t ffn = 64;
  std::uint32_t context = 256;
  std::uint32_t window = 6;    ///< tiny_sliding
  double decay = 0.9;          ///< tiny_recurrent
  tk_format weights = TK_F32;  ///< of matrices; F32, F16, BF16, Q8_0, Q4_0 or Q4_1
  std::uint64_t seed = 1;
  std::uint32_t rotate_vocab = 0; ///< byte b is token (b + rotate_vocab) mod 256: another vocabulary
};

/// Architecture llama: one full cache group.
std::string tiny_llama_gguf(const tiny_options& options = {});
/// Architecture "tiny_sliding": even layers attend a window (group 1, "near"), odd ones everything (group 0, "full");
/// rotary pairs are halves, Q and K have norms, attention and logits are soft-capped.
std::string tiny_sliding_gguf(const tiny_options& options = {});
/// Architecture "tiny_recurrent": even layers are a decay_scan between two matmuls (group 1, "state"), odd ones full
/// attention.
std::string tiny_recurrent_gguf(const tiny_options& options = {});

/// Makes tiny_sliding and tiny_recurrent known to build_model_graph; any number of calls.
void register_tiny_architectures();

/// A model read back from its file's bytes.
struct tiny_model {
  std::unique_ptr<std::string> bytes;
  std::unique_ptr<gguf_file> file;
  model_graph model;
  graph_weights weights; ///< of model.graph

  /// Builds the graph; throws if that fails.
  static tiny_model of(std::string gguf, const graph_options& options = {TK_F32, 4});
};

} // namespace tokamak::test
