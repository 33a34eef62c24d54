// The list of architectures.
#include "model/architectures/architecture.hpp"

#include "model/architectures/llama.hpp"

#include <fmt/ranges.h>

#include <vector>

namespace tokamak {

std::span<const architecture> architectures() {
  static constexpr architecture known[] = {{"llama", build_llama}};
  return known;
}

expected<model_graph> build_model_graph(const gguf_file& file, const graph_options& options) {
  if (options.kv_format != TK_F16 && options.kv_format != TK_F32)
    return fail(errc::invalid_argument, fmt::format("cache format {}, expected F16 (1) or F32 (0)", options.kv_format));
  if (options.block_size == 0 || options.block_size > 4096)
    return fail(errc::invalid_argument, fmt::format("block size {}, expected 1 to 4096", options.block_size));
  const auto name = file.get<std::string_view>("general.architecture");
  if (!name)
    return fail(name.error());
  std::vector<std::string_view> names;
  for (const auto& known : architectures()) {
    names.push_back(known.name);
    if (known.name != *name)
      continue;
    auto model = known.build(file, options);
    if (!model)
      return model;
    if (auto ok = model->graph.validate(); !ok)
      return fail(errc::internal, ok.error().to_string(), file.name());
    return model;
  }
  return fail(errc::unsupported, fmt::format("architecture '{}' is not known; known: {}", *name, fmt::join(names, ", ")),
              file.name());
}

} // namespace tokamak
