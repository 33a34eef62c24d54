// What is in flight between one client and its service, without any socket: which requests wait to be sent,
// which were sent, who gets what comes back, and when silence has lasted too long. I/O thread only.
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include "decode.hpp"
#include "encode.hpp"
#include "stream_state.hpp"
#include "utf8_stream.hpp"
#include "wire_header.hpp"

namespace tokamak::client_detail {

struct outgoing_message {
  frame_type type;
  std::uint64_t id;
  bytes body;
};

class session {
public:
  session(std::string address, const client_options& options, std::uint64_t first_probe);

  void open(std::shared_ptr<stream_state> stream, bytes body, steady::time_point now);
  /// Asks with ListModels, StatusRequest or Drain; `op` as in the body.
  void ask(std::uint64_t op, frame_type type, bytes body, std::shared_ptr<pending_answer> answer,
           steady::time_point now);
  /// Both do nothing for a request that has ended.
  void acknowledge(std::uint64_t id, std::uint32_t tokens);
  void close(std::uint64_t id);
  void forget_question(std::uint64_t op);
  /// Ends everything with `error`; what the service knows of is closed there.
  void end_all(const client_error& error);

  /// Something waits to be sent.
  bool has_outgoing() const { return !outgoing_.empty(); }
  const outgoing_message& front() const { return outgoing_.front(); }
  /// front() has been handed to the socket.
  void sent(steady::time_point now);

  void connected(steady::time_point now);
  /// Fails what was sent; what was not waits for the next connection.
  void disconnected(const client_error& error);
  /// Why there is no connection yet; part of the message of a request that gives up waiting.
  void explain_waiting(std::string reason) { waiting_because_ = std::move(reason); }

  /// One message: header and body (further parts are not for clients). An error means that the connection
  /// cannot be trusted any more.
  std::optional<client_error> receive(byte_view header_part, byte_view body, steady::time_point now);

  /// Fails what waited too long to be sent and asks whether a silent service is alive. An error means it is not.
  std::optional<client_error> check(steady::time_point now);
  /// When check() must be called next, at the latest.
  std::optional<steady::time_point> next_check() const;

private:
  struct stream_entry {
    std::shared_ptr<stream_state> stream;
    std::uint32_t next_offset;
    utf8_stream text;
    steady::time_point send_by;
    bool sent = false;
    bool answered = false;
  };
  struct question_entry {
    std::shared_ptr<pending_answer> answer;
    frame_type type;
    steady::time_point send_by;
    bool sent = false;
  };

  std::optional<client_error> dispatch(frame_type type, byte_view body);
  void deliver(received_chunk received);
  void refuse(const received_error& refused);
  template <class T>
  void answer(frame_type type, received_answer<T> received);
  void remove_unsent(std::uint64_t id);
  bool anything_sent() const;

  const std::string address_;
  const client_options options_;
  std::map<std::uint64_t, stream_entry> streams_;
  std::map<std::uint64_t, question_entry> questions_;
  std::deque<outgoing_message> outgoing_;
  std::string waiting_because_;
  bool connected_ = false;
  steady::time_point heard_{}; // the last sign of life, or the first message sent since nothing was awaited
  std::optional<steady::time_point> probed_;
  std::uint64_t next_probe_;
};

} // namespace tokamak::client_detail
