// Requests and answers of the HTTP frontend, as its parts hand them to each other.
#pragma once

#include <boost/beast/http/fields.hpp>

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace tokamak::frontend {

struct http_request {
  std::string method;  ///< as sent, "POST"
  std::string path;    ///< decoded, without the query, which nothing here reads
  std::string body;
  boost::beast::http::fields fields;

  std::string_view field(std::string_view name) const {
    const auto value = fields[{name.data(), name.size()}];
    return {value.data(), value.size()};
  }
};

struct http_response {
  int status = 200;
  std::string_view type = "application/json"; ///< of a literal
  std::string body;
  std::vector<std::pair<std::string, std::string>> fields; ///< beside Content-Type, Content-Length, Connection and Date
};

/// Reason phrase of a status, "" for unknown ones.
std::string_view reason_of(int status);

/// The path of a request's target, without its query: that of "http://HOST/path" too, as proxies are asked (RFC 9112, 3.2.2).
std::string_view path_of(std::string_view target);

/// "%20" and the like resolved; nothing if the text has a broken one, or a zero byte.
bool decode_path(std::string_view text, std::string& out);

/// What answers have as their Date, "Sun, 06 Nov 1994 08:49:37 GMT" (RFC 9110, 5.6.7). Formatted once a second at most.
class http_date {
public:
  /// Valid until the next call.
  std::string_view at(std::int64_t unix_s);

private:
  std::int64_t unix_s_ = -1;
  std::string text_;
};

} // namespace tokamak::frontend
