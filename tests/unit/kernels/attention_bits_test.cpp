// Attention's bits depend on a row's keys only: not on chunking, block size, splitting, trees or dropped blocks.
#include "paged_sequence.hpp"

using namespace kernel_test;

namespace {

constexpr std::uint32_t tokens = 700; // three splits
const attention_shape shape{6, 2, 24, 24, 16, kv_type::f16};

std::vector<float> row_of(const std::vector<float>& all, std::uint32_t row) {
  const std::size_t width = shape.heads * shape.value_dim;
  return {all.begin() + static_cast<std::ptrdiff_t>(row * width),
          all.begin() + static_cast<std::ptrdiff_t>((row + 1) * width)};
}

std::vector<attention_params> variants(const paged_sequence& s) {
  std::vector<attention_params> all(4, s.params());
  all[1].window = 300;
  all[2].window = 5;
  all[3].soft_cap = 3;
  return all;
}

} // namespace

TEST_CASE("chunks of any size, blocks of any size and ranges of rows and heads give the same bits") {
  test_data data;
  const paged_sequence s(data, shape, tokens);
  for (const cpu_level level : levels_here()) {
    for (const attention_params& params : variants(s)) {
      CAPTURE(level_name(level));
      CAPTURE(params.window);
      const std::vector<float> whole = s.attend(level, params, 0, tokens);
      for (const std::uint32_t block_size : {1u, 7u, 32u, 256u, 300u}) {
        const paged_sequence other = s.with_blocks(data, block_size);
        for (std::uint32_t first = data.below(300); first < tokens;) {
          const std::uint32_t rows = std::min(1 + data.below(90), tokens - first);
          std::vector<float> out;
          const attention_rows step = other.step(first, rows, out);
          const std::uint32_t middle = data.below(rows + 1);
          for (std::uint32_t head = 0; head < shape.kv_heads; ++head) {
            for (std::uint32_t row = 0; row < rows; ++row) attention_prefetch(other.layer, params, step, row, head); // changes nothing
            attention(level, other.layer, params, step, middle, rows, head, head + 1);
            attention(level, other.layer, params, step, 0, middle, head, head + 1);
          }
          for (std::uint32_t row = 0; row < rows; ++row)
            REQUIRE(same_bits(row_of(out, row), row_of(whole, first + row)));
          first += rows + data.below(200);
        }
      }
    }
  }
}

TEST_CASE("splits computed apart and merged give the same bits") {
  test_data data;
  const paged_sequence s(data, shape, tokens);
  const std::uint32_t group = shape.heads / shape.kv_heads;
  for (const cpu_level level : levels_here()) {
    for (const attention_params& params : variants(s)) {
      for (const std::uint32_t t : {0u, 255u, 256u, 699u}) {
        std::vector<float> out;
        const attention_rows step = s.step(t, 1, out);
        const std::uint32_t splits = attention_splits(params, step, 0);
        const std::uint32_t first_key = params.window != 0 && t + 1 > params.window ? t + 1 - params.window : 0;
        CHECK(splits == t / 256 - first_key / 256 + 1);
        const std::size_t size = group * (shape.value_dim + 2);
        std::vector<float> partials(splits * size);
        for (std::uint32_t head = 0; head < shape.kv_heads; ++head) {
          for (std::uint32_t split = splits; split-- > 0;)
            attention_partial(level, s.layer, params, step, 0, head, split, partials.data() + split * size);
          attention_merge(level, s.layer, params, step, 0, head, partials.data());
        }
        REQUIRE(same_bits(out, s.attend(level, params, t, 1)));
      }
    }
  }
}

TEST_CASE("a drafted chain scattered over the step's slots gives the bits of plain decoding") {
  test_data data;
  const std::uint32_t context = 250; // the chain crosses a split border
  paged_sequence s(data, shape, context + 30);
  // Chain of 12 tokens in rows 1, 3, 5, ...: token context + i lies in row 2i + 1.
  std::vector<float> q(30 * shape.heads * shape.head_dim, 0.5f);
  std::vector<std::uint32_t> ancestors, begin;
  const std::vector<float> plain_cache_k = s.k;
  for (std::uint32_t row = 0; row < 30; ++row) {
    begin.push_back(static_cast<std::uint32_t>(ancestors.size()));
    const bool in_chain = row % 2 == 1 && row < 24;
    for (std::uint32_t i = 0; in_chain && 2 * i + 1 < row; ++i) ancestors.push_back(2 * i + 1);
  }
  begin.push_back(static_cast<std::uint32_t>(ancestors.size()));
  for (const cpu_level level : levels_here()) {
    for (const attention_params& params : variants(s)) {
      for (std::uint32_t t = 0; t < s.tokens; ++t) s.store(level, t, t);
      const std::vector<float> plain = s.attend(level, params, context, 12);
      for (std::uint32_t i = 12; i-- > 0;) s.store(level, context + i, context + 2 * i + 1);
      std::vector<float> out;
      attention_rows step = s.step(context, 30, out);
      for (std::uint32_t i = 0; i < 12; ++i)
        std::copy_n(step.q + i * step.ldq, step.ldq, q.begin() + static_cast<std::ptrdiff_t>((2 * i + 1) * step.ldq));
      step.q = q.data();
      step.ancestors = ancestors.data();
      step.ancestor_begin = begin.data();
      attention(level, s.layer, params, step, 0, 30, 0, shape.kv_heads);
      for (std::uint32_t i = 0; i < 12; ++i) REQUIRE(same_bits(row_of(out, 2 * i + 1), row_of(plain, i)));
    }
  }
}

TEST_CASE("blocks that left the window are not read") {
  test_data data;
  const paged_sequence s(data, shape, 400);
  attention_params params = s.params();
  params.window = 40;
  for (const cpu_level level : levels_here()) {
    std::vector<float> out;
    attention_rows step = s.step(390, 10, out);
    attention(level, s.layer, params, step, 0, 10, 0, shape.kv_heads);
    const std::vector<float> all_blocks = out;
    step.first_block = 351 / 16; // the first key of row 390
    const std::vector<std::uint32_t> short_table(s.table.begin() + step.first_block, s.table.end());
    step.block_table = short_table.data();
    attention(level, s.layer, params, step, 0, 10, 0, shape.kv_heads);
    CHECK(same_bits(out, all_blocks));
  }
}
