// Tokenizers on made-up vocabularies: special tokens, switches, arbitrary bytes, threads.
#include "model/tokenizer/pre_tokenizer.hpp"
#include "model/tokenizer/tokenizer.hpp"
#include "model/tokenizer/utf8.hpp"
#include "unit/model/made_vocabulary.hpp"
#include "unit/model/random_seed.hpp"
#include "unit/model/reference_data.hpp"

#include <doctest/doctest.h>

#include <chrono>
#include <thread>

using namespace tokamak;
using namespace tokamak::test;

namespace {

using ids = std::vector<std::int32_t>;

constexpr encode_options plain{.add_special = false};
constexpr encode_options parsed{.add_special = false, .parse_special = true};

std::string random_bytes(std::mt19937_64& random, std::size_t most) {
  std::string text;
  for (auto n = random() % most; n > 0; --n) {
    switch (random() % 3) {
    case 0: text += static_cast<char>(random()); break;
    case 1: text += static_cast<char>(' ' + random() % 95); break;
    default: append_utf8(static_cast<char32_t>(random() % 0xD800), text); break;
    }
  }
  return text;
}

} // namespace

TEST_CASE("merges apply in the order of the file") {
  const auto tokens = *byte_vocabulary({"e l", "h e", "h el"}).build();
  CHECK(tokens->encode("hel", plain) == ids{258}); // "el" first, then "h el"
  CHECK(tokens->encode("he", plain) == ids{257});
  CHECK(tokens->encode("", plain).empty());
  CHECK(tokens->piece(258) == "hel");
  CHECK(tokens->find("hel") == 258);
}

TEST_CASE("control tokens are read from text only on request, user-defined ones always") {
  const auto made = byte_vocabulary();
  const auto tokens = *made.build();
  const std::int32_t eos = 256, turn = 257, arrow = 258;
  CHECK(tokens->encode("a<turn>b<eos>", parsed) == ids{'a', turn, 'b', eos});
  CHECK(tokens->encode("<turn>", plain) == ids{'<', 't', 'u', 'r', 'n', '>'});
  CHECK(tokens->encode("a=>b", plain) == ids{'a', arrow, 'b'});
  CHECK(tokens->encode("<turn", parsed) == ids{'<', 't', 'u', 'r', 'n'});
  CHECK(tokens->encode("<<turn>>", parsed) == ids{'<', turn, '>'});
}

TEST_CASE("the longest of several special tokens that begin together is taken") {
  auto made = byte_vocabulary();
  const auto shorter = made.add("<a", token_kind::control);
  const auto longer = made.add("<a><b>", token_kind::control);
  const auto text = made.add("<a>", token_kind::user_defined);
  const auto tokens = *made.build();
  CHECK(tokens->encode("<a><b>", parsed) == ids{longer});
  CHECK(tokens->encode("<a><c", parsed) == ids{text, '<', 'c'});
  CHECK(tokens->encode("<a!", parsed) == ids{shorter, '!'});
  CHECK(tokens->encode("<a><b>", plain) == ids{text, '<', 'b', '>'});
}

TEST_CASE("a control token stands for no text but has a name") {
  const auto tokens = *byte_vocabulary().build();
  const std::int32_t turn = *tokens->find("<turn>");
  CHECK(tokens->piece(turn).empty());
  CHECK(tokens->special_text(turn) == "<turn>");
  CHECK(tokens->special_text('a').empty());
  CHECK(tokens->decode(ids{'a', turn, 'b'}) == "ab");
  CHECK(tokens->decode(ids{'a', turn, 'b'}, {.skip_special = false}) == "a<turn>b");
  for (const std::int32_t outside : {-1, tokens->vocab_size(), 2147483647}) {
    CHECK_FALSE(tokens->contains(outside));
    CHECK(tokens->piece(outside).empty());
    CHECK(tokens->special_text(outside).empty());
    CHECK_FALSE(tokens->is_end_of_generation(outside));
  }
  CHECK_FALSE(tokens->find("no such token").has_value());
}

TEST_CASE("BOS and EOS are added as the file says, and not when suppressed") {
  auto made = byte_vocabulary();
  made.ids["bos_token_id"] = 257;
  CHECK((*made.build())->encode("a") == ids{'a'}); // gpt-2 rules: silence means no
  made.switches["add_bos_token"] = true;
  made.switches["add_eos_token"] = true;
  const auto tokens = *made.build();
  CHECK(tokens->adds_bos());
  CHECK(tokens->adds_eos());
  CHECK(tokens->encode("a") == ids{257, 'a', 256});
  CHECK(tokens->encode("") == ids{257, 256});
  CHECK(tokens->encode("a", plain) == ids{'a'});
  made.switches.clear();
  made.pre = "llama-bpe"; // its rules: silence means BOS
  CHECK((*made.build())->encode("a") == ids{257, 'a'});
}

TEST_CASE("the end of generation is EOS, the end of a turn, and tokens known by name") {
  auto made = byte_vocabulary();
  const auto im_end = made.add("<|im_end|>", token_kind::control);
  const auto gemma = made.add("<end_of_turn>", token_kind::user_defined);
  const auto spoken = made.add("<|end|>", token_kind::normal); // ordinary text may look like a name
  const auto tag = made.add("</s>", token_kind::user_defined); // HTML, where it is not the file's EOS
  const auto tokens = *made.build();
  CHECK(tokens->eos() == 256);
  CHECK(tokens->eot() == im_end);
  CHECK_FALSE(tokens->bos().has_value());
  CHECK(tokens->is_end_of_generation(256));
  CHECK(tokens->is_end_of_generation(im_end));
  CHECK(tokens->is_end_of_generation(gemma));
  CHECK_FALSE(tokens->is_end_of_generation(spoken));
  CHECK_FALSE(tokens->is_end_of_generation(tag));
  CHECK_FALSE(tokens->is_end_of_generation('a'));
  made.ids["eot_token_id"] = 257;
  CHECK((*made.build())->eot() == 257);
}

TEST_CASE("a whole piece that is a token wins over merging where the rules say so") {
  auto made = byte_vocabulary({"a b"});
  const auto whole = made.add("abc"); // no merge makes it
  CHECK((*made.build())->encode("abc", plain) == ids{256, 'c'});
  made.pre = "llama-bpe";
  CHECK((*made.build())->encode("abc", plain) == ids{whole});
}

TEST_CASE("a byte without a token is left out, or U+FFFD if no text can contain it") {
  made_vocabulary made;
  for (int byte = 0; byte < 256; ++byte)
    if (byte != 0x01 && byte != 0xFF)
      made.add(to_byte_level(std::string(1, static_cast<char>(byte))));
  const auto tokens = *made.build();
  CHECK_FALSE(tokens->vocab().knows_all_bytes());
  CHECK(tokens->decode(tokens->encode("a\x01z")) == "az");
  CHECK(tokens->decode(tokens->encode("a\xFFz")) == "a\uFFFDz");
  CHECK((*byte_vocabulary().build())->vocab().knows_all_bytes());
}

TEST_CASE("pieces merge by score, unknown characters fall back to bytes") {
  const auto tokens = *piece_vocabulary({"ab", "bc", "\u2581ab", "a", "b", "c", "\u2581"}).build();
  const auto id = [&](std::string_view text) { return *tokens->find(text); };
  CHECK(tokens->encode("abc") == ids{1, id(" ab"), id("c")});
  CHECK(tokens->encode("abc", {.add_special = false, .add_space_prefix = false}) == ids{id("ab"), id("c")});
  CHECK(tokens->encode("bc ab", plain) == ids{id(" "), id("bc"), id(" ab")});
  CHECK(tokens->encode("\u00e9", {.add_special = false, .add_space_prefix = false}) == ids{3 + 0xC3, 3 + 0xA9});
  CHECK(tokens->piece(3 + 0x41) == "A");
  CHECK(tokens->encode("a<s>b", parsed) == ids{id(" "), id("a"), 1, id(" "), id("b")});
  CHECK(tokens->find("<s>") == 1);
}

TEST_CASE("a token that holds a space after other text is found across words") {
  const auto tokens = *piece_vocabulary({">\u2581<", ">\u2581", "\u2581\u2581", "a", "b", ">", "<", "\u2581"}).build();
  const auto id = [&](std::string_view text) { return *tokens->find(text); };
  const encode_options bare{.add_special = false, .add_space_prefix = false};
  CHECK(tokens->encode("a> <b", bare) == ids{id("a"), id("> <"), id("b")});
  CHECK(tokens->encode("a <b", bare) == ids{id("a"), id(" "), id("<"), id("b")});
  CHECK(tokens->encode(">  <", bare) == ids{id("> "), id(" "), id("<")});
}

TEST_CASE("text never becomes a control or byte token by merging") {
  auto made = piece_vocabulary({"<", "s", ">", "s>", "0", "x", "4", "1", "<0", "x4", "<0x4", "1>"});
  made.scores[1] = 100; // "<s>" would win every merge
  const auto tokens = *made.build();
  for (const auto id : tokens->encode("<s> <0x41>", plain))
    CHECK(tokens->vocab().kind(id) != token_kind::control);
  CHECK(tokens->decode(tokens->encode("<s> <0x41>", plain), {.strip_space_prefix = true}) == "<s> <0x41>");
}

TEST_CASE("a token that is not spelled in the byte alphabet does not stand in for the one that is") {
  auto made = byte_vocabulary();
  const auto raw = made.add("\u200d"); // as Command-R has: text becomes the other by merging, never this
  const auto begun = made.add(to_byte_level("\xE2\x80"));
  const auto spelled = made.add(to_byte_level("\u200d"));
  made.merges = {to_byte_level("\xE2") + " " + to_byte_level("\x80"),
                 to_byte_level("\xE2\x80") + " " + to_byte_level("\x8D")};
  const auto tokens = *made.build();
  CHECK(tokens->encode("\u200d", plain) == ids{spelled});
  CHECK(tokens->encode("\u200e", plain) == ids{begun, 0x8E});
  CHECK(tokens->decode(ids{raw}) == "\u200d");
}

TEST_CASE("a user-defined token that ends an answer is not read from plain text") {
  auto made = byte_vocabulary();
  const auto end = made.add("<end_of_turn>", token_kind::user_defined);
  const auto tokens = *made.build();
  CHECK(tokens->encode("<end_of_turn>", plain).size() == 13);
  CHECK(tokens->encode("<end_of_turn>", parsed) == ids{end});
  CHECK(tokens->is_end_of_generation(end));
  CHECK(tokens->decode(ids{'a', end}) == "a");
}

TEST_CASE("Phi-3's control tokens take the white space after them, its BOS and end of text do not") {
  auto made = piece_vocabulary({"\u2581a", "a", "\u2581"});
  const auto user = made.add("<|user|>", token_kind::control);
  const auto end = made.add("<|endoftext|>", token_kind::control);
  const auto slash = made.add("</s >", token_kind::user_defined);
  made.architecture = "phi3";
  made.types[0] = static_cast<std::int32_t>(token_kind::control); // "<unk>", as in Phi-3's files
  const auto tokens = *made.build();
  const std::int32_t space_a = *tokens->find(" a");
  CHECK(tokens->encode("<|user|>\n \u00a0a", parsed) == ids{user, space_a});
  CHECK(tokens->encode("</s> a", parsed) == ids{2, space_a});
  CHECK(tokens->encode("<|user|> ", parsed) == ids{user});
  const std::int32_t space = *tokens->find(" ");
  CHECK(tokens->encode("<s> a", parsed) == ids{1, space, space_a});
  CHECK(tokens->encode("<unk> a", parsed) == ids{0, space, space_a});
  CHECK(tokens->encode("<|endoftext|> a", parsed) == ids{end, space, space_a});
  CHECK(tokens->encode("</s > a", parsed) == ids{slash, space, space_a});
  made.architecture = "llama";
  CHECK((*made.build())->encode("<|user|> a", parsed) == ids{user, space, space_a});
}

TEST_CASE("any bytes survive encoding and decoding") {
  const std::uint64_t seed = random_seed();
  MESSAGE("TOKAMAK_TEST_SEED=" << seed);
  std::mt19937_64 random(seed);
  std::vector<std::shared_ptr<const tokenizer>> all;
  for (const auto& rules : all_pre_tokenizer_rules()) {
    auto made = byte_vocabulary({"a b", "\u0120 a", "\u0120 \u0120", "\u00c3 \u00a9"});
    made.pre = rules.names.front();
    all.push_back(*made.build());
  }
  all.push_back(*piece_vocabulary({"\u2581\u2581", "\u2581a", "ab", "a", "b", "\u2581"}).build());
  for (const std::string name : {"gpt-2", "llama-bpe", "llama-spm", "qwen2"})
    if (const auto file = gguf_file::open(shared_path("tokenizers/ggml-vocab-" + name + ".gguf")))
      all.push_back(*tokenizer::from_gguf(*file));
    else
      MESSAGE("skipped: " << file.error().to_string());
  for (const auto& tokens : all) {
    for (int round = 0; round < 300; ++round) {
      std::string text = random_bytes(random, 60);
      if (tokens->adds_space_prefix() && text.find("\u2581") != std::string::npos)
        continue; // SentencePiece cannot tell this character from a space
      const auto encoded = tokens->encode(text, plain);
      CAPTURE(text);
      CHECK(tokens->decode(encoded, {.strip_space_prefix = true, .bytes = decoded_bytes::raw}) == text);
    }
  }
}

TEST_CASE("the worst texts cost no more than n log n") {
  const auto tokens = *byte_vocabulary({"a a", "aa aa", "\u0120 \u0120", "\u0120\u0120 \u0120\u0120"}).build();
  const auto spm = *piece_vocabulary({"aa", "aaaa", "\u2581\u2581", "a", "\u2581"}).build();
  const std::size_t n = 1 << 19;
  const auto begin = std::chrono::steady_clock::now();
  for (const auto& text : {std::string(n, 'a'), std::string(n, ' ') + "x", std::string(n, '\xF0')}) {
    CHECK(tokens->decode(tokens->encode(text, plain), {.bytes = decoded_bytes::raw}) == text);
    CHECK(spm->decode(spm->encode(text, plain), {.strip_space_prefix = true, .bytes = decoded_bytes::raw}) == text);
  }
  auto deepseek = byte_vocabulary();
  deepseek.pre = "deepseek-llm";
  CHECK((*deepseek.build())->encode(std::string(n, ' ') + "\u200b", plain).size() == n + 3);
  // Quadratic work on half a million bytes takes many minutes; this a second or two, two minutes with a sanitizer.
  CHECK(std::chrono::steady_clock::now() - begin < std::chrono::seconds(180));
}

TEST_CASE("threads that encode at once get what one alone gets") {
  const auto tokens = *byte_vocabulary({"a b", "c d", "ab cd"}).build();
  std::mt19937_64 random(7);
  std::vector<std::string> texts;
  std::vector<ids> wanted;
  const auto alone = *byte_vocabulary({"a b", "c d", "ab cd"}).build();
  for (int i = 0; i < 500; ++i) {
    std::string text;
    for (auto n = random() % 40; n > 0; --n)
      text += "abcd "[random() % 5];
    texts.push_back(text);
    wanted.push_back(alone->encode(text));
  }
  std::vector<int> wrong(4, 0);
  std::vector<std::thread> threads;
  for (std::size_t t = 0; t < wrong.size(); ++t)
    threads.emplace_back([&, t] {
      for (std::size_t i = 0; i < texts.size(); ++i) {
        const std::size_t at = (i * 7 + t * 131) % texts.size();
        wrong[t] += tokens->encode(texts[at]) != wanted[at];
      }
    });
  for (auto& thread : threads)
    thread.join();
  CHECK(wrong == std::vector<int>(4, 0));
}
