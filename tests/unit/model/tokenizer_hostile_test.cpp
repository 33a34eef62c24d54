// Vocabularies that cannot be right: the exact message of each.
#include "unit/model/made_vocabulary.hpp"
#include "unit/model/random_seed.hpp"

#include <doctest/doctest.h>

#include <limits>

using namespace tokamak;
using namespace tokamak::test;

namespace {

std::string complaint(const made_vocabulary& made) {
  const auto tokens = made.build();
  return tokens ? "no error" : tokens.error().to_string();
}

template <class Change>
std::string complaint_after(Change change) {
  auto made = byte_vocabulary({"a b"});
  change(made);
  return complaint(made);
}

std::string metadata_only(gguf_writer& writer) {
  const std::string bytes = writer.bytes();
  const auto file = gguf_file::parse(as_bytes(bytes), "made.gguf");
  REQUIRE(file);
  return tokenizer::from_gguf(*file).error().to_string();
}

} // namespace

TEST_CASE("arrays whose sizes disagree are refused") {
  CHECK(complaint_after([](auto& m) { m.types.pop_back(); }) ==
        "made.gguf: metadata key 'tokenizer.ggml.token_type': has 259 elements for 260 tokens (corrupt)");
  CHECK(complaint_after([](auto& m) { m.scores.push_back(0); }) ==
        "made.gguf: metadata key 'tokenizer.ggml.scores': has 261 elements for 260 tokens (corrupt)");
  CHECK(complaint_after([](auto& m) { m.tokens.clear(); }) == "made.gguf: metadata key 'tokenizer.ggml.tokens': is empty (corrupt)");
}

TEST_CASE("wrong token types, scores and byte tokens are refused") {
  CHECK(complaint_after([](auto& m) { m.types[5] = 9; }) ==
        "made.gguf: metadata key 'tokenizer.ggml.token_type': token 5 has type 9, expected 0 to 6 (corrupt)");
  CHECK(complaint_after([](auto& m) { m.scores[5] = std::numeric_limits<float>::quiet_NaN(); }) ==
        "made.gguf: metadata key 'tokenizer.ggml.scores': the score of token 5 is not a number (corrupt)");
  CHECK(complaint_after([](auto& m) { m.types[5] = 6; }) ==
        "made.gguf: metadata key 'tokenizer.ggml.tokens': token 5 is a byte token named '\\xc4\\x85', expected '<0x00>' to '<0xFF>' (corrupt)");
  CHECK(complaint_after([](auto& m) { m.types[5] = 0; }) == "no error");
}

TEST_CASE("merges that name no token are refused") {
  CHECK(complaint_after([](auto& m) { m.merges[0] = "ab"; }) ==
        "made.gguf: metadata key 'tokenizer.ggml.merges': merge 0 is 'ab', expected two tokens with a space between (corrupt)");
  CHECK(complaint_after([](auto& m) { m.merges[0] = "a "; }) ==
        "made.gguf: metadata key 'tokenizer.ggml.merges': merge 0 is 'a ', expected two tokens with a space between (corrupt)");
  CHECK(complaint_after([](auto& m) { m.merges[0] = ""; }) ==
        "made.gguf: metadata key 'tokenizer.ggml.merges': merge 0 is '', expected two tokens with a space between (corrupt)");
  CHECK(complaint_after([](auto& m) { m.merges.push_back("xy z"); }) ==
        "made.gguf: metadata key 'tokenizer.ggml.merges': merge 1 is 'xy z', but 'xy' is not a token (corrupt)");
  CHECK(complaint_after([](auto& m) { m.merges.push_back("a zz"); }) ==
        "made.gguf: metadata key 'tokenizer.ggml.merges': merge 1 is 'a zz', but 'zz' is not a token (corrupt)");
  CHECK(complaint_after([](auto& m) { m.merges.push_back("b a"); }) ==
        "made.gguf: metadata key 'tokenizer.ggml.merges': merge 1 is 'b a', but 'ba' is not a token (corrupt)");
}

TEST_CASE("special ids outside the vocabulary are refused, and -1 means none") {
  CHECK(complaint_after([](auto& m) { m.ids["bos_token_id"] = 260; }) ==
        "made.gguf: metadata key 'tokenizer.ggml.bos_token_id': is 260, but the vocabulary has 260 tokens (corrupt)");
  CHECK(complaint_after([](auto& m) { m.switches["add_bos_token"] = true; }) ==
        "made.gguf: metadata key 'tokenizer.ggml.add_bos_token': is true, but there is no tokenizer.ggml.bos_token_id (corrupt)");
  CHECK(complaint_after([](auto& m) { m.ids["bos_token_id"] = 0xffffffff; }) == "no error");
}

TEST_CASE("what is not known is refused with the known ones named") {
  CHECK(complaint_after([](auto& m) { m.model = "bert"; }) ==
        "made.gguf: metadata key 'tokenizer.ggml.model': tokenizer 'bert' is not supported; known: gpt2, llama (unsupported)");
  CHECK(complaint_after([](auto& m) { m.pre = "martian"; }) ==
        "made.gguf: metadata key 'tokenizer.ggml.pre': pre-tokenizer 'martian' is not supported; known: "
        "default, gpt-2, phi-2, mpt, olmo, jais, trillion, exaone4, gigachat, a.x-4.0, mellum, smollm, "
        "starcoder, refact, command-r, codeshell, exaone, minerva-7b, llama-bpe, llama3, llama-v3, falcon3, "
        "falcon-h1, pixtral, midm-2.0, lfm2, dbrx, smaug-bpe, chatglm-bpe, glm4, qwen2, deepseek-r1-qwen, "
        "stablelm2, megrez, hunyuan, kormo, grok-2, solar-open, deepseek-llm, deepseek-coder, deepseek-v3, "
        "hunyuan-dense, joyai-llm, gpt-4o, llama4, kanana2, tekken, seed-coder, bailingmoe, bailingmoe2, "
        "llada-moe, qwen35, poro-chat, bloom, gpt3-finnish, viking, falcon (unsupported)");
}

TEST_CASE("what is missing is named") {
  gguf_writer writer;
  CHECK(metadata_only(writer) == "made.gguf: no metadata key 'tokenizer.ggml.model' (not_found)");
  writer.add("tokenizer.ggml.model", "gpt2");
  CHECK(metadata_only(writer) == "made.gguf: no metadata key 'tokenizer.ggml.tokens' (not_found)");
  writer.add_array("tokenizer.ggml.tokens", std::vector<std::string>{"a"});
  CHECK(metadata_only(writer) == "made.gguf: no metadata key 'tokenizer.ggml.merges' (not_found)");
  gguf_writer pieces;
  pieces.add("tokenizer.ggml.model", "llama").add_array("tokenizer.ggml.tokens", std::vector<std::string>{"a"});
  CHECK(metadata_only(pieces) == "made.gguf: no metadata key 'tokenizer.ggml.scores' (not_found)");
  pieces.add_array("tokenizer.ggml.scores", std::vector<float>{0});
  CHECK(metadata_only(pieces) == "made.gguf: metadata key 'tokenizer.ggml.tokens': byte 0x00 has no token, and there is no "
                                 "unknown token to stand for it (corrupt)");
}

TEST_CASE("a damaged vocabulary gives an error or a tokenizer that still works") {
  const std::uint64_t seed = random_seed();
  MESSAGE("TOKAMAK_TEST_SEED=" << seed);
  std::mt19937_64 random(seed);
  std::size_t working = 0;
  for (int round = 0; round < 3000; ++round) {
    auto made = round % 2 ? byte_vocabulary({"a b", "ab c", "c c"}) : piece_vocabulary({"ab", "abc", "a", "b", "c", "\u2581a"});
    gguf_writer writer;
    made.write(writer);
    std::string bytes = writer.bytes();
    for (auto flips = random() % 3 + 1; flips > 0; --flips)
      bytes[24 + random() % (bytes.size() - 24)] = static_cast<char>(random());
    const auto file = gguf_file::parse(as_bytes(bytes), "x");
    if (!file)
      continue;
    const auto tokens = tokenizer::from_gguf(*file);
    if (!tokens)
      continue;
    ++working;
    for (const auto id : (*tokens)->encode("abc ab\xFF <eos><s>", {.parse_special = true}))
      CHECK((*tokens)->contains(id));
  }
  CHECK(working > 0);
  CHECK(working < 3000);
}
