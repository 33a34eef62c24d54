// Probe: a draft tree is verified in one step, its accepted path moved together and the rest forgotten; by frames to a
// shard, as a speculating scheduler will send them.
#include "probes/probe.hpp"

#include "engine/shard.hpp"

using namespace tokamak;
using namespace tokamak::probe;

namespace {

constexpr std::uint32_t block_size = 4, table_length = 16;

/// Sends steps of one sequence to a shard; the block of a slot is the same in every group.
class step_driver {
public:
  explicit step_driver(test::test_service& s) : self_(s.system()), engine_(*s->engine("m")) {}

  struct rows {
    std::vector<std::int32_t> tokens;
    std::vector<std::uint32_t> positions;
    std::vector<std::int32_t> parents; ///< empty: a chain
  };

  /// Most likely token after each row, with its log-probability. `state_slot` for a recurrent group 1, or none.
  std::vector<std::pair<std::int32_t, float>> run(const rows& r, std::uint32_t context, std::vector<wire::CacheOp> ops = {},
                                                  std::optional<std::uint32_t> state_slot = {}) {
    wire::StepT step;
    step.id = ++id_;
    step.tokens = r.tokens;
    step.positions = r.positions;
    step.parents = r.parents;
    step.sequence_ids = {1};
    step.row_begin = {0, static_cast<std::uint32_t>(r.tokens.size())};
    step.cache_ops = std::move(ops);
    for (std::size_t g = 0; g < n_groups(); ++g) {
      auto group = std::make_unique<wire::GroupStepT>();
      group->context = {context};
      group->first_block = {0};
      for (std::uint32_t b = 0; b < table_length; ++b) group->tables.push_back(b);
      if (g == 1 && state_slot) group->tables = {*state_slot};
      group->table_begin = {0, static_cast<std::uint32_t>(group->tables.size())};
      step.groups.push_back(std::move(group));
    }
    for (std::uint32_t i = 0; i < r.tokens.size(); ++i) {
      step.output_rows.push_back(i);
      step.output_kinds.push_back(wire::WantKind::top);
      step.output_top.push_back(1);
    }
    self_->send(caf::actor_cast<engine::step_sink>(engine_.shards.front()), make_frame<wire::Step>(step));
    std::vector<std::pair<std::int32_t, float>> out;
    self_->receive(
        [&](const frame_of<wire::StepResult>& m) {
          REQUIRE_MESSAGE(m->error() == nullptr, (m->error() ? m->error()->message()->str() : ""));
          REQUIRE(m->id() == id_);
          for (std::uint32_t i = 0; i < m->top_ids()->size(); ++i) out.emplace_back(m->top_ids()->Get(i), m->top_logprobs()->Get(i));
        },
        caf::after(std::chrono::seconds(10)) >> [] { FAIL("no answer to a step"); });
    return out;
  }
  std::uint32_t groups = 1;

private:
  std::size_t n_groups() const { return groups; }
  caf::scoped_actor self_;
  const engine::running_engine& engine_;
  std::uint64_t id_ = 0;
};

step_driver::rows chain(std::vector<std::int32_t> tokens, std::uint32_t from) {
  step_driver::rows r;
  for (std::uint32_t i = 0; i < tokens.size(); ++i) r.positions.push_back(from + i);
  r.tokens = std::move(tokens);
  return r;
}

wire::CacheOp move_slot(std::uint16_t group, std::uint32_t from, std::uint32_t to) {
  return {wire::CacheOpKind::copy, false, group, from / block_size, from % block_size, to / block_size, to % block_size, 1};
}

std::int32_t other(std::int32_t token) { return (token + 5) % 250; }

} // namespace

TEST_CASE("a draft tree is verified in one step, and rolled back to its accepted path") {
  test::register_tiny_architectures();
  struct subject {
    const char* backend;
    std::string gguf;
    std::uint32_t groups;
  };
  for (const auto& [backend, gguf, groups] :
       {subject{"cpu", test::tiny_llama_gguf(), 1}, subject{"reference", test::tiny_llama_gguf(), 1},
        subject{"fake_device", test::tiny_llama_gguf(), 1}, subject{"reference", test::tiny_sliding_gguf(), 2}}) {
    CAPTURE(backend);
    CAPTURE(groups);
    const temporary_file model(gguf);
    const auto toml = tiny_toml(model, fmt::format("backend = \"{}\"\n", backend));
    const auto prompt = prompt_of(10);
    // What comes one by one.
    std::vector<std::pair<std::int32_t, float>> plain;
    {
      test::test_service s(toml);
      step_driver one(s);
      one.groups = groups;
      plain.push_back(one.run(chain(prompt, 0), 0).back());
      for (std::uint32_t at = 10; at < 18; ++at) plain.push_back(one.run(chain({plain.back().first}, at), at).front());
    }
    test::test_service s(toml);
    step_driver tree(s);
    tree.groups = groups;
    CHECK(tree.run(chain(prompt, 0), 0).back() == plain[0]);
    // 10: t0; 11: a wrong guess and the right one, both after t0; 12: the right one and a wrong one after the right.
    const auto t = [&](std::size_t i) { return plain[i].first; };
    const auto verified = tree.run({{t(0), other(t(1)), t(1), t(2), other(t(2))}, {10, 11, 11, 12, 12}, {-1, 0, 0, 2, 2}}, 10);
    CHECK(verified[0] == plain[1]);
    CHECK(verified[2] == plain[2]);
    CHECK(verified[3] == plain[3]);
    CHECK(verified[1] != plain[2]); // a wrong guess leads elsewhere
    // Accepted: rows 0, 2, 3, in slots 10, 12, 13. The next step moves them together; slots from 13 on are free again.
    std::vector<wire::CacheOp> moves;
    for (std::uint16_t g = 0; g < groups; ++g) {
      moves.push_back(move_slot(g, 12, 11));
      moves.push_back(move_slot(g, 13, 12));
    }
    CHECK(tree.run(chain({t(3)}, 13), 13, moves).front() == plain[4]);
    // All guesses wrong: nothing to move, their slots are overwritten.
    CHECK(tree.run({{t(4), other(t(5)), other(t(5)) + 1}, {14, 15, 15}, {-1, 0, 0}}, 14).front() == plain[5]);
    CHECK(tree.run(chain({t(5)}, 15), 15).front() == plain[6]);
    CHECK(tree.run(chain({t(6)}, 16), 16).front() == plain[7]);
  }
}

TEST_CASE("recurrent state is put back to its checkpoint before a draft's accepted path is computed again") {
  test::register_tiny_architectures();
  const temporary_file model(test::tiny_recurrent_gguf());
  const auto toml = tiny_toml(model, "backend = \"reference\"\n");
  const auto prompt = prompt_of(10);
  const auto state = [](std::uint32_t from, std::uint32_t to) {
    return wire::CacheOp(wire::CacheOpKind::copy, false, 1, from, 0, to, 0, 1);
  };
  const auto clear = wire::CacheOp(wire::CacheOpKind::clear, false, 1, 0, 0, 0, 0, 0);
  std::vector<std::pair<std::int32_t, float>> plain;
  {
    test::test_service s(toml);
    step_driver one(s);
    one.groups = 2;
    plain.push_back(one.run(chain(prompt, 0), 0, {clear}, 0).back());
    for (std::uint32_t at = 10; at < 14; ++at) plain.push_back(one.run(chain({plain.back().first}, at), at, {}, 0).front());
  }
  test::test_service s(toml);
  step_driver tree(s);
  tree.groups = 2;
  CHECK(tree.run(chain(prompt, 0), 0, {clear}, 0).back() == plain[0]);
  const auto t = [&](std::size_t i) { return plain[i].first; };
  const auto verified = tree.run({{t(0), other(t(1)), t(1)}, {10, 11, 11}, {-1, 0, 0}}, 10, {state(0, 1)}, 0);
  CHECK(verified[0] == plain[1]);
  CHECK(verified[2] == plain[2]);
  const auto again = tree.run(chain({t(0), t(1), t(2)}, 10), 10, {state(1, 0)}, 0);
  CHECK(again == std::vector(plain.begin() + 1, plain.begin() + 4));
}
