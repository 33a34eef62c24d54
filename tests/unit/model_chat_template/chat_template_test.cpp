// The public interface: variables, errors with their place, key order, threads.
#include <doctest/doctest.h>

#include <thread>
#include <vector>

#include "model/chat_template/chat_template.hpp"

using namespace tokamak;
using json = nlohmann::ordered_json;

namespace {

expected<std::string> render(std::string_view source, const chat_template::input& in = {}) {
  const auto compiled = chat_template::compile(source, "model.jinja");
  if (!compiled) return fail(compiled.error());
  return compiled->render(in);
}

error refusal(std::string_view source, const chat_template::input& in = {}) {
  const auto got = render(source, in);
  REQUIRE_FALSE(got.has_value());
  return got.error();
}

constexpr const char* smollm2 =
    "{% for message in messages %}{% if loop.first and messages[0]['role'] != 'system' %}{{ '<|im_start|>system\n"
    "You are a helpful AI assistant named SmolLM, trained by Hugging Face<|im_end|>\n' }}{% endif %}"
    "{{'<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' + '\n'}}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}";

} // namespace

TEST_CASE("a conversation becomes the prompt of SmolLM2") {
  chat_template::input in;
  in.messages = json::parse(R"([{"role": "user", "content": "Hello"}])");
  CHECK(render(smollm2, in) ==
        "<|im_start|>system\nYou are a helpful AI assistant named SmolLM, trained by Hugging Face"
        "<|im_end|>\n<|im_start|>user\nHello<|im_end|>\n<|im_start|>assistant\n");
  in.add_generation_prompt = false;
  in.messages = json::parse(R"([{"role": "system", "content": "S"}, {"role": "user", "content": "ü"}])");
  CHECK(render(smollm2, in) == "<|im_start|>system\nS<|im_end|>\n<|im_start|>user\nü<|im_end|>\n");
}

TEST_CASE("the variables are those that transformers passes") {
  chat_template::input in;
  in.bos_token = "<s>";
  in.eos_token = "</s>";
  CHECK(render("{{ bos_token }}{{ eos_token }} {{ messages }} {{ tools }} {{ documents }} {{ add_generation_prompt }}",
               in) == "<s></s> [] None None True");
  in.extra = json::parse(R"({"enable_thinking": false, "documents": [1], "bos_token": "<b>"})");
  CHECK(render("{{ enable_thinking }} {{ documents }} {{ bos_token }} {{ other is defined }}", in) ==
        "False [1] <b> False");
}

TEST_CASE("further variables that are no object are refused") {
  chat_template::input in;
  in.extra = json::array({1});
  CHECK(refusal("x", in) ==
        error{errc::invalid_argument, "the further template variables must be a JSON object", "model.jinja"});
}

TEST_CASE("objects keep their key order") {
  chat_template::input in;
  in.tools = json::parse(R"([{"type": "function", "function": {"name": "f", "b": 1, "a": {"z": [], "y": {}}}}])");
  CHECK(render("{{ tools|tojson }}", in) ==
        R"([{"type": "function", "function": {"name": "f", "b": 1, "a": {"z": [], "y": {}}}}])");
  CHECK(render("{% for k in tools[0].function %}{{ k }},{% endfor %}", in) == "name,b,a,");
}

TEST_CASE("numbers survive as they were written") {
  chat_template::input in;
  in.tools = json::parse("[18446744073709551615, -9223372036854775808, 1.0, 1e-7, 0.1, 1e22, true]");
  CHECK(render("{{ tools|tojson }}", in) ==
        "[18446744073709551615, -9223372036854775808, 1.0, 1e-07, 0.1, 1e+22, true]");
}

TEST_CASE("the message of raise_exception arrives verbatim, with the template's name and line") {
  CHECK(refusal("line\n\n{{ raise_exception('Only <user> & {assistant} roles; %s \"quoted\"') }}") ==
        error{errc::invalid_argument, "Only <user> & {assistant} roles; %s \"quoted\"", "model.jinja:3"});
  CHECK(refusal("{{ raise_exception(5) }}").message == "5");
}

TEST_CASE("an error names the line of what failed") {
  CHECK(refusal("a\nb {{ x.y }}") == error{errc::invalid_argument, "'x' is undefined", "model.jinja:2"});
  CHECK(refusal("{% macro m() %}\n{{ 1 / 0 }}\n{% endmacro %}\n\n{{ m() }}") ==
        error{errc::invalid_argument, "division by zero", "model.jinja:2"});
  CHECK(refusal("{% macro m() %}\n1\n{% endmacro %}\n\n{{ m() + 1 }}").where == "model.jinja:5");
  CHECK(refusal("{% for x in [1] %}\n{% if x %}\n{{ none|length }}\n{% endif %}\n{% endfor %}") ==
        error{errc::invalid_argument, "object of type 'NoneType' has no len()", "model.jinja:3"});
}

TEST_CASE("a template that does not parse is refused when it is compiled") {
  const auto at = [](std::string_view source) { return chat_template::compile(source, "t").error(); };
  CHECK(at("a\n{% if x %}\n") ==
        error{errc::corrupt,
              "Unexpected end of template. Jinja was looking for the following tags: "
              "'elif' or 'else' or 'endif'. The innermost block that needs to be closed is 'if'.",
              "t:2"});
  CHECK(at("\n\n{{ a b }}") == error{errc::corrupt, "expected token 'end of print statement', got 'b'", "t:3"});
  CHECK(at("{% endif %}") == error{errc::corrupt, "Encountered unknown tag 'endif'.", "t:1"});
  CHECK(at("{{ 'abc }}") == error{errc::corrupt, "unexpected char \"'\" at 3", "t:1"});
  CHECK(at("{{ 'x'|no_such_filter }}") == error{errc::corrupt, "No filter named 'no_such_filter'.", "t:1"});
  CHECK(at("{{ 1 is no_such_test }}") == error{errc::corrupt, "No test named 'no_such_test'.", "t:1"});
  CHECK(at("{% break %}") == error{errc::corrupt, "'break' outside loop", "t:1"});
  CHECK(at("{{ '\\ud800' }}") == error{errc::corrupt, "a lone surrogate is no character", "t:1"});
}

TEST_CASE("what needs files, chance or web pages is refused") {
  for (const auto* tag : {"include", "import", "from", "extends"}) {
    const auto e = refusal(std::string("\n{% ") + tag + " 'x' %}");
    CHECK(e == error{errc::unsupported, std::string("the tag '") + tag + "' is refused: a chat template stands alone",
                     "model.jinja:2"});
  }
  CHECK(refusal("{{ [1]|random }}") == error{errc::unsupported,
                                             "the filter 'random' is refused: a prompt does not depend on chance",
                                             "model.jinja:1"});
  CHECK(refusal("{{ lipsum() }}").message == "lipsum() is refused: a prompt does not depend on chance");
  CHECK(refusal("{{ 'x'|urlize }}").code == errc::unsupported);
  CHECK(refusal("{% autoescape true %}{% endautoescape %}").message ==
        "automatic escaping is not supported in chat templates");
  CHECK(refusal("{{ 'x'.encode() }}").message == "bytes and translation tables are not supported in templates");
}

TEST_CASE("the sandbox hides what changes containers and what belongs to Python") {
  CHECK(refusal("{{ [].append(1) }}") ==
        error{errc::unsupported, "access to attribute 'append' of 'list' object is unsafe.", "model.jinja:1"});
  CHECK(refusal("{{ {}.update({}) }}").message == "access to attribute 'update' of 'dict' object is unsafe.");
  CHECK(refusal("{{ ''.__class__.__mro__ }}").message == "access to attribute '__class__' of 'str' object is unsafe.");
  CHECK(refusal("{{ '{0.__class__}'.format(1) + 1 }}").code == errc::invalid_argument);
  CHECK(render("{{ [].append is defined }}") == "False");
}

TEST_CASE("bytes that are no UTF-8 pass through and count as one character each") {
  chat_template::input in;
  in.messages = json::array({json{{"role", "user"}, {"content", "a\xff\xc3z"}}});
  CHECK(render("{{ messages[0].content }}|{{ messages[0].content|length }}|{{ messages[0].content|upper }}", in) ==
        "a\xff\xc3z|4|A\xff\xc3Z");
  CHECK(render("{{ messages[0].content[1:3] }}|{{ messages[0].content[::-1] }}", in) ==
        "\xff\xc3|z\xc3\xff"
        "a");
}

TEST_CASE("the time is the one that was passed in") {
  chat_template::input in;
  CHECK(render("{{ strftime_now('%Y-%m-%d %H:%M:%S %A') }}", in) == "1970-01-01 00:00:00 Thursday");
  in.now_unix_s = 951868799; // a leap day of a century
  CHECK(render("{{ strftime_now('%d %B %Y, %j, %a') }}", in) == "29 February 2000, 060, Tue");
  in.now_unix_s = -1;
  CHECK(render("{{ strftime_now('%F %T') }}", in) == "1969-12-31 23:59:59");
  in.now_unix_s = 1609459200; // 2021-01-01, which belongs to the last ISO week of 2020
  CHECK(render("{{ strftime_now('%G-W%V-%u %U %W %-d %e %^b %I%p') }}", in) == "2020-W53-5 00 00 1  1 JAN 12AM");
  in.now_unix_s = std::numeric_limits<std::int64_t>::max();
  CHECK(render("{{ strftime_now('%Y') }}", in) == "10000");
}

TEST_CASE("lists and mappings of the input do not change between renders") {
  const auto compiled = chat_template::compile(
      "{% set ns = namespace(n=0) %}{% for m in messages %}{% set ns.n = ns.n + 1 %}{% endfor %}{{ ns.n }}", "t");
  chat_template::input in;
  in.messages = json::array({1, 2, 3});
  CHECK(compiled->render(in) == "3");
  CHECK(compiled->render(in) == "3");
}

TEST_CASE("several threads render one template at once") {
  const auto compiled = chat_template::compile(smollm2, "smollm2");
  REQUIRE(compiled.has_value());
  std::vector<std::string> results(4);
  std::vector<std::thread> threads;
  for (std::size_t t = 0; t < results.size(); ++t) {
    threads.emplace_back([&, t, copy = *compiled] {
      chat_template::input in;
      in.messages = json::array({json{{"role", "user"}, {"content", std::to_string(t)}}});
      for (int i = 0; i < 50; ++i) results[t] = *copy.render(in);
    });
  }
  for (auto& thread : threads) thread.join();
  for (std::size_t t = 0; t < results.size(); ++t) {
    CHECK(results[t].ends_with("<|im_start|>user\n" + std::to_string(t) + "<|im_end|>\n<|im_start|>assistant\n"));
  }
}

TEST_CASE("a template knows its name") { CHECK(chat_template::compile("", "some model")->name() == "some model"); }
