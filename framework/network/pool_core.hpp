// A pool's mind without its actor (DESIGN.md 5, steps 3 and 6): prompts become token ids for one engine, token ids become
// text and stop strings for the owner. Pure and single-threaded; effects go through pool_effects.
#pragma once

#include "message/background.hpp"
#include "model/card.hpp"
#include "model/tokenizer/stream_decoder.hpp"
#include "network/stop_matcher.hpp"
#include "tokamak/plugin.h"

#include <functional>
#include <map>
#include <unordered_map>

namespace tokamak::network {

using owner_id = std::uint32_t;

/// Sends to member engines and to owners. Called on the pool's thread.
class pool_effects {
public:
  virtual ~pool_effects() = default;
  virtual void to_member(std::size_t member, frame_of<wire::Open> m) = 0;
  virtual void to_member(std::size_t member, frame_of<wire::Extend> m) = 0;
  virtual void to_member(std::size_t member, frame_of<wire::Generate> m) = 0;
  virtual void to_member(std::size_t member, frame_of<wire::Fork> m) = 0;
  virtual void to_member(std::size_t member, frame_of<wire::Truncate> m) = 0;
  virtual void to_member(std::size_t member, frame_of<wire::Close> m) = 0;
  virtual void to_member(std::size_t member, frame_of<wire::Renew> m) = 0;
  virtual void to_member(std::size_t member, frame_of<wire::Flow> m) = 0;
  virtual void chunks(owner_id owner, wire::ChunksT chunks) = 0;
  virtual void book(wire::LedgerEntryT entry) = 0;
  virtual std::uint64_t random() = 0;       ///< seeds for requests that name none
  virtual std::int64_t unix_time_s() = 0;   ///< what templates may print
  virtual std::uint64_t now_us() = 0;       ///< for what is left of deadlines
  virtual void background(background_work work) { work()(); } ///< done elsewhere, its rest on this thread
};

/// Picks a member: the placement plugin's choose().
using choose_function =
    std::function<expected<std::size_t>(const tk_placement_request&, std::span<const tk_placement_member>)>;

class pool_core {
public:
  pool_core(model_card card, std::vector<std::string> members, choose_function choose, pool_effects& effects);

  /// Long prompts are read in the background: what else is said of their sequences meanwhile waits for that, and a close ends it.
  void open(owner_id owner, const frame_of<wire::Open>& m);
  void extend(owner_id owner, const frame_of<wire::Extend>& m);
  void generate(owner_id owner, const frame_of<wire::Generate>& m);
  void fork(owner_id owner, const frame_of<wire::Fork>& m);
  void truncate(owner_id owner, const frame_of<wire::Truncate>& m);
  void close(const wire::Close& m);
  void renew(const wire::Renew& m);
  void flow(const wire::Flow& m);
  void close_owner(owner_id owner);
  /// A chunk frame of an engine.
  void chunks(const wire::Chunks& m);

  /// A lost or returned engine. Answers that it was generating go on at another member, from their delivered tokens; they
  /// end as unavailable where there is none, and sequences that were steered (extended, forked, truncated) always do.
  void set_available(std::size_t member, bool available);
  /// A member says how it is, which makes it available unless it drains. True: it was not before. `now_us` 0: it is of
  /// this process: its silence means nothing, and while their node drains it serves what pools here still have.
  bool heard(std::size_t member, const wire::EngineLoad& load, std::uint64_t now_us);
  /// Takes out those that were heard before and not for `limit_us`; returns them. What they still compute is closed.
  std::vector<std::size_t> drop_silent(std::uint64_t now_us, std::uint64_t limit_us);

  struct counters {
    std::uint64_t opened = 0, finished = 0, failed = 0, prompt_tokens = 0, delivered_tokens = 0, discarded_tokens = 0;
    std::uint64_t resumed = 0; ///< answers that went on at another engine
  };
  const counters& counts() const { return counts_; }
  std::size_t n_available() const;
  std::size_t n_streams() const { return streams_.size(); }

private:
  using prompt_tokens = expected<std::vector<std::int32_t>>;
  /// A sequence whose prompt is being read.
  struct reading {
    owner_id owner = 0;
    std::uint64_t parent = 0, number = 0;
    std::uint64_t asked_us = 0;
    bool paused = false;
    std::vector<std::function<void()>> then = {}; ///< operations on it that came meanwhile
  };
  struct stream {
    std::uint64_t parent = 0;
    owner_id owner = 0;
    std::size_t member = 0;
    stream_decoder decoder;
    stop_matcher stops;
    std::vector<std::string> stop_strings;
    std::uint32_t prompt_tokens = 0;
    std::uint32_t answer_tokens = 0; ///< delivered to the owner
    wire::UsageT usage;
    std::string tenant;
    std::uint32_t attempt = 0;
    bool shows_special = false; ///< its text names control tokens

    // What another engine would need to go on (pool_failover.cpp).
    frame_of<wire::Open> open = {};              ///< as the first engine got it
    std::vector<std::int32_t> answer = {};       ///< what engines have sent, delivered tokens included
    std::vector<bool> gave_up = {};              ///< by member: it was lost, or refused to go on
    bool steered = false;                        ///< its content is no longer prompt and answer
    bool paused = false;
    std::uint32_t booked = 0;                    ///< delivered tokens that the ledger has
    std::uint64_t opened_us = 0;
    std::uint32_t resumptions = 0;
    std::uint64_t resumed_us = 0;                ///< when last
    wire::UsageT before = {};                    ///< the last usage from before
  };
  struct member_state {
    std::string name;
    bool available = true;
    std::uint32_t streams = 0;
    std::uint64_t heard_us = 0; ///< 0: never, or lost since
    std::uint32_t running = 0, waiting = 0, blocks_free = 0, blocks_total = 0;
    double tokens_per_s = 0;
  };

  void admit(owner_id owner, const frame_of<wire::Open>& m, prompt_tokens tokens, std::uint64_t asked_us);
  void prompt_read(std::uint64_t number, const frame_of<wire::Open>& m, prompt_tokens tokens);
  bool waits(std::uint64_t id, std::function<void()> operation);
  template <class Condition>
  void forget_readings(Condition condition);
  expected<std::size_t> place(const wire::Open& m, std::span<const std::int32_t> tokens, const std::vector<bool>& gave_up = {});
  stream_decoder decoder_of(const wire::Open& m) const;
  std::string text_of(stream& s, std::int32_t token) const;
  void forward_chunk(const wire::Chunk& c, std::map<owner_id, wire::ChunksT>& out);
  bool stop_at(stream& s, const wire::Chunk& c, wire::ChunkT& to);
  void discard(std::uint64_t tokens, const std::string& tenant, const std::string& engine);
  void add_top(const wire::Chunk& c, wire::ChunkT& to) const;
  void erase(std::uint64_t id);
  void book_delivered(std::uint64_t id, stream& s);
  wire::UsageT usage_of(const stream& s);

  // pool_failover.cpp
  bool engine_gave_up(const stream& s, const wire::Chunk& c) const;
  bool resume(std::uint64_t id, stream& s);
  void answer_error(owner_id owner, std::uint64_t id, std::uint64_t op, const error& why);
  stream* find_or_answer(owner_id owner, std::uint64_t id, std::uint64_t op);

  std::shared_ptr<const model_card> card_;
  std::vector<member_state> members_;
  choose_function choose_;
  pool_effects& effects_;
  std::unordered_map<std::uint64_t, stream> streams_;
  std::unordered_map<std::uint64_t, reading> readings_; ///< by sequence
  std::uint64_t last_reading_ = 0;
  counters counts_;
};

} // namespace tokamak::network
