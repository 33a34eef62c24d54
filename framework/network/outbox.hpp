// Between actors that write to other nodes and the links actor: what is to be sent, and the bell that wakes a sleeping links
// actor. Senders leave frames here rather than in its mailbox, so that none of their memory is freed on another thread than
// it came from.
#pragma once

#include "network/link_batch.hpp"

#include <caf/message_id.hpp>
#include <caf/actor_control_block.hpp>

#include <atomic>
#include <mutex>
#include <vector>

namespace tokamak::network {

/// A frame, or the news that a request has no answer, for an actor of another node.
struct outbound {
  std::uint64_t connection = 0; ///< the session that the remote actor belongs to
  std::uint64_t target = 0;
  caf::strong_actor_ptr sender;
  caf::message_id id;
  any_frame frame;
};

/// Any thread, but for what is said to be the reader's.
class outbox {
public:
  outbox();
  ~outbox();
  outbox(const outbox&) = delete;

  /// False: it is closed, and `m` as it was.
  bool put(outbound& m);
  /// All that was put, in order, instead of what `into` held. The reader's.
  void take(std::vector<outbound>& into);
  bool empty() const { return !any_.load(std::memory_order_acquire); }
  void close();

  /// Ends the sleep of the reader, if it sleeps.
  void ring();
  /// From now on ring() makes fd() readable. What came before is to be looked for behind this call. The reader's.
  void fall_asleep() { asleep_.store(true); }
  void wake_up(bool rung);
  int fd() const { return fd_; }

private:
  std::mutex mutex_; // of waiting_ and closed_
  std::vector<outbound> waiting_;
  bool closed_ = false;
  std::atomic<bool> any_{false}, asleep_{false};
  int fd_;
};

} // namespace tokamak::network
