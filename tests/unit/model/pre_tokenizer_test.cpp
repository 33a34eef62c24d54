// Splits of tricky texts. The pieces are those of Hugging Face tokenizers 0.23 with the expression that a model of that
// name publishes (tests/bench/compare_tokenizers.py has them; o200k_base and tekken also as tiktoken and mistral-common).
#include "model/tokenizer/pre_tokenizer.hpp"

#include <doctest/doctest.h>

#include <algorithm>

using namespace tokamak;

namespace {

struct split_case {
  std::string name, text;
  std::vector<std::string> pieces;
};

const std::vector<split_case>& cases() {
  static const std::vector<split_case> all{
      {"gpt-4o", "HTTPServer's URLs/\n\n caf\u00c9s 12345", {"HTTPServer's", " URLs", "/\n\n", " caf", "\u00c9s",
       " ", "123", "45"}},
      {"gpt-4o", "\u00c9COLE\u00e9t\u00e9 aBC'LL I'm\r\n/\n  x", {"\u00c9COLE\u00e9t\u00e9", " a", "BC'LL", " I'm",
       "\r\n", "/\n", " ", " x"}},
      {"gpt-4o", "e\u0301E\u0301 \u0928\u093f\u4f60\u597d\u3002\u2167 \u2014/", {"e\u0301", "E\u0301",
       " \u0928\u093f\u4f60\u597d", "\u3002", "\u2167", " \u2014/"}},
      {"gpt-4o", "a (b)\u3002c|d, 42\u060c\n\n\n e!", {"a", " (", "b", ")\u3002", "c", "|d", ",", " ", "42",
       "\u060c\n\n\n", " e", "!"}},
      {"tekken", "HTTPServer's URLs/\n\n caf\u00c9s 12345", {"HTTPServer", "'s", " URLs", "/\n\n", " caf", "\u00c9s",
       " ", "1", "2", "3", "4", "5"}},
      {"tekken", "\u00c9COLE\u00e9t\u00e9 aBC'LL I'm\r\n/\n  x", {"\u00c9COLE\u00e9t\u00e9", " a", "BC", "'LL", " I",
       "'m", "\r\n", "/\n", " ", " x"}},
      {"tekken", "e\u0301E\u0301 \u0928\u093f\u4f60\u597d\u3002\u2167 \u2014/", {"e\u0301", "E\u0301",
       " \u0928\u093f\u4f60\u597d", "\u3002", "\u2167", " \u2014/"}},
      {"tekken", "a (b)\u3002c|d, 42\u060c\n\n\n e!", {"a", " (", "b", ")\u3002", "c", "|d", ",", " ", "4", "2",
       "\u060c\n\n\n", " e", "!"}},
      {"seed-coder", "HTTPServer's URLs/\n\n caf\u00c9s 12345", {"HTTPServer", "'s", " URLs", "/", "\n\n",
       " caf\u00c9s", " ", "1", "2", "3", "4", "5"}},
      {"seed-coder", "\u00c9COLE\u00e9t\u00e9 aBC'LL I'm\r\n/\n  x", {"\u00c9COLE\u00e9t\u00e9", " aBC", "'LL", " I",
       "'m", "\r\n", "/", "\n", " ", " x"}},
      {"seed-coder", "e\u0301E\u0301 \u0928\u093f\u4f60\u597d\u3002\u2167 \u2014/", {"e", "\u0301E", "\u0301",
       " \u0928", "\u093f\u4f60\u597d", "\u3002", "\u2167", " \u2014/"}},
      {"seed-coder", "a (b)\u3002c|d, 42\u060c\n\n\n e!", {"a", " (", "b", ")\u3002", "c", "|d", ",", " ", "4", "2",
       "\u060c", "\n\n\n", " e", "!"}},
      {"bailingmoe", "HTTPServer's URLs/\n\n caf\u00c9s 12345", {"HTTPServer", "'s", " URLs", "/\n\n", " caf\u00c9s",
       " ", "1", "2", "3", "4", "5"}},
      {"bailingmoe", "\u00c9COLE\u00e9t\u00e9 aBC'LL I'm\r\n/\n  x", {"\u00c9COLE\u00e9t\u00e9", " aBC", "'LL", " I",
       "'m", "\r\n", "/\n", " ", " x"}},
      {"bailingmoe", "e\u0301E\u0301 \u0928\u093f\u4f60\u597d\u3002\u2167 \u2014/", {"e", "\u0301E", "\u0301",
       " \u0928", "\u093f\u4f60\u597d", "\u3002", "\u2167", " \u2014/"}},
      {"bailingmoe", "a (b)\u3002c|d, 42\u060c\n\n\n e!", {"a", " (", "b", ")\u3002", "c", "|d", ",", " ", "4", "2",
       "\u060c\n\n\n", " e", "!"}},
      {"qwen35", "HTTPServer's URLs/\n\n caf\u00c9s 12345", {"HTTPServer", "'s", " URLs", "/\n\n", " caf\u00c9s",
       " ", "1", "2", "3", "4", "5"}},
      {"qwen35", "\u00c9COLE\u00e9t\u00e9 aBC'LL I'm\r\n/\n  x", {"\u00c9COLE\u00e9t\u00e9", " aBC", "'LL", " I",
       "'m", "\r\n", "/\n", " ", " x"}},
      {"qwen35", "e\u0301E\u0301 \u0928\u093f\u4f60\u597d\u3002\u2167 \u2014/", {"e\u0301E\u0301",
       " \u0928\u093f\u4f60\u597d", "\u3002", "\u2167", " \u2014/"}},
      {"qwen35", "a (b)\u3002c|d, 42\u060c\n\n\n e!", {"a", " (", "b", ")\u3002", "c", "|d", ",", " ", "4", "2",
       "\u060c\n\n\n", " e", "!"}},
      {"bloom", "HTTPServer's URLs/\n\n caf\u00c9s 12345", {"HTTPServer's", " URLs/", "\n\n", " caf\u00c9s",
       " 12345"}},
      {"bloom", "\u00c9COLE\u00e9t\u00e9 aBC'LL I'm\r\n/\n  x", {"\u00c9COLE\u00e9t\u00e9", " aBC'LL", " I'm",
       "\r\n", "/", "\n ", " x"}},
      {"bloom", "e\u0301E\u0301 \u0928\u093f\u4f60\u597d\u3002\u2167 \u2014/", {"e\u0301E\u0301",
       " \u0928\u093f\u4f60\u597d", "\u3002", "\u2167", " \u2014/"}},
      {"bloom", "a (b)\u3002c|d, 42\u060c\n\n\n e!", {"a", " (", "b", ")\u3002", "c", "|", "d", ",", " 42",
       "\u060c\n\n\n", " e", "!"}},
      {"viking", "HTTPServer's URLs/\n\n caf\u00c9s 12345", {"HTTPServer's", " URLs/", "\n\n", " caf\u00c9s", " ",
       "1", "2", "3", "4", "5"}},
      {"viking", "\u00c9COLE\u00e9t\u00e9 aBC'LL I'm\r\n/\n  x", {"\u00c9COLE\u00e9t\u00e9", " aBC'LL", " I'm",
       "\r\n", "/", "\n ", " x"}},
      {"viking", "e\u0301E\u0301 \u0928\u093f\u4f60\u597d\u3002\u2167 \u2014/", {"e\u0301E\u0301",
       " \u0928\u093f\u4f60\u597d", "\u3002", "\u2167", " \u2014/"}},
      {"viking", "a (b)\u3002c|d, 42\u060c\n\n\n e!", {"a", " (", "b", ")\u3002", "c", "|", "d", ",", " ", "4", "2",
       "\u060c\n\n\n", " e", "!"}},
  };
  return all;
}

} // namespace

TEST_CASE("pre-tokenizers split tricky texts as the models' own expressions do") {
  for (const auto& wanted : cases()) {
    CAPTURE(wanted.name);
    CAPTURE(wanted.text);
    const auto pre = pre_tokenizer::by_name(wanted.name);
    REQUIRE(pre);
    std::vector<std::size_t> lengths;
    pre->split(wanted.text, lengths);
    std::vector<std::string> pieces;
    std::size_t at = 0;
    for (const std::size_t length : lengths) {
      pieces.push_back(wanted.text.substr(at, length));
      at += length;
    }
    CHECK(pieces == wanted.pieces);
  }
}

TEST_CASE("names of one tokenizer stand for one set of rules, and every name is there once") {
  std::vector<std::string_view> seen;
  for (const auto& rules : all_pre_tokenizer_rules())
    for (const auto name : rules.names) {
      CAPTURE(name);
      CHECK(std::find(seen.begin(), seen.end(), name) == seen.end());
      seen.push_back(name);
      const auto made = pre_tokenizer::by_name(name);
      REQUIRE(made);
      CHECK(made->rules().patterns == rules.patterns);
    }
}
