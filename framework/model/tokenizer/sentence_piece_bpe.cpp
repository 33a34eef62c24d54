// Merging by score (Kudo and Richardson 2018): of all adjacent pairs whose concatenation is a token, the
// one with the highest score merges first, the leftmost among equals. Spaces are kept as spaces here;
// the file's U+2581 was translated when the vocabulary was read.
#include "model/tokenizer/sentence_piece_bpe.hpp"

#include "model/tokenizer/utf8.hpp"

#include <algorithm>

namespace tokamak {
namespace {

constexpr std::uint32_t none = 0xffffffff;
// Bounds the memory of merging one piece.
constexpr std::size_t max_merge_bytes = std::size_t{1} << 24;

// A symbol is a stretch of the text that has merged; those merged into their left neighbour have 0 bytes.
struct symbol {
  std::uint32_t begin, bytes;
  std::uint32_t previous, next;
};

struct candidate {
  float score;
  std::uint32_t left;
  std::uint32_t bytes; // of both symbols when considered

  bool operator<(const candidate& other) const {
    return score != other.score ? score < other.score : left > other.left;
  }
};

class score_merge {
public:
  score_merge(const vocabulary& vocab, std::size_t longest_piece, std::string_view text)
      : vocab_(vocab), longest_piece_(longest_piece), text_(text) {
    std::uint32_t at = 0;
    while (at < text.size()) {
      const auto bytes =
          std::max<std::uint32_t>(1, static_cast<std::uint32_t>(utf8_character_bytes(text.substr(at))));
      const auto index = static_cast<std::uint32_t>(symbols_.size());
      symbols_.push_back({at, bytes, index == 0 ? none : index - 1, index + 1});
      at += bytes;
    }
    symbols_.back().next = none;
  }

  // Calls emit(text of the symbol) for every symbol that is left.
  template <class Emit>
  void run(Emit emit) {
    for (std::uint32_t i = 0; i + 1 < symbols_.size(); ++i)
      consider(i);
    while (!heap_.empty()) {
      std::pop_heap(heap_.begin(), heap_.end());
      const candidate best = heap_.back();
      heap_.pop_back();
      apply(best);
    }
    for (std::uint32_t i = 0; i != none; i = symbols_[i].next)
      emit(text_.substr(symbols_[i].begin, symbols_[i].bytes));
  }

private:
  void consider(std::uint32_t left) {
    const std::uint32_t right = symbols_[left].next;
    if (right == none)
      return;
    const std::uint32_t bytes = symbols_[left].bytes + symbols_[right].bytes;
    if (bytes > longest_piece_)
      return;
    const std::int32_t id = vocab_.find_piece(text_.substr(symbols_[left].begin, bytes));
    if (id < 0)
      return;
    heap_.push_back({vocab_.score(id), left, bytes});
    std::push_heap(heap_.begin(), heap_.end());
  }

  void apply(const candidate& best) {
    symbol& left = symbols_[best.left];
    // Either symbol may have merged since: then the pair's length differs, or there is no pair.
    if (left.bytes == 0 || left.next == none || left.bytes + symbols_[left.next].bytes != best.bytes)
      return;
    symbol& right = symbols_[left.next];
    left.bytes = best.bytes;
    right.bytes = 0;
    left.next = right.next;
    if (left.next != none)
      symbols_[left.next].previous = best.left;
    consider(best.left);
    if (left.previous != none)
      consider(left.previous);
  }

  const vocabulary& vocab_;
  std::size_t longest_piece_;
  std::string_view text_;
  std::vector<symbol> symbols_;
  std::vector<candidate> heap_;
};

// The text with U+2581, which the format cannot tell from a space, as a space.
std::string without_space_marks(std::string_view text, bool space_prefix) {
  constexpr std::string_view mark = "\xE2\x96\x81";
  std::string out(space_prefix ? 1 : 0, ' ');
  out.reserve(text.size() + 1);
  while (!text.empty()) {
    const std::size_t at = std::min(text.find(mark), text.size());
    out += text.substr(0, at);
    text.remove_prefix(at);
    if (!text.empty()) {
      out += ' ';
      text.remove_prefix(mark.size());
    }
  }
  return out;
}

} // namespace

expected<std::shared_ptr<const tokenizer>> sentence_piece_bpe::from_gguf(const gguf_file& file) {
  special_tokens defaults;
  defaults.add_bos = true;
  defaults.add_space_prefix = true;
  auto vocab = vocabulary::from_gguf(file, token_spelling::sentence_piece, defaults);
  if (!vocab)
    return fail(vocab.error());
  for (int byte = 0; byte < 256; ++byte)
    if (vocab->byte_token(static_cast<unsigned char>(byte)) < 0 && !vocab->specials().unknown)
      return fail(
          errc::corrupt,
          fmt::format(
              "metadata key 'tokenizer.ggml.tokens': byte 0x{:02x} has no token, and there is no unknown token "
              "to stand for it",
              byte),
          file.name());
  return std::shared_ptr<const tokenizer>(new sentence_piece_bpe(std::move(*vocab)));
}

sentence_piece_bpe::sentence_piece_bpe(vocabulary read) : tokenizer(std::move(read)) {
  joins_space_[static_cast<unsigned char>(' ')] = true; // a run of spaces stays together
  for (std::int32_t id = 0; id < vocab_size(); ++id) {
    const std::string_view text = piece(id);
    longest_piece_ = std::max(longest_piece_, text.size());
    for (std::size_t i = 1; i < text.size(); ++i)
      if (text[i] == ' ')
        joins_space_[static_cast<unsigned char>(text[i - 1])] = true;
  }
}

void sentence_piece_bpe::encode_plain(std::string_view text, bool space_prefix,
                                      std::vector<std::int32_t>& out) const {
  const std::string spaced = without_space_marks(text, space_prefix);
  std::string_view rest = spaced;
  while (!rest.empty()) {
    const std::size_t length = std::min(word_bytes(rest), max_merge_bytes);
    encode_piece(rest.substr(0, length), out);
    rest.remove_prefix(length);
  }
}

// No merge crosses from a byte into the space after it unless some token holds that pair; so text can be
// encoded word by word, each with the spaces before it.
std::size_t sentence_piece_bpe::word_bytes(std::string_view text) const {
  std::size_t end = std::min(text.find_first_not_of(' '), text.size());
  do
    end = std::min(text.find(' ', end + 1), text.size());
  while (end < text.size() && joins_space_[static_cast<unsigned char>(text[end - 1])]);
  return end;
}

void sentence_piece_bpe::encode_piece(std::string_view piece, std::vector<std::int32_t>& out) const {
  if (cache_.append(piece, out))
    return;
  const std::size_t begin = out.size();
  merge(piece, out);
  cache_.store(piece, std::span(out).subspan(begin));
}

void sentence_piece_bpe::merge(std::string_view piece, std::vector<std::int32_t>& out) const {
  score_merge(vocab(), longest_piece_, piece).run([this, &out](std::string_view text) {
    if (const std::int32_t id = vocab().find_piece(text); id >= 0) {
      out.push_back(id);
      return;
    }
    for (const char c : text) {
      const std::int32_t id = vocab().byte_token(static_cast<unsigned char>(c));
      out.push_back(id >= 0 ? id : *vocab().specials().unknown);
    }
  });
}

} // namespace tokamak
