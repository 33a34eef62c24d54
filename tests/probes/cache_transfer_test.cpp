// Probe: blocks computed by one engine serve another, through nothing but the frames of schemas/cache.fbs.
#include "probes/probe.hpp"

#include "engine/kv_cache.hpp"

using namespace tokamak;
using namespace tokamak::probe;

namespace {

/// Speaks with one service's kv_cache as whoever moves blocks does. Frames go from one service to another as data: actors
/// of two actor systems must not send to each other, or one system's thread runs an actor that the other waits for.
class mover {
public:
  explicit mover(test::test_service& s) : self_(s.system()), engine_(*s->engine("m")) {}

  frame_of<wire::CacheBlocks> blocks_of(const std::vector<std::int32_t>& tokens) {
    wire::CacheExportT m;
    m.transfer = 7;
    m.tokens = tokens;
    self_->send(engine_.kv_cache, make_frame<wire::CacheExport>(m));
    return answer<wire::CacheBlocks>();
  }
  frame_of<wire::CacheImported> bring(const frame_of<wire::CacheBlocks>& blocks) {
    self_->send(engine_.kv_cache, blocks);
    return answer<wire::CacheImported>();
  }

private:
  template <class T>
  frame_of<T> answer() {
    frame_of<T> out;
    self_->receive([&](const frame_of<T>& m) { out = m; }, caf::after(std::chrono::seconds(10)) >> [] {});
    REQUIRE(out);
    CHECK(out->transfer() == 7);
    return out;
  }
  caf::scoped_actor self_;
  const engine::running_engine& engine_;
};

/// The same with other content.
template <class Change>
frame_of<wire::CacheBlocks> changed(const frame_of<wire::CacheBlocks>& from, Change&& change) {
  auto m = from.unpack();
  auto bulk = from.attachments();
  change(m, bulk);
  return make_frame<wire::CacheBlocks>(m, std::move(bulk));
}

std::size_t n_tokens(const frame_of<wire::CacheBlocks>& m) { return m->tokens() ? m->tokens()->size() : 0; }

std::string refusal(const frame_of<wire::CacheImported>& m) { return m->error() ? m->error()->message()->str() : "taken"; }

} // namespace

TEST_CASE("cached blocks of one engine serve another, bit for bit") {
  test::register_tiny_architectures();
  struct subject {
    std::string gguf, engine;
  };
  for (const auto& [gguf, engine] :
       {subject{test::tiny_llama_gguf(), "backend = \"cpu\"\n"},
        subject{test::tiny_llama_gguf(), "backend = \"fake_device\"\n"},
        subject{test::tiny_sliding_gguf(), "backend = \"reference\"\n"},
        subject{test::tiny_llama_gguf(), "backend = \"reference\"\nshards = { kind = \"layers\", count = 2 }\n"},
        subject{test::tiny_llama_gguf(), "backend = \"reference\"\nshards = { kind = \"tensor\", count = 2 }\n"}}) {
    CAPTURE(engine);
    const temporary_file model(gguf);
    const auto toml = tiny_toml(model, engine);
    const auto prompt = prompt_of(39);
    test::test_service a(toml), b(toml);
    owner at_a(a.system(), a->pool("m")), at_b(b.system(), b->pool("m"));
    const auto with_logprobs = [](wire::OpenT& m) {
      m.sampling = std::make_unique<wire::SamplingT>();
      m.sampling->logprobs = true;
    };
    at_a.open(1, prompt, 12, with_logprobs);
    const auto whole = at_a.finished(1).tokens;

    mover from(a), to(b);
    const auto blocks = from.blocks_of(prompt);
    REQUIRE(blocks->error() == nullptr);
    CHECK(n_tokens(blocks) == 36); // nine whole blocks of four
    const auto taken = to.bring(blocks);
    CHECK(refusal(taken) == "taken");
    CHECK(taken->tokens() == 36);

    at_b.open(1, prompt, 12, with_logprobs);
    CHECK(at_b.finished(1).tokens == whole);
    CHECK(at_b.of[1].cached_tokens == 36);
    CHECK(at_b.of[1].logprobs == at_a.of[1].logprobs);
    // Again: the engine has them already, and keeps one copy.
    CHECK(to.bring(blocks)->tokens() == 36);
    CHECK(n_tokens(to.blocks_of(prompt)) == 36);
  }
}

TEST_CASE("an engine takes only blocks that fit it, and says why it refuses others") {
  const temporary_file model(test::tiny_llama_gguf());
  test::tiny_options second;
  second.seed = 2;
  const temporary_file stranger(test::tiny_llama_gguf(second));
  const auto cpu = tiny_toml(model, "backend = \"cpu\"\n");
  const auto prompt = prompt_of(20);
  test::test_service a(cpu), b(cpu), of_stranger(tiny_toml(stranger, "backend = \"cpu\"\n")),
      cut(tiny_toml(model, "backend = \"reference\"\nshards = { kind = \"layers\", count = 2 }\n"));
  mover from(a), to(b);
  CHECK(n_tokens(from.blocks_of(prompt)) == 0); // nothing is cached yet
  owner o(a.system(), a->pool("m"));
  o.open(1, prompt, 2);
  o.finished(1);
  const auto blocks = from.blocks_of(prompt);
  REQUIRE(n_tokens(blocks) == 20);
  CHECK(refusal(mover(of_stranger).bring(blocks)).starts_with("blocks of model '"));
  CHECK(refusal(mover(cut).bring(blocks)) == "blocks of an engine of 1 shards found, 2 expected");
  CHECK(refusal(to.bring(changed(blocks, [](auto& c, auto&) { c.tokens.pop_back(); }))) ==
        "19 tokens found, a multiple of 4 expected");
  CHECK(refusal(to.bring(changed(blocks, [](auto& c, auto&) { c.tokens.clear(); }))) ==
        "0 tokens found, a multiple of 4 expected");
  CHECK(refusal(to.bring(changed(blocks, [](auto& c, auto&) { c.first_blocks = {1}; }))) ==
        "cache group 0 begins at block 1, 0 expected");
  CHECK(refusal(to.bring(changed(blocks, [](auto&, auto& bulk) { bulk.clear(); }))) ==
        "blocks of 1 groups in 0 attachments found, 1 groups expected");
  CHECK(refusal(to.bring(changed(blocks, [](auto&, auto& bulk) {
          bulk[0] = make_attachment(bulk[0].bytes().size() - 1).second;
        }))) == "cache group 'full' of shard 0: 2559 bytes found, 2560 expected");
  CHECK(refusal(to.bring(changed(blocks, [](auto& c, auto&) { c.forms[0]->n_layers = 3; })))
            .starts_with("cache group 'full' of shard 0: kind 1, 3 layers"));
  const auto huge = changed(blocks, [](auto& c, auto&) { c.tokens.resize(1u << 20); });
  CHECK(refusal(to.bring(huge)).ends_with("free cache blocks found, 262144 needed"));
  // None of this cost it a block or a token.
  CHECK(to.bring(blocks)->tokens() == 20);
  owner at_b(b.system(), b->pool("m"));
  at_b.open(1, prompt, 2);
  CHECK(at_b.finished(1).tokens == o.of[1].tokens);
}

TEST_CASE("an engine without a prefix cache has nothing to give and takes nothing") {
  test::register_tiny_architectures();
  const temporary_file model(test::tiny_recurrent_gguf());
  test::test_service s(tiny_toml(model, "backend = \"reference\"\n"));
  mover m(s);
  const auto none = m.blocks_of(prompt_of(20));
  CHECK(n_tokens(none) == 0);
  const auto asked = changed(none, [](auto& c, auto& bulk) {
    c.tokens = prompt_of(20);
    c.shards = 1;
    c.first_blocks = {0, 0};
    for (int g = 0; g < 2; ++g) {
      c.forms.push_back(std::make_unique<wire::CacheFormT>());
      bulk.push_back(make_attachment(0).second);
    }
  });
  CHECK(refusal(m.bring(asked)) == "this engine keeps no prefix cache");
}
