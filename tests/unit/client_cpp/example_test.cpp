// The example client runs as its page says.
#include <doctest/doctest.h>

#include <array>
#include <cstdio>
#include <future>

#include "fake_service.hpp"

using namespace tokamak;
using namespace fake;

TEST_CASE("the C++ example prints an answer as it comes") {
  service server;
  const std::string command =
      std::string(CLIENT_CPP_EXAMPLE) + " " + server.address() + " smollm2 'Why is the sky blue?' 2>&1";
  auto output = std::async(std::launch::async, [&] {
    std::string text;
    std::FILE* pipe = popen(command.c_str(), "r");
    std::array<char, 256> buffer;
    while (std::fgets(buffer.data(), buffer.size(), pipe)) text += buffer.data();
    return text + "exit " + std::to_string(pclose(pipe));
  });
  const request models = server.expect(list_models);
  server.send(models, model_list, make_model_list(models.as<wire::ListModels>().op(), {"smollm2"}));
  const request got = server.expect(open);
  const auto& asked = got.as<wire::Open>();
  CHECK(asked.prompt()->messages()->Get(0)->content()->str() == "Why is the sky blue?");
  server.send(got, chunks, make_chunks({{asked.id(), 0, "Because ", {1, 2}}}));
  server.send(got, chunks, make_chunks({{asked.id(), 2, "of Rayleigh.", {3}, wire::FinishReason::stop}}));
  CHECK(output.get() == "models: smollm2\nBecause of Rayleigh.\n[5 prompt tokens, 2 cached; 3 tokens, the first after 0.02 ms]\nexit 0");
}
