// Conversions of metadata values. A value's payload was checked by the parser, so nothing here can run
// past it.
#include "model/gguf/gguf_value.hpp"

#include "model/gguf/gguf_cursor.hpp"

#include <array>
#include <concepts>
#include <cstring>
#include <type_traits>
#include <utility>

namespace tokamak {
namespace {

constexpr std::array<std::string_view, 13> type_names{"u8",     "i8",    "u16", "i16", "u32", "i32", "f32",
                                                      "bool", "string", "array", "u64", "i64", "f64"};
constexpr std::array<std::size_t, 13> type_bytes{1, 1, 2, 2, 4, 4, 4, 1, 0, 0, 8, 8, 8};

template <class T>
T load(const std::byte* from) {
  T value;
  std::memcpy(&value, from, sizeof value);
  return value;
}

// Calls visit(x) with the integer of type `type` at `from`; false when the type is no integer.
template <class Visit>
bool visit_integer(gguf_type type, const std::byte* from, Visit visit) {
  switch (type) {
  case gguf_type::u8: visit(load<std::uint8_t>(from)); return true;
  case gguf_type::i8: visit(load<std::int8_t>(from)); return true;
  case gguf_type::u16: visit(load<std::uint16_t>(from)); return true;
  case gguf_type::i16: visit(load<std::int16_t>(from)); return true;
  case gguf_type::u32: visit(load<std::uint32_t>(from)); return true;
  case gguf_type::i32: visit(load<std::int32_t>(from)); return true;
  case gguf_type::u64: visit(load<std::uint64_t>(from)); return true;
  case gguf_type::i64: visit(load<std::int64_t>(from)); return true;
  default: return false;
  }
}

template <class T>
bool fits(auto value) {
  // std::in_range refuses character types; 8-bit integers are widened first.
  if constexpr (sizeof(value) == 1)
    return std::in_range<T>(static_cast<int>(value));
  else
    return std::in_range<T>(value);
}

// One element of `type` at `from` as T.
template <class T>
std::optional<T> convert(gguf_type type, const std::byte* from) {
  if constexpr (std::same_as<T, bool>) {
    if (type == gguf_type::boolean)
      return load<std::uint8_t>(from) != 0;
  } else if constexpr (std::integral<T>) {
    std::optional<T> result;
    visit_integer(type, from, [&result](auto value) {
      if (fits<T>(value))
        result = static_cast<T>(value);
    });
    return result;
  } else {
    if (type == gguf_type::f32)
      return static_cast<T>(load<float>(from));
    if (type == gguf_type::f64)
      return static_cast<T>(load<double>(from));
  }
  return std::nullopt;
}

std::string_view string_at(const std::byte*& from) {
  const auto length = load<std::uint64_t>(from);
  const std::string_view text(reinterpret_cast<const char*>(from + 8), length);
  from += 8 + length;
  return text;
}

template <class T>
struct is_vector : std::false_type {};
template <class T>
struct is_vector<std::vector<T>> : std::true_type {};

} // namespace

std::string_view to_string(gguf_type type) {
  const auto id = static_cast<std::uint32_t>(type);
  return id < type_names.size() ? type_names[id] : "unknown";
}

std::size_t scalar_bytes(gguf_type type) {
  const auto id = static_cast<std::uint32_t>(type);
  return id < type_bytes.size() ? type_bytes[id] : 0;
}

std::string gguf_value::describe() const {
  if (is_array())
    return fmt::format("array of {} {}", count_, to_string(element_type_));
  if (type_ == gguf_type::string)
    return fmt::format("string {}", quoted(*as<std::string_view>(), '"'));
  if (type_ == gguf_type::boolean)
    return *as<bool>() ? "bool true" : "bool false";
  std::string text(to_string(type_));
  if (visit_integer(type_, payload_.data(), [&text](auto value) { text += fmt::format(" {}", value); }))
    return text;
  return fmt::format("{} {}", text, as<double>().value_or(0));
}

template <class T>
std::optional<T> gguf_value::as() const {
  if constexpr (is_vector<T>::value) {
    using element = typename T::value_type;
    if (!is_array())
      return std::nullopt;
    T result;
    if constexpr (std::same_as<element, std::string_view>) {
      if (element_type_ != gguf_type::string)
        return std::nullopt;
      result.reserve(count_);
      const std::byte* from = payload_.data();
      for (std::uint64_t i = 0; i < count_; ++i)
        result.push_back(string_at(from));
    } else {
      result.reserve(count_);
      const std::size_t step = scalar_bytes(element_type_);
      for (std::uint64_t i = 0; i < count_; ++i) {
        const auto value = convert<element>(element_type_, payload_.data() + i * step);
        if (!value)
          return std::nullopt;
        result.push_back(*value);
      }
    }
    return result;
  } else {
    if (is_array())
      return std::nullopt;
    if constexpr (std::same_as<T, std::string_view>) {
      const std::byte* from = payload_.data();
      return type_ == gguf_type::string ? std::optional(string_at(from)) : std::nullopt;
    } else {
      return convert<T>(type_, payload_.data());
    }
  }
}

template std::optional<bool> gguf_value::as() const;
template std::optional<std::uint32_t> gguf_value::as() const;
template std::optional<std::int32_t> gguf_value::as() const;
template std::optional<std::uint64_t> gguf_value::as() const;
template std::optional<std::int64_t> gguf_value::as() const;
template std::optional<float> gguf_value::as() const;
template std::optional<double> gguf_value::as() const;
template std::optional<std::string_view> gguf_value::as() const;
template std::optional<std::vector<std::string_view>> gguf_value::as() const;
template std::optional<std::vector<float>> gguf_value::as() const;
template std::optional<std::vector<std::int32_t>> gguf_value::as() const;
template std::optional<std::vector<std::uint32_t>> gguf_value::as() const;

template <> std::string_view gguf_type_name<bool>() { return "bool"; }
template <> std::string_view gguf_type_name<std::uint32_t>() { return "u32"; }
template <> std::string_view gguf_type_name<std::int32_t>() { return "i32"; }
template <> std::string_view gguf_type_name<std::uint64_t>() { return "u64"; }
template <> std::string_view gguf_type_name<std::int64_t>() { return "i64"; }
template <> std::string_view gguf_type_name<float>() { return "f32"; }
template <> std::string_view gguf_type_name<double>() { return "f64"; }
template <> std::string_view gguf_type_name<std::string_view>() { return "string"; }
template <> std::string_view gguf_type_name<std::vector<std::string_view>>() { return "array of string"; }
template <> std::string_view gguf_type_name<std::vector<float>>() { return "array of f32"; }
template <> std::string_view gguf_type_name<std::vector<std::int32_t>>() { return "array of i32"; }
template <> std::string_view gguf_type_name<std::vector<std::uint32_t>>() { return "array of u32"; }

} // namespace tokamak
