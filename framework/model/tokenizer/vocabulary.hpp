// The token table of a model: what each id stands for, which ids are special, and finding ids by text.
#pragma once

#include "base/error.hpp"
#include "model/gguf/gguf_file.hpp"

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace tokamak {

/// tokenizer.ggml.token_type; values as stored in GGUF.
enum class token_kind : std::uint8_t {
  normal = 1,
  unknown = 2,      ///< stands for text that the vocabulary cannot express
  control = 3,      ///< has a name but stands for no text: <s>, <|im_end|>
  user_defined = 4, ///< text that is always one token
  unused = 5,
  byte = 6, ///< one byte, named "<0x41>"
};

/// How normal tokens are spelled in the file.
enum class token_spelling {
  byte_level,     ///< GPT-2's printable alphabet, one character a byte
  sentence_piece, ///< UTF-8 with U+2581 for space, and <0xNN> byte tokens
};

/// The ids and switches of tokenizer.ggml.* that are not token text.
struct special_tokens {
  std::optional<std::int32_t> bos, eos, eot, eom, unknown;
  bool add_bos = false;
  bool add_eos = false;
  bool add_space_prefix = false;
};

/// Immutable once built; any thread.
class vocabulary {
public:
  /// Reads tokens, token_type, scores and the special ids. `defaults` are the switches of this kind of
  /// tokenizer where the file says nothing. Errors: not_found, corrupt.
  static expected<vocabulary> from_gguf(const gguf_file& file, token_spelling spelling, special_tokens defaults);

  std::int32_t size() const { return static_cast<std::int32_t>(tokens_.size()); }
  bool contains(std::int32_t id) const { return id >= 0 && id < size(); }

  // Ids outside the vocabulary give empty text, kind unused and score 0.
  std::string_view piece(std::int32_t id) const;
  std::string_view special_text(std::int32_t id) const;
  token_kind kind(std::int32_t id) const;
  float score(std::int32_t id) const;

  /// By name of a control token or by bytes of any other; the lowest id where several agree. A control
  /// token's name wins over bytes.
  std::optional<std::int32_t> find(std::string_view text) const;
  /// By the bytes a token stands for, control and unknown tokens left out; -1 if none. For merging. Where several
  /// agree, the lowest id of those spelled as the vocabulary spells.
  std::int32_t find_piece(std::string_view bytes) const { return slots_[slot_of(bytes)].id; }
  /// The token of one byte: a byte token, or a normal token of just that byte; -1 if none.
  std::int32_t byte_token(unsigned char byte) const { return byte_tokens_[byte]; }
  /// Whether every byte has a token, so that any bytes survive encoding and decoding.
  bool knows_all_bytes() const;

  const special_tokens& specials() const { return specials_; }
  bool is_end_of_generation(std::int32_t id) const;
  /// Whether white space after this token in a text belongs to it: Phi-3's control tokens.
  bool takes_space_after(std::int32_t id) const;

private:
  struct token {
    std::uint32_t offset; // into text_
    std::uint32_t bytes;
    token_kind kind;
    bool ends_generation;
    bool as_it_is; // a normal token whose name is not in the spelling: text cannot become it by merging
    float score;
  };

  expected<void> read_tokens(const gguf_file& file, token_spelling spelling);
  expected<void> read_specials(const gguf_file& file, special_tokens defaults);
  void index_pieces();
  void mark_end_of_generation();
  void make_ends_control();
  std::string_view text(std::int32_t id) const;
  std::size_t slot_of(std::string_view bytes) const;

  std::string text_; // all tokens' bytes or names, one after another
  std::vector<token> tokens_;
  // Open addressing over piece bytes; id -1 is free. The tag, more bits of the hash, spares looking at
  // the text of most tokens that are not the wanted one.
  struct slot {
    std::int32_t id = -1;
    std::uint32_t tag = 0;
  };
  std::vector<slot> slots_;
  std::vector<std::int32_t> named_; // control and unknown tokens, sorted by name
  std::int32_t byte_tokens_[256];
  special_tokens specials_;
  bool control_takes_space_after_ = false;
};

} // namespace tokamak
