// Small sound GGUF files for fuzz targets to start from: a byte-level tokenizer and a few tensors.
#pragma once

#include "model/gguf/gguf_file.hpp"
#include "model/tokenizer/byte_level.hpp"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace tokamak::fuzz {

template <class T>
void put(std::string& out, T value) {
  out.append(reinterpret_cast<const char*>(&value), sizeof value);
}

inline void put_text(std::string& out, std::string_view text) {
  put<std::uint64_t>(out, text.size());
  out += text;
}

inline void put_entry(std::string& out, std::string_view key, gguf_type type) {
  put_text(out, key);
  put(out, static_cast<std::uint32_t>(type));
}

inline void put_strings(std::string& out, std::string_view key, const std::vector<std::string>& texts) {
  put_entry(out, key, gguf_type::array);
  put(out, static_cast<std::uint32_t>(gguf_type::string));
  put<std::uint64_t>(out, texts.size());
  for (const auto& text : texts)
    put_text(out, text);
}

inline void put_head(std::string& out, std::uint64_t tensors, std::uint64_t entries) {
  out += "GGUF";
  put<std::uint32_t>(out, 3);
  put(out, tensors);
  put(out, entries);
}

/// A tokenizer of all bytes, a few merges and one control token; pre-tokenized by the rules of that name.
inline std::string tokenizer_file(std::string_view pre) {
  std::vector<std::string> tokens;
  for (int byte = 0; byte < 256; ++byte)
    tokens.push_back(to_byte_level(std::string(1, static_cast<char>(byte))));
  const std::vector<std::string> merges{"a b", "\u0120 a", "\u0120 \u0120", "\u00c3 \u00a9", "ab ab", "0 0"};
  for (const auto& merge : merges) {
    const auto space = merge.find(' ');
    tokens.push_back(merge.substr(0, space) + merge.substr(space + 1));
  }
  tokens.push_back("<turn>");
  std::string out;
  put_head(out, 0, 5);
  put_entry(out, "tokenizer.ggml.model", gguf_type::string);
  put_text(out, "gpt2");
  put_entry(out, "tokenizer.ggml.pre", gguf_type::string);
  put_text(out, pre);
  put_strings(out, "tokenizer.ggml.tokens", tokens);
  put_strings(out, "tokenizer.ggml.merges", merges);
  put_entry(out, "tokenizer.ggml.token_type", gguf_type::array);
  put(out, static_cast<std::uint32_t>(gguf_type::u8));
  put<std::uint64_t>(out, tokens.size());
  out.append(tokens.size() - 1, '\x01');
  out += '\x03';
  return out;
}

/// Entries of several types and two tensors: F32 [4, 2] and Q8_0 [32].
inline std::string tensor_file() {
  std::string out;
  put_head(out, 2, 4);
  put_entry(out, "general.architecture", gguf_type::string);
  put_text(out, "llama");
  put_entry(out, "general.alignment", gguf_type::u32);
  put<std::uint32_t>(out, 32);
  put_entry(out, "scale", gguf_type::f32);
  put(out, 0.5f);
  put_strings(out, "names", {"a", "bc"});
  const auto put_tensor = [&](std::string_view name, std::initializer_list<std::uint64_t> shape, std::uint32_t type,
                              std::uint64_t offset) {
    put_text(out, name);
    put(out, static_cast<std::uint32_t>(shape.size()));
    for (const auto n : shape)
      put(out, n);
    put(out, type);
    put(out, offset);
  };
  put_tensor("first.weight", {4, 2}, 0, 0);
  put_tensor("second.weight", {32}, 8, 32);
  out.resize((out.size() + 31) / 32 * 32 + 32 + 34);
  return out;
}

} // namespace tokamak::fuzz
