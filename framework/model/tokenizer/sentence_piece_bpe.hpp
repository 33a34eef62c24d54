// SentencePiece's BPE with byte fallback (tokenizer.ggml.model = "llama"): Llama 2, Mistral, Gemma, ...
#pragma once

#include "model/tokenizer/piece_cache.hpp"
#include "model/tokenizer/tokenizer.hpp"

namespace tokamak {

class sentence_piece_bpe final : public tokenizer {
public:
  /// As tokenizer::from_gguf. A byte that is no part of a token becomes its byte token, else the
  /// unknown token; a vocabulary that has neither is corrupt.
  static expected<std::shared_ptr<const tokenizer>> from_gguf(const gguf_file& file);

private:
  explicit sentence_piece_bpe(vocabulary vocab);

  void encode_plain(std::string_view text, bool space_prefix, std::vector<std::int32_t>& out) const override;
  std::size_t word_bytes(std::string_view text) const;
  void encode_piece(std::string_view piece, std::vector<std::int32_t>& out) const;
  void merge(std::string_view piece, std::vector<std::int32_t>& out) const;

  std::size_t longest_piece_ = 0;
  bool joins_space_[256] = {}; // bytes after which some token has a space
  piece_cache cache_;
};

} // namespace tokamak
