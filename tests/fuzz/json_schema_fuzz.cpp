// Fuzzes the compiler of JSON schemas and the matcher: a schema, a zero byte, then a text. Whatever is taken of the text must be taken in the same way by
// masks, and from wherever it ends there must be a way on.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "json_schema/json_schema.hpp"

using namespace tokamak::json_schema;

namespace {

std::shared_ptr<const vocabulary> words() {
  std::vector<std::string> out;
  for (int b = 0; b < 256; ++b) out.push_back(std::string(1, static_cast<char>(b)));
  for (const char* t : {"", "{\"", "\": ", "\",", "\"}", "]}", "],[", "12", "1.5", "a\"", "\\u", "\xf0\x9f", ", \"a\": ", "\n  ", "true"}) out.push_back(t);
  return std::make_shared<const vocabulary>(out);
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const auto v = words();
  const std::string_view all(reinterpret_cast<const char*>(data), size);
  const auto end = std::min(all.find('\0'), all.size());
  std::shared_ptr<const grammar> g;
  try {
    g = compile(all.substr(0, end));
  } catch (const schema_error& e) {
    if (std::string_view(e.what()).find(": ") == std::string_view::npos) std::abort();
    return 0;
  }
  matcher m(g, v);
  std::vector<std::uint32_t> mask((v->size() + 31) / 32);
  const auto text = end < all.size() ? all.substr(end + 1, 200) : std::string_view();
  for (std::size_t i = 0; i <= text.size(); ++i) {
    m.allowed(mask);
    bool any = false;
    for (std::size_t t = 0; t < v->size(); ++t) {
      const bool bit = (mask[t / 32] >> (t % 32) & 1) != 0;
      any = any || bit;
      if (t < 256 && i % 16 != 0) continue; // each token costs a copy
      matcher copy = m;
      if (copy.advance(static_cast<std::int32_t>(t)) != bit) std::abort();
    }
    if (any == m.must_end() || (!any && !m.may_end())) std::abort();
    if (i < text.size() && !m.advance_bytes(text.substr(i, 1))) break;
  }
  return 0;
}
