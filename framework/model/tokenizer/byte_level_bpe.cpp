// Loading merges and encoding pieces. Symbols are token ids from the start (each byte is a token), so
// merging compares integers, never strings.
#include "model/tokenizer/byte_level_bpe.hpp"

#include "model/gguf/gguf_cursor.hpp"
#include "model/tokenizer/byte_level.hpp"

#include <algorithm>

namespace tokamak {
namespace {

constexpr const char* merges_key = "tokenizer.ggml.merges";
constexpr const char* pre_key = "tokenizer.ggml.pre";
// Bounds the memory of merging one piece; no real text has an unbroken stretch this long.
constexpr std::size_t max_piece_bytes = std::size_t{1} << 24;

error wrong_merge(const gguf_file& file, std::size_t index, std::string_view text, std::string_view what) {
  return {errc::corrupt,
          fmt::format("metadata key '{}': merge {} is {}, {}", merges_key, index, quoted(text), what),
          file.name()};
}

expected<merge_table> read_merges(const gguf_file& file, const vocabulary& vocab) {
  const auto lines = file.get<std::vector<std::string_view>>(merges_key);
  if (!lines)
    return fail(lines.error());
  if (lines->size() >= merge_table::no_rank)
    return fail(errc::corrupt, fmt::format("metadata key '{}': {} merges are too many", merges_key, lines->size()),
                file.name());
  merge_table merges(lines->size());
  for (std::size_t i = 0; i < lines->size(); ++i) {
    const std::string_view line = (*lines)[i];
    // The left part may itself be a space in vocabularies that spell spaces as they are.
    const std::size_t space = line.find(' ', 1);
    if (space == std::string_view::npos || space + 1 == line.size())
      return fail(wrong_merge(file, i, line, "expected two tokens with a space between"));
    const std::string left = from_byte_level(line.substr(0, space));
    const std::string right = from_byte_level(line.substr(space + 1));
    const std::int32_t left_id = vocab.find_piece(left);
    const std::int32_t right_id = vocab.find_piece(right);
    const std::int32_t made = vocab.find_piece(left + right);
    if (left_id < 0 || right_id < 0)
      return fail(
          wrong_merge(file, i, line, fmt::format("but {} is not a token", quoted(left_id < 0 ? left : right))));
    if (made >= 0)
      merges.add(left_id, right_id, {static_cast<std::uint32_t>(i), made});
    else if (!vocab.find(left + right)) // a control token is never made from text; anything else is missing
      return fail(wrong_merge(file, i, line, fmt::format("but {} is not a token", quoted(left + right))));
  }
  return merges;
}

// A symbol that never merges and remembers its byte.
std::int32_t byte_without_token(unsigned char byte) { return -1 - byte; }
unsigned char byte_of(std::int32_t symbol) { return static_cast<unsigned char>(-1 - symbol); }

bool never_in_utf8(unsigned char byte) { return byte == 0xC0 || byte == 0xC1 || byte >= 0xF5; }

} // namespace

expected<std::shared_ptr<const tokenizer>> byte_level_bpe::from_gguf(const gguf_file& file) {
  const auto pre_name = file.get_or<std::string_view>(pre_key, "default");
  if (!pre_name)
    return fail(pre_name.error());
  auto pre = pre_tokenizer::by_name(*pre_name);
  if (!pre)
    return fail(pre.error().code, fmt::format("metadata key '{}': {}", pre_key, pre.error().message), file.name());
  special_tokens defaults;
  defaults.add_bos = pre->rules().add_bos;
  auto vocab = vocabulary::from_gguf(file, token_spelling::byte_level, defaults);
  if (!vocab)
    return fail(vocab.error());
  auto merges = read_merges(file, *vocab);
  if (!merges)
    return fail(merges.error());
  return std::shared_ptr<const tokenizer>(
      new byte_level_bpe(std::move(*vocab), std::move(*pre), std::move(*merges)));
}

byte_level_bpe::byte_level_bpe(vocabulary read, pre_tokenizer pre, merge_table merges)
    : tokenizer(std::move(read)), pre_(std::move(pre)), merges_(std::move(merges)) {
  for (const unsigned char byte : {0xEF, 0xBF, 0xBD})
    replacement_character_.push_back(vocab().byte_token(byte));
  if (std::find(replacement_character_.begin(), replacement_character_.end(), -1) != replacement_character_.end())
    replacement_character_.clear();
}

void byte_level_bpe::encode_plain(std::string_view text, bool space_prefix, std::vector<std::int32_t>& out) const {
  std::string prefixed;
  if (space_prefix && text.front() != ' ') {
    prefixed = ' ';
    prefixed += text;
    text = prefixed;
  }
  std::vector<std::size_t> pieces;
  std::vector<std::int32_t> symbols;
  pre_.split(text, pieces);
  for (std::size_t length : pieces) {
    while (length > 0) {
      const std::size_t part = std::min(length, max_piece_bytes);
      encode_piece(text.substr(0, part), symbols, out);
      text.remove_prefix(part);
      length -= part;
    }
  }
}

void byte_level_bpe::encode_piece(std::string_view piece, std::vector<std::int32_t>& symbols,
                                  std::vector<std::int32_t>& out) const {
  if (cache_.append(piece, out))
    return;
  if (pre_.rules().whole_pieces_first) {
    if (const std::int32_t id = vocab().find_piece(piece); id >= 0) {
      out.push_back(id);
      cache_.store(piece, {&id, 1});
      return;
    }
  }
  symbols.clear();
  for (const char c : piece) {
    const auto byte = static_cast<unsigned char>(c);
    const std::int32_t id = vocab().byte_token(byte);
    symbols.push_back(id >= 0 ? id : byte_without_token(byte));
  }
  merge_pairs(merges_, symbols);
  const std::size_t begin = out.size();
  for (const std::int32_t symbol : symbols) {
    if (symbol >= 0)
      out.push_back(symbol);
    else if (never_in_utf8(byte_of(symbol)))
      out.insert(out.end(), replacement_character_.begin(), replacement_character_.end());
  }
  cache_.store(piece, std::span(out).subspan(begin));
}

} // namespace tokamak
