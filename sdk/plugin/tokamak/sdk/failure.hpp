// Errors inside a plugin are exceptions, at its border values: guard() turns one into the other.
#pragma once

#include <tokamak/plugin.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <exception>
#include <new>
#include <string>
#include <string_view>
#include <utility>

namespace tokamak::sdk {

/// Throw this to fail a call with a code, a message and, if an option is at fault, its place in the topology file.
class failure : public std::exception {
 public:
  failure(tk_status code, std::string message, std::uint32_t line = 0, std::uint32_t column = 0)
      : code_(code), message_(std::move(message)), line_(line), column_(column) {}
  const char* what() const noexcept override { return message_.c_str(); }
  tk_status code() const { return code_; }
  std::uint32_t line() const { return line_; }
  std::uint32_t column() const { return column_; }

 private:
  tk_status code_;
  std::string message_;
  std::uint32_t line_;
  std::uint32_t column_;
};

inline tk_string to_tk(std::string_view text) { return {text.data(), text.size()}; }
inline std::string_view view(tk_string text) { return {text.data, text.size}; }

/// Throws what a host function reported.
inline void check(tk_status status, const tk_error& e) {
  if (status != TK_OK) throw failure(status, e.message, e.line, e.column);
}

inline tk_error empty_error() {
  tk_error e{};
  e.size = sizeof e;
  return e;
}

inline tk_status report(tk_error* out, tk_status code, std::string_view message, std::uint32_t line = 0,
                        std::uint32_t column = 0) noexcept {
  if (out && out->size >= sizeof(tk_error)) {
    out->code = code;
    out->line = line;
    out->column = column;
    const std::size_t n = std::min(message.size(), sizeof out->message - 1);
    std::memcpy(out->message, message.data(), n);
    out->message[n] = '\0';
  }
  return code;
}

/// The exception being handled as an error. REQUIRES: called in a catch block.
inline tk_status report_current(tk_error* out) noexcept {
  try {
    throw;
  } catch (const failure& f) {
    return report(out, f.code() == TK_OK ? TK_INTERNAL : f.code(), f.what(), f.line(), f.column());
  } catch (const std::bad_alloc&) {
    return report(out, TK_OUT_OF_MEMORY, "out of memory");
  } catch (const std::exception& e) {
    return report(out, TK_INTERNAL, e.what());
  } catch (...) {
    return report(out, TK_INTERNAL, "an exception of unknown type");
  }
}

/// Runs f; what it throws becomes the status and *out.
template <class Function>
tk_status guard(tk_error* out, Function&& f) noexcept {
  try {
    f();
    return TK_OK;
  } catch (...) {
    return report_current(out);
  }
}

} // namespace tokamak::sdk
