// Blocks leave one instance and enter another; copies fork.
#include "unit/null_backend/model_runner.hpp"

#include <doctest/doctest.h>

using namespace tokamak;
using namespace tokamak::test;

namespace {

std::uint64_t block_bytes(const graph_cache_group& g, std::uint32_t count) {
  if (g.kind == TK_GROUP_RECURRENT)
    return std::uint64_t{g.n_layers} * g.state_width * 4;
  return std::uint64_t{g.n_layers} * count * (g.k_width + g.v_width) * (g.format == TK_F16 ? 2 : 4);
}

/// Everything that sequence s keeps, as bytes: its blocks in exported form, group after group.
std::string export_all(model_runner& m, const toy_sequence& s) {
  std::string all;
  for (std::uint32_t g = 0; g < m.groups().size(); ++g)
    for (std::size_t b = 0; b < s.tables[g].size(); ++b) {
      const auto& group = m.groups()[g];
      const auto begin = static_cast<std::uint32_t>(b) * group.block_size;
      const bool recurrent = group.kind == TK_GROUP_RECURRENT;
      const auto count = recurrent ? 1 : std::min(group.block_size, s.length - begin);
      session_buffer buffer(m.backend, block_bytes(group, count));
      step_data step(m.groups().size());
      step.cache_op({TK_CACHE_EXPORT, g, 1, s.tables[g][b], 0, 0, 0, count, buffer.handle(), 0});
      m.session.run(step);
      all += buffer.read_bytes();
    }
  return all;
}

/// The reverse, into a fresh sequence of another runner, in one step with offsets into one buffer.
toy_sequence import_all(model_runner& m, const std::string& bytes, std::uint32_t length) {
  auto s = m.open(77);
  m.rows(s, std::vector<std::int32_t>(length)); // allocates
  session_buffer buffer(m.backend, bytes.size());
  buffer.write(bytes.data(), bytes.size());
  step_data step(m.groups().size());
  std::uint64_t offset = 0;
  for (std::uint32_t g = 0; g < m.groups().size(); ++g)
    for (std::size_t b = 0; b < s.tables[g].size(); ++b) {
      const auto& group = m.groups()[g];
      const auto count = group.kind == TK_GROUP_RECURRENT
                             ? 1
                             : std::min(group.block_size, length - static_cast<std::uint32_t>(b) * group.block_size);
      step.cache_op({TK_CACHE_IMPORT, g, 0, 0, 0, s.tables[g][b], 0, count, buffer.handle(), offset});
      offset += block_bytes(group, count);
    }
  CHECK(offset == bytes.size());
  m.session.run(step);
  s.length = length;
  return s;
}

} // namespace

TEST_CASE("a sequence exported from one instance continues in another") {
  for (const auto make : {tiny_llama_gguf, tiny_sliding_gguf, tiny_recurrent_gguf})
    for (const tk_format format : {TK_F32, TK_F16}) {
      model_runner from(make({}), reference_backend(), {format, 4});
      model_runner to(make({}), fake_device_backend(), {format, 4});
      auto s = from.open(1);
      from.feed(s, some_tokens(11));
      auto t = import_all(to, export_all(from, s), 11);
      CHECK(to.feed(t, {3, 4}) == from.feed(s, {3, 4}));
    }
}

TEST_CASE("the exported form is K then V of each layer, tokens one after another") {
  model_runner m(tiny_llama_gguf({}));
  auto s = m.open(1);
  m.feed(s, some_tokens(4)); // one full block of 4
  const auto whole = export_all(m, s);
  const std::uint64_t row = 16 * 4, layer = 2 * 4 * row;
  REQUIRE(whole.size() == 2 * layer);
  // Two tokens from offset 1 are the middle rows of each part.
  session_buffer buffer(m.backend, 2 * 2 * 2 * row + 5);
  step_data step(1);
  step.cache_op({TK_CACHE_EXPORT, 0, 0, s.tables[0][0], 1, 0, 0, 2, buffer.handle(), 5});
  m.session.run(step);
  std::string expected;
  for (std::uint64_t part = 0; part < 4; ++part)
    expected += whole.substr(part * 4 * row + row, 2 * row);
  CHECK(buffer.read_bytes().substr(5) == expected);
}

TEST_CASE("a forked sequence shares full blocks and copies the last") {
  model_runner m(tiny_llama_gguf({}));
  auto parent = m.open(1);
  m.feed(parent, some_tokens(10)); // blocks of 4: two full ones, one with 2
  toy_sequence child = parent;
  child.id = 2;
  child.tables[0][2] = m.take(0);
  step_data step(1);
  step.cache_op({TK_CACHE_COPY, 0, 0, parent.tables[0][2], 0, child.tables[0][2], 0, 2, nullptr, 0});
  step.add(m.rows(child, {50}));
  step.add(m.rows(parent, {60}));
  step.want_all();
  const auto both = m.session.logits(step);
  auto plain = m.open(3);
  m.feed(plain, some_tokens(10));
  plain.length = 10;
  const auto first = m.feed(plain, {50});
  CHECK(std::equal(first.begin(), first.end(), both.begin()));
  plain.length = 10;
  const auto second = m.feed(plain, {60});
  CHECK(std::equal(second.begin(), second.end(), both.begin() + m.vocab()));
}

TEST_CASE("ops behind the compute see what it wrote, ops before it do not") {
  model_runner m(tiny_llama_gguf({}));
  auto s = m.open(1);
  m.feed(s, {1});
  session_buffer before(m.backend, 2 * 2 * 2 * 64), after(m.backend, 2 * 2 * 2 * 64);
  step_data step(1);
  step.add(m.rows(s, {2}));
  step.cache_op({TK_CACHE_EXPORT, 0, 1, s.tables[0][0], 0, 0, 0, 2, after.handle(), 0});
  step.cache_op({TK_CACHE_EXPORT, 0, 0, s.tables[0][0], 0, 0, 0, 2, before.handle(), 0});
  m.session.run(step);
  const auto early = before.read_floats(64), late = after.read_floats(64);
  CHECK(std::equal(early.begin(), early.begin() + 16, late.begin())); // token 0 of layer 0's K
  CHECK(std::all_of(early.begin() + 16, early.begin() + 32, [](float x) { return std::isnan(x); }));
  CHECK(std::none_of(late.begin() + 16, late.begin() + 32, [](float x) { return std::isnan(x); }));
}
