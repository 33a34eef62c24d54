// Times and ends of requests into histograms.
#include "fusion/request_measures.hpp"

#include "message/measure_bounds.hpp"

namespace tokamak::fusion {
namespace {

constexpr std::array operation_names{"chat", "text_completion"};

double seconds(std::uint64_t from_us, std::uint64_t to_us) { return to_us > from_us ? static_cast<double>(to_us - from_us) / 1e6 : 0; }

} // namespace

operation operation_of(const wire::Open& request) {
  const auto* prompt = request.prompt();
  const bool talk = prompt && ((prompt->messages() && prompt->messages()->size() > 0) || (prompt->json_messages() && prompt->json_messages()->size() > 0));
  return talk ? operation::chat : operation::text_completion;
}

request_measures::of_operation::of_operation()
    : first_token(measure_bounds::first_token_seconds), output_token(measure_bounds::output_token_seconds), duration(measure_bounds::request_seconds) {}

histogram& request_measures::of_operation::without_success(errc why) {
  return duration_failed.try_emplace(why, histogram(measure_bounds::request_seconds)).first->second;
}

request_measures::request_measures()
    : between_tokens_(measure_bounds::output_token_seconds), queue_(measure_bounds::request_seconds), prefill_(measure_bounds::request_seconds),
      decode_(measure_bounds::request_seconds), inference_(measure_bounds::request_seconds), prompt_tokens_(measure_bounds::tokens), completion_tokens_(measure_bounds::tokens) {}

void request_measures::tokens(request_times& r, std::size_t n, std::uint64_t now_us) {
  if (r.tokens == 0) {
    r.first_us = now_us;
    of(r.what).first_token.add(seconds(r.arrival_us, now_us));
  } else {
    between_tokens_.add(seconds(r.last_us, now_us));
  }
  r.last_us = now_us;
  r.tokens += n;
}

void request_measures::ended(const request_times& r, const wire::ChunkT& last, std::uint64_t now_us) {
  if (last.finish == wire::FinishReason::cancelled) return cancelled(r, now_us);
  if (last.finish == wire::FinishReason::error) return failed(r, last.error ? static_cast<errc>(last.error->code) : errc::internal, now_us);
  ++(last.finish == wire::FinishReason::length ? length_ : stopped_);
  auto& mine = of(r.what);
  mine.duration.add(seconds(r.arrival_us, now_us));
  if (r.tokens > 1) mine.output_token.add(seconds(r.first_us, r.last_us) / static_cast<double>(r.tokens - 1));
  if (!last.usage) return;
  prompt_tokens_.add(last.usage->prompt_tokens);
  completion_tokens_.add(last.usage->completion_tokens);
  queue_.add(seconds(0, last.usage->queued_us));
  if (r.tokens == 0) return;
  const auto begin_us = r.arrival_us + last.usage->queued_us;
  prefill_.add(seconds(begin_us, r.first_us));
  decode_.add(seconds(r.first_us, r.last_us));
  inference_.add(seconds(begin_us, r.last_us));
}

void request_measures::cancelled(const request_times& r, std::uint64_t now_us) {
  ++cancelled_;
  of(r.what).without_success(errc::cancelled).add(seconds(r.arrival_us, now_us));
}

void request_measures::failed(const request_times& r, errc why, std::uint64_t now_us) {
  ++failed_;
  of(r.what).without_success(std::min(why, errc::internal)).add(seconds(r.arrival_us, now_us)); // enums of frames are not verified
}

std::vector<std::pair<std::string, double>> request_measures::counters() const {
  const auto number = [](std::uint64_t n) { return static_cast<double>(n); };
  return {{"finished_stop", number(stopped_)}, {"finished_length", number(length_)}, {"finished", number(stopped_ + length_)},
          {"failed", number(failed_)},         {"cancelled", number(cancelled_)}};
}

std::vector<std::pair<std::string, const histogram*>> request_measures::histograms() const {
  std::vector<std::pair<std::string, const histogram*>> out;
  for (std::size_t i = 0; i < operations_.size(); ++i) {
    const auto& o = operations_[i];
    const std::string prefix = operation_names[i] + std::string(".");
    out.emplace_back(prefix + "time_to_first_token_seconds", &o.first_token);
    out.emplace_back(prefix + "time_per_output_token_seconds", &o.output_token);
    out.emplace_back(prefix + "request_duration_seconds", &o.duration);
    for (const auto& [why, h] : o.duration_failed) out.emplace_back(fmt::format("{}{}.request_duration_seconds", prefix, to_string(why)), &h);
  }
  out.emplace_back("inter_token_latency_seconds", &between_tokens_);
  out.emplace_back("queue_seconds", &queue_);
  out.emplace_back("prefill_seconds", &prefill_);
  out.emplace_back("decode_seconds", &decode_);
  out.emplace_back("inference_seconds", &inference_);
  out.emplace_back("prompt_tokens", &prompt_tokens_);
  out.emplace_back("completion_tokens", &completion_tokens_);
  return out;
}

} // namespace tokamak::fusion
