// Tokamak's errors as OpenAI's.
#include "requests.hpp"

using namespace tokamak;
using namespace tokamak::frontend::openai;

TEST_CASE("an error's body has its four fields") {
  CHECK(body_of({400, "invalid_request_error", "no \"x\"", "messages[2].content", "invalid_type"}) ==
        R"({"error":{"message":"no \"x\"","type":"invalid_request_error","param":"messages[2].content","code":"invalid_type"}})");
  CHECK(body_of({500, "server_error", "m", "", ""}) == R"({"error":{"message":"m","type":"server_error","param":null,"code":null}})");
}

TEST_CASE("each code has its status, and the place of an error is left out") {
  const auto shown = [](errc code) { return told(from({code, "m", "/etc/node.toml:3"})); };
  CHECK(shown(errc::invalid_argument) == "400 invalid_request_error - -: m");
  CHECK(shown(errc::unsupported) == "400 invalid_request_error - -: m");
  CHECK(shown(errc::corrupt) == "400 invalid_request_error - -: m");
  CHECK(shown(errc::too_large) == "400 invalid_request_error - context_length_exceeded: m");
  CHECK(shown(errc::permission_denied) == "401 invalid_request_error - -: m");
  CHECK(shown(errc::not_found) == "404 invalid_request_error - -: m");
  CHECK(shown(errc::overloaded) == "429 rate_limit_error - rate_limit_exceeded: m");
  CHECK(shown(errc::cancelled) == "499 server_error - cancelled: m");
  CHECK(shown(errc::internal) == "500 server_error - -: m");
  CHECK(shown(errc::io) == "500 server_error - -: m");
  CHECK(shown(errc::unavailable) == "503 server_error - unavailable: m");
  CHECK(shown(errc::out_of_memory) == "503 server_error - unavailable: m");
  CHECK(shown(errc::deadline_exceeded) == "504 server_error - deadline_exceeded: m");
}
