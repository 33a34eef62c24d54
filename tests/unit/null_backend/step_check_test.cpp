// What the reference backend says to steps that break the rules.
#include "unit/null_backend/model_runner.hpp"

#include <doctest/doctest.h>

#include <functional>

using namespace tokamak;
using namespace tokamak::test;

namespace {

/// The refusal of a step made by `change` from a valid one: two tokens after a context of 5, blocks of 4.
std::string refusal(model_runner& m, const std::function<void(sequence_rows&, step_data&)>& change) {
  step_data step(m.groups().size());
  sequence_rows rows{9, {1, 2}, {}, {}};
  for (const auto& g : m.groups())
    rows.groups.push_back(g.kind == TK_GROUP_RECURRENT ? group_place{5, {0}, 0} : group_place{5, {4, 5}, 0});
  change(rows, step);
  step.add(rows);
  try {
    m.session.run(step);
    return "accepted";
  } catch (const failure& f) {
    CHECK(f.code() == TK_INVALID_ARGUMENT);
    return f.what();
  }
}

} // namespace

TEST_CASE("rows, parents and outputs are held against the rules") {
  model_runner m(tiny_llama_gguf({}));
  CHECK(refusal(m, [](auto&, auto&) {}) == "accepted");
  CHECK(refusal(m, [](auto& rows, auto&) { rows.tokens[1] = -1; }) ==
        "row 1 takes embedding 0, but the step has none");
  CHECK(refusal(m, [](auto& rows, auto&) { rows.parents = {1, 0}; }) ==
        "row 0 continues row 1, expected an earlier row of its sequence");
  CHECK(refusal(m, [](auto&, auto& step) { step.want(2); }) ==
        "output row 0 is 2, expected ascending rows below 2");
  CHECK(refusal(m, [](auto&, auto& step) {
          step.want(1);
          step.want(1);
        }) == "output row 1 is 1, expected ascending rows below 2");
}

TEST_CASE("tables must reach every needed slot and name blocks that exist") {
  model_runner m(tiny_llama_gguf({}));
  CHECK(refusal(m, [](auto& rows, auto&) { rows.groups[0].table = {4}; }) ==
        "the table of sequence 9 in cache group 'full' ends at slot 4, but 7 are needed");
  CHECK(refusal(m, [](auto& rows, auto&) { rows.groups[0].table = {4, 64}; }) ==
        "sequence 9 names block 64 of cache group 'full', which has 64");
  CHECK(refusal(m, [](auto& rows, auto&) { rows.groups[0].first_block = 1; }) ==
        "the table of sequence 9 in cache group 'full' begins at slot 4, but slot 0 is needed");
  model_runner sliding(tiny_sliding_gguf({}));
  CHECK(refusal(sliding, [](auto& rows, auto&) {
          rows.groups[0] = {11, {1, 2, 3, 4}, 0};
          rows.groups[1] = {11, {6, 7}, 2};
        }) == "the table of sequence 9 in cache group 'near' begins at slot 8, but slot 6 is needed");
  CHECK(refusal(sliding, [](auto& rows, auto&) {
          rows.groups[0] = {11, {1, 2, 3, 4}, 0};
          rows.groups[1] = {11, {6, 7, 8}, 1};
        }) == "accepted");
  model_runner recurrent(tiny_recurrent_gguf({}));
  CHECK(refusal(recurrent, [](auto& rows, auto&) { rows.groups[1].table = {}; }) ==
        "sequence 9 has no state slot in cache group 'state'");
}

TEST_CASE("two sequences must not write one slot") {
  model_runner m(tiny_llama_gguf({}));
  CHECK(refusal(m, [](auto& rows, auto& step) {
          step.add(rows);
          rows.id = 10;
        }) == "block 5 offset 1 of cache group 'full' is written twice, again by sequence 10");
}

TEST_CASE("cache ops are held against their group") {
  model_runner m(tiny_recurrent_gguf({}));
  const auto with = [&](tk_cache_op op) { return refusal(m, [&](auto&, auto& step) { step.cache_op(op); }); };
  CHECK(with({TK_CACHE_COPY, 2, 0, 0, 0, 0, 0, 1, nullptr, 0}) == "a cache op names group 2 of 2");
  CHECK(with({TK_CACHE_COPY, 0, 0, 64, 0, 0, 0, 1, nullptr, 0}) ==
        "a cache op names block 64 of cache group 'full', which has 64");
  CHECK(with({TK_CACHE_COPY, 0, 0, 1, 2, 2, 2, 3, nullptr, 0}) ==
        "a cache op names 3 tokens from 2 of a block of 4");
  CHECK(with({TK_CACHE_CLEAR, 0, 0, 0, 0, 0, 0, 0, nullptr, 0}) ==
        "cache group 'full' is paged: only state slots are cleared");
  CHECK(with({TK_CACHE_EXPORT, 0, 0, 0, 0, 0, 0, 1, nullptr, 0}) == "an export or import has no buffer");
  CHECK(with({9, 0, 0, 0, 0, 0, 0, 1, nullptr, 0}) == "a cache op has kind 9");
  session_buffer small(m.backend, 100);
  CHECK(with({TK_CACHE_EXPORT, 0, 0, 0, 0, 0, 0, 1, small.handle(), 0}) ==
        "128 bytes at 0 of a buffer of 100 bytes");
}

TEST_CASE("outputs must be bound, once, to enough memory") {
  model_runner m(tiny_llama_gguf({}));
  auto s = m.open(1);
  const auto logits = m.session.value("logits");
  const auto submit = [&](const std::function<void(step_data&)>& bind) {
    step_data step(1);
    step.add(m.rows(s, {1}));
    step.want(0);
    bind(step);
    pending_step pending;
    try {
      m.session.submit(step, pending);
      return std::string("accepted");
    } catch (const failure& f) {
      return std::string(f.what());
    }
  };
  session_buffer enough(m.backend, 288 * 4), small(m.backend, 288 * 4 - 1);
  CHECK(submit([&](step_data& step) { step.bind(logits, enough.handle()); }) == "accepted");
  CHECK(submit([](step_data&) {}) == "value 'logits' is an output but not bound");
  CHECK(submit([&](step_data& step) { step.bind(logits, small.handle()); }) ==
        "1152 bytes at 0 of a buffer of 1151 bytes");
  CHECK(submit([&](step_data& step) { step.bind(logits, enough.handle(), 4); }) ==
        "1152 bytes at 4 of a buffer of 1152 bytes");
  CHECK(submit([&](step_data& step) { step.bind(0, enough.handle()); }) ==
        "a binding names value 0, which is neither input nor output");
  CHECK(submit([&](step_data& step) { step.bind(logits, nullptr); }) == "value 'logits' is bound to no buffer");
  CHECK(submit([&](step_data& step) {
          step.bind(logits, enough.handle());
          step.bind(logits, enough.handle());
        }) == "value 'logits' is bound twice");
}
