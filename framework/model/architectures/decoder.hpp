// What the decoder-only transformers of GGUF files have in common: hyperparameters, weights and cache groups by layer,
// both ends of the graph. An architecture's file says how these make a layer.
#pragma once

#include "model/architectures/architecture.hpp"
#include "model/architectures/model_source.hpp"
#include "model/graph/primitive_ops.hpp"

#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace tokamak {

/// D width, F feed-forward width, H heads, G K/V heads, Dk and Dv their widths.
struct decoder_shape {
  std::uint32_t n_layers, D, F, H, G, Dk, Dv, vocab_size, context_length;
  double eps, attention_scale;
  std::uint64_t q_width() const { return std::uint64_t{H} * Dk; }
  std::uint64_t k_width() const { return std::uint64_t{G} * Dk; }
  std::uint64_t v_width() const { return std::uint64_t{G} * Dv; }
};

/// Where a layer keeps its K and V.
struct cache_layer {
  std::uint32_t group = 0, layer = 0;
};

/// Reads the hyperparameters at construction; then the graph is built from embed() through the layers to finish(). The
/// first error sticks, as in model_source, and is what finish() returns. REQUIRES: file and options outlive it.
class decoder {
  const graph_options& options_;
  model_graph model_; // before what refers to its graph

public:
  decoder(const gguf_file& file, const graph_options& options);
  decoder(const decoder&) = delete;
  decoder& operator=(const decoder&) = delete;

  /// Group "full" for layers that attend everything and "sliding" for those that attend `window` positions, themselves
  /// included; a group without layers is left out, and a window as long as the context is none. Returns each layer's
  /// place. Called once, before the first layer.
  std::vector<cache_layer> add_cache(std::uint32_t window = 0, const std::function<bool(std::uint32_t)>& slides = {});

  /// Refuses a file whose layers attend a window shorter than the context, where nobody says which of them do.
  void refuse_window();

  /// Rotary embedding of heads as the file's metadata says; `style` as in rope_settings, `base` where the file has
  /// none.
  rope_settings rope(std::string_view style, double base = 10000);

  /// Rows of the token embeddings.
  value_id embed(double scale = 1);
  /// "blk.3.attn_q".
  static std::string name(std::uint32_t layer, std::string_view part);
  /// x normalised, in groups of `width` (0: whole rows), by the weight of that part.
  value_id norm(std::uint32_t layer, std::string_view part, value_id x, std::uint64_t width = 0);
  /// x times the weight of that part; a bias that the file lacks is absent from the op.
  value_id linear(std::uint32_t layer, std::string_view part, value_id x, std::uint64_t width);
  /// The same, where the architecture has no variant without bias.
  value_id biased(std::uint32_t layer, std::string_view part, value_id x, std::uint64_t width);
  /// The same with rows [first, first + width) of a tensor `fused` that several parts share.
  value_id linear_of(std::uint32_t layer, std::string_view fused, std::uint64_t fused_width, std::string_view part,
                     value_id x, std::uint64_t first, std::uint64_t width);
  value_id rotate(std::uint32_t layer, std::string_view part, value_id x, const rope_settings& rope);
  /// Keeps k and v, attends with q, and projects back to [D].
  value_id attend(std::uint32_t layer, cache_layer place, value_id q, value_id k, value_id v);
  /// activation(gate · x) · (up · x), projected back to [D].
  value_id feed_forward(std::uint32_t layer, value_id x, const char* activation);
  value_id residual(std::uint32_t layer, std::string_view part, value_id x, value_id added);

  /// The last norm and the output matrix (tied to the embeddings if the file has none), on the rows that are wanted.
  expected<model_graph> finish(value_id x);

  model_source source;
  primitive_ops op;
  decoder_shape shape{};
  double logit_softcap = 0; ///< 0: none

private:
  void read_shape();
  value_id multiply(std::uint32_t layer, std::string_view part, value_id x, std::uint64_t width, value_id bias);
};

} // namespace tokamak
