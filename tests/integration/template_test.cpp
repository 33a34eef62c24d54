// `tokamak template`: lines of conversations in, lines of prompts out, and what is wrong with a line or a template.
#include "child_process.hpp"
#include "temporary_text.hpp"
#include "test_service.hpp"

#include <nlohmann/json.hpp>

#include <cstdlib>
#include <fstream>
#include <map>
#include <sstream>

using namespace tokamak;

namespace {

using json = nlohmann::ordered_json;

struct outcome {
  int status;
  std::string out, err;
};

outcome rendered(const std::string& file, const std::string& lines) {
  const test::temporary_text input(lines);
  test::child_process p({"/bin/sh", "-c", test::tokamak_program() + " template " + file + " --now 2026-03-14T09:26:53 < " + input.path()});
  const auto status = p.wait();
  return {status, p.out(), p.err()};
}

} // namespace

TEST_CASE("a line's conversation, tools and variables become a prompt, or the template's own words") {
  const test::temporary_text file("{{ bos_token }}{% for m in messages %}{{ m.role }}:{{ m.content }}|{% endfor %}{{ tools | length if tools else 0 }} {{ strftime_now('%Y-%m-%d') }}"
                       "{% if add_generation_prompt %} go{% endif %}{% if enable_thinking %} think{% endif %}{% if messages and messages[0].role == 'x' %}{{ raise_exception('No \"x\" here') }}{% endif %}");
  const auto got = rendered(file.path(), "{\"messages\":[{\"role\":\"user\",\"content\":\"Ä\"}],\"bos_token\":\"<s>\"}\n"
                                       "{\"messages\":[],\"tools\":[{}],\"add_generation_prompt\":false,\"enable_thinking\":true,\"case\":\"c\",\"expected\":\"e\",\"eos_token\":null}\n"
                                       "{\"messages\":[{\"role\":\"x\",\"content\":\"\"}]}\n");
  CHECK(got.out == "{\"text\":\"<s>user:Ä|0 2026-03-14 go\"}\n{\"text\":\"1 2026-03-14 think\"}\n{\"error\":\"No \\\"x\\\" here\"}\n");
  CHECK(got.err == "");
  CHECK(got.status == 0);
}

TEST_CASE("lines and templates that are none are named with their place") {
  const test::temporary_text file("{{ messages | length }}"), broken("a\n{% if %}");
  CHECK(rendered(file.path(), "{\"messages\":1}\n").err.find("\"messages\" is of the wrong type") != std::string::npos);
  CHECK(rendered(file.path(), "{}\n").err.find("no \"messages\" in the object") != std::string::npos);
  const auto got = rendered(broken.path(), "{\"messages\":[]}\n");
  CHECK(got.status != 0);
  CHECK(got.err.find(broken.path() + ":2") != std::string::npos);
}

TEST_CASE("the shared cases of public templates, as the command renders them") {
  const auto* shared = std::getenv("TOKAMAK_SHARED");
  const auto folder = std::string(shared ? shared : "") + "/templates/";
  std::ifstream cases(folder + "cases.jsonl");
  if (!cases) {
    MESSAGE("no shared template cases: skipped");
    return;
  }
  std::map<std::string, std::pair<std::string, std::vector<json>>> by_template;
  for (std::string line; std::getline(cases, line);) {
    auto row = json::parse(line);
    auto& [lines, rows] = by_template[row.at("template").get<std::string>()];
    lines += line + "\n";
    rows.push_back(std::move(row));
  }
  for (const auto& [name, of] : by_template) {
    CAPTURE(name);
    const auto got = rendered(folder + name, of.first);
    std::istringstream out(got.out);
    std::string line;
    for (const auto& row : of.second) {
      REQUIRE(std::getline(out, line));
      const auto answer = json::parse(line);
      if (row.contains("expected")) CHECK(answer.value("text", "") == row.at("expected"));
      else CHECK(answer.contains("error"));
    }
  }
}
