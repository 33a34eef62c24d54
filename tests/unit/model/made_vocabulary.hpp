// Small vocabularies for tests, as the metadata of a GGUF file.
#pragma once

#include "model/tokenizer/byte_level.hpp"
#include "model/tokenizer/tokenizer.hpp"
#include "unit/model/gguf_writer.hpp"

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace tokamak::test {

/// The tokenizer.ggml.* arrays, to be changed before they are written.
struct made_vocabulary {
  std::string model = "gpt2";
  std::string pre = "gpt-2";
  std::string architecture = "llama"; ///< general.architecture
  std::vector<std::string> tokens; ///< spelled as in the file
  std::vector<std::int32_t> types;
  std::vector<float> scores;
  std::vector<std::string> merges;
  std::map<std::string, std::uint32_t> ids; ///< tokenizer.ggml.KEY of u32 type, e.g. "eos_token_id"
  std::map<std::string, bool> switches;     ///< tokenizer.ggml.KEY of bool type

  std::int32_t add(std::string token, token_kind kind = token_kind::normal, float score = 0) {
    tokens.push_back(std::move(token));
    types.push_back(static_cast<std::int32_t>(kind));
    scores.push_back(score);
    return static_cast<std::int32_t>(tokens.size()) - 1;
  }

  void write(gguf_writer& out) const {
    out.add("general.architecture", architecture);
    out.add("tokenizer.ggml.model", model).add("tokenizer.ggml.pre", pre);
    out.add_array("tokenizer.ggml.tokens", tokens).add_array("tokenizer.ggml.token_type", types);
    out.add_array("tokenizer.ggml.scores", scores).add_array("tokenizer.ggml.merges", merges);
    for (const auto& [key, id] : ids)
      out.add("tokenizer.ggml." + key, id);
    for (const auto& [key, on] : switches)
      out.add("tokenizer.ggml." + key, on);
  }

  expected<std::shared_ptr<const tokenizer>> build() const {
    gguf_writer out;
    write(out);
    const std::string bytes = out.bytes();
    const auto file = gguf_file::parse(as_bytes(bytes), "made.gguf");
    if (!file)
      return fail(file.error());
    return tokenizer::from_gguf(*file); // keeps nothing of the bytes
  }
};

/// Byte-level: ids 0 to 255 are the bytes, then one token for each merge, e.g. {"h e", "he l"}; then
/// "<eos>" and "<turn>" (control) and "=>" (user-defined).
inline made_vocabulary byte_vocabulary(const std::vector<std::string>& merges = {}) {
  made_vocabulary made;
  for (int byte = 0; byte < 256; ++byte)
    made.add(to_byte_level(std::string(1, static_cast<char>(byte))));
  for (const auto& merge : merges) {
    made.merges.push_back(merge);
    const auto space = merge.find(' ', 1);
    made.add(merge.substr(0, space) + merge.substr(space + 1));
  }
  made.ids["eos_token_id"] = static_cast<std::uint32_t>(made.add("<eos>", token_kind::control));
  made.add("<turn>", token_kind::control);
  made.add("=>", token_kind::user_defined);
  return made;
}

/// SentencePiece: <unk>, <s>, </s>, the 256 byte tokens, then the given pieces, best score first.
inline made_vocabulary piece_vocabulary(const std::vector<std::string>& pieces) {
  made_vocabulary made;
  made.model = "llama";
  made.pre = "default";
  made.ids["unknown_token_id"] = static_cast<std::uint32_t>(made.add("<unk>", token_kind::unknown));
  made.ids["bos_token_id"] = static_cast<std::uint32_t>(made.add("<s>", token_kind::control));
  made.ids["eos_token_id"] = static_cast<std::uint32_t>(made.add("</s>", token_kind::control));
  for (int byte = 0; byte < 256; ++byte)
    made.add(fmt::format("<0x{:02X}>", byte), token_kind::byte);
  float score = 0;
  for (const auto& piece : pieces)
    made.add(piece, token_kind::normal, score -= 1);
  return made;
}

} // namespace tokamak::test
