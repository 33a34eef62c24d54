// A pool without actors: engines and owners are lists of what was sent to them. Bytes are tokens.
#pragma once

#include "message/wire_error.hpp"
#include "network/pool_core.hpp"
#include "null_backend/tiny_models.hpp"

#include <map>

namespace tokamak::test {

struct recorder final : network::pool_effects {
  struct open {
    std::size_t member;
    wire::OpenT message;
  };
  void to_member(std::size_t member, frame_of<wire::Open> m) override { opened.push_back({member, m.unpack()}); }
  void to_member(std::size_t, frame_of<wire::Extend> m) override { extended.push_back(m->id()); }
  void to_member(std::size_t, frame_of<wire::Generate>) override {}
  void to_member(std::size_t, frame_of<wire::Fork>) override {}
  void to_member(std::size_t, frame_of<wire::Truncate>) override {}
  void to_member(std::size_t, frame_of<wire::Close> m) override { closed.push_back(m->id()); }
  void to_member(std::size_t, frame_of<wire::Renew>) override {}
  void to_member(std::size_t member, frame_of<wire::Flow> m) override {
    for (auto id : *m->ids())
      if (m->paused()) paused.emplace_back(member, id);
  }
  void chunks(network::owner_id, wire::ChunksT chunks) override {
    for (auto& c : chunks.items) {
      text += c->text;
      if (!c->tokens.empty()) offsets.push_back(c->offset);
      if (c->finish != wire::FinishReason::none) finished.push_back(std::move(*c));
    }
  }
  void book(wire::LedgerEntryT entry) override {
    for (std::size_t i = 0; i < entry.kinds.size(); ++i) {
      booked[{entry.tenant, entry.kinds[i]}] += entry.amounts[i];
      if (!entry.engine.empty()) booked[{entry.engine, entry.kinds[i]}] += entry.amounts[i];
    }
  }
  std::uint64_t random() override { return ++randoms; }
  std::int64_t unix_time_s() override { return 0; }
  std::uint64_t now_us() override { return clock; }
  void background(background_work work) override { rests.push_back(work()); }

  std::vector<background_rest> rests; ///< of what was done in the background
  std::vector<open> opened;
  std::vector<std::uint64_t> closed, extended;
  std::vector<std::pair<std::size_t, std::uint64_t>> paused;
  std::string text;
  std::vector<std::uint32_t> offsets; ///< of chunks with tokens
  std::vector<wire::ChunkT> finished;
  std::map<std::pair<std::string, wire::TokenKind>, std::uint64_t> booked; ///< by tenant and by engine
  std::uint64_t randoms = 0, clock = 0;
};

struct pool {
  explicit pool(std::vector<std::string> members = {"e"},
                network::choose_function choose = [](const tk_placement_request&, std::span<const tk_placement_member>)
                    -> expected<std::size_t> { return 0; })
      : core(*model_card::load(*model.file, "m", ""), std::move(members), std::move(choose), effects) {}

  void open(const wire::OpenT& m) { core.open(1, make_frame<wire::Open>(m)); }
  /// Tokens of whichever engine has it.
  void generated(std::uint64_t id, std::string_view bytes, wire::FinishReason finish = wire::FinishReason::none,
                 std::uint64_t first_token_us = 0) {
    auto c = std::make_unique<wire::ChunkT>();
    c->id = id;
    c->tokens.assign(bytes.begin(), bytes.end());
    c->finish = finish;
    c->usage = std::make_unique<wire::UsageT>();
    c->usage->first_token_us = first_token_us;
    send(std::move(c));
  }
  void failed(std::uint64_t id, errc code, const std::string& message, std::string_view bytes = {}) {
    auto c = std::make_unique<wire::ChunkT>();
    c->id = id;
    c->tokens.assign(bytes.begin(), bytes.end());
    c->finish = wire::FinishReason::error;
    c->error = to_wire({code, message, {}});
    send(std::move(c));
  }
  void send(std::unique_ptr<wire::ChunkT> c) {
    for (const auto& o : effects.opened)
      if (o.message.id == c->id) c->attempt = o.message.attempt; // of the last one, who has it now
    wire::ChunksT chunks;
    chunks.items.push_back(std::move(c));
    core.chunks(*make_frame<wire::Chunks>(chunks));
  }

  tiny_model model = tiny_model::of(tiny_llama_gguf());
  recorder effects;
  network::pool_core core;
};

} // namespace tokamak::test
