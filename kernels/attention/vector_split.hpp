// Attention of one split, for a few queries of a kv head at once, so that K and V are loaded and widened once for all
// of them. Q.K runs over the keys of a register (K is stored transposed, 8 keys a group), P.V over the values of a register.
//
// Order of sums, the same whichever queries come together: a logit adds its head dimensions one after the other, an
// output its keys; weights add by lane (key index mod lanes), then across.
//
// For the file of a processor level, which says in `Simd` what its registers do; everything is local to that file. Simd has:
//   floats, lane_count (8 or 16), queries (most at once), vectors_of_keys(M) and vectors_of_values(M) (those whose sums with M
//   queries fit in registers), all, load (of floats, or of f16), load_eight (8 elements, zeros behind), load_pair (twice 8, if it
//   has 16 lanes), store, add, sub, mul, div, fma(a, b, c) = a*b+c, max, only(begin, end, x, other) (lanes [begin, end) of x),
//   largest, sum, exp, tanh.
#pragma once

#include <immintrin.h>

#include "attention/levels.hpp"

namespace tokamak::kernels::attention_detail {

namespace {

constexpr std::uint32_t key_group = 8; // keys that lie together

inline float one_element(std::uint16_t half) { return _mm_cvtss_f32(_mm_cvtph_ps(_mm_cvtsi32_si128(half))); }
inline float one_element(float value) { return value; }

// Distances of the rows of two queries; not powers of two, which would share few sets of the nearest cache.
constexpr std::size_t dims_row = attention_max_head_dim + 16, weights_row = attention_split + 16;

// Work space of one call.
template <class Simd>
struct space {
  alignas(64) float q[Simd::queries][dims_row];          // scaled queries
  alignas(64) float weights[Simd::queries][weights_row]; // logits, then softmax weights, by key
  alignas(64) float sums[Simd::queries][dims_row];
};

template <class Element>
const Element* block_data(const split_args& args, std::uint32_t slot) {
  return reinterpret_cast<const Element*>(block_of(*args.layer, *args.rows, slot));
}

// Puts the logits of one query with a vector of keys, the first in `slot`, where softmax looks for them. Lanes past
// the block's end are overwritten by the next block or masked later.
template <class Simd>
void put_logits(typename Simd::floats logits, float* weights, std::uint32_t slot, std::uint32_t first_key) {
  if (slot >= first_key) return Simd::store(weights + (slot - first_key), logits);
  alignas(64) float lane[Simd::lane_count];
  Simd::store(lane, logits);
  for (std::uint32_t i = first_key - slot; i < Simd::lane_count; ++i) weights[slot + i - first_key] = lane[i];
}

// Keys in their groups of 8: as many groups as a register holds, or, at a block's end, one.
template <class Simd, bool Whole, class Element>
typename Simd::floats load_keys(const Element* k, std::size_t k_group) {
  if constexpr (Whole && Simd::lane_count == 16) return Simd::load_pair(k, k + k_group);
  return Simd::load_eight(k);
}

// Logits of M queries with G vectors of keys; `slot` is the first key's. M*G sums in flight hide the latency of a
// fused multiply-add, and each loaded key serves M queries.
template <class Simd, int M, int G, bool Whole, class Element>
void group_logits(const split_args& args, space<Simd>& work, const Element* k, std::uint32_t slot) {
  using floats = typename Simd::floats;
  const std::size_t k_group = args.at->k_group, k_vector = Simd::lane_count / key_group * k_group;
  floats acc[M][G];
  for (int m = 0; m < M; ++m)
    for (int g = 0; g < G; ++g) acc[m][g] = Simd::all(0);
  for (std::uint32_t d = 0; d < args.head_dim; ++d, k += key_group) {
    if constexpr (M < G) { // of the two operands the fewer stay in registers
      floats q[M];
      for (int m = 0; m < M; ++m) q[m] = Simd::all(work.q[m][d]);
      for (int g = 0; g < G; ++g) {
        const floats keys = load_keys<Simd, Whole>(k + g * k_vector, k_group);
        for (int m = 0; m < M; ++m) acc[m][g] = Simd::fma(keys, q[m], acc[m][g]);
      }
    } else {
      floats keys[G];
      for (int g = 0; g < G; ++g) keys[g] = load_keys<Simd, Whole>(k + g * k_vector, k_group);
      for (int m = 0; m < M; ++m) {
        const floats q = Simd::all(work.q[m][d]);
        for (int g = 0; g < G; ++g) acc[m][g] = Simd::fma(keys[g], q, acc[m][g]);
      }
    }
  }
  for (int m = 0; m < M; ++m)
    for (int g = 0; g < G; ++g)
      put_logits<Simd>(acc[m][g], work.weights[m], slot + static_cast<std::uint32_t>(g) * Simd::lane_count, args.first_key);
}

// Logits of all queries with the keys in slots [begin, end), which lie one after the other.
template <class Simd, int M, class Element>
void slot_logits(const split_args& args, space<Simd>& work, std::uint32_t begin, std::uint32_t end) {
  constexpr std::uint32_t groups = Simd::lane_count / key_group; // of a vector
  constexpr std::uint32_t together = Simd::vectors_of_keys(M);
  const std::uint32_t block_size = args.layer->shape.block_size;
  const std::size_t head = std::size_t{args.kv_head} * args.head_dim * key_group;
  for (std::uint32_t slot = begin; slot < end;) {
    const std::uint32_t block_slot = slot - slot % block_size;
    const std::uint32_t stop = end - block_slot < block_size ? end - block_slot : block_size; // within the block
    const Element* const k = block_data<Element>(args, slot) + head;
    const std::uint32_t last = (stop + key_group - 1) / key_group;
    std::uint32_t group = slot % block_size / key_group;
    for (; group + together * groups <= last; group += together * groups)
      group_logits<Simd, M, together, true>(args, work, k + group * args.at->k_group, block_slot + group * key_group);
    for (; group + groups <= last; group += groups)
      group_logits<Simd, M, 1, true>(args, work, k + group * args.at->k_group, block_slot + group * key_group);
    if (group < last) group_logits<Simd, M, 1, false>(args, work, k + group * args.at->k_group, block_slot + group * key_group);
    slot = block_slot + stop;
  }
}

// One logit, with the arithmetic of one lane of group_logits.
template <class Element>
float one_logit(const split_args& args, const float* q, std::uint32_t slot) {
  const std::uint32_t token = slot % args.layer->shape.block_size;
  const Element* const k = block_data<Element>(args, slot) + token / key_group * args.at->k_group +
                           std::size_t{args.kv_head} * args.head_dim * key_group + token % key_group;
  __m128 sum = _mm_setzero_ps();
  for (std::uint32_t d = 0; d < args.head_dim; ++d)
    sum = _mm_fmadd_ss(_mm_set_ss(one_element(k[d * key_group])), _mm_set_ss(q[d]), sum);
  return _mm_cvtss_f32(sum);
}

// weights[begin, end) from logits to exp(logit - largest), zeros around them; returns largest and the sum.
template <class Simd>
void softmax(float* weights, std::uint32_t begin, std::uint32_t end, float soft_cap, float* largest, float* sum) {
  using floats = typename Simd::floats;
  constexpr std::uint32_t lane_count = Simd::lane_count;
  const std::uint32_t first = begin / lane_count * lane_count;
  const floats lowest = Simd::all(-__builtin_inff());
  floats most = lowest;
  for (std::uint32_t i = first; i < end; i += lane_count) {
    const std::uint32_t skip = i < begin ? begin - i : 0, stop = end - i < lane_count ? end - i : lane_count;
    floats logit = Simd::load(weights + i);
    if (soft_cap > 0) logit = Simd::mul(Simd::all(soft_cap), Simd::tanh(Simd::div(logit, Simd::all(soft_cap))));
    logit = Simd::only(skip, stop, logit, lowest);
    Simd::store(weights + i, logit);
    most = Simd::max(most, logit);
  }
  *largest = Simd::largest(most);
  floats total = Simd::all(0);
  for (std::uint32_t i = first; i < end; i += lane_count) {
    const floats weight = Simd::exp(Simd::sub(Simd::load(weights + i), Simd::all(*largest)));
    Simd::store(weights + i, weight);
    total = Simd::add(total, weight);
  }
  *sum = Simd::sum(total);
}

// sums[m][d..] += weights of M queries times N vectors of V (or, if not Whole, 8 values) of `count` tokens that lie one after the
// other in a block.
template <class Simd, int M, int N, bool Whole, class Element>
void add_values(const Element* v, std::size_t v_token, const float* weights, std::uint32_t count, float* sums) {
  using floats = typename Simd::floats;
  floats acc[M][N];
  for (int m = 0; m < M; ++m)
    for (int i = 0; i < N; ++i) acc[m][i] = Simd::load(sums + static_cast<std::size_t>(m) * dims_row + i * Simd::lane_count);
  for (std::uint32_t token = 0; token < count; ++token, v += v_token) {
    floats values[N];
    for (int i = 0; i < N; ++i) {
      if constexpr (Whole)
        values[i] = Simd::load(v + i * Simd::lane_count);
      else
        values[i] = Simd::load_eight(v);
    }
    for (int m = 0; m < M; ++m) {
      const floats weight = Simd::all(weights[static_cast<std::size_t>(m) * weights_row + token]);
      for (int i = 0; i < N; ++i) acc[m][i] = Simd::fma(weight, values[i], acc[m][i]);
    }
  }
  for (int m = 0; m < M; ++m)
    for (int i = 0; i < N; ++i) Simd::store(sums + static_cast<std::size_t>(m) * dims_row + i * Simd::lane_count, acc[m][i]);
}

// Values of slots [begin, end) into queries first..first+M-1; keys are numbered from `key` on.
template <class Simd, int M, class Element>
void slot_values(const split_args& args, space<Simd>& work, std::uint32_t first, std::uint32_t begin, std::uint32_t end,
                 std::uint32_t key) {
  constexpr int wide = Simd::vectors_of_values(M);
  constexpr std::size_t lane_count = Simd::lane_count;
  const std::uint32_t block_size = args.layer->shape.block_size;
  const std::size_t v_token = args.at->v_token;
  for (std::uint32_t slot = begin; slot < end;) {
    const std::uint32_t offset = slot % block_size;
    const std::uint32_t count = end - slot < block_size - offset ? end - slot : block_size - offset;
    const Element* const v =
        block_data<Element>(args, slot) + args.at->v_at + offset * v_token + std::size_t{args.kv_head} * args.value_dim;
    const float* const weights = work.weights[first] + (key - args.first_key);
    std::size_t d = 0;
    for (; d + lane_count * wide <= args.value_dim; d += lane_count * wide)
      add_values<Simd, M, wide, true>(v + d, v_token, weights, count, work.sums[first] + d);
    for (; d + lane_count <= args.value_dim; d += lane_count)
      add_values<Simd, M, 1, true>(v + d, v_token, weights, count, work.sums[first] + d);
    for (; d < args.value_dim; d += 8) add_values<Simd, M, 1, false>(v + d, v_token, weights, count, work.sums[first] + d);
    slot += count;
    key += count;
  }
}

template <class Simd, class Element>
void one_query_values(const split_args& args, space<Simd>& work, std::uint32_t m, std::uint32_t begin, std::uint32_t end) {
  if (begin < end) slot_values<Simd, 1, Element>(args, work, m, begin, end, begin);
}

// Keys up to the context (or all, without a tree) lie in slots of their own number.
std::uint32_t consecutive_end(const split_args& args, const query& query) {
  if (args.rows->ancestor_begin == nullptr || query.key_end <= args.rows->context) return query.key_end;
  return query.key_begin > args.rows->context ? query.key_begin : args.rows->context;
}

struct range {
  std::uint32_t begin, end;
};

template <class Simd, int M, class Element>
void all_logits(const split_args& args, space<Simd>& work) {
  range all{UINT32_MAX, 0};
  for (int m = 0; m < M; ++m) {
    const query& query = args.queries[m];
    const std::uint32_t end = consecutive_end(args, query);
    if (query.key_begin < end) {
      all.begin = query.key_begin < all.begin ? query.key_begin : all.begin;
      all.end = end > all.end ? end : all.end;
    }
  }
  if (all.begin < all.end) slot_logits<Simd, M, Element>(args, work, all.begin, all.end);
  for (int m = 0; m < M; ++m) {
    const query& query = args.queries[m];
    for (std::uint32_t key = consecutive_end(args, query); key < query.key_end; ++key)
      work.weights[m][key - args.first_key] = one_logit<Element>(args, work.q[m], slot_of(*args.rows, query.row, key));
  }
}

template <class Simd, int M, class Element>
void all_values(const split_args& args, space<Simd>& work) {
  range shared{0, UINT32_MAX};
  for (int m = 0; m < M; ++m) {
    const query& query = args.queries[m];
    const std::uint32_t end = consecutive_end(args, query);
    shared.begin = query.key_begin > shared.begin ? query.key_begin : shared.begin;
    shared.end = end < shared.end ? end : shared.end;
  }
  if (shared.begin >= shared.end) shared = {UINT32_MAX, UINT32_MAX};
  for (int m = 0; m < M; ++m) {
    const std::uint32_t end = consecutive_end(args, args.queries[m]);
    one_query_values<Simd, Element>(args, work, m, args.queries[m].key_begin, end < shared.begin ? end : shared.begin);
  }
  if (shared.begin < shared.end) slot_values<Simd, M, Element>(args, work, 0, shared.begin, shared.end, shared.begin);
  for (int m = 0; m < M; ++m) {
    const query& query = args.queries[m];
    const std::uint32_t end = consecutive_end(args, query);
    if (shared.begin < shared.end) one_query_values<Simd, Element>(args, work, m, shared.end, end);
    for (std::uint32_t key = end; key < query.key_end; ++key) {
      const std::uint32_t slot = slot_of(*args.rows, query.row, key);
      slot_values<Simd, 1, Element>(args, work, m, slot, slot + 1, key);
    }
  }
}

template <class Simd, int M, class Element>
void run(const split_args& args) {
  space<Simd> work;
  for (int m = 0; m < M; ++m) {
    const query& query = args.queries[m];
    const float* const q = args.rows->q + query.row * args.rows->ldq + std::size_t{query.head} * args.head_dim;
    for (std::uint32_t d = 0; d < args.head_dim; ++d) work.q[m][d] = q[d] * args.params->scale;
    for (std::size_t d = 0; d < args.value_dim; d += Simd::lane_count) Simd::store(work.sums[m] + d, Simd::all(0));
  }
  all_logits<Simd, M, Element>(args, work);
  for (int m = 0; m < M; ++m) {
    const query& query = args.queries[m];
    float* const tail = query.partial + args.value_dim;
    softmax<Simd>(work.weights[m], query.key_begin - args.first_key, query.key_end - args.first_key, args.params->soft_cap,
                  tail, tail + 1);
  }
  all_values<Simd, M, Element>(args, work);
  for (int m = 0; m < M; ++m) __builtin_memcpy(args.queries[m].partial, work.sums[m], args.value_dim * sizeof(float));
}

template <class Simd, int M, class Element>
void run_m(const split_args& args) {
  if constexpr (M > 1) {
    if (args.n_queries < M) return run_m<Simd, M - 1, Element>(args);
  }
  run<Simd, M, Element>(args);
}

template <class Simd>
void run_split(const split_args& args) {
  if (args.layer->shape.type == kv_type::f16)
    run_m<Simd, Simd::queries, std::uint16_t>(args);
  else
    run_m<Simd, Simd::queries, float>(args);
}

} // namespace
} // namespace tokamak::kernels::attention_detail
