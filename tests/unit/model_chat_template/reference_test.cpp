// Every snippet whose result Jinja itself has given (reference/make_expectations.py).
#include <doctest/doctest.h>

#include "model/chat_template/chat_template.hpp"
#include "unit/model_chat_template/reference/expectations.hpp"

using namespace tokamak;

namespace {

expected<std::string> render(std::string_view source) {
  chat_template::input in;
  in.extra = nlohmann::ordered_json::parse(reference_variables);
  in.messages = in.extra.at("messages");
  in.bos_token = "<s>";
  in.eos_token = "</s>";
  in.now_unix_s = 1773480413; // 2026-03-14 09:26:53
  auto compiled = chat_template::compile(source, "snippet");
  if (!compiled) return fail(compiled.error());
  return compiled->render(in);
}

} // namespace

TEST_CASE("a snippet gives what Jinja gives, or fails with Jinja's message") {
  REQUIRE(expectation_count > 450);
  for (std::size_t i = 0; i < expectation_count; ++i) {
    const auto& e = expectations[i];
    CAPTURE(e.snippet);
    const auto got = render(e.snippet);
    if (e.result == outcome::renders) {
      CHECK_MESSAGE(got.has_value(), got.error().to_string());
      if (got) CHECK(*got == e.text);
    } else {
      CHECK_FALSE(got.has_value());
      if (!got && e.result == outcome::fails_with) CHECK(got.error().message == e.text);
    }
  }
}
