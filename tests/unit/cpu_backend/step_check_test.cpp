// Steps that do not fit are refused before anything runs, each with its exact message.
#include "tiny_model.hpp"

#include <functional>

using namespace cpu_test;

namespace {

struct bad_step {
  const char* message;
  std::function<void(step&)> spoil;
};

/// Two sequences of 3 and 2 rows with 6 tokens of context each, for the model of `test_model`.
step good_step() {
  const part a{{1, 2, 3}, 6, {{1, 2, 3}, {1, 2, 3}, {5}}, {}, {}, {}}, b{{4, 5}, 6, {{7, 8}, {7, 8}, {6}}, {}, {}, {}};
  return step({a, b}, 3);
}

model test_model() {
  recipe r;
  r.window = 4;
  r.recurrent = true;
  return transformer(r);
}

tk_cache_op cache_op(tk_cache_op_kind kind, std::uint32_t group, std::uint32_t block, std::uint32_t offset,
                     std::uint32_t count, void* buffer = nullptr) {
  return {kind, group, 0, block, offset, block, offset, count, buffer, 0};
}

const std::vector<bad_step>& bad_steps() {
  static const std::vector<bad_step> all = {
      {"1: sequence 1 of the step begins at row 4, expected 3", [](step& s) { s.sequences[1].row_begin = 4; }},
      {"1: the sequences of the step have 6 rows, the step has 5", [](step& s) { s.sequences[1].row_count = 3; }},
      {"1: output row 5 of 5",
       [](step& s) {
         s.output_rows = {2, 5};
       }},
      {"1: output rows are not ascending",
       [](step& s) {
         s.output_rows = {3, 3};
       }},
      {"1: token 96 of row 1; the vocabulary has 96", [](step& s) { s.tokens[1] = 96; }},
      {"1: row 4 takes embedding 2147483647 of 0", [](step& s) { s.tokens[4] = INT32_MIN; }},
      {"1: row 4 continues row 2, expected an earlier row of its sequence or -1",
       [](step& s) {
         s.parents = {-1, 0, 1, -1, 2};
       }},
      {"1: row 1 continues row -2, expected an earlier row of its sequence or -1",
       [](step& s) {
         s.parents = {-1, -2, 1, -1, 3};
       }},
      {"1: sequence 1 names block 128 of cache group 'full', which has 128",
       [](step& s) { s.groups[0].tables[4] = 128; }},
      {"1: sequence 0 needs 3 blocks of cache group 'full', its table has 2",
       [](step& s) { s.groups[0].table_begin[1] = 2; }},
      {"1: the block tables of cache group 'full' overlap", [](step& s) { s.groups[0].table_begin[2] = 2; }},
      {"1: sequence 0 needs slot 0 of cache group 'full', but its table begins with block 1",
       [](step& s) { s.groups[0].first_block[0] = 1; }},
      {"1: sequence 0 needs slot 3 of cache group 'sliding', but its table begins with block 1",
       [](step& s) { s.groups[1].first_block[0] = 1; }},
      {"1: sequence 1 fills slot 4294967296, more than 2^31 - 1", [](step& s) { s.groups[0].context[1] = 0xffffffff; }},
      {"1: sequence 1 names block 128 of cache group 'state', which has 128",
       [](step& s) { s.groups[2].tables[1] = 128; }},
      {"1: the program has 3 cache groups, the cache 3, the step 2", [](step& s) { s.groups.pop_back(); }},
      {"1: a cache op names group 3 of 3", [](step& s) { s.cache_ops = {cache_op(TK_CACHE_COPY, 3, 0, 0, 1)}; }},
      {"4: cache group 'full': unknown cache op 9", [](step& s) { s.cache_ops = {cache_op(9, 0, 0, 0, 1)}; }},
      {"1: cache group 'full': only recurrent state can be cleared",
       [](step& s) { s.cache_ops = {cache_op(TK_CACHE_CLEAR, 0, 0, 0, 1)}; }},
      {"1: cache group 'full': a cache op names block 128 of 128",
       [](step& s) { s.cache_ops = {cache_op(TK_CACHE_COPY, 0, 128, 0, 1)}; }},
      {"1: cache group 'full': a cache op takes 2 tokens from offset 3 of a block of 4",
       [](step& s) { s.cache_ops = {cache_op(TK_CACHE_COPY, 0, 1, 3, 2)}; }},
      {"1: cache group 'full': an export or import names no buffer",
       [](step& s) { s.cache_ops = {cache_op(TK_CACHE_EXPORT, 0, 1, 0, 2)}; }},
      {"1: a binding names value 0, which is neither input nor output",
       [](step& s) {
         s.bindings = {{0, nullptr, 0}};
       }},
      {"1: the binding of 'logits' has no buffer or an odd offset", [](step& s) { s.bindings[0].buffer = nullptr; }},
      {"1: the binding of 'logits' has no buffer or an odd offset", [](step& s) { s.bindings[0].offset = 2; }},
      {"1: 'logits' needs 768 bytes from offset 900 of a buffer of 1000", [](step& s) { s.bindings[0].offset = 900; }}};
  return all;
}

} // namespace

TEST_CASE("each way in which a step can be wrong is refused with its message, and the next good step runs") {
  const model m = test_model();
  engine e(m, levels().back());
  buffer logits(e.on, 1000);
  for (const bad_step& bad : bad_steps()) {
    step s = good_step();
    s.bindings = {{e.logits_id, logits.get(), 0}};
    REQUIRE(submit(e.on, *e.ready, e.state.get(), s.get()) == "");
    bad.spoil(s);
    CHECK(submit(e.on, *e.ready, e.state.get(), s.get()) == bad.message);
  }
}

TEST_CASE("absent arrays, caches and inputs are refused") {
  const model m = test_model();
  engine e(m, levels().back());
  step s = good_step();
  tk_step view = s.get();
  const auto error_of = [&](const tk_step& step) { return submit(e.on, *e.ready, e.state.get(), step); };
  view.tokens = nullptr;
  CHECK(error_of(view) == "1: the step has no tokens");
  view = s.get();
  view.positions = nullptr;
  CHECK(error_of(view) == "1: the step has no positions");
  view = s.get();
  view.output_rows = nullptr;
  CHECK(error_of(view) == "1: the step has no output_rows");
  view = s.get();
  view.size = 8;
  CHECK(error_of(view) == "1: the step's size is 8, expected at least " + std::to_string(sizeof(tk_step)));
  const std::vector<std::uint32_t> adapters = {0, 0, 1, 0, 0};
  view = s.get();
  view.adapters = adapters.data();
  CHECK(error_of(view) == "4: the cpu backend has no adapters");
  CHECK(submit(e.on, *e.ready, nullptr, s.get()) == "1: the program keeps state, but the step has no cache");
  s.cache_ops = {cache_op(TK_CACHE_COPY, 0, 0, 0, 1)};
  CHECK(submit(e.on, *e.ready, nullptr, s.get()) == "1: the step has cache ops, but no cache");

  model bare;
  primitive_ops op(bare.graph);
  op.silu("y", bare.graph.add_rows("x", 8, TK_VALUE_INPUT));
  const auto ready = make_program(e.on, bare);
  step one({{{0}, 0, {}, {}, {}, {}}}, 0);
  CHECK(submit(e.on, *ready, nullptr, one.get()) == "1: the input 'x' is bound to no buffer");
}

TEST_CASE("a cache made for another model is refused") {
  const model m = test_model();
  engine e(m, levels().back());
  recipe other;
  other.window = 4;
  other.recurrent = true;
  other.block_size = 8;
  const model another = transformer(other);
  const auto foreign = make_cache(e.on, another, 16);
  step s = good_step();
  CHECK(submit(e.on, *e.ready, foreign.get(), s.get()) ==
        "1: cache group 'full' of the cache has another shape than the program's");
}
