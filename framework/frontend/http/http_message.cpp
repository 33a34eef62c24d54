// Reason phrases and paths.
#include "frontend/http/http_message.hpp"

#include <boost/beast/http/status.hpp>

#include <charconv>

namespace tokamak::frontend {

std::string_view reason_of(int status) {
  if (status == 499) return "Client Closed Request";
  const auto reason = boost::beast::http::obsolete_reason(boost::beast::http::int_to_status(static_cast<unsigned>(status)));
  return {reason.data(), reason.size()};
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

} // namespace tokamak::frontend
