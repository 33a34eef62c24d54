// Byte-level byte-pair encoding (tokenizer.ggml.model = "gpt2"): GPT-2, Llama 3, Qwen, SmolLM, ...
#pragma once

#include "model/tokenizer/merge_table.hpp"
#include "model/tokenizer/piece_cache.hpp"
#include "model/tokenizer/pre_tokenizer.hpp"
#include "model/tokenizer/tokenizer.hpp"

#include <array>

namespace tokamak {

class byte_level_bpe final : public tokenizer {
public:
  /// As tokenizer::from_gguf. A byte for which the vocabulary has no token is encoded as U+FFFD, or as
  /// the unknown token if U+FFFD cannot be spelled either; a vocabulary with neither is corrupt.
  static expected<std::shared_ptr<const tokenizer>> from_gguf(const gguf_file& file);

private:
  byte_level_bpe(vocabulary vocab, pre_tokenizer pre, merge_table merges, std::vector<std::int32_t> missing_byte);

  void encode_plain(std::string_view text, bool space_prefix, std::vector<std::int32_t>& out) const override;
  void encode_piece(std::string_view piece, std::vector<std::int32_t>& symbols, std::vector<std::int32_t>& out) const;

  pre_tokenizer pre_;
  merge_table merges_;
  std::vector<std::int32_t> missing_byte_; // what stands for a byte without a token
  piece_cache cache_;
};

} // namespace tokamak
