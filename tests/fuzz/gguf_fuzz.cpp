// libFuzzer target: any bytes as a GGUF file, or, behind a byte 0xed, edits of a sound file. Whatever opens must be
// readable through every view.
#include "fuzz/edits.hpp"
#include "fuzz/made_gguf.hpp"

#include <cstdint>
#include <cstdlib>
#include <vector>

using namespace tokamak;

namespace {

void require(bool condition) {
  if (!condition)
    std::abort();
}

void read(std::span<const std::byte> bytes) {
  const auto file = gguf_file::parse(bytes, "fuzz");
  if (!file) {
    require(!file.error().message.empty() && !file.error().where.empty());
    return;
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
    require(tensor.data.data() >= bytes.data());
    require(tensor.data.size() <= static_cast<std::size_t>(bytes.data() + bytes.size() - tensor.data.data()));
    require(bytes_of(tensor.type, tensor.shape()) == tensor.data.size());
    sum += std::to_integer<std::size_t>(tensor.data.front()) + std::to_integer<std::size_t>(tensor.data.back());
  }
  volatile std::size_t used = sum; // so that the reads are not dropped
  static_cast<void>(used);
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto bytes = std::as_bytes(std::span(data, size));
  if (size == 0 || data[0] != 0xed) {
    read(bytes);
    return 0;
  }
  static const std::string sound = fuzz::tensor_file();
  std::string edited = sound;
  fuzz::apply_edits(std::as_writable_bytes(std::span(edited)), bytes.subspan(1));
  read(std::as_bytes(std::span(edited)));
  return 0;
}
