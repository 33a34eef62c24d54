// Lines in, lines out.
#include "app/json_lines.hpp"

#include "app/complain.hpp"

#include <iostream>

namespace tokamak::app {

using json = nlohmann::ordered_json;

int answer_lines(const std::function<expected<std::string>(const json&)>& answer) {
  std::ios::sync_with_stdio(false);
  std::string text;
  for (std::size_t number = 1; std::getline(std::cin, text); ++number) {
    if (text.empty()) continue;
    const auto line = json::parse(text, nullptr, /*allow_exceptions=*/false);
    auto reply = line.is_object() ? answer(line) : fail(errc::invalid_argument, "not a JSON object");
    if (!reply) {
      reply.error().where = fmt::format("line {}", number);
      std::cout.flush();
      return complain(reply.error());
    }
    std::cout << *reply << '\n';
    if (std::cin.rdbuf()->in_avail() <= 0) std::cout.flush(); // whoever asks line by line waits for this
  }
  return 0;
}

expected<std::string> text_of(const json& line) {
  const auto text = line.find("text");
  if (text == line.end() || !text->is_string()) return fail(errc::invalid_argument, "no \"text\" in the object; expected {\"text\": \"…\"}");
  return text->get<std::string>();
}

expected<std::vector<std::int32_t>> ids_of(const json& line, std::int64_t vocab_size) {
  const auto list = line.find("ids");
  if (list == line.end() || !list->is_array()) return fail(errc::invalid_argument, "no \"ids\" in the object; expected {\"ids\": [1, 2, …]}");
  std::vector<std::int32_t> ids;
  for (const auto& id : *list) {
    const auto value = id.is_number_integer() ? id.get<std::int64_t>() : -1;
    if (value < 0 || value >= vocab_size)
      return fail(errc::invalid_argument, fmt::format("id {} is outside the vocabulary of {}", id.dump(), vocab_size));
    ids.push_back(static_cast<std::int32_t>(value));
  }
  return ids;
}

} // namespace tokamak::app
