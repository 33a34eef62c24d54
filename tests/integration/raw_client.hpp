// A client without manners: frames as they are, nothing checked, nothing acknowledged unless told to.
#pragma once

#include "patience.hpp"

#include "message/frame.hpp"

#include <doctest/doctest.h>
#include <zmq.h>

#include <chrono>
#include <optional>
#include <string>

namespace tokamak::test {

class raw_client {
public:
  /// `deaf`: with hardly any room for what it does not read.
  explicit raw_client(const std::string& address, bool deaf = false)
      : context_(zmq_ctx_new()), socket_(zmq_socket(context_, ZMQ_DEALER)) {
    if (deaf) {
      set(ZMQ_RCVHWM, 1);
      set(ZMQ_RCVBUF, 4096);
    }
    set(ZMQ_LINGER, 0);
    set(ZMQ_RCVTIMEO, 10'000);
    REQUIRE(zmq_connect(socket_, address.c_str()) == 0);
  }
  ~raw_client() {
    zmq_close(socket_);
    zmq_ctx_term(context_);
  }
  raw_client(const raw_client&) = delete;
  raw_client& operator=(const raw_client&) = delete;

  template <class T>
  void send(const typename T::NativeTableType& message) {
    std::byte header[frame_header::size];
    frame_header{frame_type_of<T>}.write(header);
    const auto frame = make_frame<T>(message);
    REQUIRE(zmq_send(socket_, header, sizeof header, ZMQ_SNDMORE) == sizeof header);
    REQUIRE(zmq_send(socket_, frame.bytes().data(), frame.bytes().size(), 0) >= 0);
  }

  struct message {
    frame_type type = frame_type::none;
    std::string body;
  };
  /// Nothing within `limit` times `patience`: empty.
  std::optional<message> receive(std::chrono::milliseconds limit = std::chrono::seconds(10)) {
    zmq_pollitem_t item{socket_, 0, ZMQ_POLLIN, 0};
    if (zmq_poll(&item, 1, (limit * patience).count()) <= 0) return std::nullopt;
    const auto head = part();
    auto header = frame_header::read(std::as_bytes(std::span(head)));
    REQUIRE(header);
    return message{header->type, part()};
  }

  /// The next chunk of any request; those of one frame one after the other.
  std::optional<wire::ChunkT> chunk(std::chrono::milliseconds limit = std::chrono::seconds(10)) {
    while (next_ >= chunks_.items.size()) {
      const auto m = receive(limit);
      if (!m) return std::nullopt;
      if (m->type != frame_type::Chunks) continue;
      auto frame = read_frame<wire::Chunks>(std::as_bytes(std::span(m->body)));
      REQUIRE(frame);
      chunks_ = frame->unpack();
      next_ = 0;
    }
    return std::move(*chunks_.items[next_++]);
  }

  /// Reads until at least `n` tokens came or the answer ended: how many.
  std::size_t read_tokens(std::size_t n) {
    std::size_t tokens = 0;
    while (tokens < n) {
      const auto c = chunk(std::chrono::seconds(30));
      if (!c) break;
      tokens += c->tokens.size();
      if (c->finish != wire::FinishReason::none) break;
    }
    return tokens;
  }

  /// The tokens until no chunk comes for `quiet`, or the last one.
  std::size_t read_until_quiet(std::chrono::milliseconds quiet, std::optional<wire::ChunkT>* last = nullptr) {
    std::size_t tokens = 0;
    while (auto c = chunk(quiet)) {
      tokens += c->tokens.size();
      if (c->finish == wire::FinishReason::none) continue;
      if (last) *last = std::move(c);
      break;
    }
    return tokens;
  }

  /// Of the last chunk of one request: "stop", "length" or "message (code)".
  std::string end_of(const wire::OpenT& request) {
    send<wire::Open>(request);
    for (;;) {
      auto c = chunk(std::chrono::seconds(60));
      REQUIRE(c);
      if (c->id != request.id || c->finish == wire::FinishReason::none) continue;
      if (c->error) return error{static_cast<errc>(c->error->code), c->error->message, c->error->where}.to_string();
      return wire::EnumNameFinishReason(c->finish);
    }
  }

private:
  void set(int option, int value) { zmq_setsockopt(socket_, option, &value, sizeof value); }
  std::string part() {
    zmq_msg_t m;
    zmq_msg_init(&m);
    REQUIRE(zmq_msg_recv(&m, socket_, 0) >= 0);
    std::string bytes(static_cast<const char*>(zmq_msg_data(&m)), zmq_msg_size(&m));
    zmq_msg_close(&m);
    return bytes;
  }

  void* context_;
  void* socket_;
  wire::ChunksT chunks_;
  std::size_t next_ = 0;
};

/// A greedy request of text, as small as can be.
inline wire::OpenT raw_request(std::uint64_t id, std::uint32_t max_tokens,
                               const std::string& prompt = "Once upon a time") {
  wire::OpenT m;
  m.id = id;
  m.target = "smollm2";
  m.prompt = std::make_unique<wire::PromptT>();
  m.prompt->text = prompt;
  m.sampling = std::make_unique<wire::SamplingT>();
  m.stops = std::make_unique<wire::StopsT>();
  m.generate = max_tokens;
  return m;
}

} // namespace tokamak::test
