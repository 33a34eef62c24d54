// Paged K/V: writing, copying, exporting and importing tokens.
#include "paged_sequence.hpp"

using namespace kernel_test;

namespace {

struct canonical {
  std::vector<std::byte> k, v;
  bool operator==(const canonical&) const = default;
};

std::size_t element_bytes(kv_type type) { return type == kv_type::f16 ? 2 : 4; }

canonical exported(const kv_layer& layer, std::uint32_t block, std::uint32_t offset, std::uint32_t count) {
  const kv_shape& shape = layer.shape;
  const std::size_t e = element_bytes(shape.type) * count;
  canonical result{std::vector<std::byte>(e * shape.k_width), std::vector<std::byte>(e * shape.v_width)};
  kv_export(layer, block, offset, count, result.k.data(), result.v.data());
  return result;
}

canonical expected_of(const paged_sequence& s, std::uint32_t first, std::uint32_t count) {
  canonical result;
  const auto put = [&](std::vector<std::byte>& to, const std::vector<float>& from, std::size_t width) {
    for (std::size_t i = first * width; i < (first + count) * width; ++i) {
      const std::uint16_t half = f32_to_f16(from[i]);
      const auto* bytes = s.shape.type == kv_type::f16 ? reinterpret_cast<const std::byte*>(&half)
                                                       : reinterpret_cast<const std::byte*>(&from[i]);
      to.insert(to.end(), bytes, bytes + element_bytes(s.shape.type));
    }
  };
  put(result.k, s.k, s.shape.kv_heads * s.shape.head_dim);
  put(result.v, s.v, s.shape.kv_heads * s.shape.value_dim);
  return result;
}

const attention_shape shapes[] = {{9, 3, 64, 64, 16, kv_type::f16},
                                  {2, 1, 10, 6, 5, kv_type::f16},
                                  {2, 2, 3, 3, 1, kv_type::f32},
                                  {4, 2, 17, 33, 12, kv_type::f32}};

} // namespace

TEST_CASE("what is written comes out in canonical form, rounded to the cache's type, at every level") {
  test_data data;
  for (const attention_shape& shape : shapes) {
    paged_sequence s(data, shape, 3 * shape.block_size);
    for (const cpu_level level : levels_here()) {
      for (std::uint32_t t = 0; t < s.tokens; ++t) s.store(level, t, t);
      for (std::uint32_t block = 0; block < 3; ++block) {
        const std::uint32_t count = 1 + data.below(shape.block_size), offset = data.below(shape.block_size - count + 1);
        CHECK(exported(s.layer, s.table[block], offset, count) ==
              expected_of(s, block * shape.block_size + offset, count));
      }
    }
  }
}

TEST_CASE("heads written one by one, in any ranges and order, are the token written whole") {
  test_data data;
  for (const attention_shape& shape : shapes) {
    paged_sequence s(data, shape, 2 * shape.block_size);
    for (const cpu_level level : levels_here()) {
      std::memset(s.memory.data(), 0xff, s.memory.size());
      for (std::uint32_t t = 0; t < s.tokens; ++t) {
        const std::uint32_t middle = data.below(shape.kv_heads + 1);
        const auto write = [&](std::uint32_t begin, std::uint32_t end) {
          if (begin == end) return;
          kv_write_heads(level, s.layer, shape.kv_heads, begin, end, &s.k[(t * shape.kv_heads + begin) * shape.head_dim],
                         &s.v[(t * shape.kv_heads + begin) * shape.value_dim], s.table[t / shape.block_size], t % shape.block_size);
        };
        write(middle, shape.kv_heads);
        write(0, middle);
      }
      for (std::uint32_t block = 0; block < 2; ++block)
        CHECK(exported(s.layer, s.table[block], 0, shape.block_size) == expected_of(s, block * shape.block_size, shape.block_size));
    }
  }
}

TEST_CASE("tokens are copied between any offsets, also within a block") {
  test_data data;
  for (const attention_shape& shape : shapes) {
    for (int round = 0; round < 30; ++round) {
      paged_sequence s(data, shape, 2 * shape.block_size);
      const std::uint32_t count = 1 + data.below(shape.block_size);
      const std::uint32_t from = data.below(shape.block_size - count + 1),
                          to = data.below(shape.block_size - count + 1);
      const std::uint32_t dst = data.below(2);
      const canonical before = exported(s.layer, s.table[dst], 0, shape.block_size);
      kv_copy(s.layer, s.table[0], from, s.table[dst], to, count);
      CHECK(exported(s.layer, s.table[dst], to, count) == expected_of(s, from, count));
      if (to > 0) CHECK(exported(s.layer, s.table[dst], 0, to) == expected_of(s, dst * shape.block_size, to));
      CHECK((count < shape.block_size || dst == 0 || !(before == exported(s.layer, s.table[dst], 0, count))));
    }
  }
}

TEST_CASE("an exported block imported elsewhere is the same block") {
  test_data data;
  for (const attention_shape& shape : shapes) {
    paged_sequence a(data, shape, shape.block_size), b(data, shape, shape.block_size);
    const std::uint32_t count = 1 + data.below(shape.block_size), offset = shape.block_size - count;
    const canonical bytes = exported(a.layer, a.table[0], 0, count);
    kv_import(b.layer, b.table[0], offset, count, bytes.k.data(), bytes.v.data());
    CHECK(exported(b.layer, b.table[0], offset, count) == bytes);
    if (offset > 0) CHECK(exported(b.layer, b.table[0], 0, offset) == expected_of(b, 0, offset));
  }
}
