// The registry of architectures and what building refuses before any architecture sees the file.
#include "unit/model_architectures/llama_file.hpp"

#include <doctest/doctest.h>

using namespace tokamak;
using tokamak::test::llama_file;

TEST_CASE("an unknown architecture is refused with the known names") {
  CHECK(llama_file().set("general.architecture", std::string("warp9")).refusal() ==
        "made-up.gguf: architecture 'warp9' is not known; known: llama (unsupported)");
  CHECK(llama_file().drop("general.architecture").build().error().code == errc::not_found);
  CHECK(llama_file().drop("general.architecture").build().error().message == "no metadata key 'general.architecture'");
}

TEST_CASE("cache formats and block sizes are checked") {
  CHECK(llama_file().refusal({TK_Q8_0, 32}) == "cache format 8, expected F16 (1) or F32 (0) (invalid_argument)");
  CHECK(llama_file().refusal({TK_F16, 0}) == "block size 0, expected 1 to 4096 (invalid_argument)");
}

TEST_CASE("architectures are listed by name") {
  REQUIRE(architectures().size() >= 1);
  CHECK(architectures()[0].name == "llama");
}
