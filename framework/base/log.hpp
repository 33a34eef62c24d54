// Structured log lines: time, level, actor, event, then key=value pairs; a trace id ties the lines of
// one request together. Thin over spdlog, which does the writing from any thread.
#pragma once

#include <fmt/format.h>

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>

namespace tokamak::log {

enum class level : std::uint8_t { debug, info, warning, error, off };

/// One `key=value` pair. Values with spaces or quotes are written quoted.
struct field {
  std::string_view key;
  std::string value;
  template <class T>
  field(std::string_view k, const T& v) : key(k), value(fmt::format("{}", v)) {}
};

/// Lines under this level are not written. Default: info. Any thread.
void set_level(level minimum);
bool enabled(level l);

/// Sends lines to this file instead of standard error (appending). Returns false if it cannot be opened.
bool set_file(const std::string& path);

/// Writes one line: `2026-01-02T03:04:05.678Z info  scheduler engine.start  trace=… key=value`.
/// `who` is the component, `event` a stable dotted name. Any thread.
void write(level l, std::string_view who, std::string_view event, std::initializer_list<field> fields = {});

inline void debug(std::string_view who, std::string_view event, std::initializer_list<field> f = {}) {
  if (enabled(level::debug)) write(level::debug, who, event, f);
}
inline void info(std::string_view who, std::string_view event, std::initializer_list<field> f = {}) {
  write(level::info, who, event, f);
}
inline void warning(std::string_view who, std::string_view event, std::initializer_list<field> f = {}) {
  write(level::warning, who, event, f);
}
inline void error(std::string_view who, std::string_view event, std::initializer_list<field> f = {}) {
  write(level::error, who, event, f);
}

} // namespace tokamak::log
