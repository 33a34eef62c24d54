// What a mask costs with a real vocabulary, in µs of one core: json_schema_bench VOCABULARY.gguf
#include "json_schema/json_schema.hpp"
#include "model/tokenizer/tokenizer.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>

namespace {

using namespace tokamak;

double now_us() { return std::chrono::duration<double, std::micro>(std::chrono::steady_clock::now().time_since_epoch()).count(); }

struct moment {
  const char* name;
  std::string schema;
  std::string text; ///< so far
  std::string more; ///< what moves on between masks, so that the next one is another
};

std::string repeated(const char* s, int n) {
  std::string out;
  for (int i = 0; i < n; ++i) out += s;
  return out;
}

const std::string person = R"({"type": "object", "properties": {"name": {"type": "string"}, "age": {"type": "integer", "minimum": 0, "maximum": 150}, "score": {"type": "number"},
  "tags": {"type": "array", "items": {"type": "string", "maxLength": 40}}, "address": {"type": "object", "properties": {"street": {"type": "string"}, "city": {"type": "string"}}},
  "kind": {"enum": ["customer", "supplier", "other"]}}, "required": ["name"]})";

std::vector<moment> moments() {
  return {{"at the document's beginning", person, "", ""},
          {"where a property begins", person, "{", ""},
          {"in a string", person, "{\"name\": \"An", "a"},
          {"in a string of at most 40 code points", person, "{\"name\": \"\", \"tags\": [\"", "ab"},
          {"after a string", person, "{\"name\": \"An\"", ""},
          {"between properties", person, "{\"name\": \"An\", ", ""},
          {"in an integer of 0 to 150", person, "{\"name\": \"\", \"age\": 1", ""},
          {"in a number", person, "{\"name\": \"\", \"score\": 1", "1"},
          {"in an enum", person, "{\"name\": \"\", \"kind\": \"", ""},
          {"a value of any type", "{}", "[", ""},
          {"in a string, 200 levels deep", "{}", repeated("[", 200) + "\"", "a"},
          {"in a pattern", R"({"pattern": "^[A-Z][a-z]+( [A-Z][a-z]+)*$"})", "\"An", "a"},
          {"a key of 200 properties", [] {
             std::string s = "{\"properties\": {";
             for (int i = 0; i < 200; ++i) s += fmt::format("{}\"key{}\": {{}}", i > 0 ? "," : "", i);
             return s + "}}";
           }(), "{", ""}};
}

// First: with nothing computed before. Then: the masks after more of the same, with a cache of masks that has not seen their stacks; again: the same mask.
void measure(const moment& m, const std::shared_ptr<const json_schema::vocabulary>& v, std::size_t n) {
  std::vector<std::uint32_t> mask((n + 31) / 32);
  const double begin = now_us();
  const auto g = json_schema::compile(m.schema);
  const double compiled = now_us() - begin;
  json_schema::matcher at(g, v);
  if (!at.advance_bytes(m.text)) return fmt::print("{}: its text is refused\n", m.name);
  const auto mask_us = [&](const json_schema::matcher& x) {
    const double start = now_us();
    x.allowed(mask);
    return now_us() - start;
  };
  const double first = mask_us(at);
  std::size_t allowed = 0;
  for (const auto w : mask) allowed += static_cast<std::size_t>(__builtin_popcount(w));
  // Another grammar of the same text has no masks yet, the vocabulary's are warm: what the next request of a service sees.
  std::vector<double> next, again, moved;
  for (int i = 0; i < 31; ++i) {
    json_schema::matcher other(json_schema::compile(m.schema), v);
    other.advance_bytes(m.text);
    next.push_back(mask_us(other));
    again.push_back(mask_us(at));
  }
  for (int i = 0; i < 18 && !m.more.empty() && at.advance_bytes(m.more); ++i) moved.push_back(mask_us(at));
  const auto median = [](std::vector<double>& x) {
    if (x.empty()) return 0.0;
    std::sort(x.begin(), x.end());
    return x[x.size() / 2];
  };
  fmt::print("| {} | {} | {:.0f} | {:.1f} | {:.1f} | {:.1f} | {} |\n", m.name, allowed, compiled, first, median(next), median(again),
             moved.empty() ? "" : fmt::format("{:.1f}", median(moved)));
}

int run(const char* path) {
  const auto file = gguf_file::open(path);
  if (!file) return fmt::print(stderr, "{}\n", file.error().to_string()), 1;
  const auto words = tokenizer::from_gguf(*file);
  if (!words) return fmt::print(stderr, "{}\n", words.error().to_string()), 1;
  std::vector<std::string> bytes;
  for (std::int32_t t = 0; t < (*words)->vocab_size(); ++t) bytes.emplace_back((*words)->piece(t));
  const double begin = now_us();
  const auto v = std::make_shared<const json_schema::vocabulary>(bytes);
  fmt::print("{}: {} tokens, trie built in {:.0f} ms\n\n", path, bytes.size(), (now_us() - begin) / 1000);
  fmt::print("| state | tokens allowed | compile, µs | first mask, µs | of a new grammar | again | further on |\n|---|---|---|---|---|---|---|\n");
  for (const auto& m : moments()) measure(m, v, bytes.size());
  return 0;
}

} // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    fmt::print(stderr, "usage: json_schema_bench VOCABULARY.gguf\n");
    return 2;
  }
  return run(argv[1]);
}
