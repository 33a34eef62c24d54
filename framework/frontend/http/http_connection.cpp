// Reading by Beast's parser, which is fed what comes; writing straight to the socket, and waiting only if that takes no more.
#include "frontend/http/http_connection.hpp"

#include "frontend/openai/api_error.hpp"

#include <boost/asio/buffer.hpp>

#include <fmt/format.h>

#include <array>

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
  if (reading_ || closed_ || (state_ == state::answering && in_.size() >= piece)) return;
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
  else if (state_ != state::answering) parse();
  if (problem && problem != asio::error::would_block) return lost();
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
  return result == tls_session::state::good ? error_code{} : asio::error::eof;
}

void http_connection::parse() {
  while ((state_ == state::idle || state_ == state::reading) && in_.size() > 0 && !closed_) {
    if (state_ == state::idle) {
      parser_.emplace();
      parser_->header_limit(limits_.header_bytes);
      parser_->body_limit(limits_.body_bytes);
      parser_->eager(true);
      state_ = state::reading;
      since_us_ = now_us_;
      continued_ = false;
    }
    error_code problem;
    const auto used = parser_->put(in_.data(), problem);
    in_.consume(used);
    if (problem == http::error::need_more) problem = {};
    if (problem == http::error::body_limit) return refuse(413, fmt::format("the body is larger than {} bytes", limits_.body_bytes));
    if (problem == http::error::header_limit) return refuse(431, fmt::format("the header is larger than {} bytes", limits_.header_bytes));
    if (problem) return refuse(400, fmt::format("this is no HTTP request: {}", problem.message()));
    if (parser_->is_header_done() && !parser_->is_done() && !continued_ && http::token_list(parser_->get()[http::field::expect]).exists("100-continue")) {
      continued_ = true;
      out_ += "HTTP/1.1 100 Continue\r\n\r\n";
      flush();
    }
    if (!parser_->is_done()) {
      if (used == 0) return;
      continue;
    }
    auto message = parser_->release();
    parser_.reset();
    keep_alive_ = message.keep_alive();
    chunked_ = message.version() >= 11;
    head_only_ = message.method() == http::verb::head;
    state_ = state::answering;
    http_request request;
    request.method = std::string(message.method_string());
    const std::string_view target(message.target().data(), message.target().size());
    if (!decode_path(target.substr(0, target.find('?')), request.path)) return refuse(400, "the path has a broken % escape");
    request.body = std::move(message.body());
    request.fields = std::move(static_cast<http::fields&>(message));
    events_.on_request(*this, std::move(request));
  }
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

void write_head(std::string& out, const http_response& response, bool keep_alive) {
  fmt::format_to(std::back_inserter(out), "HTTP/1.1 {} {}\r\nContent-Type: {}\r\n", response.status, reason_of(response.status), response.type);
  for (const auto& [name, value] : response.fields) fmt::format_to(std::back_inserter(out), "{}: {}\r\n", name, value);
  if (!keep_alive) out += "Connection: close\r\n";
}

} // namespace

void http_connection::respond(http_response response) {
  if (closed_) return;
  write_head(out_, response, keep_alive_);
  fmt::format_to(std::back_inserter(out_), "Content-Length: {}\r\n\r\n", response.body.size());
  if (!head_only_) out_ += response.body;
  answered();
  flush();
}

void http_connection::begin_stream(http_response head) {
  if (closed_) return;
  if (!chunked_) keep_alive_ = false; // HTTP/1.0: the end of the connection is that of the answer
  write_head(out_, head, keep_alive_);
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
  if (close_when_sent_ || in_.size() == 0) return;
  // The next request may have come already; it is taken up by the loop, since this may be called out of parse().
  asio::post(socket_.get_executor(), [self = shared_from_this()] {
    if (self->closed_) return;
    self->parse();
    self->read_more();
  });
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

void http_connection::update_held() {
  const auto waiting = waiting_bytes();
  if (waiting > limits_.buffer_bytes) return lost();
  const bool held = held_ ? waiting > 0 : waiting > limits_.buffer_bytes / 2;
  if (held == held_) return;
  held_ = held;
  events_.on_held(*this, held);
}

void http_connection::tick(std::uint64_t now_us) {
  now_us_ = now_us;
  constexpr std::uint64_t linger_us = 2'000'000;
  if (closed_) return;
  if (state_ == state::lingering && now_us >= since_us_ + linger_us) return lost();
  if (waiting_ && now_us >= progress_us_ + limits_.stall_us) return lost();
  if (tls_ && !tls_->established() && now_us >= since_us_ + limits_.request_us) return lost();
  if (state_ == state::idle && !waiting_ && now_us >= since_us_ + limits_.idle_us) return lost();
  if (state_ == state::reading && now_us >= since_us_ + limits_.request_us) refuse(408, fmt::format("the request did not come to its end within {} ms", limits_.request_us / 1000));
}

} // namespace tokamak::frontend
