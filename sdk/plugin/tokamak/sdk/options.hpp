// A plugin's options with types, defaults and positions. Every accessor throws a failure that points at the option.
#pragma once

#include <tokamak/sdk/failure.hpp>

#include <charconv>
#include <cmath>
#include <cstdint>
#include <initializer_list>
#include <limits>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

namespace tokamak::sdk {

/// Entries for the `options` array of a plugin class. `default_value` is written as in TOML.
constexpr tk_option_spec optional(const char* name, tk_option_type type, const char* default_value, const char* help) {
  return {name, type, 0, default_value, help};
}
constexpr tk_option_spec required(const char* name, tk_option_type type, const char* help) {
  return {name, type, 1, nullptr, help};
}

class option_table;

/// One value: an entry of a table or an element of an array. Valid while the instance lives.
class option {
 public:
  option(const tk_host* host, std::string name, const tk_option_value& value)
      : host_(host), name_(std::move(name)), value_(value) {}

  const std::string& name() const { return name_; }
  tk_option_type type() const { return value_.type; }
  std::uint32_t line() const { return value_.line; }
  std::uint32_t column() const { return value_.column; }

  bool boolean() const { return expect(TK_BOOLEAN, "a boolean").integer != 0; }
  std::int64_t integer(std::int64_t least = std::numeric_limits<std::int64_t>::min(),
                       std::int64_t most = std::numeric_limits<std::int64_t>::max()) const {
    const std::int64_t v = expect(TK_INTEGER, "an integer").integer;
    if (v < least || v > most) fail_range(std::to_string(least), std::to_string(most), std::to_string(v));
    return v;
  }
  double real(double least = -std::numeric_limits<double>::infinity(),
              double most = std::numeric_limits<double>::infinity()) const {
    const double v = value_.type == TK_INTEGER ? value_.real : expect(TK_REAL, "a number").real;
    if (!(v >= least && v <= most)) fail_range(shortest(least), shortest(most), shortest(v));
    return v;
  }
  std::string string() const { return std::string(view(expect(TK_STRING, "a string").string)); }
  /// Index in `names` of the string.
  std::size_t one_of(std::initializer_list<std::string_view> names) const;
  option_table table() const;
  std::vector<option> array() const;

  /// Fails with `'name': message` at this option's place.
  [[noreturn]] void fail(std::string_view message) const {
    throw failure(TK_INVALID_ARGUMENT, "'" + name_ + "': " + std::string(message), value_.line, value_.column);
  }

 private:
  const tk_option_value& expect(tk_option_type type, const char* wanted) const {
    if (value_.type != type) throw failure(TK_INVALID_ARGUMENT, "'" + name_ + "' must be " + wanted, line(), column());
    return value_;
  }
  [[noreturn]] void fail_range(const std::string& least, const std::string& most, const std::string& found) const {
    throw failure(TK_INVALID_ARGUMENT, "'" + name_ + "' must be between " + least + " and " + most + ", found " + found,
                  line(), column());
  }
  static std::string shortest(double v) {
    char text[32];
    return std::string(text, std::to_chars(text, text + sizeof text, v).ptr);
  }

  const tk_host* host_;
  std::string name_;
  tk_option_value value_;
};

/// A table of options. At the top, entries that the file does not give take the default of the plugin's `options`
/// array.
class option_table {
 public:
  option_table(const tk_host* host, const tk_options* options, std::span<const tk_option_spec> specs = {})
      : host_(host), options_(options), specs_(specs) {}

  /// Given in the file?
  bool has(std::string_view key) const {
    tk_option_value v{};
    v.size = sizeof v;
    return host_->option_find(options_, to_tk(key), &v) == TK_OK;
  }
  /// The value in the file, else the default; fails if there is neither.
  option get(std::string_view key) const {
    tk_option_value v{};
    v.size = sizeof v;
    if (host_->option_find(options_, to_tk(key), &v) != TK_OK) v = default_of(key);
    return option(host_, std::string(key), v);
  }
  bool boolean(std::string_view key) const { return get(key).boolean(); }
  std::int64_t integer(std::string_view key, std::int64_t least = std::numeric_limits<std::int64_t>::min(),
                       std::int64_t most = std::numeric_limits<std::int64_t>::max()) const {
    return get(key).integer(least, most);
  }
  double real(std::string_view key, double least = -std::numeric_limits<double>::infinity(),
              double most = std::numeric_limits<double>::infinity()) const {
    return get(key).real(least, most);
  }
  std::string string(std::string_view key) const { return get(key).string(); }

  /// Entries in file order (of an array: its elements), without defaults.
  std::vector<option> entries() const {
    std::vector<option> all;
    const std::uint32_t n = host_->option_count(options_);
    all.reserve(n);
    for (std::uint32_t i = 0; i < n; ++i) {
      tk_option_value v{};
      v.size = sizeof v;
      if (host_->option_at(options_, i, &v) == TK_OK) all.emplace_back(host_, std::string(view(v.key)), v);
    }
    return all;
  }

 private:
  tk_option_value default_of(std::string_view key) const {
    for (const auto& spec : specs_)
      if (key == spec.name && spec.default_value) return parse(spec);
    throw failure(TK_INVALID_ARGUMENT, "'" + std::string(key) + "' is required");
  }

  static tk_option_value parse(const tk_option_spec& spec) {
    const std::string_view text = spec.default_value;
    tk_option_value v{};
    v.size = sizeof v;
    v.type = spec.type;
    std::from_chars_result read{text.data() + text.size(), std::errc()};
    if (spec.type == TK_BOOLEAN) v.integer = text == "true";
    else if (spec.type == TK_INTEGER) read = std::from_chars(text.data(), text.data() + text.size(), v.integer);
    else if (spec.type == TK_REAL) read = std::from_chars(text.data(), text.data() + text.size(), v.real);
    else if (spec.type == TK_STRING && text.size() >= 2) v.string = to_tk(text.substr(1, text.size() - 2));
    if (read.ec != std::errc() || read.ptr != text.data() + text.size())
      throw failure(TK_INTERNAL, "the default of '" + std::string(spec.name) + "' is not what its type says");
    return v;
  }

  const tk_host* host_;
  const tk_options* options_;
  std::span<const tk_option_spec> specs_;
};

inline std::size_t option::one_of(std::initializer_list<std::string_view> names) const {
  const std::string found = string();
  std::string known;
  std::size_t index = 0;
  for (std::string_view n : names) {
    if (n == found) return index;
    known += (index++ ? ", " : "") + std::string(n);
  }
  throw failure(TK_INVALID_ARGUMENT, "'" + name_ + "' must be one of " + known + ", found '" + found + "'", line(),
                column());
}

inline option_table option::table() const { return option_table(host_, expect(TK_TABLE, "a table").children); }

inline std::vector<option> option::array() const {
  auto elements = option_table(host_, expect(TK_ARRAY, "an array").children).entries();
  for (std::size_t i = 0; i < elements.size(); ++i) elements[i].name_ = name_ + "[" + std::to_string(i) + "]";
  return elements;
}

} // namespace tokamak::sdk
