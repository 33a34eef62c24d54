// One client's connection of the HTTP frontend: reads requests, one at a time, and writes their answers. Knows HTTP/1.1, not what is
// asked. All bytes that it reads are hostile. Single-threaded: everything happens on the frontend's thread.
#pragma once

#include "frontend/http/http_message.hpp"
#include "frontend/http/tls_session.hpp"

#include <boost/asio/ip/tcp.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace tokamak::frontend {

struct http_limits {
  std::uint32_t header_bytes = 64u << 10;
  std::uint32_t body_bytes = 16u << 20;
  std::uint32_t buffer_bytes = 16u << 20;    ///< unsent: half of it pauses the connection's answers, all of it cuts it
  std::uint64_t idle_us = 75'000'000;        ///< between requests
  std::uint64_t request_us = 30'000'000;     ///< from a request's first byte to its last, and for a TLS handshake
  std::uint64_t stall_us = 60'000'000;       ///< bytes wait, and the client takes none
};

class http_connection;

/// Called by connections, from their handlers. A connection may be told to close within; it lives until the handler has returned.
class http_connection_events {
public:
  virtual ~http_connection_events() = default;
  /// A whole request. It is answered by respond(), or begin_stream() to end_stream(), now or later; until then, and while the client is held, no other comes.
  virtual void on_request(http_connection& connection, http_request request) = 0;
  /// The client sends no more, before it was answered. False: it is to be closed, as one that has gone.
  virtual bool on_end(http_connection& connection) = 0;
  /// The client went away, or was cut. Nothing more comes of it.
  virtual void on_closed(http_connection& connection) = 0;
  /// Half of the buffer waits for the client to read it (`held`), or nothing any more.
  virtual void on_held(http_connection& connection, bool held) = 0;
  /// Of now, as answers have it.
  virtual std::string_view date() = 0;
};

class http_connection : public std::enable_shared_from_this<http_connection> {
public:
  using socket = boost::asio::ip::tcp::socket;

  /// `certificate`: for HTTPS; needed only here.
  http_connection(socket connected, std::uint64_t number, const http_limits& limits, http_connection_events& events, const tls_certificate* certificate = nullptr);

  /// Begins to read. `now_us` is the frontend's clock, as in tick().
  void start(std::uint64_t now_us);
  /// Answers without a request, and closes when that has left. Instead of start().
  void turn_away(std::uint64_t now_us, http_response response);
  /// Closes at once; no event.
  void close();

  /// A whole answer.
  void respond(http_response response);
  /// The head of an answer whose body comes in pieces; then the pieces, which leave with the next flush(); then its end.
  void begin_stream(http_response head);
  void stream(std::string_view bytes);
  void end_stream();
  /// Sends what can be sent without waiting.
  void flush();

  /// Ends what took too long: requests that do not come to an end, silence between them, answers that nobody reads.
  void tick(std::uint64_t now_us);

  std::uint64_t number() const { return number_; } ///< unique within the frontend
  std::size_t waiting_bytes() const { return out_.size() + (tls_ ? tls_->wire.size() : 0) - sent_ + stream_.size(); }

private:
  enum class state : std::uint8_t { idle, reading, answering, lingering };
  using parser = boost::beast::http::request_parser<boost::beast::http::string_body>;

  void read_more();
  void receive();
  boost::system::error_code receive_tls();
  void ended();
  void resume();
  void parse();
  bool read_head();
  void refuse(int status, std::string message);
  void answered();
  void lost();
  void linger();
  void wait_for_room();
  void update_held();
  bool client_reads();
  std::string& wire() { return tls_ ? tls_->wire : out_; } ///< what the socket gets

  socket socket_;
  std::uint64_t number_;
  const http_limits& limits_;
  http_connection_events& events_;
  std::optional<parser> parser_;
  http_request request_;      ///< its head, once that was read
  boost::beast::flat_buffer in_;
  std::string out_, stream_;  ///< what is to be sent, and events not yet framed as a chunk
  std::unique_ptr<tls_session> tls_; ///< null: in the clear
  std::size_t sent_ = 0;      ///< of wire()
  state state_ = state::idle;
  bool reading_ = false, waiting_ = false, closed_ = false, held_ = false, ended_ = false;
  bool keep_alive_ = true, chunked_ = true, head_only_ = false, close_when_sent_ = false, head_read_ = false;
  int queued_ = 0;            ///< bytes that the system held for the client when it was last asked
  std::uint64_t now_us_ = 0, since_us_ = 0, progress_us_ = 0;
};

} // namespace tokamak::frontend
