// What all tokenizers share: special tokens, BOS and EOS, decoding, and picking the kind by metadata.
#include "model/tokenizer/tokenizer.hpp"

#include "model/gguf/gguf_cursor.hpp"
#include "model/tokenizer/byte_level_bpe.hpp"
#include "model/tokenizer/sentence_piece_bpe.hpp"
#include "model/tokenizer/stream_decoder.hpp"

namespace tokamak {

expected<std::shared_ptr<const tokenizer>> tokenizer::from_gguf(const gguf_file& file) {
  const auto model = file.get<std::string_view>("tokenizer.ggml.model");
  if (!model)
    return fail(model.error());
  if (*model == "gpt2")
    return byte_level_bpe::from_gguf(file);
  if (*model == "llama")
    return sentence_piece_bpe::from_gguf(file);
  return fail(errc::unsupported,
              fmt::format("metadata key 'tokenizer.ggml.model': tokenizer {} is not supported; known: gpt2, llama",
                          quoted(*model)),
              file.name());
}

std::vector<std::int32_t> tokenizer::encode(std::string_view text, const encode_options& options) const {
  const special_tokens& specials = vocabulary_.specials();
  std::vector<std::int32_t> ids;
  if (options.add_special && specials.add_bos)
    ids.push_back(*specials.bos);
  const bool prefix = options.add_space_prefix && specials.add_space_prefix;
  bool at_start = true; // of the text, or right after a special token
  for (std::size_t at = 0; at < text.size();) {
    const auto special = special_matcher_.next(text, at, options.parse_special);
    const std::size_t end = special ? special->begin : text.size();
    if (end > at) {
      encode_plain(text.substr(at, end - at), prefix && at_start, ids);
      at_start = false;
    }
    if (!special)
      break;
    ids.push_back(special->id);
    at_start = true;
    at = special->end;
    if (vocabulary_.takes_space_after(special->id))
      at += white_space_prefix(text.substr(at));
  }
  if (options.add_special && specials.add_eos)
    ids.push_back(*specials.eos);
  return ids;
}

std::string tokenizer::decode(std::span<const std::int32_t> ids, const decode_options& options) const {
  stream_decoder stream(*this, options);
  std::string text;
  for (const std::int32_t id : ids)
    stream.push(id, text);
  stream.flush(text);
  return text;
}

} // namespace tokamak
