// What the probes share: a service on tiny models, and a client that speaks the sequence operations of
// schemas/sequence.fbs to any actor that serves them. Public borders only.
#pragma once

#include "app/catalog.hpp"
#include "app/service.hpp"
#include "base/log.hpp"
#include "integration/test_service.hpp"
#include "null_backend/tiny_models.hpp"

#include <caf/scheduler/test_coordinator.hpp>
#include <doctest/doctest.h>
#include <unistd.h>

#include <chrono>
#include <fstream>
#include <map>

namespace tokamak::probe {

/// A file of these bytes, gone with the object.
class temporary_file {
public:
  explicit temporary_file(const std::string& bytes)
      : path_(std::filesystem::temp_directory_path() / fmt::format("tokamak-probe-{}-{}.gguf", ::getpid(), count()++)) {
    std::ofstream(path_, std::ios::binary) << bytes;
  }
  ~temporary_file() { std::filesystem::remove(path_); }
  std::string path() const { return path_.string(); }

private:
  static int& count() {
    static int n = 0;
    return n;
  }
  std::filesystem::path path_;
};

/// What came of one sequence.
struct outcome {
  std::vector<std::int32_t> tokens;
  std::string text;
  std::vector<float> logprobs;
  std::map<std::uint64_t, wire::TopLogprobsT> answers; ///< by op
  std::map<std::uint64_t, std::uint32_t> lengths;      ///< by op
  wire::FinishReason finish = wire::FinishReason::none;
  std::string error;
  std::uint32_t cached_tokens = 0;
};

/// Owns sequences at one server; settle() runs until a condition holds.
class owner {
public:
  /// `turn` lets actors work when they have no threads of their own (virtual time); null: they have.
  owner(caf::actor_system& system, caf::strong_actor_ptr server, std::function<void()> turn = {})
      : self_(system), server_(caf::actor_cast<sequence_server>(server)), turn_(std::move(turn)) {}

  template <class T>
  void send(const typename T::NativeTableType& message) {
    self_->send(server_, make_frame<T>(message));
  }
  void open(std::uint64_t id, std::vector<std::int32_t> prompt, std::uint32_t generate, const std::function<void(wire::OpenT&)>& more = {}) {
    wire::OpenT m;
    m.id = id;
    m.prompt = std::make_unique<wire::PromptT>();
    m.prompt->tokens = std::move(prompt);
    m.generate = generate;
    m.stops = std::make_unique<wire::StopsT>();
    m.stops->ignore_eos = true;
    if (more) more(m);
    send<wire::Open>(m);
  }
  void extend(std::uint64_t id, std::uint64_t op, std::vector<std::int32_t> tokens, std::uint8_t top) {
    wire::ExtendT m;
    m.id = id;
    m.op = op;
    m.tokens = std::move(tokens);
    m.top_logprobs = top;
    send<wire::Extend>(m);
  }
  void generate(std::uint64_t id, std::uint64_t op, std::uint32_t tokens) {
    wire::GenerateT m;
    m.id = id;
    m.op = op;
    m.tokens = tokens;
    send<wire::Generate>(m);
  }
  void fork(std::uint64_t id, std::uint64_t child, std::uint32_t length = 0) {
    wire::ForkT m;
    m.id = id;
    m.child = child;
    m.length = length;
    send<wire::Fork>(m);
  }
  void truncate(std::uint64_t id, std::uint32_t length) {
    wire::TruncateT m;
    m.id = id;
    m.length = length;
    send<wire::Truncate>(m);
  }
  void close(std::uint64_t id) {
    wire::CloseT m;
    m.id = id;
    send<wire::Close>(m);
  }

  /// Reads chunks until `done`; fails the test after ten seconds.
  void until(const std::function<bool()>& done) {
    const auto give_up = std::chrono::steady_clock::now() + std::chrono::seconds(10);
    while (!done()) {
      REQUIRE(std::chrono::steady_clock::now() < give_up);
      if (turn_) turn_();
      self_->receive([&](const frame_of<wire::Chunks>& m) { take(*m); }, caf::after(std::chrono::milliseconds(turn_ ? 0 : 20)) >> [] {});
    }
  }
  const outcome& finished(std::uint64_t id) {
    until([&] { return of[id].finish != wire::FinishReason::none; });
    return of[id];
  }
  const wire::TopLogprobsT& answered(std::uint64_t id, std::uint64_t op) {
    until([&] { return of[id].answers.contains(op) || of[id].finish != wire::FinishReason::none; });
    REQUIRE_MESSAGE(of[id].answers.contains(op), of[id].error);
    return of[id].answers[op];
  }

  std::map<std::uint64_t, outcome> of;

private:
  void take(const wire::Chunks& m) {
    for (const auto* c : *m.items()) {
      auto& o = of[c->id()];
      CHECK(o.finish == wire::FinishReason::none); // nothing follows the last chunk
      if (c->tokens()) o.tokens.insert(o.tokens.end(), c->tokens()->begin(), c->tokens()->end());
      if (c->logprobs()) o.logprobs.insert(o.logprobs.end(), c->logprobs()->begin(), c->logprobs()->end());
      if (c->text()) o.text += c->text()->str();
      if (c->op() != 0) {
        o.answers[c->op()] = c->top() ? wire::TopLogprobsT(*std::unique_ptr<wire::TopLogprobsT>(c->top()->UnPack())) : wire::TopLogprobsT();
        o.lengths[c->op()] = c->length();
      }
      if (c->usage()) o.cached_tokens = c->usage()->cached_tokens();
      if (c->error()) o.error = c->error()->message()->str();
      o.finish = c->finish();
    }
  }

  caf::scoped_actor self_;
  sequence_server server_;
  std::function<void()> turn_;
};

/// `[models.m]` from a file and an engine of the given options; blocks of 4 tokens, so that small prompts fill some.
inline std::string tiny_toml(const temporary_file& model, const std::string& engine_options) {
  return "[models.m]\npath = \"" + model.path() + "\"\n[engines.m]\nmodel = \"m\"\nblock_size = 4\n" + engine_options +
         "\n[frontends.zmq]\nkind = \"zmq\"\nbind = \"tcp://127.0.0.1:*\"\n";
}

inline std::vector<std::int32_t> prompt_of(std::size_t n, std::int32_t seed = 1) {
  std::vector<std::int32_t> out;
  for (std::size_t i = 0; i < n; ++i) out.push_back(static_cast<std::int32_t>((static_cast<std::size_t>(seed) * 31 + i * 7) % 250));
  return out;
}

/// Greedy answer of a fresh service.
inline std::vector<std::int32_t> answer_of(const std::string& toml, const std::vector<std::int32_t>& prompt, std::uint32_t n) {
  test::test_service s(toml);
  owner o(s.system(), s->pool("m"));
  o.open(1, prompt, n);
  const auto& out = o.finished(1);
  CHECK(out.error == "");
  return out.tokens;
}

} // namespace tokamak::probe
