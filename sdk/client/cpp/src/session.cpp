// The client's side of the protocol.
#include "session.hpp"

#include <algorithm>
#include <limits>

namespace tokamak::client_detail {

namespace {

bool is_request(frame_type type) { return type != frame_type::close && type != frame_type::acknowledge; }

// Calls f(entry) for all entries of a map for which it returns true, and erases those.
template <class Map, class F>
void erase_where(Map& entries, F f) {
  for (auto it = entries.begin(); it != entries.end();) it = f(it->second) ? entries.erase(it) : std::next(it);
}

} // namespace

session::session(std::string address, const client_options& options, std::uint64_t first_probe)
    : address_(std::move(address)), options_(options), next_probe_(first_probe) {}

void session::open(std::shared_ptr<stream_state> stream, bytes body, steady::time_point now) {
  const std::uint64_t id = stream->id();
  const std::uint32_t offset = stream->first_offset();
  streams_.emplace(id, stream_entry{std::move(stream), offset, {}, now + options_.connect_timeout});
  outgoing_.push_back({frame_type::open, id, std::move(body)});
}

void session::ask(std::uint64_t op, frame_type type, bytes body, std::shared_ptr<pending_answer> answer,
                  steady::time_point now) {
  questions_.emplace(op, question_entry{std::move(answer), type, now + options_.connect_timeout});
  outgoing_.push_back({type, op, std::move(body)});
}

void session::acknowledge(std::uint64_t id, std::uint32_t tokens) {
  if (connected_ && streams_.contains(id))
    outgoing_.push_back({frame_type::acknowledge, id, encode_acknowledge(id, tokens)});
}

void session::close(std::uint64_t id) {
  const auto found = streams_.find(id);
  if (found == streams_.end()) return;
  if (found->second.sent)
    outgoing_.push_back({frame_type::close, id, encode_close(id)});
  else
    remove_unsent(id);
  streams_.erase(found);
}

void session::forget_question(std::uint64_t op) {
  if (questions_.erase(op) > 0) remove_unsent(op);
}

void session::remove_unsent(std::uint64_t id) {
  std::erase_if(outgoing_, [&](const outgoing_message& message) { return message.id == id; });
}

void session::end_all(const client_error& error) {
  while (!streams_.empty()) {
    const auto& [id, entry] = *streams_.begin();
    entry.stream->fail(error);
    close(id);
  }
  for (auto& [op, question] : questions_) question.answer->set(error);
  questions_.clear();
  std::erase_if(outgoing_, [](const outgoing_message& message) { return is_request(message.type); });
}

bool session::anything_sent() const {
  const auto sent = [](const auto& item) { return item.second.sent; };
  return std::any_of(streams_.begin(), streams_.end(), sent) ||
         std::any_of(questions_.begin(), questions_.end(), sent);
}

void session::sent(steady::time_point now) {
  const outgoing_message& message = outgoing_.front();
  if (is_request(message.type) && !anything_sent()) heard_ = now; // silence before this was nobody's fault
  if (const auto stream = streams_.find(message.id); stream != streams_.end()) stream->second.sent = true;
  if (const auto question = questions_.find(message.id); question != questions_.end()) question->second.sent = true;
  outgoing_.pop_front();
}

void session::connected(steady::time_point now) {
  connected_ = true;
  heard_ = now;
  probed_.reset();
  waiting_because_.clear();
}

void session::disconnected(const client_error& error) {
  connected_ = false;
  probed_.reset();
  erase_where(streams_, [&](stream_entry& entry) {
    if (entry.sent) entry.stream->fail(error);
    return entry.sent;
  });
  erase_where(questions_, [&](question_entry& entry) {
    if (entry.sent) entry.answer->set(error);
    return entry.sent;
  });
  std::erase_if(outgoing_, [&](const outgoing_message& message) {
    return !streams_.contains(message.id) && !questions_.contains(message.id);
  });
}

std::optional<client_error> session::receive(byte_view header_part, byte_view body, steady::time_point now) {
  heard_ = now;
  probed_.reset();
  const auto head = parse_header(header_part);
  if (!head)
    return client_error{client_errc::corrupt, "what answers at " + address_ + " does not speak Tokamak's protocol", ""};
  if (!head->speaks_our_version())
    return client_error{client_errc::version_mismatch,
                        "the service at " + address_ + " speaks protocol " + std::to_string(head->major) + "." +
                            std::to_string(head->minor) + ", this client " + std::to_string(protocol_major) + "." +
                            std::to_string(protocol_minor),
                        ""};
  return dispatch(static_cast<frame_type>(head->type), body);
}

std::optional<client_error> session::dispatch(frame_type type, byte_view body) {
  switch (type) {
    case frame_type::chunks: {
      auto chunks = decode_chunks(body);
      if (!chunks) return chunks.error();
      for (received_chunk& chunk : *chunks) deliver(std::move(chunk));
      return std::nullopt;
    }
    case frame_type::model_list: {
      auto list = decode_model_list(body);
      if (!list) return list.error();
      answer(frame_type::list_models, *std::move(list));
      return std::nullopt;
    }
    case frame_type::status_report: {
      auto report = decode_status_report(body);
      if (!report) return report.error();
      answer(frame_type::status_request, *std::move(report));
      return std::nullopt;
    }
    case frame_type::drained: {
      auto drained = decode_drained(body);
      if (!drained) return drained.error();
      answer(frame_type::drain, *std::move(drained));
      return std::nullopt;
    }
    case frame_type::error_reply: {
      auto refused = decode_error_reply(body);
      if (!refused) return refused.error();
      refuse(*refused);
      return std::nullopt;
    }
    default:
      return std::nullopt; // a type that later versions add
  }
}

void session::deliver(received_chunk received) {
  const auto found = streams_.find(received.id);
  if (found == streams_.end() || !found->second.sent) return; // cancelled: the rest was on its way
  stream_entry& entry = found->second;
  client_chunk& chunk = received.chunk;
  entry.answered = true;
  if (!chunk.token_ids.empty() && chunk.offset != entry.next_offset) {
    entry.stream->fail({client_errc::corrupt,
                        "the service sent tokens from " + std::to_string(chunk.offset) + " on where " +
                            std::to_string(entry.next_offset) + " was next",
                        ""});
    close(received.id);
    return;
  }
  entry.next_offset += static_cast<std::uint32_t>(chunk.token_ids.size());
  chunk.offset = entry.next_offset - static_cast<std::uint32_t>(chunk.token_ids.size());
  const bool last = received.error || chunk.finish != client_finish::none;
  chunk.text = entry.text.feed(chunk.text, last);
  const bool empty = chunk.text.empty() && chunk.token_ids.empty();
  if (!empty || (last && !received.error)) entry.stream->push(std::move(chunk));
  if (received.error) entry.stream->fail(*std::move(received.error));
  if (last) streams_.erase(found);
}

// An op of 0 names none: the service could not read what it refuses, which can only be something that has had
// no answer yet.
void session::refuse(const received_error& refused) {
  const bool all = refused.op == 0;
  erase_where(streams_, [&](stream_entry& entry) {
    const bool meant = all ? entry.sent && !entry.answered : entry.stream->id() == refused.op;
    if (meant) entry.stream->fail(refused.error);
    return meant;
  });
  for (auto it = questions_.begin(); it != questions_.end();) {
    const bool meant = all ? it->second.sent : it->first == refused.op;
    if (meant) it->second.answer->set(refused.error);
    it = meant ? questions_.erase(it) : std::next(it);
  }
}

template <class T>
void session::answer(frame_type type, received_answer<T> received) {
  const auto found = questions_.find(received.op);
  if (found == questions_.end() || found->second.type != type) return; // given up, or the liveness question's
  found->second.answer->set(answer_value(std::move(received.value)));
  questions_.erase(found);
}

std::optional<client_error> session::check(steady::time_point now) {
  const auto late = [&](const auto& entry) { return !entry.sent && now >= entry.send_by; };
  client_error gave_up{client_errc::unavailable,
                       "no connection to " + address_ + " within " +
                           std::to_string(options_.connect_timeout.count()) + " ms" + waiting_because_,
                       ""};
  erase_where(streams_, [&](stream_entry& entry) {
    if (!late(entry)) return false;
    entry.stream->fail(gave_up);
    remove_unsent(entry.stream->id());
    return true;
  });
  for (auto it = questions_.begin(); it != questions_.end();) {
    if (!late(it->second)) { ++it; continue; }
    it->second.answer->set(gave_up);
    remove_unsent(it->first);
    it = questions_.erase(it);
  }
  if (!connected_ || !anything_sent()) return std::nullopt;
  if (probed_ && now - *probed_ >= options_.liveness_interval)
    return client_error{client_errc::unavailable, "the service at " + address_ + " is connected but silent", ""};
  if (!probed_ && now - heard_ >= options_.liveness_interval) {
    // ListModels, because no engine is needed to answer it, however busy all of them are.
    outgoing_.push_back({frame_type::list_models, next_probe_, encode_list_models(next_probe_)});
    ++next_probe_;
    probed_ = now;
  }
  return std::nullopt;
}

std::optional<steady::time_point> session::next_check() const {
  std::optional<steady::time_point> soonest;
  const auto consider = [&](steady::time_point at) { soonest = soonest ? std::min(*soonest, at) : at; };
  for (const auto& [id, entry] : streams_)
    if (!entry.sent) consider(entry.send_by);
  for (const auto& [op, entry] : questions_)
    if (!entry.sent) consider(entry.send_by);
  if (connected_ && anything_sent()) consider((probed_ ? *probed_ : heard_) + options_.liveness_interval);
  return soonest;
}

} // namespace tokamak::client_detail
