// Cache memory and the block ops of a step.
#include "cache.hpp"

#include "buffer.hpp"

#include <tokamak/sdk/failure.hpp>

#include <cstring>

namespace tokamak::cpu {

namespace {

[[noreturn]] void refuse(tk_status code, const std::string& group, const std::string& what) {
  throw sdk::failure(code, "cache group '" + group + "': " + what);
}

kernels::kv_shape shape_of(const tk_cache_group& group, const std::string& name) {
  if (group.format != TK_F16 && group.format != TK_F32)
    refuse(TK_UNSUPPORTED, name,
           "format " + std::to_string(group.format) + "; the cpu backend keeps K and V as f16 (1) or f32 (0)");
  if (group.block_size == 0 || group.k_width == 0 || group.v_width == 0)
    refuse(TK_INVALID_ARGUMENT, name, "block_size, k_width and v_width must be above 0");
  return {group.block_size, group.k_width, group.v_width,
          group.format == TK_F16 ? kernels::kv_type::f16 : kernels::kv_type::f32};
}

} // namespace

cache::cache(memory_account& account, std::span<const tk_cache_group> groups, std::span<const std::uint32_t> n_blocks) {
  groups_.resize(groups.size());
  for (std::size_t i = 0; i < groups.size(); ++i) {
    held_group& g = groups_[i];
    g.about = groups[i];
    g.name = sdk::view(groups[i].name);
    g.about.name = {};
    g.n_blocks = n_blocks[i];
    if (g.about.kind == TK_GROUP_RECURRENT) {
      g.block_bytes = (std::size_t{g.about.state_width} * sizeof(float) + 63) / 64 * 64;
    } else if (g.about.kind == TK_GROUP_FULL || g.about.kind == TK_GROUP_SLIDING) {
      g.shape = shape_of(g.about, g.name);
      g.block_bytes = kernels::kv_block_bytes(g.shape);
    } else {
      refuse(TK_UNSUPPORTED, g.name, "kind " + std::to_string(g.about.kind) + " is not known to the cpu backend");
    }
    const std::uint64_t bytes = std::uint64_t{g.block_bytes} * g.about.n_layers * g.n_blocks;
    g.held = charge(account, bytes, std::to_string(g.n_blocks) + " blocks of cache group '" + g.name + "'");
    g.memory = kernels::aligned_buffer(bytes);
    if (bytes != 0 && g.memory.data() == nullptr)
      refuse(TK_OUT_OF_MEMORY, g.name, "the system has no " + std::to_string(bytes) + " bytes for its blocks");
  }
}

std::byte* cache::block(const held_group& g, std::uint32_t layer, std::uint32_t block) const {
  return g.memory.data() + (std::size_t{block} * g.about.n_layers + layer) * g.block_bytes;
}

kernels::kv_layer cache::layer_of(const held_group& g, std::uint32_t layer) const {
  return {block(g, layer, 0), g.block_bytes * g.about.n_layers, g.shape};
}

kernels::kv_layer cache::layer(std::size_t g, std::uint32_t layer) const { return layer_of(groups_[g], layer); }

float* cache::state(std::size_t g, std::uint32_t layer, std::uint32_t slot) const {
  return reinterpret_cast<float*>(block(groups_[g], layer, slot));
}

std::uint64_t cache::exported_bytes(const held_group& g, std::uint32_t count) const {
  if (g.about.kind == TK_GROUP_RECURRENT) return std::uint64_t{g.about.n_layers} * g.about.state_width * sizeof(float);
  const std::uint64_t element = g.shape.type == kernels::kv_type::f16 ? 2 : 4;
  return std::uint64_t{g.about.n_layers} * count * (std::uint64_t{g.shape.k_width} + g.shape.v_width) * element;
}

void cache::check(const tk_cache_op& op) const {
  if (op.group >= groups_.size())
    throw sdk::failure(TK_INVALID_ARGUMENT,
                       "a cache op names group " + std::to_string(op.group) + " of " + std::to_string(groups_.size()));
  const held_group& g = groups_[op.group];
  const bool recurrent = g.about.kind == TK_GROUP_RECURRENT;
  if (op.kind > TK_CACHE_IMPORT) refuse(TK_UNSUPPORTED, g.name, "unknown cache op " + std::to_string(op.kind));
  if (op.kind == TK_CACHE_CLEAR && !recurrent)
    refuse(TK_INVALID_ARGUMENT, g.name, "only recurrent state can be cleared");
  const auto inside = [&](std::uint32_t block, std::uint32_t offset) {
    if (block >= g.n_blocks)
      refuse(TK_INVALID_ARGUMENT, g.name,
             "a cache op names block " + std::to_string(block) + " of " + std::to_string(g.n_blocks));
    if (!recurrent && (op.count > g.shape.block_size || offset > g.shape.block_size - op.count))
      refuse(TK_INVALID_ARGUMENT, g.name,
             "a cache op takes " + std::to_string(op.count) + " tokens from offset " + std::to_string(offset) +
                 " of a block of " + std::to_string(g.shape.block_size));
  };
  if (op.kind == TK_CACHE_COPY || op.kind == TK_CACHE_EXPORT) inside(op.src_block, op.src_offset);
  if (op.kind != TK_CACHE_EXPORT) inside(op.dst_block, op.dst_offset);
  if (op.kind != TK_CACHE_EXPORT && op.kind != TK_CACHE_IMPORT) return;
  const std::uint64_t bytes = exported_bytes(g, op.count);
  if (bytes == 0) return;
  if (op.buffer == nullptr) refuse(TK_INVALID_ARGUMENT, g.name, "an export or import names no buffer");
  const auto& to = *static_cast<const buffer*>(op.buffer);
  if (!to.holds(op.buffer_offset, bytes))
    refuse(TK_INVALID_ARGUMENT, g.name,
           std::to_string(bytes) + " bytes from offset " + std::to_string(op.buffer_offset) +
               " do not fit a buffer of " + std::to_string(to.memory.size()));
}

void cache::copy(const held_group& g, const tk_cache_op& op) const {
  for (std::uint32_t layer = 0; layer < g.about.n_layers; ++layer) {
    if (g.about.kind == TK_GROUP_RECURRENT)
      std::memmove(block(g, layer, op.dst_block), block(g, layer, op.src_block), g.block_bytes);
    else
      kernels::kv_copy(layer_of(g, layer), op.src_block, op.src_offset, op.dst_block,
                       op.dst_offset, op.count);
  }
}

void cache::move_out(const held_group& g, const tk_cache_op& op, std::byte* to) const {
  const std::size_t part = static_cast<std::size_t>(exported_bytes(g, op.count)) / g.about.n_layers;
  for (std::uint32_t layer = 0; layer < g.about.n_layers; ++layer, to += part) {
    if (g.about.kind == TK_GROUP_RECURRENT) {
      std::memcpy(to, block(g, layer, op.src_block), part);
    } else {
      const std::size_t k_part = part / (std::size_t{g.shape.k_width} + g.shape.v_width) * g.shape.k_width;
      kernels::kv_export(layer_of(g, layer), op.src_block, op.src_offset, op.count, to,
                         to + k_part);
    }
  }
}

void cache::move_in(const held_group& g, const tk_cache_op& op, const std::byte* from) const {
  const std::size_t part = static_cast<std::size_t>(exported_bytes(g, op.count)) / g.about.n_layers;
  for (std::uint32_t layer = 0; layer < g.about.n_layers; ++layer, from += part) {
    if (g.about.kind == TK_GROUP_RECURRENT) {
      std::memcpy(block(g, layer, op.dst_block), from, part);
    } else {
      const std::size_t k_part = part / (std::size_t{g.shape.k_width} + g.shape.v_width) * g.shape.k_width;
      kernels::kv_import(layer_of(g, layer), op.dst_block, op.dst_offset, op.count, from,
                         from + k_part);
    }
  }
}

void cache::run(const tk_cache_op& op) const {
  const held_group& g = groups_[op.group];
  if (g.about.n_layers == 0) return; // another shard's
  switch (op.kind) {
    case TK_CACHE_COPY: return copy(g, op);
    case TK_CACHE_CLEAR:
      for (std::uint32_t layer = 0; layer < g.about.n_layers; ++layer)
        std::memset(block(g, layer, op.dst_block), 0, g.block_bytes);
      return;
    case TK_CACHE_EXPORT: return move_out(g, op, static_cast<buffer*>(op.buffer)->memory.data() + op.buffer_offset);
    case TK_CACHE_IMPORT:
      return move_in(g, op, static_cast<const buffer*>(op.buffer)->memory.data() + op.buffer_offset);
    default: return;
  }
}

} // namespace tokamak::cpu
