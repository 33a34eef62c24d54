// Opening a model file and looking things up in it.
#include "model/gguf/gguf_file.hpp"

#include "model/gguf/gguf_cursor.hpp"
#include "model/gguf/gguf_parser.hpp"

#include <algorithm>

namespace tokamak {

expected<gguf_file> gguf_file::open(const std::string& path) {
  auto file = map_one(path);
  if (file)
    if (auto whole = file->add_parts(); !whole)
      return fail(whole.error());
  return file;
}

expected<gguf_file> gguf_file::parse(std::span<const std::byte> bytes, std::string name) {
  auto file = parse_one(bytes, std::move(name));
  if (!file)
    return file;
  const auto count = file->get_or<std::uint32_t>("split.count", 1);
  if (!count)
    return fail(count.error());
  if (*count > 1)
    return fail(errc::unsupported, fmt::format("this is one of the {} files of a split model, which are opened by path", *count),
                file->name_);
  return file;
}

expected<gguf_file> gguf_file::map_one(const std::string& path) {
  auto mapping = mapped_file::open(path);
  if (!mapping)
    return fail(mapping.error());
  auto file = parse_one(mapping->bytes(), path);
  if (file)
    file->mappings_.push_back(std::move(*mapping));
  return file;
}

expected<gguf_file> gguf_file::parse_one(std::span<const std::byte> bytes, std::string name) {
  auto tables = parse_gguf(bytes, name);
  if (!tables)
    return fail(tables.error());
  gguf_file file;
  file.parts_ = {bytes};
  file.name_ = std::move(name);
  file.version_ = tables->version;
  file.alignment_ = tables->alignment;
  file.metadata_ = std::move(tables->metadata);
  file.tensors_ = std::move(tables->tensors);
  file.metadata_by_key_ = std::move(tables->metadata_by_key);
  file.tensors_by_name_ = std::move(tables->tensors_by_name);
  return file;
}

const gguf_value* gguf_file::find(std::string_view key) const {
  const auto at = std::lower_bound(metadata_by_key_.begin(), metadata_by_key_.end(), key,
                                   [this](std::uint32_t i, std::string_view k) { return metadata_[i].key < k; });
  return at != metadata_by_key_.end() && metadata_[*at].key == key ? &metadata_[*at].value : nullptr;
}

const gguf_tensor* gguf_file::find_tensor(std::string_view name) const {
  const auto at = std::lower_bound(tensors_by_name_.begin(), tensors_by_name_.end(), name,
                                   [this](std::uint32_t i, std::string_view n) { return tensors_[i].name < n; });
  return at != tensors_by_name_.end() && tensors_[*at].name == name ? &tensors_[*at] : nullptr;
}

expected<const gguf_tensor*> gguf_file::get_tensor(std::string_view name) const {
  const gguf_tensor* tensor = find_tensor(name);
  if (tensor == nullptr)
    return fail(errc::not_found, fmt::format("no tensor {}", quoted(name)), name_);
  return tensor;
}

error gguf_file::missing(std::string_view key) const {
  return {errc::not_found, fmt::format("no metadata key {}", quoted(key)), name_};
}

error gguf_file::mismatch(std::string_view key, const gguf_value& value, std::string_view wanted) const {
  const auto offset = value.payload().data() - parts_.front().data();
  return {errc::corrupt, fmt::format("metadata key {} is {}, expected {}", quoted(key), value.describe(), wanted),
          fmt::format("{}, offset {}", name_, offset)};
}

} // namespace tokamak
