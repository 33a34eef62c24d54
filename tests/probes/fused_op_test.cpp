// Probe: a third party's fused op with its kernel, put into the graph by its pass; the same graph on a backend that takes
// no kernels, where the op falls apart.
#include "probes/probe.hpp"

using namespace tokamak;
using namespace tokamak::probe;

namespace {

std::vector<std::int32_t> answer_with(const temporary_file& model, const std::string& engine) {
  return answer_of(tiny_toml(model, engine), prompt_of(14), 16);
}

} // namespace

TEST_CASE("a third party's fused op runs with its kernel, and falls apart on a backend that lacks it") {
  const temporary_file model(test::tiny_llama_gguf());
  const std::string pass = "graph_passes = [\"fuse_add_norm\"]\n", kernel = "kernels = [\"add_norm\"]\n";
  const std::string silent = "graph_passes = [{ plugin = \"fuse_add_norm\", silence = true }]\n";
  for (const std::string backend : {"backend = \"cpu\"\n", "backend = \"reference\"\n"}) {
    CAPTURE(backend);
    const auto plain = answer_with(model, backend);
    CHECK(answer_with(model, backend + pass + kernel) == plain); // the kernel
    CHECK(answer_with(model, backend + pass) == plain);          // the decomposition
    // The silenced kernel shows that it ran where it could, and only there.
    CHECK(answer_with(model, backend + silent) == plain);
    CHECK(answer_with(model, backend + silent + kernel) != plain);
  }
}

TEST_CASE("a fused op survives the cut of its engine into shards") {
  const temporary_file model(test::tiny_llama_gguf());
  const std::string fused = "backend = \"reference\"\ngraph_passes = [\"fuse_add_norm\"]\nkernels = [\"add_norm\"]\n";
  CHECK(answer_with(model, fused + "shards = { kind = \"layers\", count = 2 }\n") == answer_with(model, "backend = \"reference\"\n"));
}
