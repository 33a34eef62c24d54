// Merging by score (Kudo and Richardson 2018): of all adjacent pairs whose concatenation is a token, the
// one with the highest score merges first, the leftmost among equals. Spaces are kept as spaces here;
// the file's U+2581 was translated when the vocabulary was read.
#include "model/tokenizer/sentence_piece_bpe.hpp"

#include "model/tokenizer/utf8.hpp"

#include <algorithm>
#include <array>

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

  // Calls emit(text of the symbol, its token or -1 if not known yet) for every symbol that is left.
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
      emit(text_.substr(symbols_[i].begin, symbols_[i].bytes), -1);
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

constexpr std::size_t short_bytes = 48;

// As score_merge for few symbols, without memory to ask for: words are short, and a rescan of all pairs is cheaper
// than a heap.
template <class Emit>
void merge_short(const vocabulary& vocab, std::size_t longest_piece, std::string_view text, Emit emit) {
  std::array<std::uint32_t, short_bytes + 1> begin; // of each symbol, then the end of the text
  std::array<std::int32_t, short_bytes> id;         // of each symbol; -1 before its first merge
  std::array<std::int32_t, short_bytes> made;       // by each symbol and the next; -1 if nothing
  std::array<float, short_bytes> score;             // of made
  std::size_t n = 0;
  for (std::size_t at = 0; at < text.size(); at += std::max<std::size_t>(1, utf8_character_bytes(text.substr(at)))) {
    begin[n] = static_cast<std::uint32_t>(at);
    id[n++] = -1;
  }
  begin[n] = static_cast<std::uint32_t>(text.size());
  const auto consider = [&](std::size_t i) {
    const std::size_t bytes = begin[i + 2] - begin[i];
    made[i] = bytes > longest_piece ? -1 : vocab.find_piece(text.substr(begin[i], bytes));
    score[i] = made[i] < 0 ? 0 : vocab.score(made[i]);
  };
  for (std::size_t i = 0; i + 1 < n; ++i)
    consider(i);
  while (n > 1) {
    std::size_t best = n;
    for (std::size_t i = 0; i + 1 < n; ++i)
      if (made[i] >= 0 && (best == n || score[i] > score[best]))
        best = i;
    if (best == n)
      break;
    id[best] = made[best];
    for (std::size_t i = best + 1; i + 1 < n; ++i) {
      begin[i] = begin[i + 1];
      id[i] = id[i + 1];
      made[i - 1] = made[i];
      score[i - 1] = score[i];
    }
    --n;
    begin[n] = static_cast<std::uint32_t>(text.size());
    if (best + 1 < n)
      consider(best);
    if (best > 0)
      consider(best - 1);
  }
  for (std::size_t i = 0; i < n; ++i)
    emit(text.substr(begin[i], begin[i + 1] - begin[i]), id[i]);
}

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
  const auto emit = [this, &out](std::string_view text, std::int32_t known) {
    if (const std::int32_t id = known >= 0 ? known : vocab().find_piece(text); id >= 0) {
      out.push_back(id);
      return;
    }
    for (const char c : text) {
      const std::int32_t id = vocab().byte_token(static_cast<unsigned char>(c));
      out.push_back(id >= 0 ? id : *vocab().specials().unknown);
    }
  };
  if (piece.size() <= short_bytes)
    merge_short(vocab(), longest_piece_, piece, emit);
  else
    score_merge(vocab(), longest_piece_, piece).run(emit);
}

} // namespace tokamak
