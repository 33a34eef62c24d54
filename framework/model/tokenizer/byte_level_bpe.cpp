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
  return {errc::corrupt, fmt::format("metadata key '{}': merge {} is {}, {}", merges_key, index, quoted(text), what), file.name()};
}

expected<merge_table> read_merges(const gguf_file& file, const vocabulary& vocab) {
  const auto lines = file.get<std::vector<std::string_view>>(merges_key);
  if (!lines)
    return fail(lines.error());
  if (lines->size() >= merge_table::no_rank)
    return fail(errc::corrupt, fmt::format("metadata key '{}': {} merges are too many", merges_key, lines->size()), file.name());
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
      return fail(wrong_merge(file, i, line, fmt::format("but {} is not a token", quoted(left_id < 0 ? left : right))));
    if (made >= 0)
      merges.add(left_id, right_id, {static_cast<std::uint32_t>(i), made});
    else if (!vocab.find(left + right)) // a control token is never made from text; anything else is missing
      return fail(wrong_merge(file, i, line, fmt::format("but {} is not a token", quoted(left + right))));
  }
  return merges;
}

expected<std::vector<std::int32_t>> substitute_for_missing_bytes(const gguf_file& file, const vocabulary& vocab) {
  int missing = -1;
  for (int byte = 255; byte >= 0; --byte)
    if (vocab.byte_token(static_cast<unsigned char>(byte)) < 0)
      missing = byte;
  if (missing < 0)
    return std::vector<std::int32_t>{};
  const std::vector<std::int32_t> replacement{vocab.byte_token(0xEF), vocab.byte_token(0xBF), vocab.byte_token(0xBD)};
  if (*std::min_element(replacement.begin(), replacement.end()) >= 0)
    return replacement;
  if (vocab.specials().unknown)
    return std::vector<std::int32_t>{*vocab.specials().unknown};
  return fail(errc::corrupt,
              fmt::format("metadata key 'tokenizer.ggml.tokens': byte 0x{:02x} has no token, and there is neither U+FFFD nor "
                          "an unknown token to stand for it",
                          missing),
              file.name());
}

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
  auto missing_byte = substitute_for_missing_bytes(file, *vocab);
  if (!missing_byte)
    return fail(missing_byte.error());
  return std::shared_ptr<const tokenizer>(
      new byte_level_bpe(std::move(*vocab), std::move(*pre), std::move(*merges), std::move(*missing_byte)));
}

byte_level_bpe::byte_level_bpe(vocabulary vocab, pre_tokenizer pre, merge_table merges, std::vector<std::int32_t> missing_byte)
    : tokenizer(std::move(vocab)), pre_(std::move(pre)), merges_(std::move(merges)), missing_byte_(std::move(missing_byte)) {}

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

void byte_level_bpe::encode_piece(std::string_view piece, std::vector<std::int32_t>& symbols, std::vector<std::int32_t>& out) const {
  if (pre_.rules().whole_pieces_first) {
    if (const std::int32_t id = vocab().find_piece(piece); id >= 0) {
      out.push_back(id);
      return;
    }
  }
  if (cache_.append(piece, out))
    return;
  symbols.clear();
  for (const char byte : piece)
    symbols.push_back(vocab().byte_token(static_cast<unsigned char>(byte)));
  merge_pairs(merges_, symbols);
  const std::size_t begin = out.size();
  for (const std::int32_t symbol : symbols) {
    if (symbol >= 0)
      out.push_back(symbol);
    else
      out.insert(out.end(), missing_byte_.begin(), missing_byte_.end());
  }
  cache_.store(piece, std::span(out).subspan(begin));
}

} // namespace tokamak
