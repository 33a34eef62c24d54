// The registry of architectures and what building refuses before any architecture sees the file.
#include "unit/model_architectures/decoder_file.hpp"

#include <doctest/doctest.h>

using namespace tokamak;
using tokamak::test::decoder_file;

TEST_CASE("an unknown architecture is refused with the known names") {
  CHECK(decoder_file().set("general.architecture", std::string("warp9")).refusal().starts_with(
      "made-up.gguf: architecture 'warp9' is not known; known: llama, qwen2, qwen3, gemma3, phi3"));
  CHECK(decoder_file().drop("general.architecture").message() == "no metadata key 'general.architecture' (not_found)");
}

TEST_CASE("cache formats and block sizes are checked") {
  CHECK(decoder_file().refusal({TK_Q8_0, 32}) == "cache format 8, expected F16 (1) or F32 (0) (invalid_argument)");
  CHECK(decoder_file().refusal({TK_F16, 0}) == "block size 0, expected 1 to 4096 (invalid_argument)");
}

TEST_CASE("an architecture from outside is found by name and registered once") {
  const auto copy_of_llama = [](const gguf_file&, const graph_options&) -> expected<model_graph> {
    return fail(errc::unsupported, "made up");
  };
  REQUIRE(register_architecture({"made_up", copy_of_llama}));
  CHECK(architectures().front().name == "llama");
  CHECK(architectures().back().name == "made_up");
  CHECK(decoder_file().set("general.architecture", std::string("made_up")).refusal() == "made up (unsupported)");
  CHECK(register_architecture({"made_up", copy_of_llama}).error() ==
        error{errc::already_exists, "an architecture named 'made_up' is registered already", ""});
  CHECK(!register_architecture({"llama", copy_of_llama}));
}

TEST_CASE("an architecture that makes an invalid graph is a mistake of its own") {
  REQUIRE(register_architecture({"broken", [](const gguf_file&, const graph_options&) -> expected<model_graph> {
                                   model_graph model;
                                   model.graph.add_rows("logits", 4, TK_VALUE_OUTPUT);
                                   return model;
                                 }}));
  CHECK(decoder_file().set("general.architecture", std::string("broken")).refusal() ==
        "made-up.gguf: value 'logits': is an output, but no op writes it (invalid_argument) (internal)");
}
