// A first pass counts without keeping anything; only what it lets through becomes a tree.
#include "frontend/openai/request_body.hpp"

#include "frontend/openai/json_text.hpp"
#include "model/tokenizer/utf8.hpp"

#include <vector>

namespace tokamak::frontend::openai {

namespace {

// What the library says of a broken body: "[json.exception…] parse error at line 1, column 3: syntax error while parsing value - …".
// The place is told otherwise, and a last token may be as long as the body.
std::string reason_of(std::string_view what) {
  if (const auto end = what.find("] "); end != what.npos) what.remove_prefix(end + 2);
  if (what.starts_with("parse error at "))
    if (const auto end = what.find(": "); end != what.npos) what.remove_prefix(end + 2);
  return shortened(what, 200);
}

class counting_reader final : public nlohmann::json_sax<json> {
public:
  explicit counting_reader(const body_limits& limits) : limits_(limits) {}

  bool null() override { return value(); }
  bool boolean(bool) override { return value(); }
  bool number_integer(number_integer_t) override { return value(); }
  bool number_unsigned(number_unsigned_t) override { return value(); }
  bool number_float(number_float_t, const string_t&) override { return value(); }
  bool string(string_t&) override { return value(); }
  bool binary(binary_t&) override { return value(); }
  bool start_object(std::size_t) override { return begin(); }
  bool start_array(std::size_t) override { return begin(); }
  bool end_object() override { return end(); }
  bool end_array() override { return end(); }
  bool key(string_t&) override {
    key_work_ += ++keys_.back();
    return key_work_ <= limits_.key_work || stop("the body has too many keys in its objects");
  }
  bool parse_error(std::size_t position, const std::string&, const nlohmann::detail::exception& e) override {
    return stop(fmt::format("the body is no valid JSON: at byte {}: {}", position > 0 ? position - 1 : 0, reason_of(e.what())));
  }

  const std::string& problem() const { return problem_; }

private:
  bool stop(std::string why) {
    problem_ = std::move(why);
    return false;
  }
  bool value() {
    return ++values_ <= limits_.values || stop(fmt::format("the body has more than {} values", limits_.values));
  }
  bool begin() {
    keys_.push_back(0);
    if (keys_.size() > limits_.depth) return stop(fmt::format("the body is nested deeper than {} levels", limits_.depth));
    return value();
  }
  bool end() {
    keys_.pop_back();
    return true;
  }

  const body_limits& limits_;
  std::vector<std::size_t> keys_; ///< of each object that is open
  std::size_t values_ = 0, key_work_ = 0;
  std::string problem_;
};

} // namespace

tl::expected<json, api_error> read_body(std::string_view body, const body_limits& limits) {
  if (const auto valid = utf8_valid_prefix(body); valid != body.size())
    return tl::unexpected(wrong_request(fmt::format("the body is no valid UTF-8: at byte {}", valid)));
  counting_reader reader(limits);
  if (!json::sax_parse(body, &reader)) return tl::unexpected(wrong_request(reader.problem()));
  return json::parse(body, nullptr, /*allow_exceptions=*/false);
}

tl::expected<json, api_error> read_object(std::string_view body) {
  auto parsed = read_body(body);
  if (parsed && !parsed->is_object()) return tl::unexpected(wrong_request(fmt::format("the body must be an object, got {}", parsed->type_name())));
  return parsed;
}

} // namespace tokamak::frontend::openai
