// Which code has which status, and how an error is written.
#include "frontend/openai/api_error.hpp"

#include "frontend/openai/json_text.hpp"

namespace tokamak::frontend::openai {

namespace {

struct kind {
  int status;
  const char* type;
  const char* code;
};

kind kind_of(errc code) {
  constexpr auto wrong = "invalid_request_error", busy = "rate_limit_error", failed = "server_error";
  switch (code) {
    case errc::invalid_argument:
    case errc::unsupported:
    case errc::corrupt:
    case errc::version_mismatch: return {400, wrong, ""};
    case errc::too_large: return {400, wrong, "context_length_exceeded"};
    case errc::permission_denied: return {401, wrong, ""};
    case errc::not_found: return {404, wrong, ""};
    case errc::already_exists: return {409, wrong, ""};
    case errc::overloaded: return {429, busy, "rate_limit_exceeded"};
    case errc::cancelled: return {499, failed, "cancelled"};
    case errc::out_of_memory:
    case errc::unavailable: return {503, failed, "unavailable"};
    case errc::deadline_exceeded: return {504, failed, "deadline_exceeded"};
    case errc::ok:
    case errc::io:
    case errc::internal: break;
  }
  return {500, failed, ""};
}

void append_or_null(std::string_view text, std::string& out) {
  if (text.empty()) out += "null";
  else append_json_string(text, out);
}

} // namespace

std::string body_of(const api_error& e) {
  std::string out = R"({"error":{"message":)";
  append_json_string(e.message, out);
  out += R"(,"type":)";
  append_json_string(e.type, out);
  out += R"(,"param":)";
  append_or_null(e.param, out);
  out += R"(,"code":)";
  append_or_null(e.code, out);
  out += "}}";
  return out;
}

api_error from(const error& e) {
  const auto k = kind_of(e.code);
  return {k.status, k.type, e.message, {}, k.code};
}

api_error wrong_request(std::string message, std::string param, std::string code) {
  return {400, "invalid_request_error", std::move(message), std::move(param), std::move(code)};
}

} // namespace tokamak::frontend::openai
