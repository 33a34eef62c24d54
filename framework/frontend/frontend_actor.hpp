// What the threads of all frontends are: actors that wait for their mailbox and their sockets at once. Senders wake them only while they sleep.
#pragma once

#include "message/sequence_actors.hpp"

#include <caf/all.hpp>

#include <atomic>

namespace tokamak::frontend {

/// The node answers these with ModelList, StatusReport, and Drained or ErrorReply, of the same op.
using directory_actor = caf::typed_actor<caf::reacts_to<frame_of<wire::ListModels>>, caf::reacts_to<frame_of<wire::StatusRequest>>,
                                         caf::reacts_to<frame_of<wire::Drain>>>;

class frontend_actor : public caf::blocking_actor {
public:
  using caf::blocking_actor::blocking_actor;

  void enqueue(caf::mailbox_element_ptr element, caf::execution_unit* unit) override {
    blocking_actor::enqueue(std::move(element), unit);
    if (parked_.load() && parked_.exchange(false)) wake();
  }

protected:
  static constexpr int burst = 256; ///< messages at most before sockets have their turn, and the other way round

  /// Ends the wait of park(). Called by any thread.
  virtual void wake() = 0;
  virtual void handle(caf::mailbox_element& message) = 0;

  /// True if there was a message.
  bool drain_mailbox() {
    bool did = false;
    for (int i = 0; i < burst && has_next_message(); ++i)
      if (auto element = dequeue()) {
        did = true;
        handle(*element);
      }
    return did;
  }

  /// Calls `wait`, which waits for sockets and wake(), unless a message has come.
  template <class Wait>
  void park(Wait wait) {
    parked_ = true;
    if (!has_next_message()) wait();
    parked_ = false;
  }

  /// `endpoint`: a sequence_server.
  template <class T>
  void forward(const caf::strong_actor_ptr& endpoint, const frame_of<T>& m) {
    send(caf::actor_cast<sequence_server>(endpoint), m);
  }

  /// Asks the node for T (ListModels, StatusRequest), with everything but `op` as it is by default.
  template <class T>
  void ask(const caf::strong_actor_ptr& directory, std::uint64_t op) {
    typename T::NativeTableType m;
    m.op = op;
    send(caf::actor_cast<directory_actor>(directory), make_frame<T>(m));
  }

private:
  std::atomic<bool> parked_{false};
};

} // namespace tokamak::frontend
