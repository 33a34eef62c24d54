// Errors inside the test backends are exceptions; guard() turns them into the values of the plugin ABI.
#pragma once

#include <tokamak/plugin.h>

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <exception>
#include <new>
#include <string>
#include <string_view>

namespace tokamak::test {

class failure : public std::exception {
public:
  failure(tk_status code, std::string message) : code_(code), message_(std::move(message)) {}
  const char* what() const noexcept override { return message_.c_str(); }
  tk_status code() const { return code_; }

private:
  tk_status code_;
  std::string message_;
};

template <class... Parts>
[[noreturn]] void refuse(fmt::format_string<Parts...> text, Parts&&... parts) {
  throw failure(TK_INVALID_ARGUMENT, fmt::format(text, std::forward<Parts>(parts)...));
}

inline std::string_view text_of(tk_string s) { return {s.data, s.size}; }

inline tk_status fill(tk_error* out, tk_status code, std::string_view message) {
  if (out != nullptr && out->size >= sizeof(tk_error)) {
    out->code = code;
    out->line = out->column = 0;
    const auto n = std::min(message.size(), sizeof out->message - 1);
    std::memcpy(out->message, message.data(), n);
    out->message[n] = '\0';
  }
  return code;
}

/// Runs f; an exception becomes the status and *out.
template <class Function>
tk_status guard(tk_error* out, Function&& f) {
  try {
    f();
    return TK_OK;
  } catch (const failure& e) {
    return fill(out, e.code(), e.what());
  } catch (const std::bad_alloc&) {
    return fill(out, TK_OUT_OF_MEMORY, "out of memory");
  } catch (const std::exception& e) {
    return fill(out, TK_INTERNAL, e.what());
  }
}

} // namespace tokamak::test
