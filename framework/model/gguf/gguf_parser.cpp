// GGUF: magic "GGUF", u32 version, u64 tensor count, u64 metadata count; then the metadata entries
// (string key, u32 type, value), then the tensor descriptions (string name, u32 dimension count, u64
// each dimension, u32 type, u64 offset), then, at the next multiple of general.alignment, the tensors.
#include "model/gguf/gguf_parser.hpp"

#include "model/gguf/gguf_cursor.hpp"

#include <algorithm>
#include <bit>
#include <numeric>

namespace tokamak {
namespace {

constexpr std::uint64_t max_key_bytes = 65535; // the format's own limits
constexpr std::uint64_t max_tensor_name_bytes = 64;
constexpr std::uint32_t default_alignment = 32;
constexpr std::uint32_t max_alignment = 1 << 20;
constexpr std::uint64_t least_entry_bytes = 8 + 1 + 4 + 1;
constexpr std::uint64_t least_tensor_bytes = 8 + 1 + 4 + 8 + 4 + 8;

class parser {
public:
  parser(std::span<const std::byte> bytes, std::string_view file_name) : cursor_(bytes, file_name) {}

  expected<gguf_tables> run() {
    if (auto done = read_header(); !done)
      return fail(done.error());
    if (auto done = read_metadata(); !done)
      return fail(done.error());
    if (auto done = read_alignment(); !done)
      return fail(done.error());
    if (auto done = read_tensors(); !done)
      return fail(done.error());
    if (auto done = place_tensors(); !done)
      return fail(done.error());
    return std::move(tables_);
  }

private:
  expected<void> read_header();
  expected<void> read_metadata();
  expected<void> read_entry();
  expected<void> read_alignment();
  expected<void> read_tensors();
  expected<void> read_tensor();
  expected<void> place_tensors();
  error tensor_error(std::size_t index, errc code, std::string message);

  // Where a tensor's description stands in the file and what it says of its data.
  struct description {
    std::size_t file_offset;
    std::uint64_t data_offset;
    std::size_t bytes;
  };

  gguf_cursor cursor_;
  gguf_tables tables_;
  std::uint64_t entry_count_ = 0;
  std::uint64_t tensor_count_ = 0;
  std::vector<std::size_t> entry_offsets_;
  std::vector<description> descriptions_;
};

expected<void> parser::read_header() {
  const auto bytes = cursor_.bytes();
  const std::string_view begin(reinterpret_cast<const char*>(bytes.data()),
                               std::min<std::size_t>(bytes.size(), 4));
  if (begin != "GGUF")
    return fail(cursor_.corrupt(
        fmt::format("not a GGUF file: it begins with {}, expected \"GGUF\"", quoted(begin, '"')), 0));
  if (auto magic = cursor_.read<std::uint32_t>("magic"); !magic)
    return fail(magic.error());
  const auto version = cursor_.read<std::uint32_t>("version");
  if (!version)
    return fail(version.error());
  if (*version != 0 && (*version & 0xffff) == 0)
    return fail(cursor_.at(errc::unsupported, "the file is big-endian; only little-endian GGUF is supported", 4));
  if (*version < 2 || *version > 3)
    return fail(cursor_.at(errc::unsupported,
                           fmt::format("GGUF version {} is not supported; expected 2 or 3", *version), 4));
  tables_.version = *version;
  const auto tensor_count = cursor_.read<std::uint64_t>("tensor count");
  if (!tensor_count)
    return fail(tensor_count.error());
  const auto entry_count = cursor_.read<std::uint64_t>("metadata count");
  if (!entry_count)
    return fail(entry_count.error());
  if (*entry_count > cursor_.left() / least_entry_bytes)
    return fail(cursor_.corrupt(
        fmt::format("{} metadata entries cannot fit in the {} bytes left", *entry_count, cursor_.left()), 16));
  if (*tensor_count > cursor_.left() / least_tensor_bytes)
    return fail(cursor_.corrupt(
        fmt::format("{} tensors cannot fit in the {} bytes left", *tensor_count, cursor_.left()), 8));
  tensor_count_ = *tensor_count;
  entry_count_ = *entry_count;
  return {};
}

expected<void> parser::read_metadata() {
  for (std::uint64_t i = 0; i < entry_count_; ++i)
    if (auto done = read_entry(); !done)
      return done;
  auto& order = tables_.metadata_by_key;
  order.resize(tables_.metadata.size());
  std::iota(order.begin(), order.end(), 0U);
  const auto key = [this](std::uint32_t i) { return tables_.metadata[i].key; };
  std::stable_sort(order.begin(), order.end(), [&](auto a, auto b) { return key(a) < key(b); });
  const auto twin =
      std::adjacent_find(order.begin(), order.end(), [&](auto a, auto b) { return key(a) == key(b); });
  if (twin != order.end()) {
    cursor_.set_subject("metadata key", key(*twin));
    return fail(cursor_.corrupt("appears twice", entry_offsets_[twin[1]]));
  }
  return {};
}

expected<void> parser::read_entry() {
  const std::size_t begin = cursor_.offset();
  cursor_.set_subject({}, {});
  const auto key = cursor_.read_string("metadata key", max_key_bytes);
  if (!key)
    return fail(key.error());
  if (key->empty())
    return fail(cursor_.corrupt("a metadata key is empty", begin));
  cursor_.set_subject("metadata key", *key);
  const auto type = cursor_.read<std::uint32_t>("value type");
  if (!type)
    return fail(type.error());
  const auto value = cursor_.read_value(static_cast<gguf_type>(*type));
  if (!value)
    return fail(value.error());
  tables_.metadata.push_back({*key, *value});
  entry_offsets_.push_back(begin);
  return {};
}

expected<void> parser::read_alignment() {
  tables_.alignment = default_alignment;
  for (std::size_t i = 0; i < tables_.metadata.size(); ++i) {
    const auto& [key, value] = tables_.metadata[i];
    if (key != "general.alignment")
      continue;
    const auto alignment = value.as<std::uint32_t>();
    if (!alignment || !std::has_single_bit(*alignment) || *alignment < 8 || *alignment > max_alignment) {
      cursor_.set_subject("metadata key", key);
      return fail(cursor_.corrupt(
          fmt::format("is {}, expected a power of two from 8 to {}", value.describe(), max_alignment),
          entry_offsets_[i]));
    }
    tables_.alignment = *alignment;
  }
  return {};
}

expected<void> parser::read_tensors() {
  for (std::uint64_t i = 0; i < tensor_count_; ++i)
    if (auto done = read_tensor(); !done)
      return done;
  auto& order = tables_.tensors_by_name;
  order.resize(tables_.tensors.size());
  std::iota(order.begin(), order.end(), 0U);
  const auto name = [this](std::uint32_t i) { return tables_.tensors[i].name; };
  std::stable_sort(order.begin(), order.end(), [&](auto a, auto b) { return name(a) < name(b); });
  const auto twin =
      std::adjacent_find(order.begin(), order.end(), [&](auto a, auto b) { return name(a) == name(b); });
  if (twin != order.end())
    return fail(tensor_error(twin[1], errc::corrupt, "appears twice"));
  return {};
}

expected<void> parser::read_tensor() {
  const std::size_t begin = cursor_.offset();
  cursor_.set_subject({}, {});
  const auto name = cursor_.read_string("tensor name", max_tensor_name_bytes);
  if (!name)
    return fail(name.error());
  if (name->empty())
    return fail(cursor_.corrupt("a tensor name is empty", begin));
  cursor_.set_subject("tensor", *name);
  const auto dim_count = cursor_.read<std::uint32_t>("dimension count");
  if (!dim_count)
    return fail(dim_count.error());
  if (*dim_count < 1 || *dim_count > 4)
    return fail(
        cursor_.corrupt(fmt::format("has {} dimensions, expected 1 to 4", *dim_count), cursor_.offset() - 4));
  gguf_tensor tensor{*name, {1, 1, 1, 1}, *dim_count, tensor_type::f32, {}};
  for (std::uint32_t i = 0; i < *dim_count; ++i) {
    const auto dim = cursor_.read<std::uint64_t>("dimensions");
    if (!dim)
      return fail(dim.error());
    tensor.dims[i] = *dim;
  }
  const auto type_id = cursor_.read<std::uint32_t>("tensor type");
  if (!type_id)
    return fail(type_id.error());
  const auto type = tensor_type_from_id(*type_id);
  if (!type)
    return fail(cursor_.at(errc::unsupported, why_unknown(*type_id), cursor_.offset() - 4));
  tensor.type = *type;
  const auto bytes = bytes_of(*type, tensor.shape());
  if (!bytes)
    return fail(cursor_.corrupt(bytes.error().message, begin));
  const auto data_offset = cursor_.read<std::uint64_t>("data offset");
  if (!data_offset)
    return fail(data_offset.error());
  tables_.tensors.push_back(tensor);
  descriptions_.push_back({begin, *data_offset, *bytes});
  return {};
}

expected<void> parser::place_tensors() {
  if (tables_.tensors.empty())
    return {};
  const std::uint64_t alignment = tables_.alignment;
  const std::uint64_t size = cursor_.bytes().size();
  // No overflow: the position is inside the file and the alignment is small.
  const std::uint64_t data_begin = (cursor_.offset() + alignment - 1) / alignment * alignment;
  const std::uint64_t data_bytes = size > data_begin ? size - data_begin : 0;
  for (std::size_t i = 0; i < descriptions_.size(); ++i) {
    const auto& [file_offset, offset, bytes] = descriptions_[i];
    if (offset % alignment != 0)
      return fail(
          tensor_error(i, errc::corrupt,
                       fmt::format("data offset {} is not a multiple of the alignment {}", offset, alignment)));
    if (offset > data_bytes || bytes > data_bytes - offset)
      return fail(tensor_error(
          i, errc::corrupt,
          fmt::format("{} bytes at data offset {} do not lie inside the file, whose data part has {} bytes; "
                      "is the file truncated?",
                      bytes, offset, data_bytes)));
    tables_.tensors[i].data = cursor_.bytes().subspan(data_begin + offset, bytes);
  }
  std::vector<std::uint32_t> order(descriptions_.size());
  std::iota(order.begin(), order.end(), 0U);
  std::sort(order.begin(), order.end(),
            [this](auto a, auto b) { return descriptions_[a].data_offset < descriptions_[b].data_offset; });
  for (std::size_t i = 1; i < order.size(); ++i) {
    const auto& before = descriptions_[order[i - 1]];
    if (before.data_offset + before.bytes > descriptions_[order[i]].data_offset)
      return fail(
          tensor_error(order[i], errc::corrupt,
                       fmt::format("its data overlaps that of {}", quoted(tables_.tensors[order[i - 1]].name))));
  }
  return {};
}

error parser::tensor_error(std::size_t index, errc code, std::string message) {
  cursor_.set_subject("tensor", tables_.tensors[index].name);
  return cursor_.at(code, std::move(message), descriptions_[index].file_offset);
}

} // namespace

expected<gguf_tables> parse_gguf(std::span<const std::byte> bytes, std::string_view file_name) {
  return parser(bytes, file_name).run();
}

} // namespace tokamak
