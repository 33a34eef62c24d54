// One request at an endpoint: what the fusion plugin may do for it (tk_fusion_host) and what goes back to the client.
#pragma once

#include "message/frame.hpp"
#include "plugin/fusion_instance.hpp"

#include <cstdint>
#include <unordered_map>
#include <vector>

namespace tokamak::fusion {

/// What calls do to the world; implemented by the endpoint actor, on its thread.
class call_effects {
public:
  virtual ~call_effects() = default;
  virtual std::uint64_t next_id() = 0;
  virtual void opened(std::uint64_t sequence, std::uint64_t request) = 0; ///< chunks of `sequence` belong to `request`
  virtual void closed(std::uint64_t sequence) = 0;
  virtual void to_member(std::size_t member, frame_of<wire::Open> m) = 0;
  virtual void to_member(std::size_t member, frame_of<wire::Extend> m) = 0;
  virtual void to_member(std::size_t member, frame_of<wire::Generate> m) = 0;
  virtual void to_member(std::size_t member, frame_of<wire::Fork> m) = 0;
  virtual void to_member(std::size_t member, frame_of<wire::Truncate> m) = 0;
  virtual void to_member(std::size_t member, frame_of<wire::Close> m) = 0;
  virtual void to_member(std::size_t member, frame_of<wire::Flow> m) = 0;
  virtual void set_timer(std::uint64_t request, std::uint64_t delay_us, std::uint64_t timer) = 0;
  virtual std::uint64_t now_us() = 0;
};

struct call_limits {
  std::uint32_t max_tokens = 0;     ///< 0: up to the context
  std::uint64_t lease_us = 0;       ///< of the sequences it opens
  std::uint64_t deadline_us = 0;    ///< for requests that state none; 0: none
};

/// Not movable: the plugin holds its address.
class request_call {
public:
  request_call(frame_of<wire::Open> request, std::vector<std::string> members, const call_limits& limits, call_effects& effects);
  request_call(const request_call&) = delete;
  request_call& operator=(const request_call&) = delete;
  ~request_call();

  /// Starts the plugin's state machine. On an error the call is over, with the error as its chunk.
  void begin(plugin::fusion_instance& fusion);
  void on_chunk(const wire::Chunk& chunk);
  void on_timer(std::uint64_t timer);
  /// The client is slow: its sequences pause, also those yet to be opened; or go on.
  void pause(bool paused);
  /// Closes what is open, without another word from the plugin.
  void cancel();
  void fail(const error& why);

  bool over() const { return over_; }
  /// What the client is to get now; null if nothing. The last one has a finish reason.
  std::unique_ptr<wire::ChunkT> take_chunk();
  /// Open sequences with their members.
  const std::unordered_map<std::uint64_t, std::size_t>& sequences() const { return sequences_; }

private:
  friend struct call_functions; // the C functions of tk_fusion_host
  tk_status open(const tk_open& open, std::uint64_t* sequence, tk_error* e);
  void close(std::uint64_t sequence);
  void close_all();
  void send_flow(std::size_t member, std::vector<std::uint64_t> sequences);
  void finish(wire::FinishReason reason, std::string stop);
  void note_usage(const wire::Chunk& chunk);
  wire::ChunkT& out();

  frame_of<wire::Open> request_;
  std::vector<std::string> members_;
  call_limits limits_;
  call_effects& effects_;
  plugin::fusion_instance::call state_;
  std::unordered_map<std::uint64_t, std::size_t> sequences_;
  std::unique_ptr<wire::ChunkT> out_;
  const wire::Chunk* current_ = nullptr; ///< the event being handled, for forward()
  wire::UsageT usage_;
  std::uint32_t delivered_ = 0;
  std::uint64_t arrival_us_ = 0;
  std::uint32_t max_tokens_ = 0;
  bool paused_ = false;
  bool over_ = false;
};

} // namespace tokamak::fusion
