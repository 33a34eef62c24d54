// Ops on single values, a register of them at a time; the last few go through the same instructions under a mask.
//
// For the file of a processor level, which says in `Simd` what its registers do; everything is local to that file. Simd has: floats,
// lane_count, all, load, store, load_first(from, n) (zeros behind), store_first(to, n, x), add, mul, div, negative, exp, tanh.
#pragma once

#include "elementwise/levels.hpp"

namespace tokamak::kernels::elementwise_detail {

namespace {

template <class Simd>
struct vector_ops {
  using floats = typename Simd::floats;

  template <class Op>
  static void each(const float* x, float* out, std::size_t n, Op op) {
    std::size_t i = 0;
    for (; i + Simd::lane_count <= n; i += Simd::lane_count) Simd::store(out + i, op(Simd::load(x + i)));
    if (i < n) Simd::store_first(out + i, n - i, op(Simd::load_first(x + i, n - i)));
  }

  template <class Op>
  static void each(const float* x, const float* y, float* out, std::size_t n, Op op) {
    std::size_t i = 0;
    for (; i + Simd::lane_count <= n; i += Simd::lane_count) Simd::store(out + i, op(Simd::load(x + i), Simd::load(y + i)));
    if (i < n) Simd::store_first(out + i, n - i, op(Simd::load_first(x + i, n - i), Simd::load_first(y + i, n - i)));
  }

  // x / (1 + exp(-u))
  static floats gate(floats x, floats u) { return Simd::div(x, Simd::add(Simd::all(1.0f), Simd::exp(Simd::negative(u)))); }

  static floats silu_of(floats x) { return gate(x, x); }

  // 0.5 (1 + tanh(u)) = 1 / (1 + exp(-2u))
  static floats gelu_of(floats x) {
    const floats cubic = Simd::mul(Simd::mul(x, x), Simd::mul(x, Simd::all(0.044715f)));
    return gate(x, Simd::mul(Simd::add(x, cubic), Simd::all(1.5957691216057308f)));
  }

  static void add(const float* x, const float* y, float* out, std::size_t n) {
    each(x, y, out, n, [](floats a, floats b) { return Simd::add(a, b); });
  }
  static void mul(const float* x, const float* y, float* out, std::size_t n) {
    each(x, y, out, n, [](floats a, floats b) { return Simd::mul(a, b); });
  }
  static void scale(const float* x, float factor, float* out, std::size_t n) {
    const floats factors = Simd::all(factor);
    each(x, out, n, [factors](floats a) { return Simd::mul(a, factors); });
  }
  static void silu(const float* x, float* out, std::size_t n) {
    each(x, out, n, [](floats a) { return silu_of(a); });
  }
  static void silu_mul(const float* x, const float* y, float* out, std::size_t n) {
    each(x, y, out, n, [](floats a, floats b) { return Simd::mul(silu_of(a), b); });
  }
  static void gelu(const float* x, float* out, std::size_t n) {
    each(x, out, n, [](floats a) { return gelu_of(a); });
  }
  static void gelu_mul(const float* x, const float* y, float* out, std::size_t n) {
    each(x, y, out, n, [](floats a, floats b) { return Simd::mul(gelu_of(a), b); });
  }
  static void soft_cap(const float* x, float cap, float* out, std::size_t n) {
    const floats caps = Simd::all(cap);
    each(x, out, n, [caps](floats a) { return Simd::mul(caps, Simd::tanh(Simd::div(a, caps))); });
  }

  static constexpr level_ops ops{add, mul, scale, silu, silu_mul, gelu, gelu_mul, soft_cap};
};

} // namespace
} // namespace tokamak::kernels::elementwise_detail
