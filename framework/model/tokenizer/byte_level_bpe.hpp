// Byte-level byte-pair encoding (tokenizer.ggml.model = "gpt2"): GPT-2, Llama 3, Qwen, SmolLM, ...
#pragma once

#include "model/tokenizer/merge_table.hpp"
#include "model/tokenizer/piece_cache.hpp"
#include "model/tokenizer/pre_tokenizer.hpp"
#include "model/tokenizer/tokenizer.hpp"

namespace tokamak {

class byte_level_bpe final : public tokenizer {
public:
  /// As tokenizer::from_gguf. Some vocabularies lack a few bytes (vocabulary::knows_all_bytes). Like the
  /// models' own tokenizers, encode then leaves such a byte out; if no UTF-8 text can contain it (0xC0,
  /// 0xFF, ...), U+FFFD stands for it where the vocabulary can spell that.
  static expected<std::shared_ptr<const tokenizer>> from_gguf(const gguf_file& file);

private:
  byte_level_bpe(vocabulary vocab, pre_tokenizer pre, merge_table merges);

  void encode_plain(std::string_view text, bool space_prefix, std::vector<std::int32_t>& out) const override;
  void encode_piece(std::string_view piece, std::vector<std::int32_t>& symbols,
                    std::vector<std::int32_t>& out) const;

  pre_tokenizer pre_;
  merge_table merges_;
  std::vector<std::int32_t> replacement_character_; // the bytes of U+FFFD, or nothing
  piece_cache cache_;
};

} // namespace tokamak
