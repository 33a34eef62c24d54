// Which path and method is what. Everything but generation is answered here: lists, state, metrics, tokens and text.
#include "frontend/http/http_exchanges.hpp"

#include "frontend/http/prometheus.hpp"
#include "frontend/http/web_page.hpp"

#include <boost/beast/core/string.hpp>

#include <algorithm>

namespace tokamak::frontend {

namespace {

nlohmann::json model_entry(const wire::ModelInfo& model, const std::string& name) {
  nlohmann::json entry{{"id", name}, {"object", "model"}, {"created", 0}, {"owned_by", "tokamak"}, {"max_model_len", model.context_length()}};
  if (name != model.name()->str()) entry["root"] = model.name()->str();
  return entry;
}

// Names of a model, its own first.
std::vector<std::string> names_of(const wire::ModelInfo& model) {
  std::vector<std::string> names{model.name()->str()};
  for (std::uint32_t i = 0; model.aliases() && i < model.aliases()->size(); ++i) names.push_back(model.aliases()->Get(i)->str());
  return names;
}

nlohmann::json status_entry(const wire::ActorStatus& actor) {
  nlohmann::json counters = nlohmann::json::object();
  for (std::uint32_t i = 0; actor.counters() && i < actor.counters()->size(); ++i)
    counters[actor.counters()->Get(i)->name()->str()] = actor.counters()->Get(i)->value();
  nlohmann::json entry{{"name", actor.name()->str()}, {"kind", actor.kind()->str()}, {"node", actor.node() ? actor.node()->str() : ""}, {"counters", std::move(counters)}};
  for (std::uint32_t i = 0; actor.histograms() && i < actor.histograms()->size(); ++i) {
    const auto h = std::unique_ptr<wire::HistogramT>(actor.histograms()->Get(i)->UnPack());
    entry["histograms"][h->name] = {{"bounds", h->bounds}, {"counts", h->counts}, {"sum", h->sum}};
  }
  return entry;
}

// A client's own name for its request, if it is one that can stand in a header, in logs and in JSON.
bool is_request_id(std::string_view text) {
  return !text.empty() && text.size() <= 128 && std::all_of(text.begin(), text.end(), [](char c) { return c > 0x20 && c < 0x7f && c != '"' && c != '\\'; });
}

// Of "Application/JSON; charset=utf-8" as well.
bool is_json(std::string_view type) {
  type = type.substr(0, type.find_first_of("; \t"));
  return boost::beast::iequals({type.data(), type.size()}, "application/json");
}

} // namespace

void http_exchanges::request(std::uint64_t connection, http_request request, std::int64_t unix_s) {
  ++counts_.http_requests;
  marks marks;
  const auto theirs = request.field("X-Request-Id");
  marks.request_id = is_request_id(theirs) ? std::string(theirs) : fmt::format("{:016x}", ids_.next());
  if (const auto origin = request.field("Origin"); !origin.empty() && allows(origin)) marks.origin = origin;
  const auto& path = request.path;
  if (request.method == "OPTIONS") return preflight(connection, request, marks);

  struct route {
    std::string_view method, path;
    bool open = false; ///< without a key: nothing of it is anybody's
  };
  static constexpr route routes[] = {{"GET", "/health", true}, {"GET", "/health/live", true}, {"GET", "/health/ready", true}, {"GET", "/version", true},
                                     {"GET", "/", true},
                                     {"GET", "/v1/models"}, {"GET", "/metrics"}, {"GET", "/status"}, {"POST", "/v1/chat/completions"},
                                     {"POST", "/v1/completions"}, {"POST", "/v1/responses"}, {"POST", "/tokenize"}, {"POST", "/detokenize"}};
  constexpr std::string_view of_model = "/v1/models/";
  const bool one_model = path.starts_with(of_model) && path.size() > of_model.size();
  const auto* known = std::find_if(std::begin(routes), std::end(routes), [&](const route& r) { return r.path == (one_model ? "/v1/models" : path); });
  if (known == std::end(routes)) return refuse(connection, marks, {404, "invalid_request_error", fmt::format("nothing is at {:.128}", path), {}, {}});
  const bool reads = request.method == "GET" || request.method == "HEAD";
  if (known->method == "GET" ? !reads : request.method != known->method)
    return refuse(connection, marks, {405, "invalid_request_error", fmt::format("{} is asked with {}, not {:.32}", path, known->method, request.method), {}, {}},
                  known->method == "GET" ? "GET, HEAD, OPTIONS" : "POST, OPTIONS");

  std::string owner;
  if (settings_.keys && !known->open) {
    const auto found = settings_.keys->owner(request.field("Authorization"));
    if (!found) return refuse(connection, marks, {401, "invalid_request_error", "a key is needed, as Authorization: Bearer KEY; none that is known was sent", {}, "invalid_api_key"});
    owner = *found;
  }
  if (known->method == "POST") {
    const auto type = request.field("Content-Type");
    if (!is_json(type)) return refuse(connection, marks, {415, "invalid_request_error", fmt::format("Content-Type is '{:.64}', expected application/json", type), {}, {}});
  }

  if (path == "/v1/chat/completions") return generate(connection, openai::api::chat_completions, std::move(request.body), std::move(marks), std::move(owner), unix_s);
  if (path == "/v1/completions") return generate(connection, openai::api::completions, std::move(request.body), std::move(marks), std::move(owner), unix_s);
  if (path == "/v1/responses") return generate(connection, openai::api::responses, std::move(request.body), std::move(marks), std::move(owner), unix_s);
  if (path == "/tokenize" || path == "/detokenize")
    return read_body(
        connection, std::move(request.body),
        [unix_s, tokens = path == "/tokenize"](const service_parts& parts, std::string_view body) { return tokens ? parts.tokens_of(body, unix_s) : parts.text_of(body); },
        [=, this](auto body) { body ? respond(connection, marks, 200, std::move(*body)) : refuse(connection, marks, body.error()); });
  if (path == "/version") return respond(connection, marks, 200, nlohmann::json{{"version", settings_.version}}.dump());
  if (path == "/health" || path == "/health/live") return respond(connection, marks, 200, R"({"status":"ok"})");
  if (path == "/") return respond(connection, marks, 200, std::string(web_page()), "text/html; charset=utf-8");
  if (one_model) return ask(connection, question::model, path.substr(of_model.size()), std::move(marks));
  if (path == "/v1/models") return ask(connection, question::models, {}, std::move(marks));
  if (path == "/metrics") return ask(connection, question::metrics, {}, std::move(marks));
  ask(connection, path == "/health/ready" ? question::ready : question::status, {}, std::move(marks));
}

bool http_exchanges::allows(std::string_view origin) const {
  return std::any_of(settings_.cors_origins.begin(), settings_.cors_origins.end(), [&](const auto& o) { return o == "*" || o == origin; });
}

// A web page of another origin asks whether it may ask.
void http_exchanges::preflight(std::uint64_t connection, const http_request& request, const marks& marks) {
  http_response response;
  response.status = 204;
  put_marks(response, marks);
  if (!marks.origin.empty()) {
    response.fields.emplace_back("Access-Control-Allow-Methods", "GET, POST, OPTIONS");
    const auto wanted = request.field("Access-Control-Request-Headers");
    response.fields.emplace_back("Access-Control-Allow-Headers", wanted.empty() ? "Authorization, Content-Type" : std::string(wanted));
    response.fields.emplace_back("Access-Control-Max-Age", "600");
  }
  effects_.respond(connection, std::move(response));
}

void http_exchanges::ask(std::uint64_t connection, question what, std::string model, marks marks) {
  const auto op = ids_.next();
  asked_.emplace(op, asked{connection, what, std::move(model), std::move(marks.request_id), std::move(marks.origin)});
  what == question::models || what == question::model ? effects_.ask_models(op) : effects_.ask_status(op);
}

void http_exchanges::reply(const wire::ModelList& m) {
  const auto it = asked_.find(m.op());
  if (it == asked_.end()) return;
  const auto question = std::move(it->second);
  asked_.erase(it);
  nlohmann::json entries = nlohmann::json::array();
  for (std::uint32_t i = 0; m.models() && i < m.models()->size(); ++i)
    for (const auto& name : names_of(*m.models()->Get(i)))
      if (question.what == question::models || name == question.model) entries.push_back(model_entry(*m.models()->Get(i), name));
  const marks of{question.request_id, question.origin};
  if (question.what == question::models) return respond(question.connection, of, 200, nlohmann::json{{"object", "list"}, {"data", std::move(entries)}}.dump());
  if (entries.empty()) return refuse(question.connection, of, parts_->unknown_model(question.model));
  respond(question.connection, of, 200, entries.front().dump());
}

void http_exchanges::reply(const wire::StatusReport& m) {
  const auto it = asked_.find(m.op());
  if (it == asked_.end()) return;
  const auto question = std::move(it->second);
  asked_.erase(it);
  const marks of{question.request_id, question.origin};
  if (question.what == question::metrics) return respond(question.connection, of, 200, prometheus_text(m, settings_.models), "text/plain; version=0.0.4; charset=utf-8");
  nlohmann::json nodes = nlohmann::json::array(), actors = nlohmann::json::array();
  bool draining = false;
  for (std::uint32_t i = 0; m.nodes() && i < m.nodes()->size(); ++i) {
    const auto& node = *m.nodes()->Get(i);
    const bool own = node.name() && m.node() && node.name()->str() == m.node()->str();
    draining = draining || (own && node.draining());
    nodes.push_back({{"name", node.name() ? node.name()->str() : ""}, {"version", node.version() ? node.version()->str() : ""}, {"uptime_s", static_cast<double>(node.uptime_us()) / 1e6},
                     {"draining", node.draining()}, {"problem", node.problem() ? nlohmann::json(node.problem()->str()) : nlohmann::json()}});
  }
  if (question.what == question::ready) return respond(question.connection, of, draining ? 503 : 200, draining ? R"({"status":"draining"})" : R"({"status":"ready"})");
  for (std::uint32_t i = 0; m.actors() && i < m.actors()->size(); ++i) actors.push_back(status_entry(*m.actors()->Get(i)));
  respond(question.connection, of, 200, nlohmann::json{{"nodes", std::move(nodes)}, {"actors", std::move(actors)}}.dump());
}

const model_card* http_exchanges::service_parts::card_of(openai::fields& in) const {
  const auto* named = in.text("model");
  const auto& name = named ? *named : settings.only_model;
  if (name.empty()) {
    in.missing("model");
    return nullptr;
  }
  const auto endpoint = endpoint_of(name);
  if (!endpoint) {
    openai::note(in.found(), unknown_model(name));
    return nullptr;
  }
  const auto* card = *endpoint < settings.cards.size() ? settings.cards[*endpoint].get() : nullptr;
  if (!card) in.wrong("model", "the members of this model have no one tokenizer");
  return card;
}

// {"model", "prompt": text, "add_special_tokens": true, "parse_special": false} or {"model", "messages", "tools"}, as vLLM's server has it.
http_exchanges::service_parts::answer_body http_exchanges::service_parts::tokens_of(std::string_view text, std::int64_t unix_s) const {
  const auto body = openai::read_object(text);
  if (!body) return tl::unexpected(body.error());
  openai::finding found;
  openai::fields in(*body, {}, found);
  const auto* card = card_of(in);
  wire::PromptT prompt;
  if (const auto* given = in.text("prompt")) prompt.text = *given;
  prompt.add_special = in.flag("add_special_tokens").value_or(true);
  prompt.parse_special = in.flag("parse_special").value_or(false);
  if (const auto* messages = in.array("messages")) prompt.json_messages = messages->dump();
  if (const auto* tools = in.array("tools")) prompt.tools = tools->dump();
  in.finish();
  if (found) return tl::unexpected(std::move(*found));
  const auto tokens = card->tokens_of(*make_frame<wire::Prompt>(prompt), unix_s);
  if (!tokens) return tl::unexpected(openai::from(tokens.error()));
  return nlohmann::json{{"tokens", *tokens}, {"count", tokens->size()}, {"max_model_len", card->context_length}}.dump();
}

http_exchanges::service_parts::answer_body http_exchanges::service_parts::text_of(std::string_view text) const {
  const auto body = openai::read_object(text);
  if (!body) return tl::unexpected(body.error());
  openai::finding found;
  openai::fields in(*body, {}, found);
  const auto* card = card_of(in);
  const auto* given = in.array("tokens");
  if (!given) in.missing("tokens");
  std::vector<std::int32_t> tokens;
  for (std::size_t i = 0; card && given && i < given->size() && !found; ++i) {
    const auto token = openai::token_of((*given)[i]);
    if (token && *token < card->tokenizer->vocab_size()) tokens.push_back(*token);
    else in.wrong("tokens", fmt::format("'tokens[{}]' must be a token id from 0 to {}", i, card->tokenizer->vocab_size() - 1));
  }
  in.finish();
  if (found) return tl::unexpected(std::move(*found));
  decode_options how;
  how.skip_special = false;
  return nlohmann::json{{"prompt", card->tokenizer->decode(tokens, how)}}.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

} // namespace tokamak::frontend
