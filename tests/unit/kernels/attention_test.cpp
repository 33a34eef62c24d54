// Attention against a double-precision softmax over the stored keys, on awkward shapes.
#include "paged_sequence.hpp"

using namespace kernel_test;

namespace {

float stored(const attention_shape& shape, float value) {
  return shape.type == kv_type::f16 ? f16_to_f32(f32_to_f16(value)) : value;
}

// One query (token `t`, `head`) over the given keys.
std::vector<float> exact(const paged_sequence& s, const attention_params& params, std::uint32_t t, std::uint32_t head,
                         const std::vector<std::uint32_t>& keys) {
  const attention_shape& shape = s.shape;
  const std::uint32_t kv_head = head / (shape.heads / shape.kv_heads);
  std::vector<double> logits;
  for (const std::uint32_t key : keys) {
    double dot = 0;
    for (std::uint32_t d = 0; d < shape.head_dim; ++d)
      dot += static_cast<double>(s.q[(t * shape.heads + head) * shape.head_dim + d]) *
             static_cast<double>(stored(shape, s.k[(key * shape.kv_heads + kv_head) * shape.head_dim + d]));
    dot *= static_cast<double>(params.scale);
    const double cap = static_cast<double>(params.soft_cap);
    logits.push_back(cap > 0 ? cap * std::tanh(dot / cap) : dot);
  }
  const double largest = *std::max_element(logits.begin(), logits.end());
  std::vector<double> sums(shape.value_dim, 0);
  double weights = 0;
  for (std::size_t i = 0; i < keys.size(); ++i) {
    const double weight = std::exp(logits[i] - largest);
    weights += weight;
    for (std::uint32_t d = 0; d < shape.value_dim; ++d)
      sums[d] += weight *
                 static_cast<double>(stored(shape, s.v[(keys[i] * shape.kv_heads + kv_head) * shape.value_dim + d]));
  }
  std::vector<float> out;
  for (const double sum : sums) out.push_back(static_cast<float>(sum / weights));
  return out;
}

void check_rows(const paged_sequence& s, const attention_params& params, std::uint32_t first, std::uint32_t rows,
                const std::vector<float>& got) {
  for (std::uint32_t row = 0; row < rows; ++row) {
    const std::uint32_t t = first + row;
    std::vector<std::uint32_t> keys;
    for (std::uint32_t key = 0; key <= t; ++key)
      if (params.window == 0 || t - key < params.window) keys.push_back(key);
    for (std::uint32_t head = 0; head < s.shape.heads; ++head) {
      const auto begin = got.begin() + static_cast<std::ptrdiff_t>((row * s.shape.heads + head) * s.shape.value_dim);
      REQUIRE(largest_difference(exact(s, params, t, head, keys), {begin, begin + s.shape.value_dim}) < 2e-5);
    }
  }
}

const attention_shape shapes[] = {
    {9, 3, 64, 64, 16, kv_type::f16}, {1, 1, 1, 1, 1, kv_type::f16},    {2, 2, 6, 10, 5, kv_type::f16},
    {8, 1, 80, 72, 8, kv_type::f16},  {4, 2, 33, 128, 32, kv_type::f32}, {7, 1, 512, 512, 12, kv_type::f32}};

} // namespace

TEST_CASE("attention equals a double-precision softmax for prompts, decodes, windows and caps") {
  test_data data;
  for (const attention_shape& shape : shapes) {
    const std::uint32_t tokens = shape.head_dim > 100 ? 270 : 300;
    const paged_sequence s(data, shape, tokens);
    for (const cpu_level level : levels_here()) {
      CAPTURE(level_name(level));
      CAPTURE(shape.head_dim);
      for (const std::uint32_t window : {0u, 1u, 10u, 260u}) {
        for (const float cap : {0.0f, 2.0f}) {
          attention_params params = s.params();
          params.window = window;
          params.soft_cap = cap;
          check_rows(s, params, 0, 13, s.attend(level, params, 0, 13));
          check_rows(s, params, tokens - 1, 1, s.attend(level, params, tokens - 1, 1));
          check_rows(s, params, 250, 11, s.attend(level, params, 250, 11));
        }
      }
    }
  }
}

TEST_CASE("a tree row attends the context and its own chain only") {
  test_data data;
  const paged_sequence s(data, {4, 2, 16, 16, 8, kv_type::f16}, 260);
  // Context 253; rows: 0 root, 1 and 2 its children, 3 below 1, 4 below 2, 5 below 4, 6 another root
  const std::vector<std::vector<std::uint32_t>> chains = {{}, {0}, {0}, {0, 1}, {0, 2}, {0, 2, 4}, {}};
  std::vector<std::uint32_t> ancestors, begin = {0};
  for (const auto& chain : chains) {
    ancestors.insert(ancestors.end(), chain.begin(), chain.end());
    begin.push_back(static_cast<std::uint32_t>(ancestors.size()));
  }
  for (const cpu_level level : levels_here()) {
    for (const std::uint32_t window : {0u, 3u}) {
      attention_params params = s.params();
      params.window = window;
      std::vector<float> out;
      attention_rows step = s.step(253, 7, out);
      step.ancestors = ancestors.data();
      step.ancestor_begin = begin.data();
      attention(level, s.layer, params, step, 0, 7, 0, 2);
      for (std::uint32_t row = 0; row < 7; ++row) {
        std::vector<std::uint32_t> keys(253);
        std::iota(keys.begin(), keys.end(), 0u);
        for (const std::uint32_t ancestor : chains[row]) keys.push_back(253 + ancestor);
        keys.push_back(253 + row);
        if (window != 0) keys.erase(keys.begin(), keys.end() - window);
        for (std::uint32_t head = 0; head < 4; ++head) {
          const auto at = out.begin() + (row * 4 + head) * 16;
          REQUIRE(largest_difference(exact(s, params, 253 + row, head, keys), {at, at + 16}) < 2e-5);
        }
      }
    }
  }
}

TEST_CASE("huge logits do not overflow, equal ones give the mean, NaN gives NaN to its row only") {
  test_data data;
  for (const cpu_level level : levels_here()) {
    paged_sequence s(data, {2, 1, 8, 8, 4, kv_type::f16}, 20);
    attention_params params = s.params();
    params.scale = 1e6f;
    for (const float value : s.attend(level, params, 0, 20)) REQUIRE(std::fabs(value) <= 2.0f);

    params.scale = 0;
    const std::vector<float> mean = s.attend(level, params, 1, 1);
    CHECK(mean[0] == doctest::Approx((stored(s.shape, s.v[0]) + stored(s.shape, s.v[8])) / 2));

    s.q[5 * 16 + 3] = NAN;
    const std::vector<float> out = s.attend(level, s.params(), 0, 20);
    for (std::size_t i = 0; i < out.size(); ++i) REQUIRE(std::isnan(out[i]) == (i / 8 == 10));
  }
}

TEST_CASE("an infinite value in the cache reaches only the rows that attend it") {
  test_data data;
  for (const cpu_level level : levels_here()) {
    paged_sequence s(data, {3, 1, 8, 8, 4, kv_type::f16}, 20);
    s.v[9 * 8 + 2] = 1e6f; // infinity as a half
    s.store(level, 9, 9);
    const std::vector<float> out = s.attend(level, s.params(), 0, 20);
    for (std::size_t row = 0; row < 20; ++row)
      for (std::size_t i = 0; i < 24; ++i)
        REQUIRE(std::isfinite(out[row * 24 + i]) == (row < 9 || i % 8 != 2));
  }
}
