// The backend's results against the graph's meaning in double precision, at every level.
#include <functional>

#include "exact_model.hpp"

using namespace cpu_test;

namespace {

double size_of(const std::vector<std::vector<float>>& rows) {
  double largest = 0;
  for (const auto& row : rows)
    for (const float x : row) largest = std::max(largest, std::fabs(static_cast<double>(x)));
  return largest;
}

/// The whole prompt in one step, all logits.
std::vector<std::vector<float>> prompt_logits(const model& m, const char* level,
                                              const std::vector<std::int32_t>& tokens) {
  engine e(m, level, 2);
  part p;
  p.tokens = tokens;
  std::mt19937 random(3);
  for (std::size_t g = 0; g < m.graph.groups().size(); ++g) {
    std::set<std::uint32_t> taken;
    p.tables.push_back(random_table(random, taken, 20));
  }
  return e.run_all({p});
}

/// A graph of one op on an input of `width` rows.
struct op_case {
  const char* name;
  std::uint64_t width;
  std::function<value_id(model&, primitive_ops&, value_id x, value_id y)> add;
};

std::vector<op_case> op_cases() {
  return {
      {"scale", 5, [](model&, primitive_ops& op, value_id x, value_id) { return op.scale("out", x, -1.5); }},
      {"softcap", 9, [](model&, primitive_ops& op, value_id x, value_id) { return op.softcap("out", x, 0.5); }},
      {"silu", 7, [](model&, primitive_ops& op, value_id x, value_id) { return op.silu("out", x); }},
      {"gelu", 33, [](model&, primitive_ops& op, value_id x, value_id) { return op.gelu("out", x); }},
      {"add", 3, [](model&, primitive_ops& op, value_id x, value_id y) { return op.add("out", x, y); }},
      {"mul", 8, [](model&, primitive_ops& op, value_id x, value_id y) { return op.mul("out", x, y); }},
      {"glu gelu", 12, [](model&, primitive_ops& op, value_id x, value_id y) { return op.glu("out", x, y, "gelu"); }},
      {"rms_norm of heads", 24,
       [](model& m, primitive_ops& op, value_id x, value_id) {
         return op.rms_norm("out", x, m.weight("w", TK_F16, 6), 1e-6, 1.0);
       }},
      {"matmul with bias", 11,
       [](model& m, primitive_ops& op, value_id x, value_id) {
         return op.matmul("out", x, m.weight("w", TK_F16, 11, 19), m.weight("b", TK_F32, 19));
       }},
      {"rope, part of the head", 40, [](model&, primitive_ops& op, value_id x, value_id) {
         tokamak::rope_settings rope;
         rope.head_dim = 20;
         rope.rotary_dims = 6;
         rope.style = "halves";
         rope.freq_base = 500;
         rope.freq_scale = 0.25;
         return op.rope("out", x, rope);
       }}};
}

} // namespace

TEST_CASE("a transformer of f32 weights and cache gives the exact logits") {
  for (const bool halves : {false, true}) {
    recipe r;
    r.formats = {TK_F32};
    r.kv_format = TK_F32;
    r.halves = halves;
    r.window = 5;
    r.recurrent = true;
    r.softcap = 3;
    const model m = transformer(r);
    REQUIRE(m.graph.validate());
    std::mt19937 random(printed_seed());
    const auto tokens = random_tokens(random, 23);
    const auto expected = exact_model(m).run(tokens, "logits");
    for (const char* level : levels()) {
      const auto got = prompt_logits(m, level, tokens);
      for (std::size_t t = 0; t < tokens.size(); ++t)
        REQUIRE(largest_difference(got[t], expected[t]) < 2e-5 * (1 + size_of(expected)));
    }
  }
}

TEST_CASE("a transformer of all quantised formats is as near as int8 activations allow, and the levels agree") {
  const model m = transformer();
  std::mt19937 random(printed_seed());
  const auto tokens = random_tokens(random, 40);
  const auto expected = exact_model(m).run(tokens, "logits");
  const auto plain = prompt_logits(m, "reference", tokens);
  for (std::size_t t = 0; t < tokens.size(); ++t)
    REQUIRE(largest_difference(plain[t], expected[t]) < 0.05 * size_of(expected));
  for (const char* level : levels()) {
    // Levels differ in the last bits only, but those may move an activation across a rounding border of int8.
    const auto got = prompt_logits(m, level, tokens);
    for (std::size_t t = 0; t < tokens.size(); ++t)
      REQUIRE(largest_difference(got[t], plain[t]) < 0.02 * size_of(expected));
  }
}

TEST_CASE("each op between bound buffers computes what it means") {
  std::mt19937 random(printed_seed());
  for (const op_case& c : op_cases()) {
    CAPTURE(c.name);
    model m;
    primitive_ops op(m.graph);
    const auto x = m.graph.add_rows("x", c.width, TK_VALUE_INPUT), y = m.graph.add_rows("y", c.width, TK_VALUE_INPUT);
    const auto out = c.add(m, op, x, y);
    m.graph.set_flags(out, TK_VALUE_OUTPUT);
    REQUIRE(m.graph.validate());
    const std::size_t rows = 5;
    exact_model exact(m);
    for (const char* level : levels()) {
      backend on(level, 2);
      const auto ready = make_program(on, m);
      const auto width = m.graph.values()[out].width();
      buffer in(on, 2 * rows * c.width * 4 + 64), result(on, rows * width * 4);
      std::vector<std::vector<double>> xs(rows), ys(rows);
      for (std::size_t i = 0; i < rows * c.width; ++i) {
        in.data()[i] = std::uniform_real_distribution<float>(-2, 2)(random);
        in.data()[16 + rows * c.width + i] = std::uniform_real_distribution<float>(-2, 2)(random);
        xs[i / c.width].push_back(static_cast<double>(in.data()[i]));
        ys[i / c.width].push_back(static_cast<double>(in.data()[16 + rows * c.width + i]));
      }
      exact.set(x, xs);
      exact.set(y, ys);
      step s({{std::vector<std::int32_t>(rows, 0), 0, {}, {}, {}, {}}}, 0);
      s.bindings = {{x, in.get(), 0}, {y, in.get(), (16 + rows * c.width) * 4}, {out, result.get(), 0}};
      REQUIRE(submit(on, *ready, nullptr, s.get()) == "");
      const auto expected = exact.run({}, "out");
      for (std::size_t t = 0; t < rows; ++t)
        REQUIRE(largest_difference(expected[t], {result.data() + t * width, result.data() + (t + 1) * width}) < 1e-5);
    }
  }
}

TEST_CASE("rope with divisors and YaRN turns each pair by the angle of its formula") {
  model m;
  primitive_ops op(m.graph);
  tokamak::rope_settings rope;
  rope.head_dim = rope.rotary_dims = 16;
  rope.freq_scale = 0.25;
  rope.ext_factor = 1;
  rope.attn_factor = 1.5;
  rope.original_context = 64;
  rope.divisors = m.weight("divisors", TK_F32, 8, 0, 2);
  const auto x = m.graph.add_rows("x", 16, TK_VALUE_INPUT);
  const auto out = op.rope("out", x, rope);
  m.graph.set_flags(out, TK_VALUE_OUTPUT);
  const auto divisors = m.values(rope.divisors);
  backend on("reference");
  const auto ready = make_program(on, m);
  buffer in(on, 64), result(on, 64);
  for (int i = 0; i < 16; ++i) in.data()[i] = i % 2 == 0 ? 1.0f : 0.0f; // each pair is (1, 0)
  step s({{{0}, 0, {}, {}, {37}, {}}}, 0);
  s.bindings = {{x, in.get(), 0}, {out, result.get(), 0}};
  REQUIRE(submit(on, *ready, nullptr, s.get()) == "");
  // Waves that turn 32 times or more within the original context keep their speed, those below one turn are slowed to a
  // quarter, others lie between: Peng et al. 2023, with llama.cpp's pair numbers rounded outwards.
  const auto pair_of = [](double turns) { return 16 * std::log(64 / (turns * 2 * M_PI)) / (2 * std::log(10000.0)); };
  const double low = std::max(0.0, std::floor(pair_of(32))), high = std::min(15.0, std::ceil(pair_of(1)));
  const double size = 1.5 * (1 + 0.1 * std::log(4.0));
  for (int i = 0; i < 8; ++i) {
    const double plain = 37 * std::pow(10000.0, -i / 8.0) / static_cast<double>(divisors[static_cast<std::size_t>(i)]);
    const double kept = 1 - std::min(1.0, std::max(0.0, (i - low) / std::max(0.001, high - low)));
    const double angle = plain * kept + 0.25 * plain * (1 - kept);
    CHECK(static_cast<double>(result.data()[2 * i]) == doctest::Approx(size * std::cos(angle)).epsilon(1e-4));
    CHECK(static_cast<double>(result.data()[2 * i + 1]) == doctest::Approx(size * std::sin(angle)).epsilon(1e-4));
  }
}

TEST_CASE("embeddings given by the host take the place of tokens, unscaled") {
  model m;
  primitive_ops op(m.graph);
  const auto out = op.embed("out", m.weight("table", TK_Q8_0, 32, 10), 2.0);
  m.graph.set_flags(out, TK_VALUE_OUTPUT);
  for (const char* level : levels()) {
    backend on(level);
    const auto ready = make_program(on, m);
    buffer given(on, 2 * 32 * 4), result(on, 3 * 32 * 4);
    for (int i = 0; i < 64; ++i) given.data()[i] = static_cast<float>(i);
    step s({{{7, -2, -1}, 0, {}, {}, {}, {}}}, 0);
    s.embeddings = given.get();
    s.bindings = {{out, result.get(), 0}};
    REQUIRE(submit(on, *ready, nullptr, s.get()) == "");
    const auto table = m.values(0);
    CHECK(result.data()[5] == 2 * table[7 * 32 + 5]);
    CHECK(result.data()[32] == 32.0f);
    CHECK(result.data()[64 + 31] == 31.0f);
  }
}
