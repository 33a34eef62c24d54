// Recurrent state: a slot a sequence, checkpoints by copy.
#include "unit/null_backend/model_runner.hpp"
#include "unit/null_backend/op_bench.hpp"

#include <doctest/doctest.h>

using namespace tokamak;
using namespace tokamak::test;

namespace {

constexpr std::uint32_t state_group = 1;

void copy_state(model_runner& m, std::uint32_t from, std::uint32_t to) {
  step_data step(2);
  step.cache_op({TK_CACHE_COPY, state_group, 0, from, 0, to, 0, 0, nullptr, 0});
  m.session.run(step);
}

} // namespace

TEST_CASE("decay_scan adds each row to the decayed state") {
  op_bench b;
  b.g.add_group({"state", TK_GROUP_RECURRENT, 1, 1, 0, 0, 0, 2, TK_F32});
  b.output(b.op.decay_scan("y", b.input("x", 2), 0, 0, 0.5));
  backend_instance backend(reference_backend());
  const auto session = b.start(backend);
  const auto run = [&](std::vector<float> x, bool clear) {
    session->set_input("x", x);
    step_data step(1);
    if (clear)
      step.cache_op({TK_CACHE_CLEAR, 0, 0, 0, 0, 6, 0, 0, nullptr, 0});
    step.add({1, std::vector<std::int32_t>(x.size() / 2, 0), {{0, {6}, 0}}, {}});
    return session->run(step).at("y");
  };
  CHECK(run({4, 8, 1, 1}, true) == std::vector<float>{4, 8, 3, 5});
  CHECK(run({0, 1}, false) == std::vector<float>{1.5F, 3.5F});
  CHECK(run({7, 7}, true) == std::vector<float>{7, 7});
}

TEST_CASE("a state that was never cleared shows as NaN") {
  model_runner m(tiny_recurrent_gguf({}));
  auto s = m.open(1);
  step_data step(2);
  step.add(m.rows(s, {1}));
  step.want_all();
  for (const float logit : m.session.logits(step))
    CHECK(std::isnan(logit));
}

TEST_CASE("a checkpoint restores the state, K and V are truncated") {
  model_runner m(tiny_recurrent_gguf({}));
  auto s = m.open(1);
  m.feed(s, some_tokens(7));
  const auto checkpoint = m.take(state_group);
  copy_state(m, s.tables[state_group][0], checkpoint);
  const auto expected = m.feed(s, {8, 9});
  m.feed(s, {10, 11});
  copy_state(m, checkpoint, s.tables[state_group][0]);
  s.length = 7;
  CHECK(m.feed(s, {8, 9}) == expected);
  // Without restoring the state the answer is another one: the test can fail.
  s.length = 7;
  CHECK(m.feed(s, {8, 9}) != expected);
}

TEST_CASE("a fork copies the slot, and both go on alone") {
  model_runner m(tiny_recurrent_gguf({}));
  auto parent = m.open(1);
  m.feed(parent, some_tokens(8)); // two full blocks: the child shares them
  auto child = parent;
  child.id = 2;
  child.tables[state_group] = {m.take(state_group)};
  copy_state(m, parent.tables[state_group][0], child.tables[state_group][0]);
  const auto of_child = m.feed(child, {50, 51});
  const auto of_parent = m.feed(parent, {60, 61});
  auto plain = m.open(3);
  m.feed(plain, some_tokens(8));
  CHECK(m.feed(plain, {50, 51}) == of_child);
  model_runner other(tiny_recurrent_gguf({}));
  auto again = other.open(1);
  other.feed(again, some_tokens(8));
  CHECK(other.feed(again, {60, 61}) == of_parent);
}
