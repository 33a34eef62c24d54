// Asks a Tokamak service one question and prints the answer as it comes.
// Usage: ask [ADDRESS [MODEL [QUESTION]]]
#include <tokamak/client.hpp>

#include <iostream>

int main(int argc, char** argv) {
  const std::string address = argc > 1 ? argv[1] : "tcp://127.0.0.1:7100";
  const std::string model = argc > 2 ? argv[2] : "smollm2";
  const std::string question = argc > 3 ? argv[3] : "Why is the sky blue?";
  const auto failed = [](const tokamak::client_error& error) {
    std::cerr << error.to_string() << "\n";
    return 1;
  };

  auto client = tokamak::client::connect(address);
  if (!client) return failed(client.error());
  const auto models = client->list_models();
  if (!models) return failed(models.error());
  std::cout << "models:";
  for (const auto& known : *models) std::cout << " " << known.name;
  std::cout << std::endl;

  tokamak::client_request request;
  request.model = model;
  request.prompt = std::vector<tokamak::client_message>{{"user", question}};
  request.max_tokens = 128;
  const auto answer = client->generate(request, [](const tokamak::client_chunk& chunk) {
    std::cout << chunk.text << std::flush;
    return true; // false would cancel
  });
  std::cout << std::endl;
  if (!answer) return failed(answer.error());
  if (const auto& usage = answer->usage)
    std::cerr << "[" << usage->prompt_tokens << " prompt tokens, " << usage->cached_tokens << " cached; "
              << usage->completion_tokens << " tokens, the first after "
              << static_cast<double>(usage->first_token.count()) / 1000 << " ms]\n";
}
