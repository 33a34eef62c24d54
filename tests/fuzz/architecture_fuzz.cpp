// libFuzzer target: the first byte chooses a reference model, the rest are edits of its file. What still opens becomes a
// valid graph or an error that names the file.
#include "fuzz/edits.hpp"
#include "model/architectures/architecture.hpp"

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <vector>

using namespace tokamak;

namespace {

/// The files in order of their names.
std::vector<std::string> read_models() {
  std::vector<std::filesystem::path> paths;
  for (const auto& entry : std::filesystem::directory_iterator(TOKAMAK_REFERENCE_MODELS))
    if (entry.path().extension() == ".gguf")
      paths.push_back(entry.path());
  std::sort(paths.begin(), paths.end());
  std::vector<std::string> files;
  for (const auto& path : paths) {
    std::ifstream in(path, std::ios::binary);
    files.emplace_back(std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>());
  }
  return files;
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const auto models = read_models();
  if (size == 0 || models.empty())
    return 0;
  auto edited = models[data[0] % models.size()];
  fuzz::apply_edits(std::as_writable_bytes(std::span(edited)), std::as_bytes(std::span(data + 1, size - 1)));
  const auto file = gguf_file::parse(std::as_bytes(std::span(edited)), "fuzz");
  if (!file)
    return 0;
  const auto built = build_model_graph(*file);
  if (!built && (built.error().message.empty() || built.error().where.empty() || built.error().code == errc::internal))
    std::abort();
  return 0;
}
