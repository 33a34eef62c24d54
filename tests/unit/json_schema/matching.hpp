// What the tests of JSON schemas share: texts read by a matcher byte by byte, and a vocabulary whose tokens cut JSON anywhere.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "json_schema/json_schema.hpp"

namespace tokamak::json_schema {

inline std::vector<std::string> small_tokens() {
  std::vector<std::string> out{""};
  for (int b = 0; b < 256; ++b) out.push_back(std::string(1, static_cast<char>(b)));
  for (const char* t : {"{\"", "\":", "\": ", "\": \"", "\",", "\", \"", "\"}", "\"]", "[\"", "[[", "]]", "}}", "{}", "[]", "],", "},", " \"", "\n  ", "\n    \"", "\n}", "\n]", "true", "tru",
                        "false", "null", "12", "345", "-1", "0.", "1e", "e+", ", ", ",\n", "a", "ab", "abc", "name", "na", "me\":", "\"a", "\"b", "a\"", "b\":", "\\\"", "\\u", "\\ud83d", "\\u00", "00e9",
                        "\xc3\xa9", "\xe2\x82", "\xac", "\xf0\x9f", "\x98\x80", "hello ", "world", "2024-", "-01-", "  ", "a", ":[", ":{", "1]", "1}", "1,", "1.5,", "\"\"", "\"\",\""})
    out.push_back(t);
  return out;
}

inline std::shared_ptr<const vocabulary> small_vocabulary() {
  static const auto v = std::make_shared<const vocabulary>(small_tokens());
  return v;
}

/// Whether `text` is a whole document of the schema.
inline bool accepts(std::string_view schema, std::string_view text) {
  matcher m(compile(schema), small_vocabulary());
  for (const char c : text)
    if (!m.advance_bytes({&c, 1})) return false;
  return m.may_end();
}

inline std::string error_of(std::string_view schema) {
  try {
    compile(schema);
  } catch (const schema_error& e) {
    return e.what();
  }
  return "no error";
}

} // namespace tokamak::json_schema
