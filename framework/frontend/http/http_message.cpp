// Reason phrases, paths and dates.
#include "frontend/http/http_message.hpp"

#include <boost/beast/core/string.hpp>
#include <boost/beast/http/status.hpp>

#include <fmt/format.h>

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

// Names are written here since those of the C library depend on the locale.
std::string_view http_date::at(std::int64_t unix_s) {
  if (unix_s == unix_s_) return text_;
  static constexpr const char* days[] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
  static constexpr const char* months[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  unix_s_ = unix_s;
  const auto time = static_cast<std::time_t>(unix_s);
  std::tm t{};
  gmtime_r(&time, &t);
  text_ = fmt::format("{}, {:02} {} {:04} {:02}:{:02}:{:02} GMT", days[t.tm_wday], t.tm_mday, months[t.tm_mon], t.tm_year + 1900, t.tm_hour, t.tm_min, t.tm_sec);
  return text_;
}

} // namespace tokamak::frontend
