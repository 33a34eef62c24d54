// What schemas are refused, where, and with which words.
#include <doctest/doctest.h>

#include "unit/json_schema/matching.hpp"

using namespace tokamak::json_schema;

TEST_CASE("errors say where, what was found and what was expected") {
  CHECK(error_of(R"({"properties": {"age": {"type": "integr"}}})") ==
        "at /properties/age/type: found \"integr\", expected one of \"object\", \"array\", \"string\", \"integer\", \"number\", \"boolean\", \"null\"");
  CHECK(error_of("3") == "at /: found 3, expected a schema (an object, true or false)");
  CHECK(error_of(R"({"items": [{}]})") == "at /items: found an array, expected a schema; a schema for each item is \"prefixItems\"");
  CHECK(error_of(R"({"minLength": -1})") == "at /minLength: found -1, expected an integer, 0 or more");
  CHECK(error_of(R"({"properties": {"a/b~": {"minimum": "x"}}})") == "at /properties/a~1b~0/minimum: found \"x\", expected a number of at most 400 digits");
  CHECK(error_of(R"({"$ref": "#/$defs/x"})") == "at /$ref: found \"#/$defs/x\", which names nothing, expected a place in this schema");
  CHECK(error_of(R"({"$ref": "http://a/b"})") == "at /$ref: found \"http://a/b\", expected \"#\" or \"#/...\", which names a place in this schema");
  CHECK(error_of(R"({"type": "integer", "multipleOf": 0})") == "at /multipleOf: found 0, expected a number greater than 0");
  CHECK(error_of(R"({"required": ["a"], "additionalProperties": false})") == "at /required: found \"a\", which \"additionalProperties\" forbids, expected names of \"properties\"");
  CHECK(error_of(R"x({"pattern": "a(?=b)"})x") == "at /pattern: found \"(?\" at byte 2 of the pattern, expected (...) or (?:...); what looks ahead or behind is not done");
  CHECK(error_of(R"({"pattern": "(a)\\1"})").starts_with("at /pattern: found \"\\1\" at byte 4 of the pattern, expected"));
}

TEST_CASE("broken JSON is told with its byte") {
  CHECK(error_of("{\"a\": }").starts_with("the schema is no valid JSON: at byte 6: "));
  CHECK(error_of("").starts_with("the schema is no valid JSON: at byte 0: "));
  CHECK(error_of("{\"a\": \"\xff\"}") == "the schema is no valid JSON: at byte 7: syntax error while parsing value - invalid string: ill-formed UTF-8 byte");
  CHECK(error_of("{} x").starts_with("the schema is no valid JSON: at byte 3: "));
}

TEST_CASE("keywords of the standard that are not enforced are refused by name") {
  for (const char* key : {"patternProperties", "if", "then", "else", "not", "dependentSchemas", "dependentRequired", "dependencies", "contains", "minContains", "maxContains", "propertyNames",
                          "unevaluatedProperties", "unevaluatedItems", "additionalItems", "$dynamicRef", "$recursiveRef"})
    CHECK(error_of(std::string(R"({"properties": {"p": {")") + key + R"(": {}}}})") ==
          std::string("at /properties/p/") + key + ": found the keyword \"" + key + "\", which is not enforced here, expected a schema without it");
  CHECK(error_of(R"({"uniqueItems": true})") == "at /uniqueItems: found true, which is not enforced here, expected false");
  CHECK(error_of(R"({"uniqueItems": false, "$comment": "", "x": 1, "examples": [1], "deprecated": true})") == "no error");
  CHECK(error_of(R"({"properties": {"a": {}, "b": {}}, "minProperties": 2})") ==
        "at /minProperties: found 2 beside named properties, which is not enforced here, expected a schema without it");
  CHECK(error_of(R"({"allOf": [{"pattern": "a"}, {"pattern": "b"}]})") ==
        "at /allOf/1/pattern: found \"pattern\" in several parts of allOf, which cannot be merged, expected it in one of them");
}

TEST_CASE("what no document satisfies is an error") {
  for (const std::string s : {"false", R"({"type": "integer", "minimum": 3, "maximum": 2})", R"({"minLength": 3, "maxLength": 2})", R"({"enum": []})", R"({"type": "string", "enum": [1]})",
                        R"({"required": ["a"], "properties": {"a": false}})", R"({"items": false, "minItems": 2})", R"({"properties": {"n": {"$ref": "#"}}, "required": ["n"]})",
                        R"({"allOf": [{"type": "string"}, {"type": "integer"}]})", R"({"prefixItems": [{}], "items": {"enum": []}, "minItems": 3})"}) {
    CAPTURE(s);
    CHECK(error_of(s).find("found a schema that no document satisfies, expected one that some document does") != std::string::npos);
  }
  CHECK(error_of(R"({"properties": {"a": {"type": "integer", "minimum": 3, "maximum": 2}}, "required": ["a"]})") ==
        "at /properties/a: found a schema that no document satisfies, expected one that some document does");
  CHECK(accepts(R"({"anyOf": [false, {"type": "integer"}]})", "1"));
  CHECK(accepts(R"({"properties": {"a": false, "b": {}}})", R"({"b":1})"));
  CHECK(!accepts(R"({"properties": {"a": false, "b": {}}})", R"({"a":1})"));
}

TEST_CASE("a schema that is itself is refused") {
  CHECK(error_of(R"({"$ref": "#"})") == "at /: found a schema that refers to itself, expected a value in between");
  CHECK(error_of(R"({"anyOf": [{"$ref": "#"}, {"type": "null"}]})") == "at /: found a schema that refers to itself, expected a value in between");
  CHECK(error_of(R"({"$ref": "#/$defs/a", "$defs": {"a": {"$ref": "#/$defs/b"}, "b": {"anyOf": [{"$ref": "#/$defs/a"}, {}]}}})") ==
        "at /$defs/a: found a schema that refers to itself, expected a value in between");
  CHECK(error_of(R"({"allOf": [{"$ref": "#"}]})").find("lead to each other without an end") != std::string::npos);
}
