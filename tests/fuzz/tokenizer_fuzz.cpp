// libFuzzer target: the first byte, if it is odd, picks a vocabulary made here and the rest is text to encode; if it is
// even, the rest is a GGUF file, or edits of a sound one, whose tokenizer, if it has one, encodes and decodes.
#include "fuzz/edits.hpp"
#include "fuzz/made_gguf.hpp"
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

std::shared_ptr<const tokenizer> made_tokenizer(std::string_view pre) {
  const std::string out = fuzz::tokenizer_file(pre);
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

void try_file(std::span<const std::byte> bytes, std::string_view text) {
  const auto file = gguf_file::parse(bytes, "fuzz");
  if (!file)
    return;
  if (const auto tokens = tokenizer::from_gguf(*file))
    check(**tokens, text, true);
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0)
    return 0;
  const std::string_view rest(reinterpret_cast<const char*>(data + 1), size - 1);
  if (data[0] % 4 == 0) {
    try_file(std::as_bytes(std::span(rest)), rest.substr(0, 256));
    return 0;
  }
  if (data[0] % 2 == 0) {
    static const std::string sound = fuzz::tokenizer_file(all_pre_tokenizer_rules().front().names.front());
    std::string edited = sound;
    fuzz::apply_edits(std::as_writable_bytes(std::span(edited)), std::as_bytes(std::span(rest)));
    try_file(std::as_bytes(std::span(edited)), rest.substr(0, 256));
    return 0;
  }
  const tokenizer& tokens = *made_tokenizers()[data[0] / 2 % made_tokenizers().size()];
  check(tokens, rest, true);
  const auto ids = tokens.encode(rest);
  require(tokens.decode(ids, {.bytes = decoded_bytes::raw}) == rest);
  return 0;
}
