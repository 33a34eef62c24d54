// Cache memory and the four cache ops.
#include "null_backend/paged_cache.hpp"

#include "null_backend/number_formats.hpp"

#include <limits>

namespace tokamak::test {

namespace {

std::uint64_t element(const paged_cache::group& g) { return g.format == TK_F16 ? 2 : 4; }

std::size_t at(const paged_cache::group& g, std::uint32_t width, std::uint32_t block, std::uint32_t offset) {
  return (std::size_t{block} * g.block_size + offset) * width * element(g);
}

void store(const paged_cache::group& g, std::byte* to, const float* from, std::uint32_t width) {
  for (std::uint32_t i = 0; i < width; ++i)
    if (g.format == TK_F16) {
      const auto half = float_to_half(from[i]);
      std::memcpy(to + 2 * i, &half, 2);
    } else {
      std::memcpy(to + 4 * i, from + i, 4);
    }
}

} // namespace

paged_cache::paged_cache(std::span<const tk_cache_group> groups, const std::uint32_t* n_blocks) {
  for (std::size_t i = 0; i < groups.size(); ++i) {
    const auto& from = groups[i];
    const bool recurrent = from.kind == TK_GROUP_RECURRENT;
    if (!recurrent && from.format != TK_F16 && from.format != TK_F32)
      refuse("cache group '{}' has format {}, expected F32 or F16", text_of(from.name), from.format);
    if (from.block_size == 0 || (recurrent && from.block_size != 1))
      refuse("cache group '{}' has blocks of {} tokens", text_of(from.name), from.block_size);
    group g{std::string(text_of(from.name)), from.kind, from.n_layers, n_blocks[i], from.block_size, from.window,
            from.k_width, from.v_width, from.state_width, from.format, {}, {}, {}};
    const auto nan = std::numeric_limits<float>::quiet_NaN();
    for (std::uint32_t layer = 0; layer < g.n_layers; ++layer)
      if (recurrent) {
        g.states.emplace_back(std::size_t{g.n_blocks} * g.state_width, nan);
      } else { // 0xff... is a NaN in both formats
        g.k.emplace_back(at(g, g.k_width, g.n_blocks, 0), std::byte{0xff});
        g.v.emplace_back(at(g, g.v_width, g.n_blocks, 0), std::byte{0xff});
      }
    groups_.push_back(std::move(g));
  }
}

std::uint64_t paged_cache::bytes() const {
  std::uint64_t total = 0;
  for (const auto& g : groups_)
    for (std::uint32_t layer = 0; layer < g.n_layers; ++layer)
      total += g.kind == TK_GROUP_RECURRENT ? g.states[layer].size() * 4 : g.k[layer].size() + g.v[layer].size();
  return total;
}

void paged_cache::write_kv(std::uint32_t gi, std::uint32_t layer, std::uint32_t block, std::uint32_t offset,
                           const float* k, const float* v) {
  auto& g = groups_[gi];
  store(g, g.k[layer].data() + at(g, g.k_width, block, offset), k, g.k_width);
  store(g, g.v[layer].data() + at(g, g.v_width, block, offset), v, g.v_width);
}

std::vector<float> paged_cache::read_k(std::uint32_t gi, std::uint32_t layer, std::uint32_t block,
                                       std::uint32_t offset) const {
  const auto& g = groups_[gi];
  return dequantize(g.format, g.k[layer].data() + at(g, g.k_width, block, offset), g.k_width);
}

std::vector<float> paged_cache::read_v(std::uint32_t gi, std::uint32_t layer, std::uint32_t block,
                                       std::uint32_t offset) const {
  const auto& g = groups_[gi];
  return dequantize(g.format, g.v[layer].data() + at(g, g.v_width, block, offset), g.v_width);
}

float* paged_cache::state(std::uint32_t g, std::uint32_t layer, std::uint32_t slot) {
  return groups_[g].states[layer].data() + std::size_t{slot} * groups_[g].state_width;
}

/// Calls move(cache bytes, n, offset in the buffer) for each layer's K and V (or state) in exported order.
template <class Move>
void paged_cache::walk(group& g, const tk_cache_op& op, std::uint32_t block, std::uint32_t offset, Move move) {
  std::uint64_t where = op.buffer_offset;
  const auto part = [&](std::byte* bytes, std::uint64_t n) {
    move(bytes, n, where);
    where += n;
  };
  for (std::uint32_t layer = 0; layer < g.n_layers; ++layer)
    if (g.kind == TK_GROUP_RECURRENT) {
      part(reinterpret_cast<std::byte*>(g.states[layer].data() + std::size_t{block} * g.state_width),
           std::uint64_t{g.state_width} * 4);
    } else {
      part(g.k[layer].data() + at(g, g.k_width, block, offset), std::uint64_t{op.count} * g.k_width * element(g));
      part(g.v[layer].data() + at(g, g.v_width, block, offset), std::uint64_t{op.count} * g.v_width * element(g));
    }
}

void paged_cache::copy(group& g, const tk_cache_op& op) {
  for (std::uint32_t layer = 0; layer < g.n_layers; ++layer)
    if (g.kind == TK_GROUP_RECURRENT) {
      auto* states = g.states[layer].data();
      std::memmove(states + std::size_t{op.dst_block} * g.state_width,
                   states + std::size_t{op.src_block} * g.state_width, std::size_t{g.state_width} * 4);
    } else {
      for (auto [bytes, width] : {std::pair{g.k[layer].data(), g.k_width}, std::pair{g.v[layer].data(), g.v_width}})
        std::memmove(bytes + at(g, width, op.dst_block, op.dst_offset), bytes + at(g, width, op.src_block, op.src_offset),
                     std::uint64_t{op.count} * width * element(g));
    }
}

void paged_cache::apply(const tk_cache_op& op) {
  auto& g = groups_[op.group];
  auto* buffer = static_cast<memory*>(op.buffer);
  switch (op.kind) {
    case TK_CACHE_COPY: copy(g, op); break;
    case TK_CACHE_CLEAR:
      for (std::uint32_t layer = 0; layer < g.n_layers; ++layer)
        std::fill_n(g.states[layer].data() + std::size_t{op.dst_block} * g.state_width, g.state_width, 0.0F);
      break;
    case TK_CACHE_EXPORT:
      walk(g, op, op.src_block, op.src_offset,
           [&](const std::byte* bytes, std::uint64_t n, std::uint64_t where) { buffer->write(where, bytes, n); });
      break;
    default: // TK_CACHE_IMPORT
      walk(g, op, op.dst_block, op.dst_offset,
           [&](std::byte* bytes, std::uint64_t n, std::uint64_t where) { buffer->read(where, bytes, n); });
  }
}

std::uint64_t exported_bytes(const paged_cache::group& g, std::uint32_t count) {
  if (g.kind == TK_GROUP_RECURRENT)
    return std::uint64_t{g.n_layers} * g.state_width * 4;
  return std::uint64_t{g.n_layers} * count * (g.k_width + g.v_width) * element(g);
}

} // namespace tokamak::test
