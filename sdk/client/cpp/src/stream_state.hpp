// The two meeting points of the I/O thread and the callers' threads: the chunks of one request, and the one
// answer to a question.
#pragma once

#include <chrono>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <optional>
#include <variant>
#include <vector>

#include "tokamak/client_error.hpp"
#include "tokamak/client_types.hpp"

namespace tokamak::client_detail {

using steady = std::chrono::steady_clock;

/// Received chunks of one request, waiting to be read. Any thread.
class stream_state {
public:
  struct limits {
    std::chrono::milliseconds chunk_timeout{0}; ///< 0: none
    std::chrono::milliseconds total{0};         ///< when to give up even if the service does not; 0: never
    std::uint32_t acknowledge_every = 64;
  };
  /// What next() found. `acknowledge` and `close` say what to tell the service now.
  struct event {
    std::variant<std::monostate, client_chunk, client_error> what; ///< monostate: ended before
    std::optional<std::uint32_t> acknowledge;
    bool close = false;
  };

  stream_state(std::uint64_t id, std::uint32_t first_offset, limits given);

  std::uint64_t id() const { return id_; }
  std::uint32_t first_offset() const { return first_offset_; }

  /// I/O thread. Nothing is taken after a last chunk, an error or cancel().
  void push(client_chunk chunk);
  void fail(client_error error);

  /// Waits for the next event, at most until the limits.
  event next();
  /// Drops what is unread and makes the next event a last chunk `cancelled`. False after the end.
  bool cancel();

private:
  event take_chunk();
  event time_out(const char* what, std::chrono::milliseconds limit);

  const std::uint64_t id_;
  const std::uint32_t first_offset_;
  const limits limits_;
  const steady::time_point started_ = steady::now();
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<client_chunk> unread_;
  std::optional<client_error> error_;
  bool complete_ = false; // nothing more is taken in
  bool ended_ = false;    // the end has been read
  std::uint32_t read_;    // answer tokens read, those resumed from included
  std::uint32_t acknowledged_;
};

using answer_value = std::variant<std::vector<client_model>, client_status, client_drained>;

/// The answer to one question, set at most once.
class pending_answer {
public:
  void set(client_result<answer_value> answer);
  /// Nothing if there is no answer in time. Without a limit there is one, in the end.
  std::optional<client_result<answer_value>> wait(std::optional<std::chrono::milliseconds> limit);

private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::optional<client_result<answer_value>> answer_;
};

} // namespace tokamak::client_detail
