// The public classes: thin handles over the I/O thread and the state they share with it.
#include "tokamak/client.hpp"

#include <string_view>

#include "io_loop.hpp"

namespace tokamak {

using client_detail::io_loop;
using client_detail::pending_answer;
using client_detail::session;
using client_detail::steady;
using client_detail::stream_state;

namespace {

// The service ends a request at its deadline; only a service that does not is waited for this much longer.
constexpr std::chrono::seconds deadline_grace{2};

client_error invalid(std::string message) { return {client_errc::invalid_argument, std::move(message), ""}; }

std::optional<client_error> check_options(const client_options& options) {
  if (options.connect_timeout.count() <= 0 || options.answer_timeout.count() <= 0)
    return invalid("connect_timeout and answer_timeout must be above 0 ms");
  if (options.liveness_interval.count() <= 0) return invalid("liveness_interval must be above 0 ms");
  if (options.heartbeat_interval.count() <= 0 || options.heartbeat_timeout < options.heartbeat_interval)
    return invalid("heartbeat_interval must be above 0 ms and heartbeat_timeout no shorter");
  if (options.heartbeat_timeout.count() >= 6553600) return invalid("heartbeat_timeout must be below 6553600 ms");
  if (options.acknowledge_every == 0) return invalid("acknowledge_every must be at least 1");
  return std::nullopt;
}

std::optional<client_error> check_request(const client_request& request) {
  if (request.model.empty()) return invalid("no model is named");
  if (request.max_tokens == 0) return invalid("max_tokens is 0; expected at least 1");
  if (request.deadline.count() < 0) return invalid("the deadline lies in the past");
  if (const auto* tokens = std::get_if<std::vector<std::int32_t>>(&request.prompt.value); tokens && tokens->empty())
    return invalid("the prompt has no tokens");
  const auto* messages = std::get_if<std::vector<client_message>>(&request.prompt.value);
  if (messages && messages->empty()) return invalid("the prompt has no messages");
  const bool chat = messages || std::holds_alternative<client_json_messages>(request.prompt.value);
  if (!request.tools.empty() && !chat) return invalid("tools need a prompt of messages");
  if (!request.template_variables.empty() && !chat) return invalid("template variables need a prompt of messages");
  return std::nullopt;
}

template <class T>
client_result<T> ask(io_loop& io, client_detail::frame_type type, const std::function<client_detail::bytes(std::uint64_t)>& encode,
                     std::optional<std::chrono::milliseconds> limit) {
  const std::uint64_t op = io.new_id();
  auto answer = std::make_shared<pending_answer>();
  io.post([=, body = encode(op)](session& state, steady::time_point now) { state.ask(op, type, body, answer, now); });
  auto result = answer->wait(limit);
  if (!result) {
    io.post([=](session& state, steady::time_point) { state.forget_question(op); });
    return client_error{client_errc::deadline_exceeded,
                        "no answer within " + std::to_string(limit->count()) + " ms", ""};
  }
  if (!*result) return result->error();
  return std::get<T>(**std::move(result));
}

void append(client_answer& answer, const client_chunk& chunk) {
  answer.text += chunk.text;
  answer.token_ids.insert(answer.token_ids.end(), chunk.token_ids.begin(), chunk.token_ids.end());
  answer.logprobs.insert(answer.logprobs.end(), chunk.logprobs.begin(), chunk.logprobs.end());
  answer.top_logprobs.insert(answer.top_logprobs.end(), chunk.top_logprobs.begin(), chunk.top_logprobs.end());
  if (chunk.finish == client_finish::none) return;
  answer.finish = chunk.finish;
  answer.stop = chunk.stop;
  answer.usage = chunk.usage;
}

} // namespace

std::string_view to_string(client_errc code) {
  switch (code) {
    case client_errc::ok: return "ok";
    case client_errc::invalid_argument: return "invalid_argument";
    case client_errc::not_found: return "not_found";
    case client_errc::already_exists: return "already_exists";
    case client_errc::unsupported: return "unsupported";
    case client_errc::corrupt: return "corrupt";
    case client_errc::version_mismatch: return "version_mismatch";
    case client_errc::io: return "io";
    case client_errc::out_of_memory: return "out_of_memory";
    case client_errc::overloaded: return "overloaded";
    case client_errc::deadline_exceeded: return "deadline_exceeded";
    case client_errc::cancelled: return "cancelled";
    case client_errc::unavailable: return "unavailable";
    case client_errc::permission_denied: return "permission_denied";
    case client_errc::too_large: return "too_large";
    case client_errc::internal: return "internal";
  }
  return "unknown";
}

std::string client_error::to_string() const {
  const std::string text = message + " (" + std::string(tokamak::to_string(code)) + ")";
  return where.empty() ? text : where + ": " + text;
}

client_stream::client_stream(std::shared_ptr<io_loop> io, std::shared_ptr<stream_state> state)
    : io_(std::move(io)), state_(std::move(state)) {}

client_stream::client_stream(client_stream&&) noexcept = default;

client_stream& client_stream::operator=(client_stream&& other) noexcept {
  if (this == &other) return *this;
  cancel();
  io_ = std::move(other.io_);
  state_ = std::move(other.state_);
  return *this;
}

client_stream::~client_stream() { cancel(); }

std::uint64_t client_stream::id() const { return state_ ? state_->id() : 0; }

void client_stream::cancel() {
  if (!state_ || !state_->cancel()) return;
  io_->post([id = state_->id()](session& state, steady::time_point) { state.close(id); });
}

client_result<std::optional<client_chunk>> client_stream::next() {
  if (!state_) return std::optional<client_chunk>();
  auto event = state_->next();
  const std::uint64_t id = state_->id();
  if (event.close) {
    io_->post([id](session& state, steady::time_point) { state.close(id); });
  } else if (event.acknowledge) {
    io_->post([id, tokens = *event.acknowledge](session& state, steady::time_point) { state.acknowledge(id, tokens); });
  }
  if (auto* error = std::get_if<client_error>(&event.what)) return std::move(*error);
  if (auto* chunk = std::get_if<client_chunk>(&event.what)) return std::optional(std::move(*chunk));
  return std::optional<client_chunk>();
}

client::client(std::shared_ptr<io_loop> io) : io_(std::move(io)) {}
client::client(client&&) noexcept = default;

client& client::operator=(client&& other) noexcept {
  if (this == &other) return *this;
  if (io_) io_->stop();
  io_ = std::move(other.io_);
  return *this;
}

client::~client() {
  if (io_) io_->stop();
}

client_result<client> client::connect(std::string address, client_options options) {
  if (auto error = check_options(options)) return *std::move(error);
  auto io = io_loop::start(std::move(address), options);
  if (!io) return io.error();
  return client(*std::move(io));
}

client_result<client_stream> client::start(const client_request& request) {
  if (auto error = check_request(request)) return *std::move(error);
  stream_state::limits limits;
  limits.chunk_timeout = request.chunk_timeout.value_or(io_->options().chunk_timeout);
  limits.acknowledge_every = io_->options().acknowledge_every;
  if (request.deadline.count() > 0)
    limits.total = std::chrono::ceil<std::chrono::milliseconds>(request.deadline) + deadline_grace;
  const std::uint64_t id = io_->new_id();
  auto stream = std::make_shared<stream_state>(id, static_cast<std::uint32_t>(request.delivered.size()), limits);
  io_->post([stream, body = client_detail::encode_open(id, request)](session& state, steady::time_point now) mutable {
    state.open(stream, std::move(body), now);
  });
  return client_stream(io_, std::move(stream));
}

client_result<client_answer> client::generate(const client_request& request, const chunk_handler& on_chunk) {
  auto stream = start(request);
  if (!stream) return stream.error();
  client_answer answer;
  for (;;) {
    auto next = stream->next();
    if (!next) return next.error();
    if (!*next) return answer;
    const client_chunk& chunk = **next;
    append(answer, chunk);
    if (on_chunk && !on_chunk(chunk)) stream->cancel();
  }
}

client_result<std::vector<client_model>> client::list_models() {
  return ask<std::vector<client_model>>(*io_, client_detail::frame_type::list_models, client_detail::encode_list_models,
                                        io_->options().answer_timeout);
}

client_result<client_status> client::status() {
  return ask<client_status>(*io_, client_detail::frame_type::status_request, client_detail::encode_status_request,
                            io_->options().answer_timeout);
}

// Its deadline is the service's; should the service vanish, silence ends the connection, and the question with it.
client_result<client_drained> client::drain(const std::string& node) {
  return ask<client_drained>(*io_, client_detail::frame_type::drain,
                             [&](std::uint64_t op) { return client_detail::encode_drain(op, node); }, std::nullopt);
}

} // namespace tokamak
