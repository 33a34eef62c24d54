// Reason phrases, paths and dates.
#include "frontend/http/http_message.hpp"

#include <boost/beast/core/string.hpp>
#include <boost/beast/http/status.hpp>

#include <fmt/chrono.h>

#include <algorithm>
#include <charconv>
#include <ctime>

namespace tokamak::frontend {

std::string_view reason_of(int status) {
  if (status == 499) return "Client Closed Request";
  const auto reason = boost::beast::http::obsolete_reason(boost::beast::http::int_to_status(static_cast<unsigned>(status)));
  return {reason.data(), reason.size()};
}

std::string_view path_of(std::string_view target) {
  for (const std::string_view scheme : {"http://", "https://"}) {
    const auto front = target.substr(0, scheme.size());
    if (!boost::beast::iequals({front.data(), front.size()}, {scheme.data(), scheme.size()})) continue;
    target.remove_prefix(scheme.size());
    target.remove_prefix(std::min(target.find_first_of("/?"), target.size()));
    if (!target.starts_with('/')) return "/";
    break;
  }
  return target.substr(0, target.find('?'));
}

bool decode_path(std::string_view text, std::string& out) {
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      out += text[i];
      continue;
    }
    unsigned byte = 0;
    if (i + 2 >= text.size()) return false;
    const auto [end, problem] = std::from_chars(text.data() + i + 1, text.data() + i + 3, byte, 16);
    if (problem != std::errc() || end != text.data() + i + 3 || byte == 0) return false;
    out += static_cast<char>(byte);
    i += 2;
  }
  return true;
}

std::string_view http_date::at(std::int64_t unix_s) {
  if (unix_s != unix_s_) text_ = fmt::format("{:%a, %d %b %Y %H:%M:%S} GMT", fmt::gmtime(static_cast<std::time_t>(unix_s)));
  unix_s_ = unix_s;
  return text_;
}

} // namespace tokamak::frontend
