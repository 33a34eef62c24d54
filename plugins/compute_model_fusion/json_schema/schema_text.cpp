// Reads schemas. Limits are checked while reading, so that no text costs more than its length.
#include "json_schema/schema_text.hpp"

#include <algorithm>

namespace tokamak::json_schema {

namespace {

// An object finds its members by looking through them, so that n members cost n * n.
constexpr std::size_t max_member_work = 10'000'000;

// "[json.exception.…] parse error at line 1, column 3: syntax error …": the place is told as a byte.
std::string reason_of(std::string_view what) {
  if (const auto end = what.find("] "); end != what.npos) what.remove_prefix(end + 2);
  if (const auto end = what.find("column "); end != what.npos)
    if (const auto colon = what.find(": ", end); colon != what.npos) what.remove_prefix(colon + 2);
  what = what.substr(0, what.find("; last read")); // which may be any bytes
  std::string out(what.substr(0, 160));
  return out;
}

constexpr std::string_view refused[] = {
  "patternProperties", "if", "then", "else", "not", "dependentSchemas", "dependentRequired", "dependencies", "contains", "minContains", "maxContains", "propertyNames",
  "unevaluatedProperties", "unevaluatedItems", "additionalItems", "$dynamicRef", "$recursiveRef"};
constexpr std::string_view constraints[] = {
  "$ref", "allOf", "anyOf", "oneOf", "enum", "const", "type", "nullable", "properties", "required", "additionalProperties", "minProperties", "maxProperties", "items",
  "prefixItems", "minItems", "maxItems", "minLength", "maxLength", "pattern", "format", "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"};

} // namespace

void fail(const std::string& path, const std::string& found, const std::string& expected) {
  throw schema_error("at " + (path.empty() ? "/" : path) + ": found " + found + ", expected " + expected);
}

std::string shown(const json& value) {
  if (value.is_object()) return "an object";
  if (value.is_array()) return "an array";
  std::string text = value.dump();
  if (text.size() <= 80) return text;
  std::size_t end = 77;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xc0) == 0x80) --end;
  return text.substr(0, end) + "...";
}

std::string below(const std::string& path, std::string_view key) {
  std::string out = path + "/";
  for (const char c : key)
    if (c == '~') out += "~0";
    else if (c == '/') out += "~1";
    else out += c;
  if (out.size() > 1000) {
    auto begin = out.size() - 900;
    while ((static_cast<unsigned char>(out[begin]) & 0xc0) == 0x80) ++begin; // not within a character
    out = "..." + out.substr(begin);
  }
  return out;
}

json read_schema(std::string_view text) {
  if (text.size() > max_schema_bytes) fail("", std::to_string(text.size()) + " bytes", "at most " + std::to_string(max_schema_bytes));
  std::vector<std::size_t> members;
  std::size_t work = 0;
  const auto watch = [&](int depth, json::parse_event_t event, json&) {
    if (depth > max_schema_depth) fail("", "a schema nested deeper than " + std::to_string(max_schema_depth), "fewer levels");
    if (event == json::parse_event_t::object_start) members.push_back(0);
    if (event == json::parse_event_t::object_end) members.pop_back();
    if (event == json::parse_event_t::key && (work += ++members.back()) > max_member_work) fail("", "too many members in its objects", "fewer");
    return true;
  };
  try {
    return json::parse(text, watch);
  } catch (const json::parse_error& e) {
    throw schema_error("the schema is no valid JSON: at byte " + std::to_string(e.byte > 0 ? e.byte - 1 : 0) + ": " + reason_of(e.what()));
  } catch (const json::exception& e) {
    throw schema_error("the schema is no valid JSON: " + reason_of(e.what()));
  }
}

const json& resolve(const json& root, const json& reference, const std::string& path) {
  constexpr const char* forms = "\"#\" or \"#/...\", which names a place in this schema";
  if (!reference.is_string()) fail(path, shown(reference), forms);
  const auto& raw = reference.get_ref<const std::string&>();
  std::string text;
  for (std::size_t i = 0; i < raw.size(); ++i) {
    const auto digit = [&](std::size_t k) { return k < raw.size() ? std::string_view("0123456789abcdef").find(static_cast<char>(raw[k] | 0x20)) : std::string_view::npos; };
    if (raw[i] == '%' && digit(i + 1) < 16 && digit(i + 2) < 16) {
      text += static_cast<char>(digit(i + 1) * 16 + digit(i + 2));
      i += 2;
    } else {
      text += raw[i];
    }
  }
  if (text != "#" && !text.starts_with("#/")) fail(path, shown(reference), forms);
  const json* at = &root;
  for (std::size_t begin = 2; begin <= text.size();) {
    const auto end = std::min(text.find('/', begin), text.size());
    std::string key;
    for (std::size_t i = begin; i < end; ++i)
      if (text[i] == '~' && i + 1 < end && (text[i + 1] == '0' || text[i + 1] == '1')) key += text[++i] == '0' ? '~' : '/';
      else key += text[i];
    begin = end + 1;
    const json* next = nullptr;
    if (at->is_object()) {
      if (const auto found = at->find(key); found != at->end()) next = &*found;
    } else if (at->is_array() && !key.empty() && key.size() < 7 && std::all_of(key.begin(), key.end(), [](char c) { return c >= '0' && c <= '9'; })) {
      if (const auto i = std::stoul(key); i < at->size()) next = &(*at)[i];
    }
    if (next == nullptr) fail(path, shown(reference) + ", which names nothing", "a place in this schema");
    at = next;
  }
  return *at;
}

void refuse_keywords(const json& schema, const std::string& path) {
  for (const auto& [key, value] : schema.items()) {
    if (std::find(std::begin(refused), std::end(refused), key) != std::end(refused))
      fail(below(path, key), "the keyword \"" + key + "\", which is not enforced here", "a schema without it");
    if (key == "uniqueItems" && value != false) fail(below(path, key), shown(value) + ", which is not enforced here", "false");
  }
}

bool constrains(std::string_view keyword) { return std::find(std::begin(constraints), std::end(constraints), keyword) != std::end(constraints); }

bool constrains_beside(const json& schema, std::initializer_list<std::string_view> others) {
  for (const auto& [key, value] : schema.items())
    if (constrains(key) && std::find(others.begin(), others.end(), key) == others.end()) return true;
  return false;
}

} // namespace tokamak::json_schema
