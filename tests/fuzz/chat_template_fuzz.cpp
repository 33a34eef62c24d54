// Fuzzes the chat-template interpreter: the input is a template, rendered over a small conversation
// under tight limits. Nothing but a value or an error may come out.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "model/chat_template/chat_template.hpp"

using namespace tokamak;

static chat_template::input conversation() {
  chat_template::input in;
  in.messages = nlohmann::ordered_json::parse(
      R"([{"role": "system", "content": "s\u00df"},
          {"role": "user", "content": [{"type": "text", "text": "a b"}, 1, 2.5, null]},
          {"role": "assistant", "content": null,
           "tool_calls": [{"function": {"name": "f", "arguments": {"x": [1, {"y": true}]}}}]}])");
  in.tools = nlohmann::ordered_json::parse(
      R"([{"type": "function", "function": {"name": "f", "parameters": {"b": 1, "a": "\ud83d\ude00"}}}])");
  in.bos_token = "<s>";
  in.eos_token = "</s>";
  in.now_unix_s = 1773480413;
  return in;
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const auto variables = conversation();
  chat_template_limits limits;
  limits.steps = 50'000;
  limits.output_bytes = 1 << 18;
  limits.text_bytes = 1 << 16;
  limits.live_bytes = 4 << 20;
  const std::string_view source(reinterpret_cast<const char*>(data), size);
  const auto compiled = chat_template::compile(source, "fuzz", limits);
  if (!compiled) {
    if (compiled.error().message.empty()) std::abort();
    return 0;
  }
  const auto rendered = compiled->render(variables);
  if (!rendered && rendered.error().code == errc::internal) std::abort();
  return 0;
}
