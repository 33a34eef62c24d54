// Counts what one render uses against its limits.
#pragma once

#include <cstddef>
#include <cstdint>

#include "model/chat_template/failure.hpp"
#include "model/chat_template/limits.hpp"

namespace tokamak::jinja {

class budget {
 public:
  explicit budget(const chat_template_limits& limits) : limits_(limits) {}
  budget(const budget&) = delete;
  budget& operator=(const budget&) = delete;

  const chat_template_limits& limits() const { return limits_; }

  /// Pays for `count` units of work.
  void work(std::uint64_t count = 1) {
    if (count > limits_.steps - steps_) exceed("the template needs more than {} steps", limits_.steps);
    steps_ += count;
  }
  /// Pays for reading or writing `bytes` of text.
  void text_work(std::size_t bytes) { work(1 + bytes / bytes_per_step); }

  /// Pays for looking at every character of `bytes` of text.
  void character_work(std::size_t bytes) { work(1 + bytes / 2); }

  /// Reserves memory until give() or the end of the render.
  void take(std::size_t bytes) {
    if (bytes > limits_.live_bytes - live_)
      exceed("the template needs more than {} bytes of values", limits_.live_bytes);
    live_ += bytes;
  }
  void give(std::size_t bytes) { live_ -= bytes; }

  /// A string of this length is about to be made.
  void check_text(std::uint64_t bytes) const {
    if (bytes > limits_.text_bytes) exceed("the template makes a string of more than {} bytes", limits_.text_bytes);
  }
  /// Counts text written to the output or to a captured block.
  void write(std::size_t bytes) {
    if (bytes > limits_.output_bytes - written_) exceed("the template writes more than {} bytes", limits_.output_bytes);
    written_ += bytes;
    text_work(bytes);
  }

  /// One level of nested evaluation or of nested data, for as long as it lives.
  class level {
   public:
    level(std::uint32_t& depth, std::uint32_t limit, const char* what) : depth_(depth) {
      if (depth >= limit) exceed("{} nested more than {} levels deep", what, limit);
      ++depth_;
    }
    ~level() { --depth_; }
    level(const level&) = delete;
    level& operator=(const level&) = delete;

   private:
    std::uint32_t& depth_;
  };
  level call_level() { return {calls_, limits_.call_depth, "the template's calls are"}; }
  level data_level() { return {data_, limits_.data_depth, "the data is"}; }

 private:
  static constexpr std::size_t bytes_per_step = 32;

  const chat_template_limits& limits_;
  std::uint64_t steps_ = 0;
  std::uint64_t live_ = 0;
  std::uint64_t written_ = 0;
  std::uint32_t calls_ = 0;
  std::uint32_t data_ = 0;
};

} // namespace tokamak::jinja
