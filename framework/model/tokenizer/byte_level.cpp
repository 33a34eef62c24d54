// The alphabet: bytes that are printable in Latin-1 stand for themselves; the other 68, in order, for
// U+0100, U+0101, ... (Radford et al. 2019, the GPT-2 release).
#include "model/tokenizer/byte_level.hpp"

#include "model/tokenizer/utf8.hpp"

#include <array>

namespace tokamak {
namespace {

constexpr char32_t alphabet_end = 0x144;

struct alphabet {
  std::array<char32_t, 256> character{};
  std::array<int, alphabet_end> byte{};

  constexpr alphabet() {
    byte.fill(-1);
    char32_t next = 0x100;
    for (int b = 0; b < 256; ++b) {
      const bool printable = (b >= 0x21 && b <= 0x7E) || (b >= 0xA1 && b <= 0xAC) || b >= 0xAE;
      const char32_t c = printable ? static_cast<char32_t>(b) : next++;
      character[static_cast<std::size_t>(b)] = c;
      byte[c] = b;
    }
  }
};

constexpr alphabet table;

} // namespace

std::string from_byte_level(std::string_view spelled) {
  std::string bytes;
  bytes.reserve(spelled.size());
  for (std::string_view rest = spelled; !rest.empty();) {
    const std::size_t length = utf8_character_bytes(rest);
    const char32_t c = length == 0 ? alphabet_end : utf8_code_point(rest);
    if (c >= alphabet_end || table.byte[c] < 0)
      return std::string(spelled);
    bytes += static_cast<char>(table.byte[c]);
    rest.remove_prefix(length);
  }
  return bytes;
}

std::string to_byte_level(std::string_view bytes) {
  std::string spelled;
  for (const char byte : bytes)
    append_utf8(table.character[static_cast<unsigned char>(byte)], spelled);
  return spelled;
}

} // namespace tokamak
