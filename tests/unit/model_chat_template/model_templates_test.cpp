// The templates of public models, against what Hugging Face's set-up renders (the shared test data).
#include <doctest/doctest.h>

#include <cstdlib>
#include <fstream>
#include <sstream>

#include "model/chat_template/chat_template.hpp"

using namespace tokamak;
using json = nlohmann::ordered_json;

namespace {

std::string read_file(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  std::stringstream out;
  out << in.rdbuf();
  return out.str();
}

chat_template::input variables_of(const json& row) {
  chat_template::input in;
  in.messages = row.at("messages");
  in.tools = row.at("tools");
  in.add_generation_prompt = row.at("add_generation_prompt").get<bool>();
  in.bos_token = row.at("bos_token").get<std::string>();
  in.eos_token = row.at("eos_token").get<std::string>();
  in.now_unix_s = 1773480413; // 2026-03-14 09:26:53
  return in;
}

/// "Type: message" of a refusal that is the template's own, without the type; else nothing.
std::string own_message(const std::string& error) {
  constexpr std::string_view type = "TemplateError: ";
  return error.starts_with(type) ? error.substr(type.size()) : std::string();
}

} // namespace

TEST_CASE("the templates of public models render to the byte, or refuse with their own message") {
  const auto* shared = std::getenv("TOKAMAK_SHARED");
  const std::string folder = (shared == nullptr ? std::string() : std::string(shared)) + "/templates/";
  std::ifstream cases(folder + "cases.jsonl");
  if (!cases) {
    MESSAGE("no shared template cases: skipped");
    return;
  }
  std::size_t count = 0;
  for (std::string line; std::getline(cases, line); ++count) {
    const auto row = json::parse(line);
    const auto name = row.at("template").get<std::string>();
    CAPTURE(name);
    CAPTURE(row.at("case").get<std::string>());
    const auto compiled = chat_template::compile(read_file(folder + name), name);
    REQUIRE_MESSAGE(compiled.has_value(), compiled.error().to_string());
    const auto got = compiled->render(variables_of(row));
    if (row.contains("expected")) {
      CHECK_MESSAGE(got.has_value(), got.error().to_string());
      if (got) CHECK(*got == row.at("expected").get<std::string>());
      continue;
    }
    REQUIRE_FALSE(got.has_value());
    const auto message = own_message(row.at("error").get<std::string>());
    if (!message.empty()) CHECK(got.error().message == message);
    CHECK(got.error().where.starts_with(name + ":"));
  }
  CHECK(count >= 200);
}
