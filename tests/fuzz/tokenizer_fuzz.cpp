// libFuzzer target: the first byte picks a vocabulary made here and the rest is text to encode; or, if
// it is even, the rest is a GGUF file whose tokenizer, if it has one, encodes and decodes.
#include "model/tokenizer/byte_level.hpp"
#include "model/tokenizer/pre_tokenizer.hpp"
#include "model/tokenizer/stream_decoder.hpp"
#include "model/tokenizer/tokenizer.hpp"

#include <cstdint>
#include <cstdlib>

using namespace tokamak;

namespace {

void require(bool condition) {
  if (!condition)
    std::abort();
}

template <class T>
void put(std::string& out, T value) {
  out.append(reinterpret_cast<const char*>(&value), sizeof value);
}

void put_text(std::string& out, std::string_view text) {
  put<std::uint64_t>(out, text.size());
  out += text;
}

void put_entry(std::string& out, std::string_view key, gguf_type type) {
  put_text(out, key);
  put(out, static_cast<std::uint32_t>(type));
}

void put_strings(std::string& out, std::string_view key, const std::vector<std::string>& texts) {
  put_entry(out, key, gguf_type::array);
  put(out, static_cast<std::uint32_t>(gguf_type::string));
  put<std::uint64_t>(out, texts.size());
  for (const auto& text : texts)
    put_text(out, text);
}

// All bytes, a few merges, one control token; pre-tokenized by the given rules.
std::shared_ptr<const tokenizer> made_tokenizer(std::string_view pre) {
  std::vector<std::string> tokens;
  for (int byte = 0; byte < 256; ++byte)
    tokens.push_back(to_byte_level(std::string(1, static_cast<char>(byte))));
  const std::vector<std::string> merges{"a b", "\u0120 a", "\u0120 \u0120", "\u00c3 \u00a9", "ab ab", "0 0"};
  for (const auto& merge : merges) {
    const auto space = merge.find(' ');
    tokens.push_back(merge.substr(0, space) + merge.substr(space + 1));
  }
  tokens.push_back("<turn>");
  std::string out = "GGUF";
  put<std::uint32_t>(out, 3);
  put<std::uint64_t>(out, 0);
  put<std::uint64_t>(out, 5);
  put_entry(out, "tokenizer.ggml.model", gguf_type::string);
  put_text(out, "gpt2");
  put_entry(out, "tokenizer.ggml.pre", gguf_type::string);
  put_text(out, pre);
  put_strings(out, "tokenizer.ggml.tokens", tokens);
  put_strings(out, "tokenizer.ggml.merges", merges);
  put_entry(out, "tokenizer.ggml.token_type", gguf_type::array);
  put(out, static_cast<std::uint32_t>(gguf_type::u8));
  put<std::uint64_t>(out, tokens.size());
  out.append(tokens.size() - 1, '\x01');
  out += '\x03';
  const auto file = gguf_file::parse(std::as_bytes(std::span(out.data(), out.size())), "made");
  require(file.has_value());
  const auto made = tokenizer::from_gguf(*file);
  require(made.has_value());
  return *made;
}

const std::vector<std::shared_ptr<const tokenizer>>& made_tokenizers() {
  static const auto all = [] {
    std::vector<std::shared_ptr<const tokenizer>> made;
    for (const auto& rules : all_pre_tokenizer_rules())
      made.push_back(made_tokenizer(rules.names.front()));
    return made;
  }();
  return all;
}

void check(const tokenizer& tokens, std::string_view text, bool parse_special) {
  const auto ids = tokens.encode(text, {.parse_special = parse_special});
  stream_decoder stream(tokens, {.skip_special = false});
  std::string streamed;
  for (const auto id : ids) {
    require(tokens.contains(id));
    const std::string text_of_one = stream.push(id);
    require(utf8_valid_prefix(text_of_one) == text_of_one.size());
    streamed += text_of_one;
  }
  stream.flush(streamed);
  require(streamed == tokens.decode(ids, {.skip_special = false}));
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0)
    return 0;
  const std::string_view rest(reinterpret_cast<const char*>(data + 1), size - 1);
  if (data[0] % 2 == 0) {
    const auto file = gguf_file::parse(std::as_bytes(std::span(rest.data(), rest.size())), "fuzz");
    if (!file)
      return 0;
    if (const auto tokens = tokenizer::from_gguf(*file))
      check(**tokens, rest.substr(0, 256), true);
    return 0;
  }
  const tokenizer& tokens = *made_tokenizers()[data[0] / 2 % made_tokenizers().size()];
  check(tokens, rest, true);
  const auto ids = tokens.encode(rest);
  require(tokens.decode(ids, {.bytes = decoded_bytes::raw}) == rest);
  return 0;
}
