// Looking weights up, and copying slices row by row.
#include "model/architectures/weights.hpp"

#include <fmt/ranges.h>

#include <algorithm>
#include <cstring>

namespace tokamak {

namespace {

const weight_slice* slice_of(std::span<const weight_slice> slices, const std::string& name) {
  for (const auto& slice : slices)
    if (slice.name == name)
      return &slice;
  return nullptr;
}

/// The file's dimensions of a graph's weight: those of the graph, but for the one that was sliced.
expected<void> check_tensor(const graph_value& value, const gguf_tensor& tensor, const weight_slice* slice,
                            const gguf_file& file) {
  const auto shape = tensor.shape();
  bool same = value.dims.size() == shape.size() && static_cast<tk_format>(tensor.type) == value.format;
  for (std::uint32_t i = 0; same && i < shape.size(); ++i)
    same = slice != nullptr && slice->dim == i
               ? slice->begin <= slice->end && slice->end <= shape[i] && slice->end - slice->begin == value.dims[i]
               : value.dims[i] == shape[i];
  if (same)
    return {};
  return fail(errc::corrupt,
              fmt::format("tensor '{}' is {} [{}], which does not fit the graph's [{}] of format {}", value.name,
                          to_string(tensor.type), fmt::join(shape, ", "), fmt::join(value.dims, ", "), value.format),
              file.name());
}

/// Copies [begin, end) of one dimension: pieces of `piece` bytes, one for each index of the outer dimensions.
expected<std::pair<std::unique_ptr<std::byte[]>, std::uint64_t>> cut_out(const gguf_tensor& tensor,
                                                                         const weight_slice& slice,
                                                                         const gguf_file& file) {
  const auto* traits = find_traits(tensor.type);
  const std::uint64_t block = slice.dim == 0 ? traits->block_elements : 1;
  if (slice.begin % block != 0 || slice.end % block != 0)
    return fail(errc::invalid_argument,
                fmt::format("tensor '{}' cannot be cut from {} to {}: its blocks hold {} elements", slice.name,
                            slice.begin, slice.end, block), file.name());
  std::uint64_t unit = traits->block_bytes; // bytes of one step along the sliced dimension
  if (slice.dim > 0)
    unit = tensor.dims[0] / traits->block_elements * traits->block_bytes;
  for (std::uint32_t i = 1; i < slice.dim; ++i)
    unit *= tensor.dims[i];
  const std::uint64_t stride = tensor.dims[slice.dim] / block * unit;
  const std::uint64_t piece = (slice.end - slice.begin) / block * unit;
  const std::uint64_t pieces = tensor.data.size() / stride;
  auto copy = std::make_unique<std::byte[]>(pieces * piece);
  for (std::uint64_t i = 0; i < pieces; ++i)
    std::memcpy(copy.get() + i * piece, tensor.data.data() + i * stride + slice.begin / block * unit, piece);
  return std::pair(std::move(copy), pieces * piece);
}

} // namespace

expected<gguf_tensor> find_weight(const gguf_file& file, std::span<const tensor_rows> parts, const std::string& name) {
  const auto part = std::find_if(parts.begin(), parts.end(), [&](const auto& p) { return p.weight == name; });
  const auto found = file.get_tensor(part == parts.end() ? name : part->tensor);
  if (!found)
    return fail(found.error());
  auto tensor = **found;
  if (part == parts.end())
    return tensor;
  const auto rows = tensor.dims[1];
  if (tensor.dim_count != 2 || part->first > rows || part->rows > rows - part->first)
    return fail(errc::corrupt, fmt::format("tensor '{}' is [{}], which has no rows {} to {}", tensor.name,
                                           fmt::join(tensor.shape(), ", "), part->first, part->first + part->rows),
                file.name());
  const auto row_bytes = tensor.data.size() / rows;
  tensor.name = part->weight;
  tensor.dims[1] = part->rows;
  tensor.data = tensor.data.subspan(part->first * row_bytes, part->rows * row_bytes);
  return tensor;
}

expected<graph_weights> find_weights(const graph& g, const gguf_file& file, std::span<const weight_slice> slices,
                                     std::span<const tensor_rows> parts) {
  graph_weights found;
  for (value_id id = 0; id < g.values().size(); ++id) {
    const auto& value = g.values()[id];
    if (value.kind != TK_WEIGHT)
      continue;
    const auto tensor = find_weight(file, parts, value.name);
    if (!tensor)
      return fail(tensor.error());
    const auto* slice = slice_of(slices, value.name);
    if (auto ok = check_tensor(value, *tensor, slice, file); !ok)
      return fail(ok.error());
    if (slice == nullptr) {
      found.weights.push_back({id, tensor->data.data(), tensor->data.size()});
      continue;
    }
    auto copy = cut_out(*tensor, *slice, file);
    if (!copy)
      return fail(copy.error());
    found.weights.push_back({id, copy->first.get(), copy->second});
    found.copies.push_back(std::move(copy->first));
  }
  return found;
}

} // namespace tokamak
