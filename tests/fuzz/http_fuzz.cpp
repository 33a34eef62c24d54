// Fuzzes the HTTP frontend from a client's bytes to its endpoints' frames and back, without a network and without time. The input is a list of
// steps, two bytes and what they say: the client sends, reads, waits or goes; an endpoint answers. Every request is answered once, what is sent
// reads as HTTP, and nothing is left running when the client has gone.
#include <boost/beast/http.hpp>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <deque>
#include <map>
#include <nlohmann/json.hpp>

#include "frontend/http/http_exchanges.hpp"
#include "message/wire_error.hpp"
#include "unit/http_frontend/loopback.hpp"

using namespace tokamak;
using namespace tokamak::frontend;

namespace {

void require(bool good) {
  if (!good) std::abort();
}

// Small ones, so that an input of a few hundred bytes reaches them.
constexpr http_limits limits{.header_bytes = 512, .body_bytes = 1024, .buffer_bytes = 4096, .idle_us = 75, .request_us = 30, .stall_us = 60};

http_settings settings() {
  return {.name = "http", .version = "1", .endpoint_names = {"m", "other"}, .keys = *api_keys::parse("a 0123456789abcdef", "keys"), .cors_origins = {"*"}};
}

class client final : http_connection_events, http_effects {
public:
  client() { pair_.connection->start(0); }

  void step(std::uint8_t what, std::uint8_t n, std::string_view& rest) {
    switch (what % 12) {
      case 0:
      case 1:
      case 2: { // what it sends next
        const auto bytes = rest.substr(0, n);
        rest.remove_prefix(bytes.size());
        pair_.send(bytes);
        break;
      }
      case 3: pair_.send(generation[n % std::size(generation)]); break;
      case 4: read(n * 64u); break;
      case 5: pair_.tick(now_ += n); break;
      case 6: pair_.shut(); break;
      case 7: pair_.end(); break;
      case 8: chunk(n, wire::FinishReason::none); break;
      case 9: chunk(n, wire::FinishReason::stop); break;
      case 10: n % 8 == 0 ? lose(n / 8 % 2) : chunk(n, wire::FinishReason::error); break;
      case 11: reply(); break;
    }
    pair_.connection->flush();
    pair_.run();
  }

  void finish() {
    read(SIZE_MAX);
    pair_.end();
    while (!models_.empty() || !status_.empty()) reply(); // what is looked up does come
    pair_.run();
    pair_.tick(now_ += 1'000'000'000);
    pair_.tick(now_ += 1'000'000'000);
    require(closed_);
    require(exchanges_.n_running() == 0 && open_.empty());
    require(exchanges_.counts().http_requests == requests_);
  }

private:
  // Requests that a fuzzer would take long to find.
  static constexpr std::string_view generation[] = {
      "POST /v1/completions HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer 0123456789abcdef\r\nContent-Type: application/json\r\nContent-Length: 43\r\n\r\n"
      R"({"model":"m","prompt":"x","stream":true    })",
      "POST /v1/completions HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer 0123456789abcdef\r\nContent-Type: application/json\r\nContent-Length: 44\r\n\r\n"
      R"({"model":"m","prompt":["x","y"],   "n":    2})",
      "POST /v1/chat/completions HTTP/1.0\r\nAuthorization: Bearer 0123456789abcdef\r\nContent-Type: application/json\r\nContent-Length: 74\r\n\r\n"
      R"({"model":"other","messages":[{"role":"user","content":"x"}],"stream":true})",
      "GET /status HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer 0123456789abcdef\r\n\r\n",
      "GET /v1/models HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer 0123456789abcdef\r\n\r\n",
      "HEAD /health HTTP/1.1\r\nHost: h\r\n\r\n",
  };

  void chunk(std::uint8_t n, wire::FinishReason finish) {
    if (open_.empty()) return;
    wire::ChunksT m;
    for (int i = 0; i < (n % 4 == 3 ? 40 : 1); ++i) {
      m.items.push_back(std::make_unique<wire::ChunkT>());
      m.items.back()->id = std::next(open_.begin(), n % open_.size())->first;
      m.items.back()->tokens = {1};
      m.items.back()->text = std::string(n, '"');
    }
    auto& last = *m.items.back();
    last.finish = finish;
    if (finish == wire::FinishReason::error) last.error = to_wire({static_cast<errc>(n % 16), "it \"broke\"", {}});
    if (finish != wire::FinishReason::none) open_.erase(last.id);
    exchanges_.chunks(*make_frame<wire::Chunks>(m));
  }

  void lose(std::size_t endpoint) {
    std::erase_if(open_, [&](const auto& sequence) { return sequence.second == endpoint; });
    exchanges_.endpoint_lost(endpoint);
  }

  void reply() {
    if (!models_.empty()) {
      wire::ModelListT m;
      m.op = models_.front();
      models_.pop_front();
      m.models.push_back(std::make_unique<wire::ModelInfoT>());
      m.models.back()->name = "m";
      exchanges_.reply(*make_frame<wire::ModelList>(m));
    } else if (!status_.empty()) {
      wire::StatusReportT m;
      m.op = status_.front();
      status_.pop_front();
      exchanges_.reply(*make_frame<wire::StatusReport>(m));
    }
  }

  // What comes is a row of answers, each of them whole, unless the connection was cut.
  void read(std::size_t most) {
    in_ += pair_.received(most);
    namespace http = boost::beast::http;
    while (!in_.empty()) {
      http::response_parser<http::string_body> parser;
      parser.eager(true);
      parser.body_limit(boost::none);
      if (!heads_.empty() && heads_.front() && !in_.starts_with("HTTP/1.1 100 ") && !in_.starts_with("HTTP/1.1 408 ")) parser.skip(true);
      boost::system::error_code problem;
      const auto used = parser.put(boost::asio::buffer(in_), problem);
      if (problem == http::error::need_more) return;
      require(!problem);
      if (!parser.is_done()) return; // the rest comes with the end, or has yet to come
      const auto& message = parser.get();
      if (message.result_int() != 100) {
        require(message.result_int() >= 200 && message.count(http::field::date) == 1);
        if (message[http::field::content_type] == "application/json" && !message.body().empty()) require(nlohmann::json::accept(message.body()));
        if (!heads_.empty()) heads_.pop_front();
      }
      in_.erase(0, used);
    }
  }

  void answered() {
    require(asked_);
    asked_ = false;
  }

  // --- http_connection_events
  void on_request(http_connection& c, http_request r) override {
    require(!closed_ && !asked_);
    asked_ = true;
    ++requests_;
    heads_.push_back(r.method == "HEAD");
    exchanges_.request(c.number(), std::move(r), 1'000'000'000);
  }
  bool on_end(http_connection& c) override { return !exchanges_.generates(c.number()); }
  void on_closed(http_connection& c) override {
    require(!closed_);
    closed_ = true;
    exchanges_.closed(c.number());
  }
  void on_held(http_connection& c, bool held) override { exchanges_.held(c.number(), held); }
  std::string_view date() override { return "Sun, 06 Nov 1994 08:49:37 GMT"; }

  // --- http_effects
  void respond(std::uint64_t, http_response response) override {
    answered();
    if (!closed_) pair_.connection->respond(std::move(response));
  }
  void begin_stream(std::uint64_t, http_response head) override {
    require(asked_);
    pair_.connection->begin_stream(std::move(head));
  }
  void stream(std::uint64_t, std::string_view bytes) override {
    require(asked_);
    pair_.connection->stream(bytes);
  }
  void end_stream(std::uint64_t) override {
    answered();
    if (!closed_) pair_.connection->end_stream();
  }
  void to_endpoint(std::size_t endpoint, frame_of<wire::Open> m) override { require(open_.emplace(m->id(), endpoint).second && m->tenant()->str() == "a"); }
  void to_endpoint(std::size_t, frame_of<wire::Close> m) override { open_.erase(m->id()); }
  void to_endpoint(std::size_t endpoint, frame_of<wire::Flow> m) override {
    for (const auto id : *m->ids()) require(!open_.contains(id) || open_.at(id) == endpoint);
  }
  void ask_models(std::uint64_t op) override { models_.push_back(op); }
  void ask_status(std::uint64_t op) override { status_.push_back(op); }

  sequence_ids ids_;
  http_exchanges exchanges_{settings(), ids_, *this};
  std::map<std::uint64_t, std::size_t> open_; ///< sequences, and where
  std::deque<std::uint64_t> models_, status_; ///< questions
  std::deque<bool> heads_;                    ///< of each request whose answer was not read yet: asked with HEAD
  std::string in_;
  std::uint64_t now_ = 0, requests_ = 0;
  bool asked_ = false, closed_ = false;
  loopback pair_{limits, *this};
};

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string_view rest(reinterpret_cast<const char*>(data), size);
  client c;
  for (int steps = 0; rest.size() >= 2 && steps < 200; ++steps) {
    const auto what = static_cast<std::uint8_t>(rest[0]), n = static_cast<std::uint8_t>(rest[1]);
    rest.remove_prefix(2);
    c.step(what, n, rest);
  }
  c.finish();
  return 0;
}
