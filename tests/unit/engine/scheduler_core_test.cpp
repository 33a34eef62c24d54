// The scheduler's mind driven by hand: what it sends for what it is told, and that no block is ever lost.
#include "engine/kv_cache_core.hpp"
#include "engine/scheduler_core.hpp"

#include <doctest/doctest.h>

#include <deque>
#include <random>
#include <set>

using namespace tokamak;
using namespace tokamak::engine;

namespace {

/// Everything to everybody: answers cache questions through a kv_cache_core without policy, keeps steps and chunks.
class world final : public scheduler_effects {
public:
  explicit world(scheduler_config config, plan_function plan = {})
      : cache_(config.groups, std::nullopt),
        core(config, plan ? plan : [](const tk_schedule_input& in, const tk_schedule_plan& out) {
          for (std::size_t i = 0; i < in.n_sequences; ++i) out.rows[i] = in.sequences[i].pending_rows;
        }, *this) {}

  void step(frame_of<wire::Step> s) override { steps.push_back(std::move(s)); }
  void chunks(owner_id, wire::ChunksT c) override {
    for (auto& item : c.items) got.push_back(std::move(*item));
  }
  void lookup(wire::CacheLookupT m) override { answers_.push_back([this, f = make_frame<wire::CacheLookup>(m)] { core.hit(*make_frame<wire::CacheHit>(cache_.lookup(*f)), now); }); }
  void lease(wire::LeaseRequestT m) override { answers_.push_back([this, f = make_frame<wire::LeaseRequest>(m)] { core.grant(*make_frame<wire::LeaseGrant>(cache_.lease(*f)), now); }); }
  void commit(wire::CacheCommitT m) override { cache_.commit(*make_frame<wire::CacheCommit>(m)); }
  void unpin(wire::UnpinT m) override { cache_.unpin(*make_frame<wire::Unpin>(m)); }
  void release(wire::ReleaseT m) override { cache_.release(*make_frame<wire::Release>(m)); }
  void book(wire::LedgerEntryT) override { ++booked; }

  void settle() {
    while (!answers_.empty()) {
      auto next = std::move(answers_.front());
      answers_.pop_front();
      next();
    }
  }
  void open(std::uint64_t id, std::size_t prompt, std::uint32_t generate, std::uint64_t deadline_us = 0) {
    wire::OpenT m;
    m.id = id;
    m.prompt = std::make_unique<wire::PromptT>();
    for (std::size_t i = 0; i < prompt; ++i) m.prompt->tokens.push_back(static_cast<std::int32_t>(10 + i));
    m.generate = generate;
    m.deadline_us = deadline_us;
    core.open(0, *make_frame<wire::Open>(m), now);
    settle();
  }
  /// Answers the oldest step: every wanted output gets `token`.
  void finish_step(std::int32_t token) {
    const auto s = steps.front();
    steps.erase(steps.begin());
    wire::StepResultT r;
    r.id = s->id();
    for (std::uint32_t i = 0; s->output_rows() && i < s->output_rows()->size(); ++i) {
      r.tokens.push_back(token);
      r.logprobs.push_back(0);
      r.top_counts.push_back(0);
    }
    core.result(*make_frame<wire::StepResult>(r), now);
    settle();
  }
  std::size_t free_blocks() const { return core.lease().free(0) + cache_.free(0); }

  std::vector<frame_of<wire::Step>> steps;
  std::vector<wire::ChunkT> got;
  std::uint64_t now = 1000;
  int booked = 0;

private:
  kv_cache_core cache_;
  std::deque<std::function<void()>> answers_;

public:
  scheduler_core core;
};

scheduler_config config(std::uint32_t n_blocks = 32) {
  scheduler_config c;
  c.name = "e";
  c.groups = {{TK_GROUP_FULL, 4, 0, n_blocks}};
  c.context_length = 64;
  c.vocab_size = 100;
  c.end_tokens = {99};
  return c;
}

} // namespace

TEST_CASE("a prompt is one step of rows, then one row a token, until the credit is used") {
  world w(config());
  w.open(1, 6, 2);
  REQUIRE(w.steps.size() == 1);
  CHECK(w.steps[0]->tokens()->size() == 6);
  REQUIRE(w.steps[0]->output_rows()->size() == 1);
  CHECK(w.steps[0]->output_rows()->Get(0) == 5);
  CHECK(w.steps[0]->groups()->Get(0)->tables()->size() == 2);
  CHECK(w.core.counters().looked_up == 6);
  CHECK(w.core.counters().prompt == 0);
  w.finish_step(50);
  CHECK(w.core.counters().prompt == 6);
  REQUIRE(w.steps.size() == 1);
  CHECK(w.steps[0]->tokens()->size() == 1);
  CHECK(w.steps[0]->positions()->Get(0) == 6);
  w.finish_step(51);
  CHECK(w.steps.empty());
  REQUIRE(w.got.size() == 2);
  CHECK(w.got[1].tokens == std::vector<std::int32_t>{51});
  CHECK(w.got[1].finish == wire::FinishReason::length);
  CHECK(w.got[1].usage->completion_tokens == 2);
  CHECK(w.core.counters().prompt == 6);
  CHECK(w.core.counters().generated == 2);
  CHECK(w.free_blocks() == 32);
  CHECK(w.booked == 1);
}

TEST_CASE("an end token ends the answer and is not delivered") {
  world w(config());
  w.open(1, 3, 10);
  w.finish_step(42);
  w.finish_step(99);
  REQUIRE(w.got.size() == 2);
  CHECK(w.got[1].tokens.empty());
  CHECK(w.got[1].finish == wire::FinishReason::stop);
  CHECK(w.core.idle());
}

namespace {

/// A sequence whose answer is constrained to `words`.
wire::OpenT constrained(std::uint64_t id, const std::string& plugin = "words") {
  wire::OpenT m;
  m.id = id;
  m.prompt = std::make_unique<wire::PromptT>();
  m.prompt->tokens = {10, 11, 12};
  m.generate = 8;
  m.constraint = std::make_unique<wire::ConstraintT>();
  m.constraint->plugin = plugin;
  m.constraint->text = "yes|no";
  return m;
}

scheduler_config with_words() {
  auto c = config();
  c.constraints = {"words"};
  return c;
}

} // namespace

TEST_CASE("the shard that samples is told a sequence's constraint, and what ends answers") {
  world w(with_words());
  w.core.open(0, *make_frame<wire::Open>(constrained(1)), w.now);
  w.settle();
  REQUIRE(w.steps.size() == 1);
  const auto* open = w.steps[0]->opened()->Get(0);
  CHECK(open->constraint()->plugin()->str() == "words");
  CHECK(open->constraint()->text()->str() == "yes|no");
  CHECK(open->answer_start() == 3);
  REQUIRE(open->end_tokens());
  CHECK(open->end_tokens()->Get(0) == 99);
  w.open(2, 3, 1);
  w.finish_step(20);
  for (const auto& step : w.steps)
    if (step->opened()) CHECK_FALSE(step->opened()->Get(0)->constraint());
}

TEST_CASE("a fork keeps the constraint, and the begin of the answer") {
  world w(with_words());
  auto m = constrained(1);
  m.generate = 0;
  w.core.open(0, *make_frame<wire::Open>(m), w.now);
  w.settle();
  w.finish_step(0);
  wire::ForkT f;
  f.id = 1;
  f.child = 2;
  w.core.fork(0, *make_frame<wire::Fork>(f), w.now);
  wire::GenerateT g;
  g.id = 2;
  g.tokens = 2;
  w.core.generate(0, *make_frame<wire::Generate>(g), w.now);
  w.settle();
  REQUIRE(!w.steps.empty());
  REQUIRE(w.steps.back()->opened());
  const auto* open = w.steps.back()->opened()->Get(0);
  REQUIRE(open->constraint());
  CHECK(open->constraint()->text()->str() == "yes|no");
  CHECK(open->answer_start() == 3);
  REQUIRE(open->history()); // of rows that its parent computed
  CHECK(open->history()->size() + w.steps.back()->tokens()->size() == 3);
}

TEST_CASE("a constrained answer that goes on elsewhere brings its tokens along") {
  world w(with_words());
  auto m = constrained(1);
  m.delivered = {20, 21};
  w.core.open(0, *make_frame<wire::Open>(m), w.now);
  w.settle();
  const auto& step = w.steps.at(0);
  const auto* open = step->opened()->Get(0);
  CHECK(open->answer_start() == 3);
  CHECK((open->history() ? open->history()->size() : 0) + step->tokens()->size() == 5);
}

TEST_CASE("a constrained answer ends at its end token even with ignore_eos") {
  world w(with_words());
  auto m = constrained(1);
  m.stops = std::make_unique<wire::StopsT>();
  m.stops->ignore_eos = true;
  w.core.open(0, *make_frame<wire::Open>(m), w.now);
  w.settle();
  w.finish_step(20);
  w.finish_step(99);
  CHECK(w.got.back().finish == wire::FinishReason::stop);
  CHECK(w.core.idle());
}

TEST_CASE("an engine without the constraint refuses it by name") {
  world w(with_words());
  w.core.open(0, *make_frame<wire::Open>(constrained(1, "grammar")), w.now);
  REQUIRE(w.got.size() == 1);
  CHECK(w.got[0].error->code == wire::ErrorCode::unsupported);
  CHECK(w.got[0].error->message == "engine 'e' has no constraint 'grammar'; 'words' expected");
  CHECK(w.got[0].error->where == "constraint");
}

TEST_CASE("an output that fails ends its sequence and no other") {
  world w(with_words());
  w.core.open(0, *make_frame<wire::Open>(constrained(1)), w.now);
  w.settle();
  w.open(2, 3, 5);
  w.finish_step(20);
  while (!w.steps.empty() && w.steps[0]->output_rows()->size() < 2) w.finish_step(20);
  REQUIRE(!w.steps.empty());
  const auto outputs = w.steps[0]->output_rows()->size();
  wire::StepResultT r;
  r.id = w.steps[0]->id();
  r.tokens.assign(outputs, 30);
  r.logprobs.assign(outputs, 0);
  r.top_counts.assign(outputs, 0);
  r.tokens[0] = -1;
  r.failed.push_back(std::make_unique<wire::OutputErrorT>());
  r.failed[0]->error = std::make_unique<wire::ErrorT>();
  r.failed[0]->error->code = wire::ErrorCode::unsupported;
  r.failed[0]->error->message = "no token";
  w.steps.erase(w.steps.begin());
  w.got.clear();
  w.core.result(*make_frame<wire::StepResult>(r), w.now);
  w.settle();
  REQUIRE(w.got.size() == 2);
  const auto& failed = w.got[0].finish == wire::FinishReason::error ? w.got[0] : w.got[1];
  const auto& other = w.got[0].finish == wire::FinishReason::error ? w.got[1] : w.got[0];
  CHECK(failed.id == 1);
  CHECK(failed.tokens.empty());
  CHECK(failed.error->message == "no token");
  CHECK(other.tokens == std::vector<std::int32_t>{30});
}

TEST_CASE("a truncation into the prompt moves the begin of the answer, and the shard is told") {
  world w(with_words());
  auto m = constrained(1);
  m.generate = 0;
  w.core.open(0, *make_frame<wire::Open>(m), w.now);
  w.settle();
  w.finish_step(0); // all rows but the last
  wire::TruncateT t;
  t.id = 1;
  t.length = 2;
  w.core.truncate(0, *make_frame<wire::Truncate>(t), w.now);
  wire::GenerateT g;
  g.id = 1;
  g.tokens = 1;
  w.core.generate(0, *make_frame<wire::Generate>(g), w.now);
  w.settle();
  REQUIRE(!w.steps.empty());
  REQUIRE(w.steps.back()->opened());
  CHECK(w.steps.back()->opened()->Get(0)->answer_start() == 2);
}

TEST_CASE("closing frees the blocks before the next step, even with rows in flight") {
  world w(config());
  w.open(1, 10, 5);
  CHECK(w.free_blocks() == 29);
  w.core.close(1, w.now);
  CHECK(w.free_blocks() == 32);
  w.finish_step(42); // what was in flight comes back to nobody
  CHECK(w.got.empty());
  CHECK(w.core.idle());
}

TEST_CASE("an id that is opened again gets nothing of the step that its last sequence had in flight") {
  world w(config());
  w.open(1, 10, 5);
  w.core.close(1, w.now);
  w.open(1, 6, 1);
  REQUIRE(w.steps.size() == 1); // one at a time: the new one waits
  w.finish_step(42);
  CHECK(w.got.empty());
  REQUIRE(w.steps.size() == 1);
  CHECK(w.steps[0]->tokens()->size() == 6);
  w.finish_step(43);
  REQUIRE(w.got.size() == 1);
  CHECK(w.got[0].tokens == std::vector<std::int32_t>{43});
  CHECK(w.free_blocks() == 32);
}

TEST_CASE("refusals name what was found and what was expected") {
  world w(config(4));
  w.open(1, 0, 1);
  CHECK(w.got.back().error->message == "the prompt has no tokens");
  w.open(2, 64, 1);
  CHECK(w.got.back().error->message == "prompt of 64 tokens does not fit the context of 64 tokens");
  w.open(3, 17, 1);
  CHECK(w.got.back().error->message == "prompt of 17 tokens needs 5 cache blocks; the engine has 4");
  w.open(4, 95, 1);
  CHECK(w.got.back().error->message == "prompt of 95 tokens does not fit the context of 64 tokens");
  w.core.drain();
  w.open(5, 3, 1);
  CHECK(w.got.back().error->message == "engine 'e' is draining");
}

TEST_CASE("a deadline ends a sequence with an error, once") {
  world w(config());
  w.open(1, 4, 100, 500);
  CHECK(w.core.next_deadline_us() == 1500);
  w.now = 1499;
  w.core.tick(w.now);
  CHECK(w.got.empty());
  w.now = 1500;
  w.core.tick(w.now);
  REQUIRE(w.got.size() == 1);
  CHECK(w.got[0].error->message == "the request's deadline passed");
  w.finish_step(1);
  CHECK(w.got.size() == 1);
}

TEST_CASE("a failed step fails its sequences and nobody else") {
  world w(config());
  w.open(1, 4, 5);
  w.open(2, 4, 5); // waits: one step in flight
  const auto id = w.steps.front()->id();
  w.steps.clear();
  wire::StepResultT r;
  r.id = id;
  r.error = std::make_unique<wire::ErrorT>();
  r.error->code = wire::ErrorCode::internal;
  r.error->message = "device on fire";
  w.core.result(*make_frame<wire::StepResult>(r), w.now);
  REQUIRE(w.got.size() == 1);
  CHECK(w.got[0].id == 1);
  CHECK(w.got[0].error->message == "device on fire");
  REQUIRE(w.steps.size() == 1);
  CHECK(w.steps[0]->sequence_ids()->Get(0) == 2);
}

TEST_CASE("sequences that outgrow the cache together take turns, in order, and all end with all of their tokens") {
  world w(config(12)); // 48 tokens for 5 sequences of 35
  for (std::uint64_t id = 1; id <= 5; ++id) w.open(id, 5, 30);
  int steps = 0;
  while (!w.steps.empty() && ++steps < 1000) w.finish_step(7);
  CHECK(w.core.idle());
  CHECK(w.free_blocks() == 12);
  CHECK(w.core.counters().preempted > 0);
  CHECK(w.core.counters().preempted < 20);
  std::map<std::uint64_t, std::size_t> tokens;
  std::vector<std::uint64_t> ended;
  for (const auto& c : w.got) {
    tokens[c.id] += c.tokens.size();
    if (c.finish != wire::FinishReason::none) ended.push_back(c.id);
  }
  CHECK(ended == std::vector<std::uint64_t>{1, 2, 3, 4, 5});
  for (std::uint64_t id = 1; id <= 5; ++id) CHECK(tokens[id] == 30);
}

TEST_CASE("a request that comes while others wait for blocks waits behind them") {
  world w(config(8));
  w.open(1, 14, 14);
  w.open(2, 14, 14); // together they outgrow 32 tokens
  while (w.core.counters().preempted == 0) {
    REQUIRE(!w.steps.empty());
    w.finish_step(7);
  }
  w.open(3, 1, 1);
  std::vector<std::uint64_t> ended;
  for (int i = 0; i < 200 && !w.steps.empty(); ++i) w.finish_step(7);
  for (const auto& c : w.got)
    if (c.finish != wire::FinishReason::none) ended.push_back(c.id);
  CHECK(ended.size() == 3);
  CHECK(ended.front() == 1);
  CHECK(w.core.idle());
}

TEST_CASE("an Extend that scores reports the place of each of its tokens, in steps of few outputs, once, also after a preemption") {
  auto c = config(8);
  c.max_sequences = 3;
  std::uint64_t victim = 0;
  world w(c, [&](const tk_schedule_input& in, const tk_schedule_plan& out) {
    for (std::size_t i = 0; i < in.n_sequences; ++i) {
      out.rows[i] = in.sequences[i].pending_rows;
      out.preempt[i] = in.sequences[i].id == victim;
    }
    victim = 0;
  });
  w.open(1, 1, 0);
  CHECK(w.steps.empty());
  wire::ExtendT e;
  e.id = 1;
  e.op = 9;
  e.tokens = {20, 21, 22, 23, 24, 25};
  e.top_logprobs = 1;
  e.score = true;
  w.core.extend(0, *make_frame<wire::Extend>(e), w.now);
  w.settle();
  std::map<std::uint32_t, std::int32_t> asked; // position -> next token
  for (int i = 0; !w.steps.empty(); ++i) {
    REQUIRE(i < 10);
    const auto& s = *w.steps.front();
    const auto outputs = s.output_rows() ? s.output_rows()->size() : 0;
    CHECK(outputs <= 3);
    wire::StepResultT r;
    r.id = s.id();
    for (std::uint32_t o = 0; o < outputs; ++o) {
      const auto position = s.positions()->Get(s.output_rows()->Get(o));
      const auto next = s.output_next() ? s.output_next()->Get(o) : -1;
      CHECK(s.output_kinds()->Get(o) == wire::WantKind::top);
      CHECK(asked.emplace(position, next).second);
      r.tokens.push_back(-1);
      r.logprobs.push_back(-static_cast<float>(next));
      r.top_counts.push_back(1);
      r.top_ids.push_back(static_cast<std::int32_t>(position));
      r.top_logprobs.push_back(-0.5F);
    }
    if (i == 0) victim = 1;
    w.steps.erase(w.steps.begin());
    w.core.result(*make_frame<wire::StepResult>(r), w.now);
    w.settle();
  }
  CHECK(asked == std::map<std::uint32_t, std::int32_t>{{0, 20}, {1, 21}, {2, 22}, {3, 23}, {4, 24}, {5, 25}, {6, -1}});
  CHECK(w.core.counters().preempted == 1);
  REQUIRE(w.got.size() == 1);
  CHECK(w.got[0].op == 9);
  CHECK(w.got[0].top->ids == std::vector<std::int32_t>{0, 1, 2, 3, 4, 5, 6});
  CHECK(w.got[0].top->scores == std::vector<float>{-20, -21, -22, -23, -24, -25});
}

TEST_CASE("an Extend that does not score reports what comes after its last token") {
  world w(config());
  w.open(1, 3, 0);
  wire::ExtendT e;
  e.id = 1;
  e.tokens = {20, 21};
  e.top_logprobs = 2;
  w.core.extend(0, *make_frame<wire::Extend>(e), w.now);
  w.settle();
  w.finish_step(0); // of the prompt
  REQUIRE(w.steps.size() == 1);
  CHECK(w.steps[0]->tokens()->size() == 3);
  REQUIRE(w.steps[0]->output_rows()->size() == 1);
  CHECK(w.steps[0]->output_rows()->Get(0) == 2);
  CHECK(w.steps[0]->output_top()->Get(0) == 2);
  CHECK(w.steps[0]->output_next() == nullptr);
}

TEST_CASE("under any mix of operations no block is lost and every sequence ends exactly once") {
  const unsigned seed = 20261122;
  MESSAGE("seed ", seed);
  std::mt19937 random(seed);
  for (int round = 0; round < 60; ++round) {
    world w(config(12));
    std::set<std::uint64_t> open, closed;
    std::uint64_t next = 1;
    for (int i = 0; i < 120; ++i) {
      w.now += 10;
      const auto pick = [&] { return *std::next(open.begin(), static_cast<std::ptrdiff_t>(random() % open.size())); };
      switch (random() % 6) {
        case 0:
        case 1:
          open.insert(next);
          w.open(next++, 1 + random() % 30, 1 + random() % 12);
          break;
        case 2:
          if (!open.empty()) {
            const auto id = pick();
            w.core.close(id, w.now);
            w.settle();
            closed.insert(id);
            open.erase(id);
          }
          break;
        case 3:
          if (!open.empty()) {
            wire::ForkT f;
            f.id = pick();
            f.child = next;
            open.insert(next++);
            w.core.fork(0, *make_frame<wire::Fork>(f), w.now);
            wire::GenerateT g;
            g.id = f.child;
            g.tokens = 3;
            w.core.generate(0, *make_frame<wire::Generate>(g), w.now);
            w.settle();
          }
          break;
        default:
          if (!w.steps.empty()) w.finish_step(static_cast<std::int32_t>(random() % 100));
      }
    }
    if (round % 2 == 0)
      for (auto id : open) w.core.close(id, w.now);
    w.settle();
    for (int i = 0; i < 10'000 && !w.steps.empty(); ++i) w.finish_step(1); // nobody waits for ever
    CHECK(w.core.idle());
    CHECK(w.free_blocks() == 12);
    std::map<std::uint64_t, int> ends;
    for (const auto& c : w.got)
      if (c.finish != wire::FinishReason::none && !(c.error && c.error->message.starts_with("no open sequence"))) ++ends[c.id];
    for (const auto& [id, n] : ends) CHECK(n == 1);
    for (auto id : closed) CHECK(ends[id] <= 1);
  }
}
