// What clients ask over HTTP, and what they are answered, without sockets or actors: requests in, frames to endpoints out, and back
// (DESIGN.md 5, step 1). One exchange at most runs on a connection. All of a request is hostile. Pure; single-threaded but for large bodies, which
// are read in the background.
#pragma once

#include "frontend/http/api_keys.hpp"
#include "frontend/http/http_message.hpp"
#include "frontend/openai/answer.hpp"
#include "frontend/openai/fields.hpp"
#include "message/background.hpp"
#include "message/sequence_ids.hpp"
#include "model/card.hpp"

#include <map>
#include <memory>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

namespace tokamak::frontend {

struct http_settings {
  std::string name;                            ///< the frontend's
  std::string version;                         ///< of this program
  std::vector<std::string> endpoint_names;     ///< what requests call `model`, aliases too
  std::string only_model = {};                 ///< what requests ask for that name no model; "": there are several
  std::vector<std::shared_ptr<const model_card>> cards = {}; ///< of each endpoint, for its tokenizer; null where pools differ or are elsewhere
  std::map<std::string, std::string> models = {}; ///< of each engine, the name that clients ask for: for metrics
  std::optional<api_keys> keys = {};           ///< none: anybody may ask
  std::vector<std::string> cors_origins = {};  ///< web pages that may ask; "*": all
  std::uint32_t retry_after_s = 1;             ///< what clients are told who come too early
};

/// Called during exchanges' functions, on their thread. What is sent may show that a client has gone or reads slowly: then respond() and
/// end_stream() call closed() or held() before they return. `connection`: its number.
class http_effects {
public:
  virtual ~http_effects() = default;
  virtual void respond(std::uint64_t connection, http_response response) = 0;
  virtual void begin_stream(std::uint64_t connection, http_response head) = 0;
  virtual void stream(std::uint64_t connection, std::string_view bytes) = 0;
  virtual void end_stream(std::uint64_t connection) = 0;
  virtual void to_endpoint(std::size_t endpoint, frame_of<wire::Open> m) = 0;
  virtual void to_endpoint(std::size_t endpoint, frame_of<wire::Close> m) = 0;
  virtual void to_endpoint(std::size_t endpoint, frame_of<wire::Flow> m) = 0;
  virtual void ask_models(std::uint64_t op) = 0; ///< answered by reply()
  virtual void ask_status(std::uint64_t op) = 0; ///< answered by reply()
  virtual void background(background_work work) { work()(); } ///< done elsewhere, its rest on this thread
};

class http_exchanges {
public:
  http_exchanges(http_settings settings, sequence_ids& ids, http_effects& effects);

  /// A request; `unix_s` is the time of day.
  void request(std::uint64_t connection, http_request request, std::int64_t unix_s);
  /// Chunks of an endpoint.
  void chunks(const wire::Chunks& m);
  void reply(const wire::ModelList& m);
  void reply(const wire::StatusReport& m);
  /// The connection is gone: what it asked for is cancelled.
  void closed(std::uint64_t connection);
  /// The client reads slowly (`held`), or no longer: its sequences pause, or go on.
  void held(std::uint64_t connection, bool held);
  void endpoint_lost(std::size_t endpoint);

  struct counters {
    std::uint64_t http_requests = 0, requests = 0, refused = 0, cancelled = 0, chunks = 0, tokens = 0;
  };
  const counters& counts() const { return counts_; }
  /// What the connection asked for is being generated.
  bool generates(std::uint64_t connection) const { return running_.contains(connection) || reading_.contains(connection); }
  std::size_t n_running() const { return running_.size(); }

private:
  /// What reading a body needs. Immutable; any thread.
  struct service_parts {
    http_settings settings;
    std::vector<openai::model_dialect> dialects = {}; ///< of each endpoint's model

    struct readied {
      openai::generation_request request;
      std::size_t endpoint;
    };
    using answer_body = tl::expected<std::string, openai::api_error>;
    tl::expected<readied, openai::api_error> read(openai::api kind, std::string_view body) const;
    answer_body tokens_of(std::string_view body, std::int64_t unix_s) const;
    answer_body text_of(std::string_view body) const;
    /// Of the body's `model`; null: `found` says why.
    const model_card* card_of(openai::fields& in) const;
    openai::api_error unknown_model(std::string_view name) const;
    std::optional<std::size_t> endpoint_of(std::string_view name) const;
  };
  struct exchange {
    std::size_t endpoint;
    bool stream;
    bool begun = false; ///< the head has left
    std::vector<std::uint64_t> sequences; ///< those that still run
    std::string request_id;
    std::string origin; ///< of a web page, if it may see the answer
    std::unique_ptr<openai::answer> answer;
  };
  struct sequence {
    std::uint64_t connection;
    std::size_t choice;
  };
  enum class question : std::uint8_t { models, model, metrics, ready, status };
  struct asked {
    std::uint64_t connection;
    question what;
    std::string model, request_id, origin;
  };
  /// Of a request: what every answer to it has in its head.
  struct marks {
    std::string request_id, origin;
  };

  /// Calls `read` with the body, in the background if that is large, and then `then` with what came of it, unless the connection is gone.
  template <class Read, class Then>
  void read_body(std::uint64_t connection, std::string body, Read read, Then then);
  void generate(std::uint64_t connection, openai::api kind, std::string body, marks marks, std::string owner, std::int64_t unix_s);
  void begin(std::uint64_t connection, service_parts::readied readied, marks marks, const std::string& owner, std::int64_t unix_s);
  void ask(std::uint64_t connection, question what, std::string model, marks marks);
  void preflight(std::uint64_t connection, const http_request& request, const marks& marks);
  void respond(std::uint64_t connection, const marks& marks, int status, std::string body, std::string_view type = "application/json");
  void refuse(std::uint64_t connection, const marks& marks, const openai::api_error& why, std::string_view allow = {});
  void put_marks(http_response& response, const marks& marks) const;
  void put_retry(http_response& response) const;
  bool allows(std::string_view origin) const;
  void take(const wire::Chunk& chunk);
  void end(std::unordered_map<std::uint64_t, exchange>::iterator it);
  void cancel(exchange& e);
  void pause(const exchange& e, bool paused);

  std::shared_ptr<const service_parts> parts_;
  const http_settings& settings_;
  sequence_ids& ids_;
  http_effects& effects_;
  std::unordered_map<std::uint64_t, exchange> running_; ///< by connection
  std::unordered_map<std::uint64_t, std::uint64_t> reading_; ///< numbers of readings in the background, by connection
  std::uint64_t last_reading_ = 0;
  std::unordered_map<std::uint64_t, sequence> sequences_;
  std::map<std::uint64_t, asked> asked_;
  std::set<std::uint64_t> held_; ///< connections
  std::string piece_; ///< of an answer, on its way out
  counters counts_;
};

template <class Read, class Then>
void http_exchanges::read_body(std::uint64_t connection, std::string body, Read read, Then then) {
  constexpr std::size_t short_body_bytes = 64 << 10; // a millisecond or few of work
  if (body.size() <= short_body_bytes) return then(read(*parts_, body));
  const auto number = ++last_reading_;
  reading_[connection] = number;
  effects_.background([this, connection, number, read, then, parts = parts_, text = std::move(body)] {
    auto result = std::make_shared<decltype(read(*parts, text))>(read(*parts, text));
    return [this, connection, number, then, result] {
      const auto it = reading_.find(connection);
      if (it == reading_.end() || it->second != number) return; // gone meanwhile
      reading_.erase(it);
      then(std::move(*result));
    };
  });
}

} // namespace tokamak::frontend
