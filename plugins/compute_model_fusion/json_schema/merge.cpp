// Keyword by keyword; what has no common form is refused by name.
#include "json_schema/merge.hpp"

#include <algorithm>

#include "json_schema/number_text.hpp"

namespace tokamak::json_schema {

namespace {

// Values that all merging of a schema may look at: references to references that double each time end here.
constexpr std::size_t max_merge_work = 1'000'000;

std::size_t weight(const json& value) {
  std::size_t n = 1;
  if (value.is_structured())
    for (const auto& part : value) n += weight(part);
  return n;
}

std::vector<std::string> types_of(const json& type) {
  std::vector<std::string> out;
  for (const auto& t : type.is_array() ? type : json::array({type}))
    if (t.is_string()) out.push_back(t.get<std::string>());
  return out;
}

json common_types(const json& a, const json& b) {
  json out = json::array();
  const auto in_b = types_of(b);
  const auto has = [](const std::vector<std::string>& all, const char* t) { return std::find(all.begin(), all.end(), t) != all.end(); };
  for (const auto& t : types_of(a)) {
    if (has(in_b, t.c_str())) out.push_back(t);
    else if (t == "integer" && has(in_b, "number")) out.push_back(t);
    else if (t == "number" && has(in_b, "integer")) out.push_back("integer");
  }
  return out;
}

json common_values(const json& a, const json& b) {
  json out = json::array();
  for (const auto& v : a)
    if (std::find(b.begin(), b.end(), v) != b.end()) out.push_back(v);
  return out;
}

} // namespace

void allow_null(json& schema) {
  const auto found = schema.find("nullable");
  if (found == schema.end()) return;
  const bool allows = *found == true;
  schema.erase("nullable");
  if (!allows || !schema.contains("type")) return;
  json& type = schema["type"];
  if (!type.is_array()) type = json::array({type});
  if (std::find(type.begin(), type.end(), "null") == type.end()) type.push_back("null");
}

json both(const json& a, const json& b) {
  if (a == b || b == true) return a;
  if (a == true) return b;
  json parts = json::array();
  for (const json* side : {&a, &b}) {
    const bool is_list = side->is_object() && side->size() == 1 && side->contains("allOf") && (*side)["allOf"].is_array();
    for (const auto& part : is_list ? (*side)["allOf"] : json::array({*side}))
      if (std::find(parts.begin(), parts.end(), part) == parts.end()) parts.push_back(part);
  }
  return json{{"allOf", std::move(parts)}};
}

void merger::spend(const json& on, const std::string& path) {
  spent_ += weight(on);
  if (spent_ > max_merge_work) fail(path, "allOf and anyOf of more parts than can be merged", "fewer");
}

json merger::flat(const json& schema, const std::string& path, int depth) {
  if (depth > max_schema_depth) fail(path, "$ref and allOf that lead to each other without an end", "a value in between");
  spend(schema, path);
  if (schema.is_boolean()) return schema == true ? json::object() : schema;
  if (!schema.is_object()) fail(path, shown(schema), "a schema (an object, true or false)");
  refuse_keywords(schema, path);
  json out = json::object();
  for (const auto& [key, value] : schema.items())
    if (constrains(key) && key != "$ref" && key != "allOf") out[key] = value;
  allow_null(out);
  if (out.contains("const") && !out.contains("enum")) {
    out["enum"] = json::array({out["const"]});
    out.erase("const");
  }
  const auto take = [&](const json& part, const std::string& where) {
    const json merged = flat(part, where, depth + 1);
    if (out.is_boolean()) return;
    if (merged.is_boolean()) out = merged;
    else into(out, merged, where);
  };
  if (const auto ref = schema.find("$ref"); ref != schema.end()) take(resolve(root_, *ref, below(path, "$ref")), below(path, "$ref"));
  if (const auto all = schema.find("allOf"); all != schema.end()) {
    if (!all->is_array()) fail(below(path, "allOf"), shown(*all), "an array of schemas");
    for (std::size_t i = 0; i < all->size(); ++i) take((*all)[i], below(below(path, "allOf"), std::to_string(i)));
  }
  return out;
}

void merger::properties(json& to, const json& from) {
  static const json none = json::object();
  const auto named = [](const json& s) -> const json& { return s.contains("properties") && s["properties"].is_object() ? s["properties"] : none; };
  json merged = json::object();
  const auto with_other = [&](const std::string& key, const json& value, const json& other) {
    if (const auto same = named(other).find(key); same != named(other).end()) return both(value, *same);
    return other.contains("additionalProperties") ? both(value, other["additionalProperties"]) : value;
  };
  for (const auto& [key, value] : named(to).items()) merged[key] = with_other(key, value, from);
  for (const auto& [key, value] : named(from).items())
    if (!named(to).contains(key)) merged[key] = with_other(key, value, to);
  if (to.contains("properties") || from.contains("properties")) to["properties"] = std::move(merged);
  if (from.contains("additionalProperties"))
    to["additionalProperties"] = to.contains("additionalProperties") ? both(to["additionalProperties"], from["additionalProperties"]) : from["additionalProperties"];
}

void merger::into(json& to, const json& from, const std::string& path) {
  spend(to, path);
  spend(from, path);
  properties(to, from);
  for (const auto& item : from.items()) {
    const std::string& key = item.key();
    const json& value = item.value();
    if (key == "properties" || key == "additionalProperties") continue;
    const auto here = to.find(key);
    if (here == to.end()) {
      to[key] = value;
      continue;
    }
    if (*here == value) continue;
    const bool numbers = here->is_number() && value.is_number();
    const auto order = [&] {
      const auto a = decimal_of(here->dump()), b = decimal_of(value.dump());
      if (!a || !b) fail(below(path, key), shown(value), "a number of at most 400 digits");
      return compare(*a, *b);
    };
    if (key == "type") *here = common_types(*here, value);
    else if (key == "enum" && here->is_array() && value.is_array()) *here = common_values(*here, value);
    else if (key == "required" && here->is_array() && value.is_array()) {
      for (const auto& name : value)
        if (std::find(here->begin(), here->end(), name) == here->end()) here->push_back(name);
    } else if (key == "items" && !to.contains("prefixItems") && !from.contains("prefixItems")) *here = both(*here, value);
    else if (numbers && (key.starts_with("min") || key == "exclusiveMinimum")) {
      if (order() < 0) *here = value;
    } else if (numbers && (key.starts_with("max") || key == "exclusiveMaximum")) {
      if (order() > 0) *here = value;
    } else if ((key == "anyOf" || key == "oneOf") && value.is_array()) {
      json branches = json::array();
      for (const auto& branch : *here) branches.push_back(both(branch, json{{"anyOf", value}}));
      *here = std::move(branches);
    } else fail(below(path, key), "\"" + key + "\" in several parts of allOf, which cannot be merged", "it in one of them");
  }
  // items of the one side are no items of the other's prefix.
  if (to.contains("prefixItems") && to.contains("items") && from.contains("items") != from.contains("prefixItems"))
    fail(path, "\"items\" and \"prefixItems\" in different parts of allOf, which cannot be merged", "both in one of them");
}

} // namespace tokamak::json_schema
