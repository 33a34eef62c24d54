// Codes into planes and back, four codes (one row's part of a vector) at a time.
#include "matmul/pack_codes.hpp"

#include <cstring>

namespace tokamak::kernels::matmul_detail {

namespace {

template <class T>
T load(const void* from) {
  T value;
  std::memcpy(&value, from, sizeof(T));
  return value;
}

template <class T>
void store(std::byte* to, T value) {
  std::memcpy(to, &value, sizeof(T));
}

// Four copies of the lowest `bits` bits of a byte.
constexpr std::uint32_t mask_of(unsigned bits) { return ((1u << bits) - 1) * 0x01010101u; }

// Bits [shift, shift + width) of 32 codes; `to` is this row's part of the plane's first vector.
void put_plane(const std::uint8_t* q, unsigned shift, unsigned width, std::byte* to, std::size_t vector) {
  const unsigned shared = 8 / width;
  const std::uint32_t mask = mask_of(width);
  for (unsigned v = 0; v < width; ++v, to += vector) {
    std::uint32_t four = 0;
    for (unsigned i = 0; i < shared; ++i, q += 4) four |= (load<std::uint32_t>(q) >> shift & mask) << (width * i);
    store(to, four);
  }
}

void take_plane(const std::byte* from, std::size_t vector, unsigned shift, unsigned width, std::uint8_t* q) {
  const unsigned shared = 8 / width;
  const std::uint32_t mask = mask_of(width);
  for (unsigned v = 0; v < width; ++v, from += vector)
    for (unsigned i = 0; i < shared; ++i, q += 4) {
      const std::uint32_t four =
          (load<std::uint32_t>(from) >> (width * i) & mask) << shift | (shift == 0 ? 0 : load<std::uint32_t>(q));
      std::memcpy(q, &four, 4);
    }
}

// What stands behind the factors of a super-block's record for 32 values of k.
void put_scales(scale_kind kind, const block_codes& codes, std::size_t i, std::size_t r, std::size_t rows, std::byte* to) {
  const auto byte = [](int value) { return static_cast<std::byte>(value); };
  if (kind == scale_kind::super_32_min) {
    to[r] = byte(codes.scale[i]);
    to[rows + r] = byte(codes.min[i]);
    return;
  }
  for (std::size_t half = 0; half < 2; ++half) {
    const int scale = codes.scale[2 * i + half];
    to[2 * r + half] = byte(kind == scale_kind::super_16 ? scale : scale | codes.min[2 * i + half] << 4);
  }
}

void take_scales(scale_kind kind, const std::byte* from, std::size_t r, std::size_t rows, block_codes& codes) {
  if (kind == scale_kind::super_32_min) {
    codes.scale[0] = load<std::int8_t>(from + r);
    codes.min[0] = load<std::uint8_t>(from + rows + r);
    return;
  }
  for (std::size_t half = 0; half < 2; ++half) {
    const auto both = load<std::uint8_t>(from + 2 * r + half);
    const bool split = kind == scale_kind::super_16_min;
    codes.scale[half] = static_cast<std::int8_t>(split ? both & 15 : both);
    codes.min[half] = static_cast<std::uint8_t>(split ? both >> 4 : 0);
  }
}

} // namespace

void pack_row(const packed_view& view, const std::byte* row, std::size_t r, std::byte* tile) {
  const code_scheme scheme = scheme_of(view.format);
  const scale_record record = record_of(scheme.kind, view.tile_rows);
  const planes plane = planes_of(scheme.bits);
  const std::size_t vector = vector_bytes(view.tile_rows);
  std::byte* weights = tile + view.weights_at + 4 * r;
  block_codes codes;
  for (std::size_t k = 0; k < view.k; k += record.weights, row += block_bytes(view.format), tile += record.bytes()) {
    open_block(view.format, row, codes);
    store(tile + 2 * r, codes.d);
    if (record.with_min) store(tile + 2 * view.tile_rows + 2 * r, codes.m);
    for (std::size_t i = 0; i < record.weights / block; ++i, weights += scheme.bits * vector) {
      if (record.per_block != 0) put_scales(scheme.kind, codes, i, r, view.tile_rows, tile + record.head + i * record.per_block);
      put_plane(codes.q + i * block, 0, plane.low, weights, vector);
      if (plane.high != 0) put_plane(codes.q + i * block, plane.low, plane.high, weights + plane.low * vector, vector);
    }
  }
}

void open_packed(const packed_view& w, const std::byte* tile, std::size_t b, std::size_t r, block_codes& codes) {
  const code_scheme scheme = scheme_of(w.format);
  const scale_record record = record_of(scheme.kind, w.tile_rows);
  const planes plane = planes_of(scheme.bits);
  const std::size_t vector = vector_bytes(w.tile_rows), blocks = record.weights / block;
  const std::byte* const scales = tile + b / blocks * record.bytes();
  codes.d = load<std::uint16_t>(scales + 2 * r);
  codes.m = record.with_min ? load<std::uint16_t>(scales + 2 * w.tile_rows + 2 * r) : std::uint16_t{0};
  if (record.per_block != 0) take_scales(scheme.kind, scales + record.head + b % blocks * record.per_block, r, w.tile_rows, codes);
  const std::byte* const weights = tile + w.weights_at + b * scheme.bits * vector + 4 * r;
  take_plane(weights, vector, 0, plane.low, codes.q);
  if (plane.high != 0) take_plane(weights + plane.low * vector, vector, plane.low, plane.high, codes.q);
}

} // namespace tokamak::kernels::matmul_detail
