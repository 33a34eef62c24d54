// The C++ client of a Tokamak service: streams answers, lists models, asks for the status, drains nodes, over ZeroMQ.
// Start here; the values are in client_types.hpp, the errors in client_error.hpp.
//
//   auto client = tokamak::client::connect("tcp://127.0.0.1:7100");
//   if (!client) return report(client.error());
//   tokamak::client_request request;
//   request.model = "smollm2";
//   request.prompt = std::vector<tokamak::client_message>{{"user", "Why is the sky blue?"}};
//   auto answer = client->generate(request, [](const tokamak::client_chunk& chunk) {
//     std::cout << chunk.text << std::flush;
//     return true;
//   });
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "tokamak/client_error.hpp"
#include "tokamak/client_types.hpp"

namespace tokamak {

namespace client_detail {
class io_loop;
class stream_state;
} // namespace client_detail

/// One answer being received. Movable, not copyable. next() by one thread at a time, cancel() by any.
/// It may outlive its client, but then only ends.
class client_stream {
public:
  client_stream(client_stream&&) noexcept;
  client_stream& operator=(client_stream&&) noexcept;
  client_stream(const client_stream&) = delete;
  client_stream& operator=(const client_stream&) = delete;
  /// Cancels the request if it has not ended.
  ~client_stream();

  /// Waits for the next chunk. The last chunk has a finish reason; after it comes std::nullopt. After an
  /// error comes std::nullopt too. Reading is what acknowledges: a stream that nobody reads is paused by the
  /// service, and cut in the end.
  /// Errors: the service's, `unavailable`, `deadline_exceeded` (then the request is cancelled), `corrupt`.
  client_result<std::optional<client_chunk>> next();

  /// Ends the request here and at the service. Chunks not yet read are dropped; next() then gives one last
  /// chunk with client_finish::cancelled. Does nothing after the end.
  void cancel();

  /// The number the service knows this request by (Open.id).
  std::uint64_t id() const;

private:
  friend class client;
  client_stream(std::shared_ptr<client_detail::io_loop> io, std::shared_ptr<client_detail::stream_state> state);
  std::shared_ptr<client_detail::io_loop> io_;
  std::shared_ptr<client_detail::stream_state> state_;
};

/// A connection to one service. All members but the destructor and the moves may be called from any threads
/// at once: one I/O thread owns the socket. It connects when there is something to send and again after a
/// loss; a request waits at most client_options::connect_timeout for that.
class client {
public:
  /// Receives each chunk on the thread that called generate(). Returning false cancels the request.
  using chunk_handler = std::function<bool(const client_chunk&)>;

  /// Prepares a client for `address` ("tcp://host:port" or "ipc://path") without waiting for the service.
  /// Errors: invalid_argument for the address or an option, io when out of threads, sockets or files.
  static client_result<client> connect(std::string address, client_options options = {});

  client(client&&) noexcept;
  client& operator=(client&&) noexcept;
  /// Cancels what is running; its streams end with the error `cancelled`.
  ~client();

  /// Sends a request and returns at once. Errors: invalid_argument (max_tokens 0, empty prompt or model).
  client_result<client_stream> start(const client_request& request);

  /// Sends a request and waits for its end. Cancelling through `on_chunk` is no error: the answer so far
  /// comes back with client_finish::cancelled. Errors: as client::start and client_stream::next.
  client_result<client_answer> generate(const client_request& request, const chunk_handler& on_chunk = {});

  /// What the service offers. Errors: unavailable, deadline_exceeded, the service's.
  client_result<std::vector<client_model>> list_models();
  /// The actors of all nodes, and their counters. Errors: as list_models.
  client_result<client_status> status();
  /// Makes a node finish what it runs and end, and waits until it has, which its `drain_deadline_ms` bounds. Errors: not_found
  /// (no such node), already_exists (it drains already), permission_denied, unavailable.
  client_result<client_drained> drain(const std::string& node);

private:
  explicit client(std::shared_ptr<client_detail::io_loop> io);
  std::shared_ptr<client_detail::io_loop> io_;
};

} // namespace tokamak
