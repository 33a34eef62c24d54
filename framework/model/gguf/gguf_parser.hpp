// Turns the bytes of a GGUF file into its tables; private to gguf/.
#pragma once

#include "base/error.hpp"
#include "model/gguf/gguf_file.hpp"

#include <span>
#include <string_view>
#include <vector>

namespace tokamak {

struct gguf_tables {
  std::uint32_t version = 0;
  std::uint32_t alignment = 0;
  std::vector<gguf_entry> metadata;
  std::vector<gguf_tensor> tensors;
  std::vector<std::uint32_t> metadata_by_key;
  std::vector<std::uint32_t> tensors_by_name;
};

expected<gguf_tables> parse_gguf(std::span<const std::byte> bytes, std::string_view file_name);

} // namespace tokamak
