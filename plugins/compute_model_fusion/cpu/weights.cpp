// Taking weights over from the host.
#include "weights.hpp"

#include <tokamak/sdk/failure.hpp>

#include <algorithm>

namespace tokamak::cpu {

using kernels::weight_format;

namespace {

constexpr std::size_t release_bytes = std::size_t{8} << 20;

// Between tensors of a file, which are aligned: the same page, or nothing that anybody reads.
constexpr std::ptrdiff_t largest_gap = 256;

std::uint64_t bytes_of(const tk_value& value) {
  const auto format = kernels::format_of_gguf_type(value.format);
  if (!format) return 0;
  std::uint64_t rows = 1;
  for (std::uint32_t i = 1; i < value.n_dims; ++i) rows *= value.dims[i];
  return rows * kernels::row_bytes(*format, value.dims[0]);
}

std::string unknown_type(tk_format format) {
  std::string known;
  for (std::size_t i = 0; i < kernels::weight_formats; ++i)
    known += (i == 0 ? "" : ", ") + std::string(kernels::gguf_type_name(gguf_type(static_cast<weight_format>(i))));
  return "tensor type " + std::to_string(format) + " (" + kernels::gguf_type_name(format) +
         "), for which there are no kernels; there are for " + known;
}

} // namespace

weight_format format_of(const tk_value& weight) { return kernels::format_of_gguf_type(weight.format).value(); }

void check_weight(const op_view& op, std::uint32_t i, std::uint32_t n_dims) {
  const tk_value& value = op.input(i);
  if (value.kind != TK_WEIGHT) op.refuse(TK_INVALID_ARGUMENT, quoted(value.name) + " is no weight");
  if (value.n_dims != n_dims)
    op.refuse(TK_INVALID_ARGUMENT, "weight " + quoted(value.name) + " has " + std::to_string(value.n_dims) +
                                       " dimensions, expected " + std::to_string(n_dims));
  const auto format = kernels::format_of_gguf_type(value.format);
  if (!format) op.refuse(TK_UNSUPPORTED, "weight " + quoted(value.name) + " has " + unknown_type(value.format));
  const std::string why = kernels::packed_matrix::check(*format, n_dims > 1 ? value.dims[1] : 1, value.dims[0]);
  if (!why.empty()) op.refuse(TK_UNSUPPORTED, "weight " + quoted(value.name) + ": " + why);
}

weights::weights(sdk::host host, kernels::cpu_level level, kernels::thread_team& team, memory_account& account,
                 const tk_graph_view& graph, std::span<const tk_weight> given)
    : host_(host), level_(level), team_(team), account_(account) {
  for (const tk_weight& weight : given) {
    if (weight.value >= graph.n_values || graph.values[weight.value].kind != TK_WEIGHT)
      throw sdk::failure(TK_INVALID_ARGUMENT, "data is given for value " + std::to_string(weight.value) +
                                                  ", which is no weight of the graph");
    raw_[weight.value] = {static_cast<const std::byte*>(weight.data), weight.bytes};
  }
}

const std::byte* weights::raw(const tk_graph_view& graph, std::uint32_t value) const {
  const tk_value& about = graph.values[value];
  const auto found = raw_.find(value);
  if (found == raw_.end() || found->second.first == nullptr)
    throw sdk::failure(TK_INVALID_ARGUMENT, "no data is given for the weight " + quoted(about.name));
  const std::uint64_t wanted = bytes_of(about);
  if (found->second.second < wanted)
    throw sdk::failure(TK_INVALID_ARGUMENT, "the weight " + quoted(about.name) + " has " +
                                                std::to_string(found->second.second) + " bytes, its shape needs " +
                                                std::to_string(wanted));
  return found->second.first;
}

void weights::reserve(const tk_graph_view& graph, const std::set<std::uint32_t>& values) {
  std::uint64_t bytes = 0;
  for (const std::uint32_t value : values) {
    const tk_value& about = graph.values[value];
    raw(graph, value);
    bytes += kernels::packed_matrix::bytes_of(level_, format_of(about), about.dims[1], about.dims[0]);
  }
  held_ = charge(account_, bytes, "the weights");
  memory_ = kernels::aligned_buffer(bytes);
  if (bytes != 0 && memory_.data() == nullptr)
    throw sdk::failure(TK_OUT_OF_MEMORY, "the system has no " + std::to_string(bytes) + " bytes for the weights");
}

const kernels::packed_matrix& weights::packed(const tk_graph_view& graph, std::uint32_t value) {
  const auto found = packed_.find(value);
  if (found != packed_.end()) return found->second;
  const std::byte* const from = raw(graph, value);
  const tk_value& about = graph.values[value];
  const weight_format format = format_of(about);
  const std::size_t k = about.dims[0], n = about.dims[1];
  kernels::packed_matrix matrix(level_, format, n, k, memory_.data() + packed_bytes_);
  packed_bytes_ += matrix.bytes();
  const std::size_t stride = kernels::row_bytes(format, k), tile_rows = matrix.tile_rows(), tiles = matrix.tiles();
  // In parts, and given back in parts, so that the file and the packed copy are in memory together only for a moment.
  const bool is_large = n * stride > release_bytes;
  const std::size_t grain = std::clamp<std::size_t>(release_bytes / (tile_rows * stride), 1, std::max<std::size_t>(1, tiles / (team_.size() * 4)));
  team_.parallel_for(tiles, grain, [&](std::size_t begin, std::size_t end, unsigned) {
    begin *= tile_rows;
    end = std::min(n, end * tile_rows);
    matrix.pack(from + begin * stride, stride, begin, end);
    if (is_large) host_.release_weight(from + begin * stride, (end - begin) * stride);
  });
  to_release_.emplace_back(from, n * stride);
  to_release_bytes_ += is_large ? 0 : n * stride;
  if (to_release_bytes_ > release_bytes) release_packed();
  return packed_.emplace(value, std::move(matrix)).first->second;
}

const kernels::packed_matrix* weights::find_packed(std::uint32_t value) const {
  const auto found = packed_.find(value);
  return found == packed_.end() ? nullptr : &found->second;
}

void weights::release_packed() {
  std::ranges::sort(to_release_, {}, [](auto bytes) { return bytes.data(); });
  for (std::size_t i = 0; i < to_release_.size();) { // neighbours at once: each release interrupts all cores
    const std::byte* const begin = to_release_[i].data();
    const std::byte* end = begin;
    for (; i < to_release_.size() && to_release_[i].data() - end < largest_gap; ++i) end = to_release_[i].data() + to_release_[i].size();
    host_.release_weight(begin, static_cast<std::uint64_t>(end - begin));
  }
  to_release_.clear();
  to_release_bytes_ = 0;
}

const float* weights::vector(const tk_graph_view& graph, std::uint32_t value, double offset) {
  const auto [slot, is_new] = vectors_.try_emplace({value, offset});
  if (is_new) {
    const tk_value& about = graph.values[value];
    slot->second.resize(about.dims[0]);
    kernels::dequantize_row(format_of(about), raw(graph, value), about.dims[0], slot->second.data());
    for (float& element : slot->second) element = static_cast<float>(static_cast<double>(element) + offset);
  }
  return slot->second.data();
}

} // namespace tokamak::cpu
