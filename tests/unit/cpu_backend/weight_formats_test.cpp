// Every weight format in every place where a model has weights: embeddings, matrices, a tied output matrix, norms.
#include "exact_model.hpp"

using namespace cpu_test;

namespace {

constexpr std::uint64_t width = 256, inner = 512, vocabulary = 50;

/// Embeddings, one gated block and an output matrix tied to the embeddings, all of one format.
model one_format(tk_format format) {
  model m;
  primitive_ops op(m.graph);
  const auto table = m.weight("token_embd", format, width, vocabulary);
  const auto x = op.embed("embeddings", table, 1.0);
  m.graph.set_flags(x, TK_VALUE_OUTPUT);
  const auto h = op.rms_norm("norm", x, m.weight("norm.w", format, width, 0, 1), 1e-5);
  const auto up = op.glu("glu", op.matmul("gate", h, m.weight("gate.w", format, width, inner)),
                         op.matmul("up", h, m.weight("up.w", format, width, inner)), "silu");
  const auto y = op.add("y", x, op.matmul("down", up, m.weight("down.w", format, inner, width)));
  const auto last = op.rms_norm("last_norm", op.take_outputs("taken", y), m.weight("last.w", TK_F32, width, 0, 1), 1e-5);
  m.graph.set_flags(op.matmul("logits", last, table), TK_VALUE_OUTPUT);
  return m;
}

struct result {
  std::vector<std::vector<float>> embeddings, logits;
};

result run(const model& m, const char* level, std::uint32_t threads, const std::vector<std::int32_t>& tokens) {
  backend on(level, threads);
  const auto ready = make_program(on, m);
  buffer embeddings(on, tokens.size() * width * 4), logits(on, tokens.size() * vocabulary * 4);
  step s({{tokens, 0, {}, {}, {}, {}}}, 0);
  s.want_all();
  s.bindings = {{m.graph.find_value("embeddings"), embeddings.get(), 0},
                {m.graph.find_value("logits"), logits.get(), 0}};
  REQUIRE(submit(on, *ready, nullptr, s.get()) == "");
  result r;
  for (std::size_t t = 0; t < tokens.size(); ++t) {
    r.embeddings.emplace_back(embeddings.data() + t * width, embeddings.data() + (t + 1) * width);
    r.logits.emplace_back(logits.data() + t * vocabulary, logits.data() + (t + 1) * vocabulary);
  }
  return r;
}

std::vector<tk_format> formats() {
  std::vector<tk_format> all;
  for (const auto format : kernel_test::all_formats()) all.push_back(tokamak::kernels::gguf_type(format));
  return all;
}

std::vector<std::int32_t> some_tokens(std::mt19937& random, std::size_t n) {
  std::vector<std::int32_t> tokens(n);
  for (auto& token : tokens) token = static_cast<std::int32_t>(random() % vocabulary);
  return tokens;
}

} // namespace

TEST_CASE("a model whose weights are all of one format gives its embeddings exactly and its logits within int8 rounding") {
  std::mt19937 random(printed_seed());
  for (const tk_format format : formats()) {
    CAPTURE(format);
    const model m = one_format(format);
    REQUIRE(m.graph.validate());
    const auto tokens = some_tokens(random, 9);
    const auto table = m.values(m.graph.find_value("token_embd"));
    const auto expected = exact_model(m).run(tokens, "logits");
    double size = 0;
    for (const auto& row : expected)
      for (const float value : row) size = std::max(size, std::fabs(static_cast<double>(value)));
    for (const char* level : levels()) {
      CAPTURE(level);
      const result got = run(m, level, 2, tokens);
      for (std::size_t t = 0; t < tokens.size(); ++t) {
        const float* const row = table.data() + static_cast<std::size_t>(tokens[t]) * width;
        REQUIRE(same_bits(got.embeddings[t], std::vector<float>(row, row + width)));
        REQUIRE(largest_difference(got.logits[t], expected[t]) < 0.03 * size);
      }
    }
  }
}

TEST_CASE("with weights of any format a row's logits have the same bits alone and in a batch, on one to three threads") {
  std::mt19937 random(printed_seed());
  for (const tk_format format : formats()) {
    CAPTURE(format);
    const model m = one_format(format);
    const auto tokens = some_tokens(random, 37);
    for (const char* level : levels()) {
      CAPTURE(level);
      const result all = run(m, level, 1, tokens);
      for (const std::uint32_t threads : {1u, 2u, 3u}) {
        const std::size_t first = random() % 30, rows = 1 + random() % 7;
        const result some = run(m, level, threads,
                                {tokens.begin() + static_cast<std::ptrdiff_t>(first),
                                 tokens.begin() + static_cast<std::ptrdiff_t>(first + rows)});
        for (std::size_t t = 0; t < rows; ++t) REQUIRE(same_bits(some.logits[t], all.logits[first + t]));
      }
    }
  }
}
