// The list of architectures: a table that is written here, and what a program adds.
#include "model/architectures/architecture.hpp"

#include "model/architectures/gemma3.hpp"
#include "model/architectures/llama.hpp"
#include "model/architectures/phi3.hpp"
#include "model/architectures/qwen2.hpp"
#include "model/architectures/qwen3.hpp"

#include <fmt/ranges.h>

#include <iterator>
#include <mutex>
#include <vector>

namespace tokamak {

namespace {

constexpr architecture built_in[] = {{"llama", build_llama},
                                     {"qwen2", build_qwen2},
                                     {"qwen3", build_qwen3},
                                     {"gemma3", build_gemma3},
                                     {"phi3", build_phi3}};

struct registered {
  std::mutex mutex;
  std::vector<architecture> list;
};

registered& added_ones() {
  static registered all;
  return all;
}

} // namespace

std::vector<architecture> architectures() {
  std::vector<architecture> all(std::begin(built_in), std::end(built_in));
  auto& added = added_ones();
  const std::lock_guard lock(added.mutex);
  all.insert(all.end(), added.list.begin(), added.list.end());
  return all;
}

expected<void> register_architecture(architecture added) {
  for (const auto& known : architectures())
    if (known.name == added.name)
      return fail(errc::already_exists, fmt::format("an architecture named '{}' is registered already", added.name));
  auto& all = added_ones();
  const std::lock_guard lock(all.mutex);
  all.list.push_back(added);
  return {};
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
  return fail(errc::unsupported,
              fmt::format("architecture '{}' is not known; known: {}", *name, fmt::join(names, ", ")), file.name());
}

} // namespace tokamak
