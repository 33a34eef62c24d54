// matmul: against exact sums, against the reference, and bit equality for any way of cutting the work.
#include "test_data.hpp"
#include "tokamak/kernels/matmul.hpp"

using namespace kernel_test;

namespace {

const std::vector<weight_format> formats = all_formats();

struct product {
  weight_format format;
  std::size_t rows, n, k, ldx;
  std::vector<std::byte> weights;
  std::vector<float> x;

  product(test_data& data, weight_format format, std::size_t rows, std::size_t n, std::size_t k)
      : format(format), rows(rows), n(n), k(k), ldx(k + 5), weights(data.weights(format, n, k)),
        x(data.floats(rows * ldx, 2)) {}

  packed_matrix packed(cpu_level level) const {
    REQUIRE(packed_matrix::check(format, n, k) == "");
    packed_matrix matrix(level, format, n, k);
    REQUIRE(matrix.allocated());
    matrix.pack(weights.data(), row_bytes(format, k), 0, n);
    return matrix;
  }
};

// Holds x in the form that a matmul wants.
struct input {
  std::vector<std::byte> memory;
  matmul_input view;
  input(cpu_level level, const product& p, const float* x, std::size_t rows) : memory(quantized_bytes(rows, p.k) + 1) {
    view.f32 = x;
    view.ld = p.ldx;
    if (!wants_quantized(p.format)) return;
    view.q8 = quantized_view(memory.data(), rows, p.k);
    quantize_rows(level, x, p.ldx, 0, rows, view.q8);
  }
};

std::vector<float> multiplied(cpu_level level, const product& p) {
  const packed_matrix w = p.packed(level);
  const input in(level, p, p.x.data(), p.rows);
  std::vector<float> y(p.rows * p.n, -77);
  matmul(w, in.view, 0, p.rows, 0, p.n, y.data(), p.n);
  return y;
}

// What a matmul should give, in double from the dequantised weights: `y` from x as it is, `rounded` from x as
// quantize_rows rounds it. Each product of a code or a minimum with x is at most a few times (largest weight of the
// block) * |x|; `sizes` sums that, which rounding errors scale with.
struct expectation {
  std::vector<double> y, rounded, sizes;
};

expectation exact(const product& p) {
  expectation e{std::vector<double>(p.rows * p.n), std::vector<double>(p.rows * p.n),
                std::vector<double>(p.rows * p.n)};
  const input in(cpu_level::reference, p, p.x.data(), p.rows);
  std::vector<float> row(p.k);
  const std::size_t step = std::min<std::size_t>(32, block_weights(p.format));
  for (std::size_t i = 0; i < p.rows * p.n; ++i) {
    const std::size_t t = i / p.n, n = i % p.n;
    dequantize_row(p.format, p.weights.data() + n * row_bytes(p.format, p.k), p.k, row.data());
    for (std::size_t k = 0; k < p.k; k += step) {
      double largest = 0, total = 0;
      for (std::size_t j = k; j < k + step; ++j) {
        const double w = static_cast<double>(row[j]), x = static_cast<double>(p.x[t * p.ldx + j]);
        e.y[i] += w * x;
        if (step == 32) {
          const quantized_block block = in.view.q8.block(t, j / 32);
          e.rounded[i] += w * static_cast<double>(*block.scale) * block.q[j % 32];
        }
        largest = std::max(largest, std::fabs(w));
        total += std::fabs(x);
      }
      e.sizes[i] += largest * total;
    }
    if (step == 1) e.rounded[i] = e.y[i];
  }
  return e;
}

// A row of k weights, or for formats with larger blocks two blocks.
std::size_t row_of(weight_format format, std::size_t k) { return block_weights(format) == 256 ? 512 : k; }

std::size_t some_k(test_data& data, weight_format format) {
  switch (block_weights(format)) {
    case 256: return 256 * (1 + data.below(3));
    case 32: return 32 * (1 + data.below(12));
    default: return 1 + data.below(150);
  }
}

} // namespace

TEST_CASE("every level multiplies the rounded x within the rounding of its f32 additions") {
  test_data data;
  for (const weight_format format : formats) {
    for (int round = 0; round < 8; ++round) {
      const product p(data, format, 1 + data.below(9), 1 + data.below(40), some_k(data, format));
      CAPTURE(format_name(format));
      CAPTURE(p.rows);
      CAPTURE(p.n);
      CAPTURE(p.k);
      const expectation expected = exact(p);
      // Two additions a block of 32, or one a weight, each off by half a unit in the last place of what is summed,
      // which is at most 4 * sizes; and a handful of roundings of the factors.
      const double steps = wants_quantized(format) ? 2.0 * static_cast<double>(p.k) / 32 + 6 : static_cast<double>(p.k);
      for (const cpu_level level : levels_here()) {
        CAPTURE(level_name(level));
        const std::vector<float> y = multiplied(level, p);
        for (std::size_t i = 0; i < y.size(); ++i) {
          const double value = static_cast<double>(y[i]);
          REQUIRE(std::fabs(value - expected.rounded[i]) <= steps * 0x1p-24 * 4 * expected.sizes[i]);
          REQUIRE(std::fabs(value - expected.y[i]) <= 0.012 * expected.sizes[i]); // half a step of x each
        }
      }
    }
  }
}

TEST_CASE("a row's result has the same bits in any batch of 1 to 70 rows") {
  test_data data;
  for (const weight_format format : formats) {
    const product p(data, format, 70, 43, format == weight_format::f32 ? 67 * 32 : row_of(format, 96));
    for (const cpu_level level : levels_here()) {
      if (level == cpu_level::reference && p.k > 1000) continue; // slow, and plain by construction
      CAPTURE(format_name(format));
      CAPTURE(level_name(level));
      const packed_matrix w = p.packed(level);
      const std::vector<float> all = multiplied(level, p);
      for (std::size_t rows = 1; rows <= 70; ++rows) {
        const std::size_t first = data.below(static_cast<std::uint32_t>(71 - rows));
        const input in(level, p, p.x.data() + first * p.ldx, rows);
        std::vector<float> y(rows * p.n);
        matmul(w, in.view, 0, rows, 0, p.n, y.data(), p.n);
        REQUIRE(std::memcmp(y.data(), all.data() + first * p.n, y.size() * sizeof(float)) == 0);
      }
    }
  }
}

TEST_CASE("any cut into row and column ranges gives the same bits and writes nothing else") {
  test_data data;
  for (const weight_format format : formats) {
    const product p(data, format, 11, 50, row_of(format, 64));
    for (const cpu_level level : levels_here()) {
      CAPTURE(format_name(format));
      CAPTURE(level_name(level));
      const packed_matrix w = p.packed(level);
      const input in(level, p, p.x.data(), p.rows);
      const std::vector<float> all = multiplied(level, p);
      for (int round = 0; round < 60; ++round) {
        const std::size_t t0 = data.below(12), t1 = t0 + data.below(static_cast<std::uint32_t>(12 - t0));
        const std::size_t n0 = data.below(51), n1 = n0 + data.below(static_cast<std::uint32_t>(51 - n0));
        std::vector<float> y(p.rows * p.n, -77);
        matmul(w, in.view, t0, t1, n0, n1, y.data(), p.n);
        for (std::size_t t = 0; t < p.rows; ++t)
          for (std::size_t n = 0; n < p.n; ++n) {
            const bool inside = t >= t0 && t < t1 && n >= n0 && n < n1;
            REQUIRE(y[t * p.n + n] == (inside ? all[t * p.n + n] : -77.0f));
          }
      }
    }
  }
}

TEST_CASE("AVX-512 multiplies codes to the bits of AVX2") {
  if (detect() < cpu_level::avx512) return;
  test_data data;
  for (const weight_format format : formats) {
    if (!wants_quantized(format)) continue;
    const product p(data, format, 1 + data.below(20), 1 + data.below(70), some_k(data, format));
    CAPTURE(format_name(format));
    CHECK(same_bits(multiplied(cpu_level::avx512, p), multiplied(cpu_level::avx2, p)));
  }
}

TEST_CASE("packing by ranges equals packing at once, and rows come back bit for bit") {
  test_data data;
  for (const weight_format format : formats) {
    const product p(data, format, 1, 43, format == weight_format::f16 ? 33 : row_of(format, 96));
    const packed_matrix whole = p.packed(detect());
    packed_matrix parts(detect(), format, p.n, p.k);
    const std::size_t stride = row_bytes(format, p.k);
    const std::size_t one = whole.tile_rows(), ends[] = {0, one, 2 * one, p.n};
    for (const std::size_t i : {1u, 0u, 2u}) parts.pack(p.weights.data() + ends[i] * stride, stride, ends[i], ends[i + 1]);
    CHECK(std::memcmp(whole.view().data, parts.view().data, whole.bytes()) == 0);
    aligned_buffer memory(packed_matrix::bytes_of(detect(), format, p.n, p.k));
    CHECK(memory.size() == whole.bytes());
    packed_matrix elsewhere(detect(), format, p.n, p.k, memory.data());
    elsewhere.pack(p.weights.data(), stride, 0, p.n);
    CHECK(std::memcmp(whole.view().data, memory.data(), whole.bytes()) == 0);
    for (std::size_t n = 0; n < p.n; ++n) {
      std::vector<float> expected(p.k), got(p.k);
      dequantize_row(format, p.weights.data() + n * stride, p.k, expected.data());
      whole.unpack_row(n, got.data());
      REQUIRE(same_bits(expected, got));
    }
  }
}

TEST_CASE("extreme codes and scales neither saturate nor crash") {
  test_data data;
  for (const weight_format format : formats) {
    if (!wants_quantized(format)) continue;
    for (const int byte : {0xff, 0x80, 0x7f, 0x00}) { // largest magnitudes of codes of every width, and of int8 scales
      CAPTURE(format_name(format));
      CAPTURE(byte);
      product p(data, format, 5, 9, 512);
      const std::size_t at = factors_of(format).at, factors = factors_of(format).largest_minimum != 0 ? 4 : 2;
      for (std::size_t i = 0; i < p.weights.size(); ++i)
        if (const std::size_t in_block = i % block_bytes(format); in_block < at || in_block >= at + factors)
          p.weights[i] = static_cast<std::byte>(byte);
      for (float& value : p.x) value = value > 0 ? 2.0f : -2.0f;
      const expectation expected = exact(p);
      for (const cpu_level level : levels_here()) {
        const std::vector<float> y = multiplied(level, p);
        for (std::size_t i = 0; i < y.size(); ++i) // codes alike: weights may be small beside code and minimum
          REQUIRE(std::fabs(static_cast<double>(y[i]) - expected.rounded[i]) <= 1e-5 * (expected.sizes[i] + 512));
      }
    }
  }
}

TEST_CASE("infinities and NaN in x give NaN in that row only; NaN in a weight in that column only") {
  test_data data;
  for (const weight_format format : formats) {
    product p(data, format, 6, 20, row_of(format, 64));
    p.x[1 * p.ldx + 40] = INFINITY;
    p.x[3 * p.ldx + 7] = NAN;
    const std::size_t bad_row = 11;
    const std::uint16_t nan16 = 0x7e00, nan_bf16 = 0x7fc0;
    const float nan32 = NAN;
    std::byte* const bad = p.weights.data() + bad_row * row_bytes(format, p.k) + factors_of(format).at;
    if (format == weight_format::f32)
      std::memcpy(bad, &nan32, 4);
    else
      std::memcpy(bad, format == weight_format::bf16 ? &nan_bf16 : &nan16, 2);
    for (const cpu_level level : levels_here()) {
      CAPTURE(format_name(format));
      CAPTURE(level_name(level));
      const std::vector<float> y = multiplied(level, p);
      for (std::size_t t = 0; t < p.rows; ++t)
        for (std::size_t n = 0; n < p.n; ++n)
          REQUIRE(std::isfinite(y[t * p.n + n]) == (t != 1 && t != 3 && n != bad_row));
    }
  }
}

TEST_CASE("huge and denormal values stay what they are") {
  test_data data;
  for (const weight_format format : formats) {
    CAPTURE(format_name(format));
    const std::size_t k = row_of(format, 64);
    for (const float size : {1e30f, 1e-25f}) {
      product p(data, format, 3, 10, k);
      for (float& value : p.x) value *= size;
      const expectation expected = exact(p);
      for (const cpu_level level : levels_here()) {
        const std::vector<float> y = multiplied(level, p);
        for (std::size_t i = 0; i < y.size(); ++i)
          REQUIRE(std::fabs(static_cast<double>(y[i]) - expected.y[i]) <= 0.012 * expected.sizes[i]);
      }
    }
    product p(data, format, 1, 10, k);
    for (float& value : p.x) value *= 1e-43f;
    for (const cpu_level level : levels_here())
      for (const float value : multiplied(level, p)) REQUIRE(std::fabs(value) < 1e-37f);
  }
}

TEST_CASE("shapes that cannot be packed are named") {
  CHECK(packed_matrix::check(weight_format::q4_1, 8, 576) == "");
  CHECK(packed_matrix::check(weight_format::q4_1, 8, 48) == "q4_1 rows hold whole blocks of 32 weights, not 48");
  CHECK(packed_matrix::check(weight_format::q6_k, 8, 576) == "q6_k rows hold whole blocks of 256 weights, not 576");
  CHECK(packed_matrix::check(weight_format::f32, 0, 5) == "a matrix of 0 x 5 is empty");
  CHECK(packed_matrix::check(weight_format::f32, std::size_t{1} << 31, 5) ==
        "a matrix of 2147483648 x 5 is too large");
}

TEST_CASE("an empty range is no work") {
  test_data data;
  const product p(data, weight_format::q8_0, 1, 8, 32);
  for (const cpu_level level : levels_here()) {
    float y = 5;
    matmul(p.packed(level), {}, 0, 0, 0, 8, &y, 8);
    matmul(p.packed(level), {}, 0, 1, 3, 3, &y, 8);
    CHECK(y == 5);
  }
}
