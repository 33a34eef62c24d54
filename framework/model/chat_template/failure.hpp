// How the interpreter stops. Evaluation nests deeply and can fail at every node, so inside this
// folder a failure unwinds as an exception; compile() and render() turn it into an error value, and
// nothing throws beyond them.
#pragma once

#include <fmt/format.h>

#include <cstdint>
#include <string>
#include <utility>

#include "base/error.hpp"

namespace tokamak::jinja {

struct failure {
  errc code;
  std::string message;
  std::uint32_t line = 0; ///< 0 until known
};

/// The template or its input is at fault; messages are worded as Python and Jinja word them.
template <class... Args>
[[noreturn]] void raise(fmt::format_string<Args...> text, Args&&... args) {
  throw failure{errc::invalid_argument, fmt::format(text, std::forward<Args>(args)...)};
}

/// The sandbox or this dialect forbids it.
template <class... Args>
[[noreturn]] void refuse(fmt::format_string<Args...> text, Args&&... args) {
  throw failure{errc::unsupported, fmt::format(text, std::forward<Args>(args)...)};
}

/// A limit is exceeded.
template <class... Args>
[[noreturn]] void exceed(fmt::format_string<Args...> text, Args&&... args) {
  throw failure{errc::too_large, fmt::format(text, std::forward<Args>(args)...)};
}

/// The template text is malformed.
template <class... Args>
[[noreturn]] void malformed(std::uint32_t line, fmt::format_string<Args...> text, Args&&... args) {
  throw failure{errc::corrupt, fmt::format(text, std::forward<Args>(args)...), line};
}

} // namespace tokamak::jinja
