// Probe: one fusion plugin steers two models of different vocabularies token by token.
#include "probes/probe.hpp"

#include <cmath>

using namespace tokamak;
using namespace tokamak::probe;

namespace {

constexpr std::uint32_t rotation = 100; // byte b is token b in one vocabulary, (b + 100) mod 256 in the other

// What the fusion should do, by hand: the test owns a sequence at each pool and knows both vocabularies.
std::string steered_by_hand(test::test_service& s, const std::string& prompt, int n) {
  owner plain(s.system(), s->pool("plain")), rotated(s.system(), s->pool("rotated"));
  owner* const owners[] = {&plain, &rotated};
  for (auto* o : owners) o->open(1, {}, 0, [&](wire::OpenT& m) { m.prompt->text = prompt; });
  std::string out;
  for (int i = 0; i < n; ++i) {
    std::array<double, 256> votes{};
    std::array<bool, 256> has_token{}; // the fusion forces what the first model listed
    for (const std::uint32_t model : {0u, 1u}) {
      auto& o = *owners[model];
      const auto op = static_cast<std::uint64_t>(i) + 1;
      const auto forced = out.empty() ? std::vector<std::int32_t>()
                                      : std::vector{static_cast<std::int32_t>((static_cast<unsigned char>(out.back()) + model * rotation) % 256)};
      o.extend(1, op, forced, 255);
      const auto& top = o.answered(1, op);
      for (std::size_t c = 0; c < top.ids.size(); ++c) {
        if (top.ids[c] >= 256) continue;
        const auto byte = (static_cast<std::uint32_t>(top.ids[c]) + 256 - model * rotation) % 256;
        votes[byte] += std::exp(static_cast<double>(top.logprobs[c]));
        if (model == 0) has_token[byte] = true;
      }
    }
    char best = ' ';
    for (char b = ' '; b <= '~'; ++b)
      if (const auto at = static_cast<std::size_t>(b); has_token[at] && votes[at] > votes[static_cast<std::size_t>(best)]) best = b;
    out += best;
  }
  return out;
}

} // namespace

TEST_CASE("one fusion plugin steers two models of different vocabularies token by token") {
  test::tiny_options second;
  second.rotate_vocab = rotation;
  second.seed = 2;
  const temporary_file plain(test::tiny_llama_gguf()), rotated(test::tiny_llama_gguf(second));
  test::test_service s("[models.plain]\npath = \"" + plain.path() + "\"\n[models.rotated]\npath = \"" + rotated.path() +
                       "\"\n[engines.plain]\nmodel = \"plain\"\nbackend = \"reference\"\n"
                       "[engines.rotated]\nmodel = \"rotated\"\nbackend = \"reference\"\n"
                       "[endpoints.both]\nmembers = [\"plain\", \"rotated\"]\nfusion = \"lockstep\"\n"
                       "[frontends.zmq]\nkind = \"zmq\"\nbind = \"tcp://127.0.0.1:*\"\n");
  owner o(s.system(), s->endpoint("both"));
  o.open(1, {}, 24, [](wire::OpenT& m) { m.prompt->text = "Two models"; });
  const auto& answer = o.finished(1);
  CHECK(answer.error == "");
  CHECK(answer.finish == wire::FinishReason::length);
  CHECK(answer.text == steered_by_hand(s, "Two models", 24));
  // Both had a say: neither alone answers so.
  for (const auto* alone : {"plain", "rotated"}) {
    owner one(s.system(), s->pool(alone));
    one.open(1, {}, 24, [](wire::OpenT& m) { m.prompt->text = "Two models"; });
    CHECK(one.finished(1).text != answer.text);
  }
}
