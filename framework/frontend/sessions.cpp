// Client messages are verified, given ids of this node, and passed on; chunks find their way back.
#include "frontend/sessions.hpp"

#include "base/log.hpp"
#include "base/nearest_name.hpp"
#include "message/wire_error.hpp"

#include <algorithm>

namespace tokamak::frontend {

sessions::sessions(std::vector<std::string> endpoints, session_limits limits, sequence_ids& ids,
                   session_effects& effects, administrators admins)
    : endpoints_(std::move(endpoints)), limits_(limits), ids_(ids), effects_(effects), admins_(std::move(admins)) {}

template <class T>
void sessions::send(const client_id& client, const typename T::NativeTableType& message) {
  effects_.to_client(client, frame_type_of<T>, make_frame<T>(message).bytes());
}

void sessions::send_error(const client_id& client, std::uint64_t request_id, const error& why) {
  ++counts_.refused;
  wire::ChunksT chunks;
  chunks.items.push_back(std::make_unique<wire::ChunkT>());
  auto& c = *chunks.items.back();
  c.id = request_id;
  c.finish = wire::FinishReason::error;
  c.error = to_wire(why);
  send<wire::Chunks>(client, chunks);
}

void sessions::receive(const client_id& client, std::span<const std::span<const std::byte>> parts,
                       std::uint64_t now_us, std::string_view user) {
  ++counts_.messages;
  expected<void> ok;
  if (parts.size() < 2) {
    ok = fail(errc::corrupt, fmt::format("message of {} parts; a header and a body expected", parts.size()));
  } else if (auto header = frame_header::read(parts[0]); !header) {
    ok = fail(header.error());
  } else {
    ok = handle(client, header->type, parts[1], now_us, user);
  }
  if (ok) return;
  ++counts_.bad_messages;
  constexpr std::size_t most_remembered = 4096;
  if (warned_.size() < most_remembered && warned_.insert(client).second)
    log::warning("frontend", "client.bad_message", {{"error", ok.error().to_string()}});
  wire::ErrorReplyT reply;
  reply.error = to_wire(ok.error());
  send<wire::ErrorReply>(client, reply);
}

expected<void> sessions::handle(const client_id& client, frame_type type, std::span<const std::byte> body,
                                std::uint64_t now_us, std::string_view user) {
  const frame_limits limits{.max_bytes = limits_.max_message_bytes};
  switch (type) {
    case frame_type::Open: return open(client, body);
    case frame_type::Close: {
      auto m = read_frame<wire::Close>(body, limits);
      if (!m) return fail(m.error());
      const auto it = clients_.find(client);
      if (it == clients_.end()) return {};
      const auto found = it->second.requests.find((*m)->id());
      if (found != it->second.requests.end()) cancel(found->second);
      return {};
    }
    case frame_type::Acknowledge: {
      auto m = read_frame<wire::Acknowledge>(body, limits);
      if (!m) return fail(m.error());
      acknowledge(client, **m, now_us);
      return {};
    }
    case frame_type::ListModels: {
      auto m = read_frame<wire::ListModels>(body, limits);
      if (!m) return fail(m.error());
      auto op = question(client, (*m)->op());
      if (op) effects_.ask_models(*op);
      return {};
    }
    case frame_type::StatusRequest: {
      auto m = read_frame<wire::StatusRequest>(body, limits);
      if (!m) return fail(m.error());
      auto op = question(client, (*m)->op());
      if (op) effects_.ask_status(*op);
      return {};
    }
    case frame_type::Drain: {
      auto m = read_frame<wire::Drain>(body, limits);
      if (!m) return fail(m.error());
      drain(client, **m, user);
      return {};
    }
    default:
      return fail(errc::unsupported, fmt::format("clients do not send frames of type {} ({})",
                                                 static_cast<unsigned>(type), to_string(type)));
  }
}

void sessions::drain(const client_id& client, const wire::Drain& m, std::string_view user) {
  const auto node = m.node() ? m.node()->str() : std::string();
  if (auto ok = may_administer(admins_, user); !ok) {
    log::warning("frontend", "drain.refused", {{"node", node.substr(0, 64)}, {"client", user}});
    return refuse_question(client, m.op(), ok.error());
  }
  log::info("frontend", "drain.asked", {{"node", node.substr(0, 64)}, {"client", user}});
  if (const auto op = question(client, m.op())) effects_.ask_drain(*op, node);
}

void sessions::refuse_question(const client_id& client, std::uint64_t op, const error& why) {
  wire::ErrorReplyT reply;
  reply.op = op;
  reply.error = to_wire(why);
  send<wire::ErrorReply>(client, reply);
}

// Our number for a client's question. One too many is refused here and now.
expected<std::uint64_t> sessions::question(const client_id& client, std::uint64_t op) {
  auto& n = questions_[client];
  if (n >= limits_.max_questions_per_client) {
    const error why{errc::overloaded, fmt::format("this client has {} questions waiting already", n), {}};
    refuse_question(client, op, why);
    return fail(why);
  }
  ++n;
  const auto ours = ids_.next();
  asked_[ours] = {client, op};
  return ours;
}

void sessions::answered(std::map<std::uint64_t, asked>::iterator it) {
  if (const auto n = questions_.find(it->second.client); n != questions_.end() && --n->second == 0) questions_.erase(n);
  asked_.erase(it);
}

expected<void> sessions::open(const client_id& client, std::span<const std::byte> body) {
  auto frame = read_frame<wire::Open>(body, {.max_bytes = limits_.max_message_bytes});
  if (!frame) return fail(frame.error());
  auto m = frame->unpack();
  const auto refuse = [&](errc code, std::string message) -> expected<void> {
    send_error(client, m.id, {code, std::move(message), {}});
    return {};
  };
  const auto endpoint = std::find(endpoints_.begin(), endpoints_.end(), m.target);
  if (endpoint == endpoints_.end())
    return refuse(errc::not_found,
                  fmt::format("no model '{:.64}'{}", m.target, known_names(m.target.substr(0, 64), endpoints_)));
  const auto known = clients_.find(client);
  if (known == clients_.end() && clients_.size() >= limits_.max_clients)
    return refuse(errc::overloaded, fmt::format("{} clients have requests running already", clients_.size()));
  auto& s = clients_[client];
  if (s.requests.contains(m.id))
    return refuse(errc::already_exists, fmt::format("request {} is running already", m.id));
  if (s.requests.size() >= limits_.max_requests_per_client)
    return refuse(errc::overloaded, fmt::format("this client has {} requests running already", s.requests.size()));
  const auto id = ids_.next();
  s.requests.emplace(m.id, id);
  const auto delivered = static_cast<std::uint32_t>(m.delivered.size());
  const auto at = static_cast<std::size_t>(endpoint - endpoints_.begin());
  requests_.emplace(id, request{client, m.id, at, delivered, delivered});
  m.id = id;
  m.parent = 0;
  m.lease_us = 0;
  ++counts_.requests;
  effects_.to_endpoint(at, make_frame<wire::Open>(m));
  return {};
}

void sessions::acknowledge(const client_id& client, const wire::Acknowledge& m, std::uint64_t now_us) {
  const auto it = clients_.find(client);
  if (it == clients_.end()) return;
  const auto found = it->second.requests.find(m.id());
  if (found == it->second.requests.end()) return;
  auto& r = requests_.at(found->second);
  const auto acknowledged = std::clamp(m.tokens(), r.acknowledged, r.sent);
  if (acknowledged == r.acknowledged) return;
  r.acknowledged = acknowledged;
  r.progress_us = now_us;
  update_flow(found->second, r, now_us);
}

// Pauses or resumes what is due. Half a window lies between the two, so that not every token changes it.
void sessions::update_flow(std::uint64_t id, request& r, std::uint64_t now_us) {
  const auto most = r.paused ? limits_.window_tokens / 2 : limits_.window_tokens;
  const bool paused = held_.contains(r.client) || r.sent - r.acknowledged > most;
  if (paused == r.paused) return;
  r.paused = paused;
  r.progress_us = now_us;
  wire::FlowT m;
  m.ids.push_back(id);
  m.paused = paused;
  effects_.to_endpoint(r.endpoint, make_frame<wire::Flow>(m));
}

void sessions::chunks(const wire::Chunks& m, std::uint64_t now_us) {
  std::map<client_id, wire::ChunksT> out;
  std::vector<std::uint64_t> ended;
  for (std::uint32_t i = 0; m.items() && i < m.items()->size(); ++i) {
    const auto* item = m.items()->Get(i);
    const auto it = requests_.find(item->id());
    if (it == requests_.end()) continue; // cancelled meanwhile
    auto& r = it->second;
    std::unique_ptr<wire::ChunkT> c(item->UnPack());
    c->id = r.client_request;
    r.sent += static_cast<std::uint32_t>(c->tokens.size());
    ++counts_.chunks;
    counts_.tokens += c->tokens.size();
    if (c->finish != wire::FinishReason::none) ended.push_back(item->id());
    else update_flow(item->id(), r, now_us);
    out[r.client].items.push_back(std::move(c));
  }
  for (auto& [client, chunks] : out) send<wire::Chunks>(client, chunks);
  for (auto id : ended) erase(id);
}

template <class T>
void sessions::pass_on(const T& m) {
  const auto it = asked_.find(m.op());
  if (it == asked_.end()) return;
  typename T::NativeTableType message;
  m.UnPackTo(&message);
  message.op = it->second.op;
  send<T>(it->second.client, message);
  answered(it);
}

template void sessions::pass_on(const wire::ModelList&);
template void sessions::pass_on(const wire::StatusReport&);
template void sessions::pass_on(const wire::Drained&);
template void sessions::pass_on(const wire::ErrorReply&);

void sessions::erase(std::uint64_t id) {
  const auto it = requests_.find(id);
  if (it == requests_.end()) return;
  const auto session = clients_.find(it->second.client);
  if (session != clients_.end()) {
    session->second.requests.erase(it->second.client_request);
    if (session->second.requests.empty()) clients_.erase(session);
  }
  requests_.erase(it);
}

void sessions::cancel(std::uint64_t id) {
  const auto it = requests_.find(id);
  if (it == requests_.end()) return;
  ++counts_.cancelled;
  wire::CloseT m;
  m.id = id;
  effects_.to_endpoint(it->second.endpoint, make_frame<wire::Close>(m));
  erase(id);
}

std::vector<std::uint64_t> sessions::requests_of(const client_id& client) const {
  std::vector<std::uint64_t> ids;
  if (const auto it = clients_.find(client); it != clients_.end())
    for (const auto& [theirs, ours] : it->second.requests) ids.push_back(ours);
  return ids;
}

void sessions::unreachable(const client_id& client) {
  std::erase_if(asked_, [&](const auto& question) { return question.second.client == client; });
  questions_.erase(client);
  warned_.erase(client);
  held_.erase(client);
  const auto ids = requests_of(client);
  if (ids.empty()) return;
  ++counts_.gone;
  log::info("frontend", "client.gone", {{"requests", ids.size()}});
  for (auto id : ids) cancel(id);
}

void sessions::hold(const client_id& client, bool held, std::uint64_t now_us) {
  if (held) held_.insert(client);
  else held_.erase(client);
  for (auto id : requests_of(client)) update_flow(id, requests_.at(id), now_us);
}

void sessions::overrun(const client_id& client) {
  held_.erase(client);
  const auto ids = requests_of(client);
  log::warning("frontend", "client.overrun", {{"requests", ids.size()}});
  for (auto id : ids) cut(id, fmt::format("the client left {} bytes unread", limits_.client_buffer_bytes));
}

void sessions::cut(std::uint64_t id, const std::string& why) {
  ++counts_.stalled;
  const auto r = requests_.at(id);
  cancel(id);
  send_error(r.client, r.client_request, {errc::cancelled, why, {}});
}

void sessions::endpoint_lost(std::size_t endpoint) {
  std::vector<std::uint64_t> ids;
  for (const auto& [id, r] : requests_)
    if (r.endpoint == endpoint) ids.push_back(id);
  for (auto id : ids) {
    const auto r = requests_.at(id);
    send_error(r.client, r.client_request,
               {errc::unavailable, fmt::format("endpoint '{}' was lost", endpoints_[endpoint]), {}});
    erase(id);
  }
}

void sessions::tick(std::uint64_t now_us) {
  std::vector<std::uint64_t> stalled;
  for (const auto& [id, r] : requests_)
    if (r.paused && now_us >= r.progress_us + limits_.stall_us) stalled.push_back(id);
  for (auto id : stalled) cut(id, fmt::format("the client acknowledged nothing for {} ms", limits_.stall_us / 1000));
}

} // namespace tokamak::frontend
