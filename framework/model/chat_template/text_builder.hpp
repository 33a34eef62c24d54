// A string under construction that never outgrows the limit for one value.
#pragma once

#include <string>
#include <string_view>

#include "model/chat_template/budget.hpp"
#include "model/chat_template/unicode.hpp"

namespace tokamak::jinja {

class text_builder {
 public:
  explicit text_builder(budget& costs) : costs_(costs) {}

  void append(std::string_view bytes) {
    costs_.check_text(static_cast<std::uint64_t>(bytes_.size()) + bytes.size());
    costs_.text_work(bytes.size());
    bytes_.append(bytes);
  }
  void append(char byte) {
    costs_.check_text(static_cast<std::uint64_t>(bytes_.size()) + 1);
    bytes_.push_back(byte);
  }
  void append_code(char32_t code) {
    costs_.check_text(static_cast<std::uint64_t>(bytes_.size()) + 4);
    append_character(bytes_, code);
  }
  /// `bytes`, `count` times; nothing for a negative count.
  void repeat(std::string_view bytes, std::int64_t count) {
    if (count <= 0 || bytes.empty()) return;
    const auto times = static_cast<std::uint64_t>(count);
    if (times > costs_.limits().text_bytes) costs_.check_text(times);
    costs_.check_text(bytes_.size() + bytes.size() * times);
    costs_.text_work(bytes.size() * static_cast<std::size_t>(times));
    for (std::uint64_t i = 0; i < times; ++i) bytes_.append(bytes);
  }
  bool empty() const { return bytes_.empty(); }
  std::size_t bytes() const { return bytes_.size(); }
  std::string_view view() const { return bytes_; }
  std::string take() { return std::move(bytes_); }

 private:
  budget& costs_;
  std::string bytes_;
};

} // namespace tokamak::jinja
