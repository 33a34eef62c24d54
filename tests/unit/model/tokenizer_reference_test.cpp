// The tokenizers against ids that other implementations made: llama.cpp's vocabulary tests and the
// model's own tokenizer.
#include "model/tokenizer/stream_decoder.hpp"
#include "model/tokenizer/tokenizer.hpp"
#include "model/tokenizer/utf8.hpp"
#include "unit/model/reference_data.hpp"

#include <doctest/doctest.h>
#include <nlohmann/json.hpp>

#include <sstream>

using namespace tokamak;
using namespace tokamak::test;

namespace {

std::vector<std::string> split(const std::string& text, const std::string& by) {
  std::vector<std::string> parts;
  std::size_t at = 0;
  for (std::size_t end = 0; (end = text.find(by, at)) != std::string::npos; at = end + by.size())
    parts.push_back(text.substr(at, end - at));
  if (at < text.size())
    parts.push_back(text.substr(at));
  return parts;
}

std::vector<std::int32_t> numbers(const std::string& line) {
  std::istringstream in(line);
  std::vector<std::int32_t> ids;
  for (std::int32_t id = 0; in >> id;)
    ids.push_back(id);
  return ids;
}

/// The tokenizer of a GGUF file; null, with a message, where the file is absent.
std::shared_ptr<const tokenizer> tokenizer_of(const std::string& path) {
  if (!exists(path)) {
    MESSAGE("skipped: " << path << " is absent");
    return nullptr;
  }
  const auto file = gguf_file::open(path);
  REQUIRE_MESSAGE(file, file.error().to_string());
  const auto tokens = tokenizer::from_gguf(*file);
  REQUIRE_MESSAGE(tokens, tokens.error().to_string());
  return *tokens;
}

} // namespace

TEST_CASE("every text of the four reference vocabularies gives exactly the reference ids") {
  for (const std::string name : {"gpt-2", "llama-bpe", "llama-spm", "qwen2"}) {
    CAPTURE(name);
    const std::string path = shared_path("tokenizers/ggml-vocab-" + name + ".gguf");
    const auto tokens = tokenizer_of(path);
    if (!tokens)
      continue;
    const auto texts = split(read_whole(path + ".inp"), "\n__ggml_vocab_test__\n");
    const auto lines = split(read_whole(path + ".out"), "\n");
    REQUIRE(texts.size() == 46);
    REQUIRE(lines.size() == 46);
    for (std::size_t i = 0; i < texts.size(); ++i) {
      CAPTURE(texts[i]);
      const auto ids = tokens->encode(texts[i], {.add_special = false});
      CHECK(ids == numbers(lines[i]));
      CHECK(tokens->encode(texts[i], {.add_special = false, .parse_special = true}) == ids);
      CHECK(tokens->decode(ids, {.strip_space_prefix = true}) == texts[i]);
    }
  }
}

TEST_CASE("streams of real vocabularies, cut between any two tokens, give the whole decode in whole characters") {
  std::vector<std::string> vocabularies{smollm2_path(), gemma3_path()};
  for (const auto* name : {"gpt-2", "llama-bpe", "llama-spm", "qwen2"})
    vocabularies.push_back(shared_path(std::string("tokenizers/ggml-vocab-") + name + ".gguf"));
  const auto texts = split(read_whole(shared_path("tokenizers/ggml-vocab-gpt-2.gguf.inp")), "\n__ggml_vocab_test__\n");
  for (const auto& path : vocabularies) {
    CAPTURE(path);
    const auto tokens = tokenizer_of(path);
    if (!tokens)
      continue;
    for (const auto& text : texts) {
      // A byte off the end leaves half a character there, where the vocabulary knows bytes.
      for (const auto& shown : {text, text.substr(0, text.size() - std::min<std::size_t>(1, text.size()))}) {
        CAPTURE(shown);
        const auto ids = tokens->encode(shown);
        const auto whole = tokens->decode(ids);
        for (std::size_t cut = 0; cut <= ids.size(); ++cut) {
          stream_decoder first(*tokens);
          std::string joined;
          for (std::size_t i = 0; i < cut; ++i)
            joined += first.push(ids[i]);
          stream_decoder second = first;
          for (std::size_t i = cut; i < ids.size(); ++i) {
            const auto piece = second.push(ids[i]);
            REQUIRE(utf8_valid_prefix(piece) == piece.size());
            joined += piece;
          }
          REQUIRE(joined + second.flush() == whole);
        }
      }
    }
  }
}

TEST_CASE("SmolLM2's tokenizer gives the ids of the reference texts, special tokens parsed") {
  const std::string jsonl = shared_path("reference/smollm2.jsonl");
  if (!exists(smollm2_path()) || !exists(jsonl)) {
    MESSAGE("skipped: " << smollm2_path() << " or " << jsonl << " is absent");
    return;
  }
  const auto tokens = tokenizer_of(smollm2_path());
  std::istringstream lines(read_whole(jsonl));
  std::size_t texts = 0;
  for (std::string line; std::getline(lines, line); ++texts) {
    const auto reference = nlohmann::json::parse(line);
    const std::string name = reference["text"];
    CAPTURE(name);
    const std::string text = read_whole(shared_path("reference/" + name));
    const auto ids = tokens->encode(text, {.parse_special = true});
    CHECK(ids == reference["ids"].get<std::vector<std::int32_t>>());
    CHECK(tokens->decode(ids, {.skip_special = false}) == text);
  }
  CHECK(texts == 4);
}
