// libFuzzer target: any bytes as a GGUF file. Whatever opens must be readable through every view.
#include "model/gguf/gguf_file.hpp"

#include <cstdint>
#include <cstdlib>
#include <vector>

using namespace tokamak;

namespace {

void require(bool condition) {
  if (!condition)
    std::abort();
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto bytes = std::as_bytes(std::span(data, size));
  const auto file = gguf_file::parse(bytes, "fuzz");
  if (!file) {
    require(!file.error().message.empty() && !file.error().where.empty());
    return 0;
  }
  std::size_t sum = 0;
  for (const auto& [key, value] : file->metadata()) {
    require(file->find(key) != nullptr);
    sum += value.describe().size();
    if (const auto strings = value.as<std::vector<std::string_view>>())
      for (const auto text : *strings)
        sum += text.empty() ? 0 : static_cast<unsigned char>(text.front()) + static_cast<unsigned char>(text.back());
    sum += value.as<std::vector<float>>().has_value() + value.as<std::vector<std::int32_t>>().has_value();
    sum += value.as<std::uint32_t>().has_value() + value.as<double>().has_value() + value.as<bool>().has_value();
  }
  for (const auto& tensor : file->tensors()) {
    require(file->find_tensor(tensor.name) != nullptr);
    require(tensor.data.data() >= bytes.data() && tensor.data.size() <= static_cast<std::size_t>(bytes.data() + size - tensor.data.data()));
    require(bytes_of(tensor.type, tensor.shape()) == tensor.data.size());
    sum += std::to_integer<std::size_t>(tensor.data.front()) + std::to_integer<std::size_t>(tensor.data.back());
  }
  volatile std::size_t used = sum; // so that the reads are not dropped
  static_cast<void>(used);
  return 0;
}
