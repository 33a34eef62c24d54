// Generation: a request becomes one sequence a choice; their chunks become events or one body. The routes are in http_routes.cpp.
#include "frontend/http/http_exchanges.hpp"

#include "base/nearest_name.hpp"
#include "fusion/admission.hpp"
#include "message/wire_error.hpp"

#include <algorithm>

namespace tokamak::frontend {

http_exchanges::http_exchanges(http_settings settings, sequence_ids& ids, http_effects& effects)
    : parts_([&] {
        auto parts = std::make_shared<service_parts>(service_parts{std::move(settings)});
        for (const auto& card : parts->settings.cards) parts->dialects.push_back(openai::model_dialect::of(card));
        parts->dialects.resize(parts->settings.endpoint_names.size());
        return parts;
      }()),
      settings_(parts_->settings), ids_(ids), effects_(effects) {}

std::optional<std::size_t> http_exchanges::service_parts::endpoint_of(std::string_view name) const {
  const auto found = std::find(settings.endpoint_names.begin(), settings.endpoint_names.end(), name);
  if (found == settings.endpoint_names.end()) return std::nullopt;
  return static_cast<std::size_t>(found - settings.endpoint_names.begin());
}

openai::api_error http_exchanges::service_parts::unknown_model(std::string_view name) const {
  const auto shown = std::string(name.substr(0, 64));
  return {404, "invalid_request_error", fmt::format("no model '{}'{}", shown, known_names(shown, settings.endpoint_names)), "model", "model_not_found"};
}

tl::expected<http_exchanges::service_parts::readied, openai::api_error> http_exchanges::service_parts::read(openai::api kind, std::string_view body) const {
  auto request = openai::read_request(kind, body, settings.only_model);
  if (!request) return tl::unexpected(std::move(request.error()));
  const auto endpoint = endpoint_of(request->model);
  if (!endpoint) return tl::unexpected(unknown_model(request->model));
  if (auto wrong = openai::adapt(*request, dialects[*endpoint])) return tl::unexpected(std::move(*wrong));
  return readied{std::move(*request), *endpoint};
}

namespace {

// The owner of a key pays; whom it serves, the request's `user`, stays as a label.
void set_tenant(wire::OpenT& open, const std::string& owner) {
  const auto user = std::exchange(open.tenant, owner);
  const bool labelled = std::any_of(open.metadata.begin(), open.metadata.end(), [](const auto& label) { return label->key == "user"; });
  if (user.empty() || labelled || open.metadata.size() >= fusion::max_metadata_entries) return;
  auto& label = open.metadata.emplace_back(std::make_unique<wire::LabelT>());
  label->key = "user";
  label->value = user;
}

} // namespace

void http_exchanges::generate(std::uint64_t connection, openai::api kind, std::string body, marks marks, std::string owner, std::int64_t unix_s) {
  read_body(
      connection, std::move(body), [kind](const service_parts& parts, std::string_view text) { return parts.read(kind, text); },
      [=, this](auto read) { read ? begin(connection, std::move(*read), marks, owner, unix_s) : refuse(connection, marks, read.error()); });
}

void http_exchanges::begin(std::uint64_t connection, service_parts::readied readied, marks marks, const std::string& owner, std::int64_t unix_s) {
  auto& [request, endpoint] = readied;
  exchange e{endpoint, request.stream, false, {}, marks.request_id, marks.origin, nullptr};
  auto opens = std::move(request.opens);
  const auto prefix = request.kind == openai::api::chat_completions ? "chatcmpl-" : request.kind == openai::api::completions ? "cmpl-" : "resp_";
  e.answer = std::make_unique<openai::answer>(std::move(request), prefix + marks.request_id, unix_s);
  for (std::size_t i = 0; i < opens.size(); ++i) {
    auto& open = opens[i];
    open.id = ids_.next();
    open.target = settings_.endpoint_names[endpoint];
    open.trace = marks.request_id;
    if (!owner.empty()) set_tenant(open, owner);
    e.sequences.push_back(open.id);
    sequences_.emplace(open.id, sequence{connection, i});
  }
  counts_.requests += opens.size();
  const auto& running = running_.insert_or_assign(connection, std::move(e)).first->second;
  for (const auto& open : opens) effects_.to_endpoint(endpoint, make_frame<wire::Open>(open));
  if (held_.contains(connection)) pause(running, true); // the answer before is still on its way
}

void http_exchanges::chunks(const wire::Chunks& m) {
  for (std::uint32_t i = 0; m.items() && i < m.items()->size(); ++i) take(*m.items()->Get(i));
}

void http_exchanges::take(const wire::Chunk& chunk) {
  const auto known = sequences_.find(chunk.id());
  if (known == sequences_.end()) return; // cancelled meanwhile
  const auto [connection, choice] = known->second;
  const auto it = running_.find(connection);
  auto& e = it->second;
  ++counts_.chunks;
  if (chunk.tokens()) counts_.tokens += chunk.tokens()->size();
  if (chunk.finish() != wire::FinishReason::none) {
    std::erase(e.sequences, chunk.id());
    sequences_.erase(known);
  }
  piece_.clear();
  e.answer->take(choice, chunk, piece_);
  // An answer that fails before it began has an error's status, and so has one that is told as a whole.
  if (e.answer->failure() && (!e.stream || !e.begun)) {
    const auto why = *e.answer->failure();
    const marks of{e.request_id, e.origin};
    cancel(e);
    running_.erase(it);
    return refuse(connection, of, why);
  }
  if (e.stream && !piece_.empty()) {
    if (!e.begun) {
      http_response head;
      head.type = "text/event-stream";
      head.fields.emplace_back("Cache-Control", "no-cache");
      put_marks(head, {e.request_id, e.origin});
      effects_.begin_stream(connection, std::move(head));
      e.begun = true;
    }
    effects_.stream(connection, piece_);
  }
  if (e.answer->finished() || (e.stream && e.answer->failure())) end(it);
}

void http_exchanges::end(std::unordered_map<std::uint64_t, exchange>::iterator it) {
  const auto connection = it->first;
  auto e = std::move(it->second);
  cancel(e); // other choices of one that failed
  running_.erase(it);
  if (e.stream) effects_.end_stream(connection);
  else respond(connection, {e.request_id, e.origin}, 200, e.answer->body());
}

void http_exchanges::cancel(exchange& e) {
  for (const auto id : e.sequences) {
    ++counts_.cancelled;
    sequences_.erase(id);
    wire::CloseT m;
    m.id = id;
    effects_.to_endpoint(e.endpoint, make_frame<wire::Close>(m));
  }
  e.sequences.clear();
}

void http_exchanges::closed(std::uint64_t connection) {
  held_.erase(connection);
  reading_.erase(connection);
  std::erase_if(asked_, [&](const auto& question) { return question.second.connection == connection; });
  const auto it = running_.find(connection);
  if (it == running_.end()) return;
  cancel(it->second);
  running_.erase(it);
}

void http_exchanges::held(std::uint64_t connection, bool held) {
  held ? (void)held_.insert(connection) : (void)held_.erase(connection);
  if (const auto it = running_.find(connection); it != running_.end()) pause(it->second, held);
}

void http_exchanges::pause(const exchange& e, bool paused) {
  if (e.sequences.empty()) return;
  wire::FlowT m;
  m.ids = e.sequences;
  m.paused = paused;
  effects_.to_endpoint(e.endpoint, make_frame<wire::Flow>(m));
}

void http_exchanges::endpoint_lost(std::size_t endpoint) {
  std::vector<std::uint64_t> ids;
  for (const auto& [id, s] : sequences_)
    if (running_.at(s.connection).endpoint == endpoint) ids.push_back(id);
  for (const auto id : ids) {
    wire::ChunksT lost;
    lost.items.push_back(std::make_unique<wire::ChunkT>());
    lost.items.back()->id = id;
    lost.items.back()->finish = wire::FinishReason::error;
    lost.items.back()->error = to_wire({errc::unavailable, fmt::format("endpoint '{}' was lost", settings_.endpoint_names[endpoint]), {}});
    chunks(*make_frame<wire::Chunks>(lost));
  }
}

void http_exchanges::put_retry(http_response& response) const {
  if (response.status == 429 || response.status == 503) response.fields.emplace_back("Retry-After", std::to_string(settings_.retry_after_s));
}

void http_exchanges::put_marks(http_response& response, const marks& marks) const {
  response.fields.emplace_back("X-Request-Id", marks.request_id);
  if (marks.origin.empty()) return;
  response.fields.emplace_back("Access-Control-Allow-Origin", marks.origin);
  response.fields.emplace_back("Access-Control-Expose-Headers", "X-Request-Id");
  response.fields.emplace_back("Vary", "Origin");
}

void http_exchanges::respond(std::uint64_t connection, const marks& marks, int status, std::string body, std::string_view type) {
  http_response response;
  response.status = status;
  response.type = type;
  response.body = std::move(body);
  put_retry(response);
  put_marks(response, marks);
  effects_.respond(connection, std::move(response));
}

void http_exchanges::refuse(std::uint64_t connection, const marks& marks, const openai::api_error& why, std::string_view allow) {
  ++counts_.refused;
  http_response response;
  response.status = why.status;
  response.body = openai::body_of(why);
  put_retry(response);
  if (!allow.empty()) response.fields.emplace_back("Allow", allow);
  if (why.status == 401) response.fields.emplace_back("WWW-Authenticate", "Bearer");
  put_marks(response, marks);
  effects_.respond(connection, std::move(response));
}

} // namespace tokamak::frontend
