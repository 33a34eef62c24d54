// Reading the token table and indexing it.
#include "model/tokenizer/vocabulary.hpp"

#include "model/gguf/gguf_cursor.hpp"
#include "model/tokenizer/byte_hash.hpp"
#include "model/tokenizer/byte_level.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <charconv>
#include <cmath>
#include <limits>

namespace tokamak {
namespace {

constexpr const char* tokens_key = "tokenizer.ggml.tokens";
constexpr const char* kinds_key = "tokenizer.ggml.token_type";
constexpr const char* scores_key = "tokenizer.ggml.scores";

// Names that end a turn of chat; the first of them that a vocabulary has is its end of turn if the file
// names none.
constexpr std::array<std::string_view, 10> end_of_turn_names{
    "<|eot_id|>",      "<|im_end|>", "<|end|>", "<end_of_turn>",         "<|endoftext|>",
    "<|end_of_text|>", "<EOT>",      "_<EOT>",  "<｜end▁of▁sentence｜>", "<end_of_utterance>"};
// "</s>" is not among them: elsewhere than as a file's own EOS it is an HTML tag.
constexpr std::array<std::string_view, 4> other_end_names{"<|eom_id|>", "<|return|>", "<|call|>",
                                                          "<|end_of_sentence|>"};

std::string from_sentence_piece(std::string_view spelled) {
  constexpr std::string_view space = "\xE2\x96\x81"; // U+2581
  std::string bytes;
  while (!spelled.empty()) {
    const bool is_space = spelled.starts_with(space);
    bytes += is_space ? ' ' : spelled.front();
    spelled.remove_prefix(is_space ? space.size() : 1);
  }
  return bytes;
}

// The byte that "<0x41>" names, or -1.
int named_byte(std::string_view name) {
  if (name.size() != 6 || !name.starts_with("<0x") || name.back() != '>')
    return -1;
  unsigned value = 0;
  const auto [end, status] = std::from_chars(name.data() + 3, name.data() + 5, value, 16);
  return status == std::errc() && end == name.data() + 5 ? static_cast<int>(value) : -1;
}

// Bits of the hash that do not pick the slot.
std::uint32_t tag_of(std::uint64_t hash) { return static_cast<std::uint32_t>(hash >> 32); }

bool is_named(token_kind kind) { return kind == token_kind::control || kind == token_kind::unknown; }

error wrong(const gguf_file& file, const char* key, std::string message) {
  return {errc::corrupt, fmt::format("metadata key '{}': {}", key, message), file.name()};
}

// The kinds of all tokens; all normal when the file says nothing.
expected<std::vector<token_kind>> read_kinds(const gguf_file& file, std::size_t count) {
  std::vector<token_kind> kinds(count, token_kind::normal);
  if (file.find(kinds_key) == nullptr)
    return kinds;
  const auto ids = file.get<std::vector<std::int32_t>>(kinds_key);
  if (!ids)
    return fail(ids.error());
  if (ids->size() != count)
    return fail(wrong(file, kinds_key, fmt::format("has {} elements for {} tokens", ids->size(), count)));
  for (std::size_t i = 0; i < count; ++i) {
    const std::int32_t kind = (*ids)[i];
    if (kind < 0 || kind > 6)
      return fail(wrong(file, kinds_key, fmt::format("token {} has type {}, expected 0 to 6", i, kind)));
    if (kind != 0) // 0 is "undefined": an ordinary token
      kinds[i] = static_cast<token_kind>(kind);
  }
  return kinds;
}

expected<std::vector<float>> read_scores(const gguf_file& file, std::size_t count, bool required) {
  if (!required && file.find(scores_key) == nullptr)
    return std::vector<float>(count, 0.0F);
  auto scores = file.get<std::vector<float>>(scores_key);
  if (!scores)
    return scores;
  if (scores->size() != count)
    return fail(wrong(file, scores_key, fmt::format("has {} elements for {} tokens", scores->size(), count)));
  for (std::size_t i = 0; i < count; ++i)
    if (std::isnan((*scores)[i]))
      return fail(wrong(file, scores_key, fmt::format("the score of token {} is not a number", i)));
  return scores;
}

} // namespace

expected<vocabulary> vocabulary::from_gguf(const gguf_file& file, token_spelling spelling,
                                           special_tokens defaults) {
  vocabulary result;
  if (auto done = result.read_tokens(file, spelling); !done)
    return fail(done.error());
  result.index_pieces();
  if (auto done = result.read_specials(file, defaults); !done)
    return fail(done.error());
  result.mark_end_of_generation();
  const auto architecture = file.get_or<std::string_view>("general.architecture", "");
  result.control_takes_space_after_ =
      spelling == token_spelling::sentence_piece && architecture && *architecture == "phi3";
  result.make_ends_control();
  return result;
}

expected<void> vocabulary::read_tokens(const gguf_file& file, token_spelling spelling) {
  const auto names = file.get<std::vector<std::string_view>>(tokens_key);
  if (!names)
    return fail(names.error());
  if (names->empty())
    return fail(wrong(file, tokens_key, "is empty"));
  if (names->size() > static_cast<std::size_t>(std::numeric_limits<std::int32_t>::max() / 4))
    return fail(wrong(file, tokens_key, fmt::format("{} tokens are too many", names->size())));
  const auto kinds = read_kinds(file, names->size());
  if (!kinds)
    return fail(kinds.error());
  const auto scores = read_scores(file, names->size(), spelling == token_spelling::sentence_piece);
  if (!scores)
    return fail(scores.error());
  tokens_.reserve(names->size());
  for (std::size_t i = 0; i < names->size(); ++i) {
    const std::string_view name = (*names)[i];
    const token_kind kind = (*kinds)[i];
    std::string bytes;
    bool as_it_is = false;
    if (is_named(kind) || (kind == token_kind::user_defined && spelling == token_spelling::byte_level)) {
      bytes = name;
    } else if (kind == token_kind::byte) {
      const int byte = named_byte(name);
      if (byte < 0)
        return fail(wrong(
            file, tokens_key,
            fmt::format("token {} is a byte token named {}, expected '<0x00>' to '<0xFF>'", i, quoted(name))));
      bytes = static_cast<char>(byte);
    } else {
      bytes = spelling == token_spelling::byte_level ? from_byte_level(name) : from_sentence_piece(name);
      as_it_is = spelling == token_spelling::byte_level && to_byte_level(bytes) != name;
    }
    if (bytes.size() > std::numeric_limits<std::uint32_t>::max() - text_.size())
      return fail(wrong(file, tokens_key, "has more than 4 GiB of text"));
    tokens_.push_back({static_cast<std::uint32_t>(text_.size()), static_cast<std::uint32_t>(bytes.size()), kind, false, as_it_is, (*scores)[i]});
    text_ += bytes;
  }
  return {};
}

expected<void> vocabulary::read_specials(const gguf_file& file, special_tokens defaults) {
  specials_ = defaults;
  const std::pair<const char*, std::optional<std::int32_t>*> ids[] = {
      {"tokenizer.ggml.bos_token_id", &specials_.bos},
      {"tokenizer.ggml.eos_token_id", &specials_.eos},
      {"tokenizer.ggml.eot_token_id", &specials_.eot},
      {"tokenizer.ggml.eom_token_id", &specials_.eom},
      {"tokenizer.ggml.unknown_token_id", &specials_.unknown}};
  for (const auto& [key, target] : ids) {
    // -1 in either signedness is how converters say "none".
    const auto id = file.get_or<std::int64_t>(key, -1);
    if (!id)
      return fail(id.error());
    if (*id < 0 || *id == std::numeric_limits<std::uint32_t>::max())
      continue;
    if (*id >= size())
      return fail(wrong(file, key, fmt::format("is {}, but the vocabulary has {} tokens", *id, size())));
    *target = static_cast<std::int32_t>(*id);
  }
  struct added_switch {
    const char* key;
    bool* target;
    bool possible;
    const char* needs;
  };
  const added_switch switches[] = {
      {"tokenizer.ggml.add_bos_token", &specials_.add_bos, specials_.bos.has_value(), "bos"},
      {"tokenizer.ggml.add_eos_token", &specials_.add_eos, specials_.eos.has_value(), "eos"},
      {"tokenizer.ggml.add_space_prefix", &specials_.add_space_prefix, true, ""}};
  for (const auto& [key, target, possible, needs] : switches) {
    const auto on = file.get_or<bool>(key, *target && possible);
    if (!on)
      return fail(on.error());
    if (*on && !possible)
      return fail(wrong(file, key, fmt::format("is true, but there is no tokenizer.ggml.{}_token_id", needs)));
    *target = *on;
  }
  return {};
}

void vocabulary::index_pieces() {
  slots_.assign(std::bit_ceil(tokens_.size() * 2), slot());
  std::fill(std::begin(byte_tokens_), std::end(byte_tokens_), -1);
  named_.clear();
  const auto add_piece = [this](std::int32_t id) {
    slot& found = slots_[slot_of(text(id))];
    if (found.id < 0)
      found = {id, tag_of(hash_bytes(text(id)))};
  };
  for (std::int32_t id = 0; id < size(); ++id) {
    if (is_named(kind(id)))
      named_.push_back(id);
    else if (kind(id) == token_kind::byte)
      byte_tokens_[static_cast<unsigned char>(text(id)[0])] = id;
    else if (!text(id).empty() && !tokens_[static_cast<std::size_t>(id)].as_it_is)
      add_piece(id);
  }
  for (std::int32_t id = 0; id < size(); ++id)
    if (tokens_[static_cast<std::size_t>(id)].as_it_is && !text(id).empty())
      add_piece(id);
  for (int byte = 0; byte < 256; ++byte) {
    const char c = static_cast<char>(byte);
    if (byte_tokens_[byte] < 0)
      byte_tokens_[byte] = find_piece({&c, 1});
  }
  std::stable_sort(named_.begin(), named_.end(), [this](auto a, auto b) { return text(a) < text(b); });
}

void vocabulary::mark_end_of_generation() {
  const auto mark = [this](std::optional<std::int32_t> id) {
    if (id)
      tokens_[static_cast<std::size_t>(*id)].ends_generation = true;
  };
  const auto named = [this](std::string_view name) {
    auto id = find(name);
    const bool special = id && (kind(*id) == token_kind::control || kind(*id) == token_kind::user_defined);
    return special ? id : std::nullopt;
  };
  for (const auto name : end_of_turn_names) {
    const auto id = named(name);
    mark(id);
    if (!specials_.eot)
      specials_.eot = id;
  }
  for (const auto name : other_end_names)
    mark(named(name));
  mark(specials_.eos);
  mark(specials_.eot);
  mark(specials_.eom);
}

// A token that ends an answer must not be read from a user's text, whatever the file calls it; nor Phi-3's
// "</s>", which is Llama's end of a text there too but not the file's EOS.
void vocabulary::make_ends_control() {
  bool changed = false;
  for (std::int32_t id = 0; id < size(); ++id) {
    token& t = tokens_[static_cast<std::size_t>(id)];
    const bool ends = t.ends_generation || (control_takes_space_after_ && text(id) == "</s>");
    if (ends && t.kind == token_kind::user_defined) {
      t.kind = token_kind::control;
      changed = true;
    }
  }
  if (changed)
    index_pieces();
}

std::string_view vocabulary::text(std::int32_t id) const {
  const token& t = tokens_[static_cast<std::size_t>(id)];
  return std::string_view(text_).substr(t.offset, t.bytes);
}

std::string_view vocabulary::piece(std::int32_t id) const {
  return contains(id) && !is_named(kind(id)) ? text(id) : std::string_view();
}

std::string_view vocabulary::special_text(std::int32_t id) const {
  return contains(id) && is_named(kind(id)) ? text(id) : std::string_view();
}

token_kind vocabulary::kind(std::int32_t id) const {
  return contains(id) ? tokens_[static_cast<std::size_t>(id)].kind : token_kind::unused;
}

float vocabulary::score(std::int32_t id) const {
  return contains(id) ? tokens_[static_cast<std::size_t>(id)].score : 0.0F;
}

bool vocabulary::is_end_of_generation(std::int32_t id) const {
  return contains(id) && tokens_[static_cast<std::size_t>(id)].ends_generation;
}

bool vocabulary::takes_space_after(std::int32_t id) const {
  return control_takes_space_after_ && kind(id) == token_kind::control && id != specials_.bos &&
         text(id) != "<unk>" && text(id) != "<|endoftext|>";
}

bool vocabulary::knows_all_bytes() const {
  return std::none_of(std::begin(byte_tokens_), std::end(byte_tokens_), [](std::int32_t id) { return id < 0; });
}

std::optional<std::int32_t> vocabulary::find(std::string_view name) const {
  const auto at = std::lower_bound(named_.begin(), named_.end(), name,
                                   [this](std::int32_t id, std::string_view n) { return text(id) < n; });
  if (at != named_.end() && text(*at) == name)
    return *at;
  std::int32_t id = find_piece(name);
  if (id < 0 && name.size() == 1)
    id = byte_token(static_cast<unsigned char>(name[0]));
  return id < 0 ? std::nullopt : std::optional(id);
}

std::size_t vocabulary::slot_of(std::string_view bytes) const {
  const std::uint64_t hash = hash_bytes(bytes);
  const std::uint32_t tag = tag_of(hash);
  std::size_t at = hash & (slots_.size() - 1);
  while (slots_[at].id >= 0 && (slots_[at].tag != tag || text(slots_[at].id) != bytes))
    at = (at + 1) & (slots_.size() - 1);
  return at;
}

} // namespace tokamak
