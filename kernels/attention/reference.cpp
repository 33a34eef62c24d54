// Attention of one split, plain: logits, softmax, weighted sum of V, one query at a time.
#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

#include "attention/levels.hpp"
#include "tokamak/kernels/weight_format.hpp"

namespace tokamak::kernels::attention_detail {

namespace {

float element(const kv_layer& layer, const std::byte* block, std::size_t index) {
  if (layer.shape.type == kv_type::f32) {
    float value = 0;
    std::memcpy(&value, block + index * sizeof(value), sizeof(value));
    return value;
  }
  std::uint16_t half = 0;
  std::memcpy(&half, block + index * sizeof(half), sizeof(half));
  return f16_to_f32(half);
}

float logit(const split_args& args, const float* q, std::uint32_t slot) {
  const std::byte* const block = block_of(*args.layer, *args.rows, slot);
  const std::uint32_t token = slot % args.layer->shape.block_size;
  const std::size_t at = token / 8 * args.at->k_group + std::size_t{args.kv_head} * args.head_dim * 8 + token % 8;
  float dot = 0;
  for (std::uint32_t d = 0; d < args.head_dim; ++d)
    dot += q[d] * args.params->scale * element(*args.layer, block, at + d * 8);
  const float cap = args.params->soft_cap;
  return cap > 0 ? cap * std::tanh(dot / cap) : dot;
}

void one_query(const split_args& args, const query& query) {
  const float* const q = args.rows->q + query.row * args.rows->ldq + std::size_t{query.head} * args.head_dim;
  float logits[attention_split];
  float largest = -std::numeric_limits<float>::infinity();
  for (std::uint32_t key = query.key_begin; key < query.key_end; ++key) {
    logits[key - args.first_key] = logit(args, q, slot_of(*args.rows, query.row, key));
    largest = std::max(largest, logits[key - args.first_key]);
  }
  float* const sums = query.partial;
  std::fill(sums, sums + args.value_dim, 0.0f);
  float weights = 0;
  for (std::uint32_t key = query.key_begin; key < query.key_end; ++key) {
    const float weight = std::exp(logits[key - args.first_key] - largest);
    const std::uint32_t slot = slot_of(*args.rows, query.row, key);
    const std::byte* const block = block_of(*args.layer, *args.rows, slot);
    const std::size_t at = args.at->v_at + slot % args.layer->shape.block_size * args.at->v_token +
                           std::size_t{args.kv_head} * args.value_dim;
    for (std::uint32_t d = 0; d < args.value_dim; ++d) sums[d] += weight * element(*args.layer, block, at + d);
    weights += weight;
  }
  sums[args.value_dim] = largest;
  sums[args.value_dim + 1] = weights;
}

} // namespace

void split_reference(const split_args& args) {
  for (std::uint32_t i = 0; i < args.n_queries; ++i) one_query(args, args.queries[i]);
}

void merge_reference(float* state, const float* partial, std::uint32_t value_dim) {
  const float largest = std::max(state[value_dim], partial[value_dim]);
  const float keep = std::exp(state[value_dim] - largest), take = std::exp(partial[value_dim] - largest);
  for (std::uint32_t d = 0; d < value_dim; ++d) state[d] = state[d] * keep + partial[d] * take;
  state[value_dim + 1] = state[value_dim + 1] * keep + partial[value_dim + 1] * take;
  state[value_dim] = largest;
}

} // namespace tokamak::kernels::attention_detail
