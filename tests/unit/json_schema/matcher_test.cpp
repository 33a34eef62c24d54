// Which documents a schema takes, keyword by keyword.
#include <doctest/doctest.h>

#include "unit/json_schema/matching.hpp"

using namespace tokamak::json_schema;

namespace {

void takes(const std::string& schema, const std::vector<std::string>& good, const std::vector<std::string>& bad) {
  CAPTURE(schema);
  for (const auto& text : good) {
    CAPTURE(text);
    CHECK(accepts(schema, text));
  }
  for (const auto& text : bad) {
    CAPTURE(text);
    CHECK(!accepts(schema, text));
  }
}

} // namespace

TEST_CASE("any value is any JSON") {
  for (const char* schema : {"{}", "true", R"({"title": "x", "x-unknown": 1})", R"({"type": ["object", "array", "string", "number", "boolean", "null"]})"})
    takes(schema, {"1", "-0.5e+10", "\"a\"", "null", "true", "[]", "{}", R"({"a": [1, {"b": null}]})", R"([1, 2,3])", "[\n  1,\n  2\n]", "{\n\t\"a\": 1\n}", " 1"},
          {"", "01", "1.", "+1", "nul", "[1,]", "{\"a\"}", "{a:1}", "[1 ,2]", "[1,  2]", "[\n\n1]", "1 ", "\n\n1", "{\"a\" :1}", "\"\n\"", "'a'", "[", "NaN", ".5", "--1", "1e"});
}

TEST_CASE("strings are UTF-8 and escaped as JSON wants") {
  takes(R"({"type": "string"})", {"\"\"", "\"\xc3\xa9\"", "\"\xf0\x9f\x98\x80\"", R"("\ud83d\ude00")", R"("\u00E9\n\/\\\"")", "\"\x7f\"", "\"\xed\x9f\xbf\""},
        {"\"\xc3\"", "\"\xc0\x80\"", "\"\xed\xa0\x80\"", "\"\xf4\x90\x80\x80\"", R"("\ud83d")", R"("\ude00")", R"("\ud83d\u0041")", R"("\x41")", "\"\t\"", "\"\xff\"", "\"a", "1"});
}

TEST_CASE("lengths of strings are in code points") {
  takes(R"({"type": "string", "minLength": 2, "maxLength": 3})", {"\"ab\"", "\"abc\"", "\"\xf0\x9f\x98\x80\xc3\xa9\"", R"("\ud83d\ude00\u0041\n")"}, {"\"a\"", "\"abcd\"", R"("\ud83d\ude00")"});
  takes(R"({"minLength": 1})", {"\"a\""}, {"\"\"", "1"});
  takes(R"({"type": "string", "maxLength": 0})", {"\"\""}, {"\"a\""});
}

TEST_CASE("objects have their properties in the schema's order and nothing else") {
  const char* s = R"({"type": "object", "properties": {"b": {"type": "integer"}, "a": {"type": "string"}, "c": {"type": "null"}}, "required": ["a"]})";
  takes(s, {R"({"b": 1, "a": "x", "c": null})", R"({"a":"x"})", R"({"a":"x","c":null})", R"({"b":1,"a":""})"},
        {R"({})", R"({"b": 1})", R"({"a": "x", "b": 1})", R"({"a": "x", "d": 1})", R"({"a": "x", "a": "x"})", R"({"a": "x",})", R"({"a": 1})"});
  takes(R"({"properties": {"a": {}}, "required": ["z"]})", {R"({"a":1,"z":{}})", R"({"z":2})"}, {R"({"a":1})"});
  takes(R"({"properties": {}})", {"{}", "{ }", "{\n}"}, {R"({"a":1})"});
}

TEST_CASE("additional properties follow the named ones and never repeat them") {
  takes(R"({"properties": {"ab": {"type": "integer"}}, "additionalProperties": {"type": "boolean"}})",
        {R"({"ab": 1, "x": true})", R"({"x": true})", R"({"abc": true, "a": false, "": true})", R"({"a\"": true})", "{}"},
        {R"({"ab": true})", R"({"x": true, "ab": true})", R"({"x": true, "ab": 1})", R"({"\u0061b": true})", R"({"x": 1})"});
  takes(R"({"type": "object"})", {R"({"a": 1, "b": []})", "{}"}, {"[]"});
  takes(R"({"type": "object", "additionalProperties": {"type": "integer"}, "minProperties": 1, "maxProperties": 2})", {R"({"a":1})", R"({"a":1,"b":2})"},
        {"{}", R"({"a":1,"b":2,"c":3})", R"({"a":""})"});
  takes(R"({"properties": {"a": {}, "b": {}}, "minProperties": 1})", {R"({"a":1})", R"({"b":1})"}, {"{}"});
  takes(R"({"type": "object", "additionalProperties": false})", {"{}"}, {R"({"a":1})"});
  takes(R"({"type": "object", "maxProperties": 0})", {"{}"}, {R"({"a":1})"});
}

TEST_CASE("arrays: items, a prefix and how many") {
  takes(R"({"type": "array", "items": {"type": "integer"}, "minItems": 2, "maxItems": 3})", {"[1,2]", "[1, 2, 3]"}, {"[1]", "[]", "[1,2,3,4]", "[1,\"a\"]"});
  takes(R"({"type": "array", "prefixItems": [{"type": "integer"}, {"type": "string"}], "items": false})", {"[]", "[1]", "[1,\"a\"]"}, {"[\"a\"]", "[1,\"a\",1]"});
  takes(R"({"prefixItems": [{"type": "integer"}], "items": {"type": "null"}, "minItems": 2, "maxItems": 3})", {"[1,null]", "[1,null,null]"}, {"[1]", "[1,null,null,null]", "[1,1]"});
  takes(R"({"prefixItems": [{"type": "integer"}, {}], "maxItems": 1})", {"[1]", "[]"}, {"[1,1]"});
  takes(R"({"type": "array", "maxItems": 0})", {"[]"}, {"[1]"});
  takes(R"({"items": false})", {"[]"}, {"[1]", "[1,2]"});
  takes(R"({"type": "array", "items": {"type": "array", "maxItems": 2, "items": {"type": "integer"}}, "maxItems": 2})", {"[[1,2],[3,4]]", "[[],[1]]"}, {"[[1,2,3]]", "[[],[],[]]"});
}

TEST_CASE("enum and const are written as JSON writes them") {
  takes(R"({"enum": ["red", "re", 1, null, "a\"b\u00e9"]})", {"\"red\"", "\"re\"", "1", "null", "\"a\\\"b\xc3\xa9\""}, {"\"r\"", "\"redd\"", "2"});
  takes(R"({"const": {"a": [1, {"b": "x"}], "c": []}})", {R"({"a": [1, {"b": "x"}], "c": []})", R"({"a":[1,{"b":"x"}],"c":[]})"}, {R"({"a":[1],"c":[]})", "{}"});
  takes(R"({"type": "string", "enum": ["a", 1, "abc"], "maxLength": 2})", {"\"a\""}, {"1", "\"abc\""});
  takes(R"({"enum": [1, 5, 10.5, 1e2], "minimum": 2})", {"5", "10.5", "100.0"}, {"1"});
  takes(R"({"anyOf": [{"const": "a", "title": "A"}, {"const": "b"}]})", {"\"a\"", "\"b\""}, {"\"c\""});
}

TEST_CASE("integers between bounds are exact") {
  for (const int low : {-120, -10, -9, -1, 0, 1, 7, 10, 99, 100})
    for (const int width : {0, 1, 9, 13, 110}) {
      const int high = low + width;
      const auto schema = "{\"type\": \"integer\", \"minimum\": " + std::to_string(low) + ", \"exclusiveMaximum\": " + std::to_string(high + 1) + "}";
      for (int n = -260; n <= 260; ++n)
        if (accepts(schema, std::to_string(n)) != (low <= n && n <= high)) FAIL_CHECK(schema << " and " << n);
    }
  takes(R"({"type": "integer"})", {"0", "-12"}, {"-0", "1.0", "1e2"});
  takes(R"({"type": "integer", "minimum": 0.5, "maximum": 2.5})", {"1", "2"}, {"0", "3"});
}

TEST_CASE("numbers between bounds are exact") {
  takes(R"({"type": "number", "minimum": 0, "maximum": 1})", {"0", "1", "0.5", "1.0", "0.0", "1.000", "0.999999", "-0"}, {"1.1", "2", "-0.1", "1.0001", "10", "1e0"});
  takes(R"({"type": "number", "exclusiveMinimum": -1.25, "exclusiveMaximum": 12.5})", {"-1.2", "-1.249", "12.49", "0", "-0.5", "12", "9.99", "12.4999"}, {"-1.25", "-1.250", "12.5", "12.50", "-2", "13", "100"});
  takes(R"({"minimum": 0.05, "maximum": 0.15})", {"0.05", "0.050", "0.1", "0.15"}, {"0", "0.04", "0.0", "0.151", "0.2", "1"});
  takes(R"({"type": "number", "exclusiveMinimum": 0})", {"0.1", "1", "0.00001"}, {"0", "0.0", "-1", "-0"});
  takes(R"({"type": "number", "exclusiveMaximum": 0})", {"-0.1", "-1"}, {"0", "-0", "-0.0", "1"});
  takes(R"({"type": "number", "maximum": -3.5})", {"-3.5", "-4", "-10", "-3.51"}, {"-3.4", "-3", "0", "3.5"});
  takes(R"({"type": "number", "minimum": -3.5})", {"-3.5", "-3", "0", "100.5"}, {"-3.51", "-4", "-10"});
}

TEST_CASE("multiples") {
  takes(R"({"type": "integer", "multipleOf": 7, "minimum": 10})", {"14", "21", "700"}, {"7", "15", "0"});
  takes(R"({"type": "number", "multipleOf": 0.01})", {"0.01", "1.5", "-3.14", "2", "0"}, {"0.001", "1.555"});
  takes(R"({"type": "number", "multipleOf": 2.5})", {"2.5", "5", "5.0", "-7.5", "10"}, {"1", "2.4", "0.5"});
}

TEST_CASE("anyOf, oneOf and types follow all alternatives at once") {
  takes(R"({"anyOf": [{"type": "object", "properties": {"kind": {"const": "a"}, "x": {"type": "integer"}}, "required": ["kind", "x"]},
                      {"type": "object", "properties": {"kind": {"const": "ab"}, "y": {"type": "string"}}, "required": ["kind", "y"]}]})",
        {R"({"kind": "a", "x": 1})", R"({"kind": "ab", "y": ""})"}, {R"({"kind": "a", "y": ""})", R"({"kind": "ab", "x": 1})"});
  takes(R"({"type": ["string", "null"]})", {"null", "\"\""}, {"1"});
  takes(R"({"type": "string", "nullable": true})", {"null", "\"\""}, {"1"});
  takes(R"({"oneOf": [{"type": "integer"}, {"type": "string", "maxLength": 1}]})", {"1", "\"a\""}, {"\"ab\"", "null"});
  takes(R"({"type": "object", "properties": {"a": {}, "b": {}}, "anyOf": [{"required": ["a"]}, {"required": ["b"]}]})", {R"({"a":1})", R"({"b":1})", R"({"a":1,"b":1})"}, {"{}"});
}

TEST_CASE("allOf is all of them") {
  takes(R"({"allOf": [{"properties": {"a": {"type": "integer"}}, "required": ["a"]}, {"properties": {"b": {"type": "integer"}, "a": {"minimum": 3}}}]})", {R"({"a":3})", R"({"a":4,"b":1})"},
        {"{}", R"({"a":2})", R"({"b":1})"});
  takes(R"({"allOf": [{"type": "integer", "minimum": 3}, {"type": "number", "minimum": 1, "maximum": 5}]})", {"3", "5"}, {"2", "6", "3.5"});
  takes(R"({"allOf": [{"enum": [1, 2, 3]}, {"enum": [2, 3, 4]}, {"maximum": 2}]})", {"2"}, {"1", "3", "4"});
  takes(R"({"$ref": "#/$defs/s", "maxLength": 1, "$defs": {"s": {"type": "string"}}})", {"\"a\""}, {"\"ab\"", "1"});
  takes(R"({"allOf": [{"anyOf": [{"type": "string"}, {"type": "integer"}]}, {"anyOf": [{"type": "integer"}, {"type": "null"}]}]})", {"1"}, {"\"a\"", "null"});
}

TEST_CASE("$ref is recursion of the grammar") {
  takes(R"({"type": "object", "properties": {"v": {"type": "integer"}, "next": {"anyOf": [{"$ref": "#"}, {"type": "null"}]}}, "required": ["v", "next"]})",
        {R"({"v":1,"next":null})", R"({"v":1,"next":{"v":2,"next":{"v":3,"next":null}}})"}, {R"({"v":1})", R"({"v":1,"next":{"v":2}})"});
  takes(R"({"$ref": "#/definitions/t~1r", "definitions": {"t/r": {"type": "array", "items": {"$ref": "#/definitions/t~1r"}}}})", {"[]", "[[],[[]]]"}, {"[1]"});
}

TEST_CASE("patterns are searched for unless they are anchored") {
  takes(R"({"pattern": "^a(b|cd)*e?$"})", {"\"a\"", "\"abcdbe\""}, {"\"\"", "\"ae1\"", "\"ac\""});
  takes(R"({"type": "string", "pattern": "b+"})", {"\"abc\"", "\"b\"", "\"bbb\xc3\xa9\""}, {"\"ac\"", "\"\""});
  takes(R"({"pattern": "^[^a-c\\d]{2,3}$"})", {"\"de\"", "\"\xc3\xa9\xe2\x82\xacz\"", R"("\"\\")"}, {"\"d\"", "\"da\"", "\"d1\"", "\"defg\""});
  takes(R"({"pattern": "^\\w+\\s\\S(?:x){2}|^$"})", {"\"ab ;xx\"", "\"\"", "\"a cxxzz\""}, {"\"ab\"", "\" \""});
  takes(R"({"pattern": "^[a-z]*$", "minLength": 2, "maxLength": 3})", {"\"ab\"", "\"abc\""}, {"\"a\"", "\"abcd\"", "\"AB\""});
  takes(R"({"pattern": "^(a|aaaa)$", "minLength": 2})", {"\"aaaa\""}, {"\"a\"", "\"aa\""});
  takes(R"({"pattern": "^\\u00e9[\\u4e00-\\u9fff]\\.$"})", {"\"\xc3\xa9\xe4\xb8\xad.\""}, {"\"e.\""});
  takes(R"({"pattern": "^.\\n$"})", {R"("a\n")"}, {R"("\n\n")"});
}

TEST_CASE("formats") {
  takes(R"({"type": "string", "format": "date"})", {"\"2024-02-29\"", "\"2023-12-31\""}, {"\"2023-02-29\"", "\"2023-13-01\"", "\"1900-02-29\"", "\"2023-1-1\""});
  takes(R"({"format": "date-time"})", {"\"2024-02-29T23:59:59Z\"", "\"2024-01-01T00:00:00.123+02:00\""}, {"\"2024-01-01\"", "\"2024-01-01T24:00:00Z\""});
  takes(R"({"format": "uuid"})", {"\"123e4567-e89b-12d3-a456-426614174000\""}, {"\"123e4567e89b12d3a456426614174000\""});
  takes(R"({"format": "ipv4"})", {"\"127.0.0.1\"", "\"255.255.255.255\""}, {"\"256.0.0.1\"", "\"1.2.3\""});
  takes(R"({"format": "email"})", {"\"a.b@c.de\""}, {"\"a@b\"", "\"@c.de\""});
  takes(R"({"type": "string", "format": "my-own"})", {"\"x\""}, {"1"});
}
