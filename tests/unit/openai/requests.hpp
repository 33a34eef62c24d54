// What the tests of requests share.
#pragma once

#include "frontend/openai/generation_request.hpp"

#include <doctest/doctest.h>

#include <fmt/format.h>

namespace tokamak::frontend::openai {

/// "400 invalid_request_error top_p invalid_value: MESSAGE"; "-" where param or code is empty.
inline std::string told(const api_error& e) {
  const auto shown = [](const std::string& s) { return s.empty() ? std::string("-") : s; };
  return fmt::format("{} {} {} {}: {}", e.status, e.type, shown(e.param), shown(e.code), e.message);
}

inline std::string refusal(api kind, const std::string& body) {
  const auto read = read_request(kind, body);
  return read ? "accepted" : told(read.error());
}

inline generation_request accepted(api kind, const std::string& body) {
  auto read = read_request(kind, body);
  if (!read) FAIL(told(read.error()));
  return std::move(*read);
}

/// A request with these fields besides what each needs.
inline std::string chat_with(const std::string& fields) {
  return R"({"model":"m","messages":[{"role":"user","content":"Hi"}])" + (fields.empty() ? "" : "," + fields) + "}";
}
inline std::string completion_with(const std::string& fields) {
  return R"({"model":"m","prompt":"Hi")" + (fields.empty() ? "" : "," + fields) + "}";
}
inline std::string response_with(const std::string& fields) {
  return R"({"model":"m","input":"Hi")" + (fields.empty() ? "" : "," + fields) + "}";
}

inline const std::string wrong = "400 invalid_request_error ";

} // namespace tokamak::frontend::openai
