// Hands chunks and answers from the I/O thread to the threads that wait for them.
#include "stream_state.hpp"

#include <utility>

namespace tokamak::client_detail {

stream_state::stream_state(std::uint64_t id, std::uint32_t first_offset, limits given)
    : id_(id), first_offset_(first_offset), limits_(given), read_(first_offset), acknowledged_(first_offset) {}

void stream_state::push(client_chunk chunk) {
  const std::lock_guard lock(mutex_);
  if (complete_) return;
  complete_ = chunk.finish != client_finish::none;
  unread_.push_back(std::move(chunk));
  changed_.notify_all();
}

void stream_state::fail(client_error error) {
  const std::lock_guard lock(mutex_);
  if (complete_) return;
  complete_ = true;
  error_ = std::move(error);
  changed_.notify_all();
}

bool stream_state::cancel() {
  const std::lock_guard lock(mutex_);
  if (ended_) return false;
  unread_.clear();
  error_.reset();
  complete_ = true;
  client_chunk last;
  last.offset = read_;
  last.finish = client_finish::cancelled;
  unread_.push_back(std::move(last));
  changed_.notify_all();
  return true;
}

stream_state::event stream_state::take_chunk() {
  client_chunk chunk = std::move(unread_.front());
  unread_.pop_front();
  event found;
  if (!chunk.token_ids.empty()) read_ = chunk.offset + static_cast<std::uint32_t>(chunk.token_ids.size());
  if (chunk.finish != client_finish::none) {
    ended_ = true;
  } else if (read_ - acknowledged_ >= limits_.acknowledge_every) {
    acknowledged_ = read_;
    found.acknowledge = read_;
  }
  found.what = std::move(chunk);
  return found;
}

stream_state::event stream_state::time_out(const char* what, std::chrono::milliseconds limit) {
  complete_ = ended_ = true;
  client_error error{client_errc::deadline_exceeded,
                     std::string(what) + " within " + std::to_string(limit.count()) + " ms", ""};
  return {std::move(error), std::nullopt, true};
}

stream_state::event stream_state::next() {
  std::unique_lock lock(mutex_);
  const auto silent_at = steady::now() + limits_.chunk_timeout;
  const auto end_at = started_ + limits_.total;
  const bool silence_limited = limits_.chunk_timeout.count() > 0, total_limited = limits_.total.count() > 0;
  while (unread_.empty() && !error_ && !ended_) {
    const auto now = steady::now();
    if (total_limited && now >= end_at) return time_out("the answer did not end", limits_.total);
    if (silence_limited && now >= silent_at) return time_out("no chunk came", limits_.chunk_timeout);
    if (total_limited && (!silence_limited || end_at < silent_at))
      changed_.wait_until(lock, end_at);
    else if (silence_limited)
      changed_.wait_until(lock, silent_at);
    else
      changed_.wait(lock);
  }
  if (!unread_.empty()) return take_chunk();
  if (ended_) return {};
  ended_ = true;
  return {*std::exchange(error_, std::nullopt), std::nullopt, false};
}

void pending_answer::set(client_result<answer_value> answer) {
  const std::lock_guard lock(mutex_);
  if (!answer_) answer_ = std::move(answer);
  changed_.notify_all();
}

std::optional<client_result<answer_value>> pending_answer::wait(std::optional<std::chrono::milliseconds> limit) {
  std::unique_lock lock(mutex_);
  const auto there = [&] { return answer_.has_value(); };
  if (limit) changed_.wait_for(lock, *limit, there);
  else changed_.wait(lock, there);
  return std::move(answer_);
}

} // namespace tokamak::client_detail
