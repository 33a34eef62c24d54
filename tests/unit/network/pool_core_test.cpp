// A pool without its actors: what it books of an answer that nobody waits for any more.
#include "network/pool_core.hpp"

#include "null_backend/tiny_models.hpp"

#include <doctest/doctest.h>

#include <map>

using namespace tokamak;
using namespace tokamak::network;

namespace {

struct recorder final : pool_effects {
  void to_member(std::size_t, frame_of<wire::Open> m) override { opened.push_back(m->id()); }
  void to_member(std::size_t, frame_of<wire::Extend>) override {}
  void to_member(std::size_t, frame_of<wire::Generate>) override {}
  void to_member(std::size_t, frame_of<wire::Fork>) override {}
  void to_member(std::size_t, frame_of<wire::Truncate>) override {}
  void to_member(std::size_t, frame_of<wire::Close> m) override { closed.push_back(m->id()); }
  void to_member(std::size_t, frame_of<wire::Renew>) override {}
  void to_member(std::size_t, frame_of<wire::Flow>) override {}
  void chunks(owner_id, wire::ChunksT chunks) override {
    for (const auto& c : chunks.items) text += c->text;
  }
  void book(wire::LedgerEntryT entry) override {
    for (std::size_t i = 0; i < entry.kinds.size(); ++i) booked[{entry.tenant, entry.kinds[i]}] += entry.amounts[i];
  }
  std::uint64_t random() override { return 1; }
  std::int64_t unix_time_s() override { return 0; }

  std::vector<std::uint64_t> opened, closed;
  std::string text;
  std::map<std::pair<std::string, wire::TokenKind>, std::uint64_t> booked;
};

struct pool {
  test::tiny_model model = test::tiny_model::of(test::tiny_llama_gguf());
  recorder effects;
  pool_core core{*model_card::load(*model.file, "m", ""), {"e"},
                 [](const tk_placement_request&, std::span<const tk_placement_member>) -> expected<std::size_t> { return 0; }, effects};

  void open(std::uint64_t id, std::vector<std::string> stops) {
    wire::OpenT m;
    m.id = id;
    m.prompt = std::make_unique<wire::PromptT>();
    m.prompt->text = "x";
    m.generate = 9;
    m.tenant = "gold";
    m.stops = std::make_unique<wire::StopsT>();
    m.stops->strings = std::move(stops);
    core.open(1, make_frame<wire::Open>(m));
  }
  /// The engine's tokens: bytes are tokens here.
  void generated(std::uint64_t id, std::string_view bytes) {
    wire::ChunksT chunks;
    chunks.items.push_back(std::make_unique<wire::ChunkT>());
    chunks.items.back()->id = id;
    chunks.items.back()->tokens.assign(bytes.begin(), bytes.end());
    core.chunks(*make_frame<wire::Chunks>(chunks));
  }
};

} // namespace

TEST_CASE("tokens behind a stop string are booked as discarded, those up to it as delivered") {
  pool p;
  p.open(7, {"nd"});
  REQUIRE(p.effects.opened == std::vector<std::uint64_t>{7});
  p.generated(7, "the endless");
  CHECK(p.effects.text == "the e");
  CHECK(p.effects.closed == std::vector<std::uint64_t>{7});
  CHECK(p.effects.booked[{"gold", wire::TokenKind::delivered}] == 7);
  CHECK(p.effects.booked[{"gold", wire::TokenKind::discarded}] == 4);
  CHECK(p.core.counts().discarded_tokens == 4);
}

TEST_CASE("tokens that arrive after their request was closed are booked as discarded") {
  pool p;
  p.open(7, {});
  p.generated(7, "abc");
  wire::CloseT close;
  close.id = 7;
  p.core.close(*make_frame<wire::Close>(close));
  p.generated(7, "de");
  CHECK(p.effects.text == "abc");
  CHECK(p.effects.booked[{"gold", wire::TokenKind::delivered}] == 3);
  CHECK(p.effects.booked[{"", wire::TokenKind::discarded}] == 2); // whose they were is forgotten
}
