// A state for each kind of text, and a step that works off what it can.
#include "frontend/openai/answer_parts.hpp"

#include <algorithm>

namespace tokamak::frontend::openai {

namespace {

constexpr std::string_view blank = " \t\r\n";

// The length of the longest end of `text` that is the beginning of `mark`.
std::size_t begun(std::string_view text, std::string_view mark) {
  for (auto n = std::min(text.size(), mark.empty() ? 0 : mark.size() - 1); n > 0; --n)
    if (text.ends_with(mark.substr(0, n))) return n;
  return 0;
}

void drop_blanks(std::string& text) { text.erase(0, std::min(text.find_first_not_of(blank), text.size())); }

} // namespace

answer_parts::answer_parts(const answer_reading& reading) : reading_(reading) {
  if (reading.in_reasoning) where_ = where::reasoning;
  if (reading.begun.empty()) return;
  (void)push(reading.begun);
  begun_ = waiting_.size();
}

answer_parts::parts answer_parts::push(std::string_view text) {
  parts out;
  waiting_ += text;
  while (step(out)) {}
  return out;
}

// One state's work; true if the next one may have some.
bool answer_parts::step(parts& out) {
  switch (where_) {
    case where::start: return start();
    case where::reasoning: return reason(out);
    case where::said: return say(out);
    case where::call: return call(out);
  }
  return false;
}

// Reasoning, and a call without marks, stand at the beginning or nowhere; the blanks before them are nothing's.
bool answer_parts::start() {
  if (reasoned_) drop_blanks(waiting_);
  const auto first = waiting_.find_first_not_of(blank);
  if (first == std::string::npos) return false;
  const auto text = std::string_view(waiting_).substr(first);
  if (!reading_.reasoning_begin.empty()) {
    if (text.starts_with(reading_.reasoning_begin)) {
      waiting_.erase(0, first + reading_.reasoning_begin.size());
      where_ = where::reasoning;
      return true;
    }
    if (reading_.reasoning_begin.starts_with(text)) return false;
  }
  if (reading_.calls && reading_.calls->begin.empty() && text.front() == '{') {
    waiting_.erase(0, first);
    where_ = where::call;
    seen_ = 0;
    return true;
  }
  where_ = where::said;
  return true;
}

bool answer_parts::reason(parts& out) {
  const auto end = waiting_.find(reading_.reasoning_end);
  if (end == std::string::npos) {
    const auto kept = begun(waiting_, reading_.reasoning_end);
    out.reasoning += std::string_view(waiting_).substr(0, waiting_.size() - kept);
    waiting_.erase(0, waiting_.size() - kept);
    return false;
  }
  out.reasoning += std::string_view(waiting_).substr(0, end);
  waiting_.erase(0, end + reading_.reasoning_end.size());
  reasoned_ = true;
  where_ = where::start;
  return true;
}

bool answer_parts::say(parts& out) {
  if (!reading_.calls || reading_.calls->begin.empty()) {
    out.said += waiting_;
    waiting_.clear();
    return false;
  }
  const auto mark = reading_.calls->begin;
  const auto at = waiting_.find(mark);
  const auto text = std::string_view(waiting_).substr(0, at == std::string::npos ? waiting_.size() - begun(waiting_, mark) : at);
  const auto last = text.find_last_not_of(blank);
  if (last != text.npos) say_raw(text.substr(0, last + 1), out);
  blanks_ += text.substr(last == text.npos ? 0 : last + 1);
  if (at == std::string::npos) {
    waiting_.erase(0, text.size());
    return false;
  }
  waiting_.erase(0, at + mark.size());
  where_ = where::call;
  seen_ = 0;
  return true;
}

void answer_parts::say_raw(std::string_view text, parts& out) {
  out.said += blanks_;
  out.said += text;
  blanks_.clear();
}

// An end may also stand within an argument: then what is before it is no call, and the next end may be the right one.
bool answer_parts::call(parts& out) {
  const auto& marks = *reading_.calls;
  if (marks.end.empty()) return false;
  const auto end = waiting_.find(marks.end, seen_);
  if (end == std::string::npos) {
    seen_ = waiting_.size() - begun(waiting_, marks.end);
    return false;
  }
  seen_ = end + marks.end.size();
  auto calls = read_calls(marks, std::string_view(waiting_).substr(0, end), reading_.tools);
  if (!calls) return true;
  take_calls(std::move(*calls), out);
  waiting_.erase(0, seen_);
  where_ = where::said;
  return true;
}

void answer_parts::take_calls(std::vector<tool_call> calls, parts& out) {
  blanks_.clear();
  for (auto& call : calls) {
    if (reading_.one_call && n_calls_ > 0) return;
    ++n_calls_;
    out.calls.push_back(std::move(call));
  }
}

answer_parts::parts answer_parts::finish() {
  parts out;
  if (where_ == where::start && reasoned_) drop_blanks(waiting_);
  if (where_ == where::reasoning) out.reasoning = std::move(waiting_);
  else if (where_ == where::call) {
    if (auto calls = read_calls(*reading_.calls, waiting_, reading_.tools)) take_calls(std::move(*calls), out);
    else if (!reading_.function.empty() && n_calls_ == 0) take_calls({{reading_.function, waiting_.substr(begun_)}}, out);
    else say_raw(std::string(reading_.calls->begin) + waiting_, out); // no call after all
  } else if (n_calls_ == 0 || waiting_.find_first_not_of(blank) != std::string::npos) {
    say_raw(waiting_, out);
  }
  waiting_.clear();
  return out;
}

} // namespace tokamak::frontend::openai
