// Bounds-checked reading of GGUF values. Every count is held against the bytes that are left before
// anything is done per element, so a hostile count costs nothing.
#include "model/gguf/gguf_cursor.hpp"

#include <limits>

namespace tokamak {
namespace {

// Arrays of arrays are legal but nobody writes them; the bound keeps recursion off the stack's end.
constexpr unsigned max_array_depth = 4;

bool is_known(gguf_type type) {
  return static_cast<std::uint32_t>(type) <= static_cast<std::uint32_t>(gguf_type::f64);
}

// The fewest bytes one element can take.
std::size_t least_bytes(gguf_type type) {
  if (type == gguf_type::string)
    return 8;
  if (type == gguf_type::array)
    return 12;
  return scalar_bytes(type);
}

} // namespace

std::string quoted(std::string_view text, char quote) {
  constexpr std::size_t shown = 64;
  std::string out(1, quote);
  for (const char c : text.substr(0, shown)) {
    if (c >= 0x20 && c < 0x7f)
      out += c;
    else
      out += fmt::format("\\x{:02x}", static_cast<unsigned char>(c));
  }
  if (text.size() > shown)
    out += "...";
  return out + quote;
}

error gguf_cursor::at(errc code, std::string message, std::size_t offset) const {
  std::string subject;
  if (!subject_kind_.empty())
    subject = fmt::format("{} {}: ", subject_kind_, quoted(subject_name_));
  return {code, subject + std::move(message), fmt::format("{}, offset {}", file_name_, offset)};
}

error gguf_cursor::truncated(std::string_view field, std::uint64_t wanted) const {
  return corrupt(fmt::format("the file ends inside the {}: {} bytes wanted, {} left", field, wanted, left()),
                 offset_);
}

expected<std::string_view> gguf_cursor::read_string(std::string_view field, std::uint64_t max_bytes) {
  const std::size_t begin = offset_;
  const auto length = read<std::uint64_t>(field);
  if (!length)
    return fail(length.error());
  if (*length > max_bytes)
    return fail(corrupt(
        fmt::format("the {} is {} bytes long, more than the {} allowed", field, *length, max_bytes), begin));
  if (*length > left())
    return fail(truncated(field, *length));
  const std::string_view text(reinterpret_cast<const char*>(bytes_.data() + offset_), *length);
  offset_ += *length;
  return text;
}

expected<gguf_value> gguf_cursor::read_value(gguf_type type) {
  if (type == gguf_type::array)
    return read_array(1);
  const std::size_t begin = offset_;
  if (auto passed = skip_elements(type, 1, 0); !passed)
    return fail(passed.error());
  return gguf_value(type, type, 1, bytes_.subspan(begin, offset_ - begin));
}

expected<gguf_value> gguf_cursor::read_array(unsigned depth) {
  if (depth > max_array_depth)
    return fail(corrupt(fmt::format("arrays nest deeper than {}", max_array_depth), offset_));
  const auto element_type = read<std::uint32_t>("array element type");
  if (!element_type)
    return fail(element_type.error());
  const auto count = read<std::uint64_t>("array length");
  if (!count)
    return fail(count.error());
  const std::size_t begin = offset_;
  const auto type = static_cast<gguf_type>(*element_type);
  if (auto passed = skip_elements(type, *count, depth); !passed)
    return fail(passed.error());
  return gguf_value(gguf_type::array, type, *count, bytes_.subspan(begin, offset_ - begin));
}

expected<void> gguf_cursor::skip_elements(gguf_type type, std::uint64_t count, unsigned depth) {
  if (!is_known(type))
    return fail(corrupt(fmt::format("value type {} is unknown", static_cast<std::uint32_t>(type)), offset_));
  if (count > left() / least_bytes(type)) {
    if (count == 1)
      return fail(truncated("value", least_bytes(type)));
    return fail(
        corrupt(fmt::format("an array of {} {} cannot fit in the {} bytes left", count, to_string(type), left()),
                offset_));
  }
  if (type == gguf_type::boolean) {
    for (std::uint64_t i = 0; i < count; ++i)
      if (const auto value = std::to_integer<unsigned>(bytes_[offset_ + i]); value > 1)
        return fail(corrupt(fmt::format("a boolean is {}, expected 0 or 1", value), offset_ + i));
  }
  if (const std::size_t size = scalar_bytes(type); size != 0) {
    offset_ += count * size;
    return {};
  }
  for (std::uint64_t i = 0; i < count; ++i) {
    if (type == gguf_type::string) {
      if (auto text = read_string("string", std::numeric_limits<std::uint64_t>::max()); !text)
        return fail(text.error());
    } else if (auto inner = read_array(depth + 1); !inner) {
      return fail(inner.error());
    }
  }
  return {};
}

} // namespace tokamak
