// Errors as OpenAI's clients know them.
#pragma once

#include "base/error.hpp"

#include <string>
#include <string_view>

namespace tokamak::frontend::openai {

struct api_error {
  int status = 400;  ///< of HTTP
  std::string type;
  std::string message;
  std::string param; ///< the field that is wrong, as "messages[2].content"; "" is written as null
  std::string code;  ///< "" is written as null

  friend bool operator==(const api_error&, const api_error&) = default;
};

/// {"error":{"message":…,"type":…,"param":…,"code":…}}
std::string body_of(const api_error& e);

/// An error of Tokamak. Its place (`where`) is left out: it may name files of the server.
api_error from(const error& e);

/// A request that says something wrong: status 400.
api_error wrong_request(std::string message, std::string param = {}, std::string code = {});

} // namespace tokamak::frontend::openai
