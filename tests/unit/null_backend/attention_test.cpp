// Attention over blocks against attention written down densely.
#include "unit/null_backend/op_bench.hpp"

#include "null_backend/number_formats.hpp"

#include <algorithm>

using namespace tokamak;
using namespace tokamak::test;

namespace {

struct attention_case {
  std::uint32_t heads = 4, kv_heads = 2, head_dim = 8, value_dim = 8;
  std::uint32_t window = 0;
  double softcap = 0;
  tk_format format = TK_F32;
  std::uint32_t block_size = 4;
  std::uint32_t rows = 11;
};

/// K and V as the cache keeps them.
std::vector<float> stored(std::vector<float> values, tk_format format) {
  if (format == TK_F16)
    for (auto& value : values)
      value = half_to_float(float_to_half(value));
  return values;
}

std::vector<double> dense(const attention_case& c, const std::vector<float>& q, const std::vector<float>& k,
                          const std::vector<float>& v) {
  std::vector<double> out;
  const auto share = c.heads / c.kv_heads;
  for (std::uint32_t r = 0; r < c.rows; ++r)
    for (std::uint32_t h = 0; h < c.heads; ++h) {
      const std::uint32_t first = c.window > 0 && r + 1 > c.window ? r + 1 - c.window : 0;
      std::vector<double> weights;
      double sum = 0;
      for (std::uint32_t j = first; j <= r; ++j) {
        double dot = 0;
        for (std::uint32_t i = 0; i < c.head_dim; ++i)
          dot += double{q[(r * c.heads + h) * c.head_dim + i]} * k[(j * c.kv_heads + h / share) * c.head_dim + i];
        dot *= 0.5;
        weights.push_back(std::exp(c.softcap > 0 ? c.softcap * std::tanh(dot / c.softcap) : dot));
        sum += weights.back();
      }
      for (std::uint32_t i = 0; i < c.value_dim; ++i) {
        double mixed = 0;
        for (std::uint32_t j = first; j <= r; ++j)
          mixed += weights[j - first] / sum * v[(j * c.kv_heads + h / share) * c.value_dim + i];
        out.push_back(mixed);
      }
    }
  return out;
}

/// The same rows through the backend, `chunk` of them a step, in blocks 15, 14, 13, ...
std::vector<float> paged(const attention_case& c, const std::vector<float>& q, const std::vector<float>& k,
                         const std::vector<float>& v, std::uint32_t chunk) {
  op_bench b;
  b.g.add_group({"kv", c.window > 0 ? tk_group_kind{TK_GROUP_SLIDING} : tk_group_kind{TK_GROUP_FULL}, 1, c.block_size, c.window,
                 c.kv_heads * c.head_dim, c.kv_heads * c.value_dim, 0, c.format});
  const auto q_in = b.input("q", c.heads * c.head_dim), k_in = b.input("k", c.kv_heads * c.head_dim),
             v_in = b.input("v", c.kv_heads * c.value_dim);
  b.op.kv_write(k_in, v_in, 0, 0);
  b.output(b.op.attention("y", q_in, {0, 0, c.heads, c.kv_heads, c.head_dim, 0.5, c.softcap}));
  backend_instance backend(reference_backend());
  const auto session = b.start(backend);
  std::vector<float> out;
  const auto part = [&](const std::vector<float>& all, std::uint32_t begin, std::uint32_t n) {
    const auto width = all.size() / c.rows;
    return std::vector<float>(all.begin() + static_cast<std::ptrdiff_t>(begin * width),
                              all.begin() + static_cast<std::ptrdiff_t>((begin + n) * width));
  };
  for (std::uint32_t begin = 0; begin < c.rows; begin += chunk) {
    const auto n = std::min(chunk, c.rows - begin);
    session->set_input("q", part(q, begin, n));
    session->set_input("k", part(k, begin, n));
    session->set_input("v", part(v, begin, n));
    // Blocks that the window has left are no longer in the table.
    const auto first = c.window > 0 && begin + 1 > c.window ? (begin + 1 - c.window) / c.block_size : 0;
    std::vector<std::uint32_t> table;
    for (std::uint32_t block = first; block * c.block_size < begin + n; ++block)
      table.push_back(15 - block % 16);
    step_data step(1);
    step.add({1, std::vector<std::int32_t>(n, 0), {{begin, table, first}}, {}});
    const auto y = session->run(step).at("y");
    out.insert(out.end(), y.begin(), y.end());
  }
  return out;
}

void check(const attention_case& c) {
  const auto q = waves(c.rows * c.heads * c.head_dim, 1), k = waves(c.rows * c.kv_heads * c.head_dim, 2),
             v = waves(c.rows * c.kv_heads * c.value_dim, 3);
  const auto expected = dense(c, q, stored(k, c.format), stored(v, c.format));
  const auto whole = paged(c, q, k, v, c.rows);
  REQUIRE(whole.size() == expected.size());
  for (std::size_t i = 0; i < whole.size(); ++i)
    CHECK(whole[i] == doctest::Approx(expected[i]).epsilon(1e-5));
  CHECK(paged(c, q, k, v, 1) == whole);
  CHECK(paged(c, q, k, v, 3) == whole);
  auto other = c;
  other.block_size = 16;
  CHECK(paged(other, q, k, v, c.rows) == whole);
}

} // namespace

TEST_CASE("paged attention equals dense attention for any chunks and blocks") {
  SUBCASE("grouped heads") { check({}); }
  SUBCASE("as many K/V heads") { check({3, 3, 6, 6}); }
  SUBCASE("values of another width") { check({4, 2, 8, 5}); }
  SUBCASE("soft-capped scores") { check({4, 2, 8, 8, 0, 0.7}); }
  SUBCASE("f16 cache") { check({4, 2, 8, 8, 0, 0, TK_F16}); }
  SUBCASE("one-token blocks") { check({4, 2, 8, 8, 0, 0, TK_F32, 1}); }
  SUBCASE("sliding window") { check({4, 2, 8, 8, 3}); }
  SUBCASE("window of one") { check({4, 2, 8, 8, 1, 0, TK_F32, 2}); }
  SUBCASE("window longer than the text") { check({4, 2, 8, 8, 50}); }
}
