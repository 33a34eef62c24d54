// Text to token ids and back, as the model's own vocabulary (GGUF metadata tokenizer.ggml.*) says.
// On the way of a token this is step 3 (prompt in) and step 6 (answer out).
#pragma once

#include "base/error.hpp"
#include "model/gguf/gguf_file.hpp"
#include "model/tokenizer/special_matcher.hpp"
#include "model/tokenizer/vocabulary.hpp"

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace tokamak {

struct encode_options {
  /// Add BOS and EOS where the vocabulary asks for them (tokenizer.ggml.add_bos_token / add_eos_token).
  bool add_special = true;
  /// Read control tokens such as "<|im_start|>" in the text as those tokens. Leave it off for text that
  /// comes from a user. User-defined tokens are ordinary text and always read.
  bool parse_special = false;
  /// Put the leading space that some vocabularies want (tokenizer.ggml.add_space_prefix). Off when the
  /// text continues another.
  bool add_space_prefix = true;
};

/// What becomes of bytes that are not valid UTF-8: tokens need not end at character borders, and a
/// model may emit any bytes.
enum class decoded_bytes {
  text, ///< always valid UTF-8: each maximal part that cannot become a character is one U+FFFD
  raw,  ///< exactly the tokens' bytes; decode(encode(x)) == x where the vocabulary knows_all_bytes()
};

struct decode_options {
  /// Leave out control tokens; otherwise their names appear, e.g. "<|im_end|>".
  bool skip_special = true;
  /// Drop the space that encode put in front, for text that starts an answer to nothing before it.
  bool strip_space_prefix = false;
  decoded_bytes bytes = decoded_bytes::text;
};

/// Immutable after loading: every function is const and may be called from any thread at once.
class tokenizer {
public:
  /// Builds the tokenizer that `file` describes; keeps nothing of `file`. Errors name the metadata key:
  /// not_found, corrupt (sizes that disagree, ids outside, merges of unknown tokens), unsupported
  /// (another tokenizer model or pre-tokenizer, with the known ones).
  static expected<std::shared_ptr<const tokenizer>> from_gguf(const gguf_file& file);

  virtual ~tokenizer() = default;
  tokenizer(const tokenizer&) = delete;
  tokenizer& operator=(const tokenizer&) = delete;

  /// Token ids of any bytes. Bytes that are not UTF-8 are kept, byte by byte, where the vocabulary
  /// knows_all_bytes(). Never fails; cost is O(n log n) for the worst text.
  std::vector<std::int32_t> encode(std::string_view text, const encode_options& options = {}) const;

  /// Text of ids. Ids outside the vocabulary stand for nothing.
  std::string decode(std::span<const std::int32_t> ids, const decode_options& options = {}) const;

  const vocabulary& vocab() const { return vocabulary_; }
  std::int32_t vocab_size() const { return vocabulary_.size(); }
  /// Whether an id from outside names a token.
  bool contains(std::int32_t id) const { return vocabulary_.contains(id); }
  /// The bytes a token stands for; empty for control tokens and ids outside.
  std::string_view piece(std::int32_t id) const { return vocabulary_.piece(id); }
  /// The name of a control or unknown token, "<|im_end|>"; empty for all others.
  std::string_view special_text(std::int32_t id) const { return vocabulary_.special_text(id); }
  /// The token with exactly this name (control) or these bytes.
  std::optional<std::int32_t> find(std::string_view text) const { return vocabulary_.find(text); }

  std::optional<std::int32_t> bos() const { return vocabulary_.specials().bos; }
  std::optional<std::int32_t> eos() const { return vocabulary_.specials().eos; }
  /// End of a turn of chat; often the same as eos.
  std::optional<std::int32_t> eot() const { return vocabulary_.specials().eot; }
  /// Whether generation ends at this token: eos, eot, or a control token known by name to end a turn
  /// or text ("<|im_end|>", "<end_of_turn>", ...).
  bool is_end_of_generation(std::int32_t id) const { return vocabulary_.is_end_of_generation(id); }
  /// What add_special does for this vocabulary.
  bool adds_bos() const { return vocabulary_.specials().add_bos; }
  bool adds_eos() const { return vocabulary_.specials().add_eos; }
  /// Whether decode's strip_space_prefix has something to strip.
  bool adds_space_prefix() const { return vocabulary_.specials().add_space_prefix; }

protected:
  explicit tokenizer(vocabulary vocab) : vocabulary_(std::move(vocab)), special_matcher_(vocabulary_) {}

  /// Appends the ids of a stretch of text without special tokens. `space_prefix` says that the
  /// vocabulary's leading space belongs in front.
  virtual void encode_plain(std::string_view text, bool space_prefix, std::vector<std::int32_t>& out) const = 0;

private:
  vocabulary vocabulary_;
  special_matcher special_matcher_;
};

} // namespace tokamak
