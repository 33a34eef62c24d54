// Reading by Beast's parser, which is fed what comes; writing straight to the socket, and waiting only if that takes no more.
#include "frontend/http/http_connection.hpp"

#include "frontend/openai/api_error.hpp"

#include <boost/asio/buffer.hpp>
#include <boost/asio/post.hpp>

#include <fmt/format.h>

#include <linux/sockios.h>
#include <sys/ioctl.h>

#include <array>
#include <utility>

namespace tokamak::frontend {

namespace asio = boost::asio;
namespace http = boost::beast::http;
using boost::system::error_code;

namespace {

constexpr std::size_t piece = 64u << 10, first_piece = 4096; // read at once

} // namespace

http_connection::http_connection(socket connected, std::uint64_t number, const http_limits& limits, http_connection_events& events, const tls_certificate* certificate)
    : socket_(std::move(connected)), number_(number), limits_(limits), events_(events), tls_(certificate ? std::make_unique<tls_session>(*certificate) : nullptr) {
  error_code ignored;
  socket_.non_blocking(true, ignored);
  socket_.set_option(asio::ip::tcp::no_delay(true), ignored);
}

void http_connection::start(std::uint64_t now_us) {
  now_us_ = since_us_ = now_us;
  read_more();
}

void http_connection::turn_away(std::uint64_t now_us, http_response response) {
  now_us_ = since_us_ = now_us;
  keep_alive_ = false;
  respond(std::move(response));
}

void http_connection::close() {
  if (closed_) return;
  closed_ = true;
  error_code ignored;
  if (tls_ && state_ == state::idle && waiting_bytes() == 0) { // an end, and no cut; said if the socket takes it now
    tls_->end();
    socket_.write_some(asio::buffer(tls_->wire), ignored);
  }
  socket_.shutdown(socket::shutdown_both, ignored);
  socket_.close(ignored);
}

// The other side has gone, or has to go.
void http_connection::lost() {
  if (closed_) return;
  close();
  events_.on_closed(*this);
}

// Reads also while an answer is on its way: that the client has gone shows there first. What it sends meanwhile is the next request,
// of which no more is taken than the buffer holds. Room is made when there is something: idle connections are many, and parse() moves
// what the buffer holds.
void http_connection::read_more() {
  if (reading_ || closed_ || ended_) return;
  if (in_.size() >= piece && (state_ == state::answering || held_ || close_when_sent_)) return;
  reading_ = true;
  if (in_.size() == 0 && state_ == state::idle) in_.shrink_to_fit();
  socket_.async_wait(socket::wait_read, [self = shared_from_this()](const error_code& problem) {
    self->reading_ = false;
    if (self->closed_) return;
    if (problem) return self->lost();
    self->receive();
  });
}

void http_connection::receive() {
  error_code problem;
  if (tls_) problem = receive_tls();
  else in_.commit(socket_.read_some(in_.prepare(state_ == state::idle ? first_piece : piece), problem));
  if (state_ == state::lingering) in_.consume(in_.size());
  else parse();
  if (closed_) return;
  if (problem == asio::error::eof && state_ != state::lingering) return ended();
  if (problem && problem != asio::error::would_block) return lost();
  read_more();
}

// The client sends no more. Nearly all that do so have gone, and nothing else tells that: what is computed for them ends. One that only closed
// its own direction still gets what is answered already, or is only looked up.
void http_connection::ended() {
  ended_ = true;
  if (state_ != state::answering) return resume();
  if (!events_.on_end(*this)) lost();
}

// Takes up what came meanwhile: the next request, or the client's end.
void http_connection::resume() {
  if (closed_) return;
  parse();
  if (ended_ && !held_ && (state_ == state::idle || state_ == state::reading)) {
    close_when_sent_ = true;
    flush();
  }
  read_more();
}

// What comes may be a handshake, which is answered at once. Whoever speaks HTTP to this port is told so; who speaks neither is not.
error_code http_connection::receive_tls() {
  constexpr char handshake = 0x16;
  std::array<char, piece> sealed;
  error_code problem;
  const auto bytes = socket_.read_some(asio::buffer(sealed), problem);
  if (problem || state_ == state::lingering) return problem;
  if (tls_->fresh() && sealed[0] != handshake) {
    if ((sealed[0] | 0x20) < 'a' || (sealed[0] | 0x20) > 'z') return asio::error::operation_not_supported;
    tls_.reset();
    refuse(400, "this port speaks HTTPS");
    return {};
  }
  const bool greeting = !tls_->established();
  const auto result = tls_->receive({sealed.data(), bytes}, in_);
  if (greeting && tls_->established()) since_us_ = now_us_;
  flush();
  if (result == tls_session::state::good) return {};
  if (result == tls_session::state::ended) return asio::error::eof;
  return asio::error::connection_aborted;
}

void http_connection::parse() {
  while ((state_ == state::idle || state_ == state::reading) && in_.size() > 0 && !held_ && !close_when_sent_ && !closed_) {
    if (state_ == state::idle) {
      parser_.emplace();
      parser_->header_limit(limits_.header_bytes);
      parser_->body_limit(limits_.body_bytes);
      parser_->eager(false); // so that the head is read before anything of the body
      state_ = state::reading;
      since_us_ = now_us_;
      head_read_ = head_only_ = false;
    }
    error_code problem;
    const auto used = parser_->put(in_.data(), problem);
    in_.consume(used);
    if (problem == http::error::need_more) problem = {};
    if (problem == http::error::body_limit) return refuse(413, fmt::format("the body is larger than {} bytes", limits_.body_bytes));
    if (problem == http::error::header_limit) return refuse(431, fmt::format("the header is larger than {} bytes", limits_.header_bytes));
    if (problem) return refuse(400, fmt::format("this is no HTTP request: {}", problem.message()));
    if (parser_->is_header_done() && !head_read_ && !read_head()) return;
    if (!parser_->is_done()) {
      if (used > 0) continue;
      // Beast bounds the head, but neither the lines between chunks nor the fields after them.
      if (in_.size() > limits_.header_bytes) refuse(431, fmt::format("a chunk's header is larger than {} bytes", limits_.header_bytes));
      return;
    }
    request_.body = std::move(parser_->get().body());
    parser_.reset();
    state_ = state::answering;
    events_.on_request(*this, std::exchange(request_, {}));
    if (ended_ && !closed_ && state_ == state::answering && !events_.on_end(*this)) return lost();
  }
}

// What the head says: of the connection, and of where the body ends. Of that it says one thing, which Beast understood; else a proxy in front
// may have understood another, and part of the body would pass as a request that nobody checked. False: it was refused.
bool http_connection::read_head() {
  head_read_ = true;
  auto& message = parser_->get();
  const bool http_1_0 = message.version() < 11;
  keep_alive_ = message.keep_alive();
  chunked_ = !http_1_0;
  head_only_ = message.method() == http::verb::head;
  const auto refused = [this](int status, std::string why) {
    refuse(status, std::move(why));
    return false;
  };
  if (const auto hosts = message.count(http::field::host); hosts > 1 || (hosts == 0 && !http_1_0)) return refused(400, fmt::format("the request has {} Host fields, expected one", hosts));
  if (const auto lengths = message.count(http::field::content_length); lengths > 1) return refused(400, fmt::format("the request has {} Content-Length fields, expected one", lengths));
  if (message.count(http::field::transfer_encoding) > 0) {
    const auto coding = message[http::field::transfer_encoding];
    if (!boost::beast::iequals(coding, "chunked")) return refused(501, fmt::format("Transfer-Encoding is '{:.64}', expected chunked", std::string_view(coding.data(), coding.size())));
    if (http_1_0) return refused(400, "HTTP/1.0 has no Transfer-Encoding");
  }
  request_ = {};
  request_.method = std::string(message.method_string());
  if (!decode_path(path_of({message.target().data(), message.target().size()}), request_.path)) return refused(400, "the path has a broken % escape");
  // Who has begun to send its body does not wait for this.
  if (!http_1_0 && !parser_->is_done() && in_.size() == 0 && http::token_list(message[http::field::expect]).exists("100-continue")) {
    out_ += "HTTP/1.1 100 Continue\r\n\r\n";
    flush();
  }
  request_.fields = std::move(static_cast<http::fields&>(message)); // fields that come after chunks are dropped
  return !closed_;
}

// What is no request is answered, and ends the connection: where the next one begins is unknown.
void http_connection::refuse(int status, std::string message) {
  state_ = state::answering;
  keep_alive_ = false;
  http_response response;
  response.status = status;
  response.body = openai::body_of(openai::wrong_request(std::move(message)));
  respond(std::move(response));
}

namespace {

void write_head(std::string& out, const http_response& response, std::string_view date, bool keep_alive, bool http_1_0) {
  fmt::format_to(std::back_inserter(out), "HTTP/1.1 {} {}\r\nDate: {}\r\nContent-Type: {}\r\n", response.status, reason_of(response.status), date, response.type);
  for (const auto& [name, value] : response.fields) fmt::format_to(std::back_inserter(out), "{}: {}\r\n", name, value);
  if (!keep_alive) out += "Connection: close\r\n";
  else if (http_1_0) out += "Connection: keep-alive\r\n";
}

} // namespace

void http_connection::respond(http_response response) {
  if (closed_) return;
  write_head(out_, response, events_.date(), keep_alive_, !chunked_);
  if (response.status != 204) fmt::format_to(std::back_inserter(out_), "Content-Length: {}\r\n", response.body.size());
  out_ += "\r\n";
  if (!head_only_) out_ += response.body;
  answered();
  flush();
}

void http_connection::begin_stream(http_response head) {
  if (closed_) return;
  if (!chunked_) keep_alive_ = false; // HTTP/1.0: the end of the connection is that of the answer
  write_head(out_, head, events_.date(), keep_alive_, !chunked_);
  out_ += chunked_ ? "Transfer-Encoding: chunked\r\n\r\n" : "\r\n";
}

void http_connection::stream(std::string_view bytes) {
  if (closed_ || bytes.empty()) return;
  (chunked_ ? stream_ : out_) += bytes;
}

void http_connection::end_stream() {
  if (closed_) return;
  flush();
  if (chunked_) out_ += "0\r\n\r\n";
  answered();
  flush();
}

void http_connection::answered() {
  close_when_sent_ = !keep_alive_;
  state_ = state::idle;
  since_us_ = now_us_;
  if (close_when_sent_ || (in_.size() == 0 && !ended_)) return;
  // The next request may have come already; it is taken up by the loop, since this may be called out of parse().
  asio::post(socket_.get_executor(), [self = shared_from_this()] { self->resume(); });
}

void http_connection::flush() {
  if (closed_) return;
  if (!stream_.empty()) {
    fmt::format_to(std::back_inserter(out_), "{:x}\r\n", stream_.size());
    out_ += stream_;
    out_ += "\r\n";
    stream_.clear();
  }
  if (waiting_) return update_held();
  if (tls_) {
    if (!tls_->send(out_)) return lost();
    out_.clear();
    if (close_when_sent_) tls_->end();
  }
  auto& wire = this->wire();
  while (sent_ < wire.size()) {
    error_code problem;
    const auto bytes = socket_.write_some(asio::buffer(wire.data() + sent_, wire.size() - sent_), problem);
    if (problem == asio::error::would_block || problem == asio::error::try_again) {
      wait_for_room();
      return update_held();
    }
    if (problem) return lost();
    sent_ += bytes;
  }
  wire.clear();
  sent_ = 0;
  update_held();
  if (close_when_sent_) linger();
}

// A client that still sends, a body too large for instance, would lose the answer if the connection were closed at once: what it sends is
// read and dropped until it has seen the end, for a moment at most.
void http_connection::linger() {
  if (state_ == state::lingering) return;
  error_code ignored;
  socket_.shutdown(socket::shutdown_send, ignored);
  state_ = state::lingering;
  since_us_ = now_us_;
  in_.consume(in_.size());
  if (ended_) return lost();
  read_more();
}

void http_connection::wait_for_room() {
  waiting_ = true;
  progress_us_ = now_us_;
  if (sent_ > wire().size() / 2) {
    wire().erase(0, sent_);
    sent_ = 0;
  }
  socket_.async_wait(socket::wait_write, [self = shared_from_this()](const error_code& problem) {
    self->waiting_ = false;
    if (self->closed_) return;
    if (problem) return self->lost();
    self->flush();
  });
}

// A stream that grows beyond the buffer is cut. Whole answers are as large as they are: the next request waits until they have left.
void http_connection::update_held() {
  const auto waiting = waiting_bytes();
  if (state_ == state::answering && waiting > limits_.buffer_bytes) return lost();
  const bool held = held_ ? waiting > 0 : waiting > limits_.buffer_bytes / 2;
  if (held == held_) return;
  held_ = held;
  events_.on_held(*this, held);
  if (!held_) asio::post(socket_.get_executor(), [self = shared_from_this()] { self->resume(); });
}

// Room is only told of when a good part of what the system holds was taken; whoever reads slowly takes some meanwhile.
bool http_connection::client_reads() {
  int queued = 0;
  if (ioctl(socket_.native_handle(), SIOCOUTQ, &queued) != 0) return false;
  return queued < std::exchange(queued_, queued);
}

void http_connection::tick(std::uint64_t now_us) {
  now_us_ = now_us;
  constexpr std::uint64_t linger_us = 2'000'000;
  if (closed_) return;
  if (state_ == state::lingering && now_us >= since_us_ + linger_us) return lost();
  if (waiting_ && client_reads()) progress_us_ = now_us;
  if (waiting_ && now_us >= progress_us_ + limits_.stall_us) return lost();
  if (tls_ && !tls_->established() && now_us >= since_us_ + limits_.request_us) return lost();
  if (state_ == state::idle && !waiting_ && now_us >= since_us_ + limits_.idle_us) return lost();
  if (state_ == state::reading && now_us >= since_us_ + limits_.request_us) refuse(408, fmt::format("the request did not come to its end within {} ms", limits_.request_us / 1000));
}

} // namespace tokamak::frontend
