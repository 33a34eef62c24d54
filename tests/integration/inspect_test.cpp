// `tokamak inspect` on SmolLM2, and on a file that it cannot make a graph of.
#include "child_process.hpp"
#include "test_service.hpp"
#include "unit/model/gguf_writer.hpp"

using namespace tokamak;

namespace {

struct outcome {
  int status;
  std::string out, err;
};

outcome inspect(const std::vector<std::string>& arguments) {
  std::vector<std::string> command{test::tokamak_program(), "inspect"};
  command.insert(command.end(), arguments.begin(), arguments.end());
  test::child_process p(command);
  const auto status = p.wait();
  return {status, p.out(), p.err()};
}

} // namespace

TEST_CASE("a model's metadata, tensors, cache groups, memory and graph are shown without loading it") {
  if (!test::exists(test::smollm2_path())) {
    MESSAGE("SmolLM2 is not there; skipped");
    return;
  }
  const auto got = inspect({test::smollm2_path(), "--context", "1024"});
  CHECK(got.err == "");
  CHECK(got.status == 0);
  for (const auto* part : {
           ": GGUF version 3, 93.8 MiB\n", "  llama.block_count                            u32 30\n",
           "\nTensors (272, 92.1 MiB)\n", "  token_embd.weight                Q8_0    [576, 49152], 28.7 MiB\n",
           "\nCache groups (1)\n  full         30 layers, 720.0 KiB a block of 32 tokens\n",
           "  cache        90.0 MiB (kv_memory_bytes of an engine sets it; 1024 tokens of context, 64 sequences a step)\n",
           "\nGraph (484 ops)\n", "op 483 tokamak.matmul(output_norm.out, token_embd.weight, -) -> logits\n",
           "\nGraph as backend 'cpu' runs it: the same\n"})
    CHECK_MESSAGE(got.out.find(part) != std::string::npos, part);
}

TEST_CASE("of a model whose architecture is not known, the file is shown and the reason given") {
  const auto path = std::filesystem::temp_directory_path() / ("tokamak_inspect." + std::to_string(getpid()) + ".gguf");
  test::gguf_writer().add("general.architecture", "mamba9").add_tensor("a", {4}, std::vector<float>{1, 2, 3, 4}).write(path);
  const auto got = inspect({path});
  std::filesystem::remove(path);
  CHECK(got.status == 1);
  CHECK(got.out.find("Tensors (1, 16 B)\n  a                                F32     [4], 16 B\n") != std::string::npos);
  CHECK(got.err.find("architecture 'mamba9' is not known; known: llama, ") != std::string::npos);
}
