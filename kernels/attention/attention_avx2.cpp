// Attention of one split, for up to 6 queries of a kv head at once, so that K and V are loaded and widened once for all
// of them. Q.K runs over 8 keys a register (K is stored transposed), P.V over 8 values a register.
//
// Order of sums, the same whichever queries come together: a logit adds its head dimensions one after the other, an
// output its keys; weights add by lane (key index mod 8), then across.
#include "attention/levels.hpp"
#include "avx2/vector_math.hpp"

namespace tokamak::kernels::attention_detail {

namespace {

constexpr std::uint32_t lane_count = 8;

struct f16 {
  using element = std::uint16_t;
  static __m256 load(const element* from) {
    return _mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i*>(from)));
  }
  static float one(const element* from) { return _mm_cvtss_f32(_mm_cvtph_ps(_mm_cvtsi32_si128(*from))); }
};

struct f32 {
  using element = float;
  static __m256 load(const element* from) { return _mm256_loadu_ps(from); }
  static float one(const element* from) { return *from; }
};

// Work space of one call.
struct space {
  alignas(32) float q[tile_queries][attention_max_head_dim];             // scaled queries
  alignas(32) float weights[tile_queries][attention_split + lane_count]; // logits, then softmax weights, by key
  alignas(32) float sums[tile_queries][attention_max_head_dim];
};

template <class Kv>
const typename Kv::element* block_data(const split_args& args, std::uint32_t slot) {
  return reinterpret_cast<const typename Kv::element*>(block_of(*args.layer, *args.rows, slot));
}

// Puts the logits of one query with a group of 8 keys, the first in `slot`, where softmax looks for them. Lanes past
// the block's end are overwritten by the next block or masked later.
void put_logits(__m256 logits, float* weights, std::uint32_t slot, std::uint32_t first_key) {
  if (slot >= first_key) return _mm256_storeu_ps(weights + (slot - first_key), logits);
  alignas(32) float lane[lane_count];
  _mm256_store_ps(lane, logits);
  for (std::uint32_t i = first_key - slot; i < lane_count; ++i) weights[slot + i - first_key] = lane[i];
}

// Logits of M queries with G groups of 8 keys; `slot` is the first key's. M*G sums in flight hide the latency of a
// fused multiply-add, and each loaded key serves M queries.
template <class Kv, int M, int G>
void group_logits(const split_args& args, space& work, const typename Kv::element* k, std::uint32_t slot) {
  const std::size_t k_group = args.at->k_group;
  __m256 acc[M][G];
  for (int m = 0; m < M; ++m)
    for (int g = 0; g < G; ++g) acc[m][g] = _mm256_setzero_ps();
  for (std::uint32_t d = 0; d < args.head_dim; ++d, k += lane_count) {
    if constexpr (M < G) { // of the two operands the fewer stay in registers
      __m256 q[M];
      for (int m = 0; m < M; ++m) q[m] = _mm256_set1_ps(work.q[m][d]);
      for (int g = 0; g < G; ++g) {
        const __m256 keys = Kv::load(k + g * k_group);
        for (int m = 0; m < M; ++m) acc[m][g] = _mm256_fmadd_ps(keys, q[m], acc[m][g]);
      }
    } else {
      __m256 keys[G];
      for (int g = 0; g < G; ++g) keys[g] = Kv::load(k + g * k_group);
      for (int m = 0; m < M; ++m) {
        const __m256 q = _mm256_set1_ps(work.q[m][d]);
        for (int g = 0; g < G; ++g) acc[m][g] = _mm256_fmadd_ps(keys[g], q, acc[m][g]);
      }
    }
  }
  for (int m = 0; m < M; ++m)
    for (int g = 0; g < G; ++g) put_logits(acc[m][g], work.weights[m], slot + g * lane_count, args.first_key);
}

// Logits of all queries with the keys in slots [begin, end), which lie one after the other.
template <class Kv, int M>
void slot_logits(const split_args& args, space& work, std::uint32_t begin, std::uint32_t end) {
  constexpr std::uint32_t together = M <= 3 ? 4 : 2;
  const std::uint32_t block_size = args.layer->shape.block_size;
  const std::size_t head = std::size_t{args.kv_head} * args.head_dim * lane_count;
  for (std::uint32_t slot = begin; slot < end;) {
    const std::uint32_t block_slot = slot - slot % block_size;
    const std::uint32_t stop = end - block_slot < block_size ? end - block_slot : block_size; // within the block
    const typename Kv::element* const k = block_data<Kv>(args, slot) + head;
    const std::uint32_t last = (stop + lane_count - 1) / lane_count;
    std::uint32_t group = slot % block_size / lane_count;
    for (; group + together <= last; group += together)
      group_logits<Kv, M, together>(args, work, k + group * args.at->k_group, block_slot + group * lane_count);
    for (; group < last; ++group)
      group_logits<Kv, M, 1>(args, work, k + group * args.at->k_group, block_slot + group * lane_count);
    slot = block_slot + stop;
  }
}

// One logit, with the arithmetic of one lane of group_logits.
template <class Kv>
float one_logit(const split_args& args, const float* q, std::uint32_t slot) {
  const std::uint32_t token = slot % args.layer->shape.block_size;
  const typename Kv::element* const k = block_data<Kv>(args, slot) + token / lane_count * args.at->k_group +
                                        std::size_t{args.kv_head} * args.head_dim * lane_count + token % lane_count;
  __m128 sum = _mm_setzero_ps();
  for (std::uint32_t d = 0; d < args.head_dim; ++d)
    sum = _mm_fmadd_ss(_mm_set_ss(Kv::one(k + d * lane_count)), _mm_set_ss(q[d]), sum);
  return _mm_cvtss_f32(sum);
}

// weights[begin, end) from logits to exp(logit - largest), zeros around them; returns largest and the sum.
void softmax(float* weights, std::uint32_t begin, std::uint32_t end, float soft_cap, float* largest, float* sum) {
  const std::uint32_t first = begin / lane_count * lane_count;
  const __m256 lowest = _mm256_set1_ps(-__builtin_inff());
  __m256 most = lowest;
  for (std::uint32_t i = first; i < end; i += lane_count) {
    const std::uint32_t skip = i < begin ? begin - i : 0, stop = end - i < lane_count ? end - i : lane_count;
    const __m256i inside = _mm256_andnot_si256(lanes(skip), lanes(stop));
    __m256 logit = _mm256_loadu_ps(weights + i);
    if (soft_cap > 0) {
      const __m256 cap = _mm256_set1_ps(soft_cap);
      logit = _mm256_mul_ps(cap, tanh8(_mm256_div_ps(logit, cap)));
    }
    logit = _mm256_blendv_ps(lowest, logit, _mm256_castsi256_ps(inside));
    _mm256_storeu_ps(weights + i, logit);
    most = _mm256_max_ps(most, logit);
  }
  *largest = max_lanes(most);
  __m256 total = _mm256_setzero_ps();
  for (std::uint32_t i = first; i < end; i += lane_count) {
    const __m256 weight = exp8(_mm256_sub_ps(_mm256_loadu_ps(weights + i), _mm256_set1_ps(*largest)));
    _mm256_storeu_ps(weights + i, weight);
    total = _mm256_add_ps(total, weight);
  }
  *sum = sum_lanes(total);
}

// sums[m][d..d+8N) += weights of M queries times V of `count` tokens that lie one after the other in a block.
template <class Kv, int M, int N>
void add_values(const typename Kv::element* v, std::size_t v_token, const float* weights, std::uint32_t count,
                float* sums) {
  constexpr std::size_t weights_row = attention_split + lane_count;
  __m256 acc[M][N];
  for (int m = 0; m < M; ++m)
    for (int i = 0; i < N; ++i) acc[m][i] = _mm256_load_ps(sums + m * attention_max_head_dim + i * 8);
  for (std::uint32_t token = 0; token < count; ++token, v += v_token) {
    for (int i = 0; i < N; ++i) {
      const __m256 value = Kv::load(v + i * 8);
      for (int m = 0; m < M; ++m)
        acc[m][i] = _mm256_fmadd_ps(_mm256_set1_ps(weights[m * weights_row + token]), value, acc[m][i]);
    }
  }
  for (int m = 0; m < M; ++m)
    for (int i = 0; i < N; ++i) _mm256_store_ps(sums + m * attention_max_head_dim + i * 8, acc[m][i]);
}

// Values of slots [begin, end) into queries first..first+M-1; keys are numbered from `key` on.
template <class Kv, int M>
void slot_values(const split_args& args, space& work, std::uint32_t first, std::uint32_t begin, std::uint32_t end,
                 std::uint32_t key) {
  constexpr int wide = M <= 3 ? 4 : 2; // registers a row: M*wide sums must fit
  const std::uint32_t block_size = args.layer->shape.block_size;
  const std::size_t v_token = args.at->v_token;
  for (std::uint32_t slot = begin; slot < end;) {
    const std::uint32_t offset = slot % block_size;
    const std::uint32_t count = end - slot < block_size - offset ? end - slot : block_size - offset;
    const typename Kv::element* const v =
        block_data<Kv>(args, slot) + args.at->v_at + offset * v_token + std::size_t{args.kv_head} * args.value_dim;
    const float* const weights = work.weights[first] + (key - args.first_key);
    std::size_t d = 0;
    for (; d + 8 * wide <= args.value_dim; d += 8 * wide)
      add_values<Kv, M, wide>(v + d, v_token, weights, count, work.sums[first] + d);
    for (; d < args.value_dim; d += 8) add_values<Kv, M, 1>(v + d, v_token, weights, count, work.sums[first] + d);
    slot += count;
    key += count;
  }
}

template <class Kv>
void one_query_values(const split_args& args, space& work, std::uint32_t m, std::uint32_t begin, std::uint32_t end) {
  if (begin < end) slot_values<Kv, 1>(args, work, m, begin, end, begin);
}

// Keys up to the context (or all, without a tree) lie in slots of their own number.
std::uint32_t consecutive_end(const split_args& args, const query& query) {
  if (args.rows->ancestor_begin == nullptr || query.key_end <= args.rows->context) return query.key_end;
  return query.key_begin > args.rows->context ? query.key_begin : args.rows->context;
}

struct range {
  std::uint32_t begin, end;
};

template <class Kv, int M>
void all_logits(const split_args& args, space& work) {
  range all{UINT32_MAX, 0};
  for (int m = 0; m < M; ++m) {
    const query& query = args.queries[m];
    const std::uint32_t end = consecutive_end(args, query);
    if (query.key_begin < end) {
      all.begin = query.key_begin < all.begin ? query.key_begin : all.begin;
      all.end = end > all.end ? end : all.end;
    }
  }
  if (all.begin < all.end) slot_logits<Kv, M>(args, work, all.begin, all.end);
  for (int m = 0; m < M; ++m) {
    const query& query = args.queries[m];
    for (std::uint32_t key = consecutive_end(args, query); key < query.key_end; ++key)
      work.weights[m][key - args.first_key] = one_logit<Kv>(args, work.q[m], slot_of(*args.rows, query.row, key));
  }
}

template <class Kv, int M>
void all_values(const split_args& args, space& work) {
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
    one_query_values<Kv>(args, work, m, args.queries[m].key_begin, end < shared.begin ? end : shared.begin);
  }
  if (shared.begin < shared.end) slot_values<Kv, M>(args, work, 0, shared.begin, shared.end, shared.begin);
  for (int m = 0; m < M; ++m) {
    const query& query = args.queries[m];
    const std::uint32_t end = consecutive_end(args, query);
    if (shared.begin < shared.end) one_query_values<Kv>(args, work, m, shared.end, end);
    for (std::uint32_t key = end; key < query.key_end; ++key) {
      const std::uint32_t slot = slot_of(*args.rows, query.row, key);
      slot_values<Kv, 1>(args, work, m, slot, slot + 1, key);
    }
  }
}

template <class Kv, int M>
void run(const split_args& args) {
  space work;
  for (int m = 0; m < M; ++m) {
    const query& query = args.queries[m];
    const float* const q = args.rows->q + query.row * args.rows->ldq + std::size_t{query.head} * args.head_dim;
    for (std::uint32_t d = 0; d < args.head_dim; ++d) work.q[m][d] = q[d] * args.params->scale;
    for (std::size_t d = 0; d < args.value_dim; d += 8) _mm256_store_ps(work.sums[m] + d, _mm256_setzero_ps());
  }
  all_logits<Kv, M>(args, work);
  for (int m = 0; m < M; ++m) {
    const query& query = args.queries[m];
    float* const tail = query.partial + args.value_dim;
    softmax(work.weights[m], query.key_begin - args.first_key, query.key_end - args.first_key, args.params->soft_cap,
            tail, tail + 1);
  }
  all_values<Kv, M>(args, work);
  for (int m = 0; m < M; ++m) __builtin_memcpy(args.queries[m].partial, work.sums[m], args.value_dim * sizeof(float));
}

template <class Kv>
void run_any(const split_args& args) {
  switch (args.n_queries) {
    case 1: return run<Kv, 1>(args);
    case 2: return run<Kv, 2>(args);
    case 3: return run<Kv, 3>(args);
    case 4: return run<Kv, 4>(args);
    case 5: return run<Kv, 5>(args);
    default: return run<Kv, 6>(args);
  }
}

} // namespace

void split_avx2(const split_args& args) {
  if (args.layer->shape.type == kv_type::f16)
    run_any<f16>(args);
  else
    run_any<f32>(args);
}

void merge_avx2(float* state, const float* partial, std::uint32_t value_dim) {
  const __m256 both = _mm256_setr_ps(state[value_dim], partial[value_dim], 0, 0, 0, 0, 0, 0);
  const float largest = state[value_dim] > partial[value_dim] ? state[value_dim] : partial[value_dim];
  alignas(32) float factor[lane_count];
  _mm256_store_ps(factor, exp8(_mm256_sub_ps(both, _mm256_set1_ps(largest))));
  const __m256 keep = _mm256_set1_ps(factor[0]), take = _mm256_set1_ps(factor[1]);
  for (std::size_t d = 0; d < value_dim; d += lane_count) {
    const __m256i mask = lanes(value_dim - d < lane_count ? value_dim - d : lane_count);
    const __m256 merged = _mm256_fmadd_ps(_mm256_maskload_ps(state + d, mask), keep,
                                          _mm256_mul_ps(_mm256_maskload_ps(partial + d, mask), take));
    _mm256_maskstore_ps(state + d, mask, merged);
  }
  state[value_dim + 1] = state[value_dim + 1] * factor[0] + partial[value_dim + 1] * factor[1];
  state[value_dim] = largest;
}

} // namespace tokamak::kernels::attention_detail
