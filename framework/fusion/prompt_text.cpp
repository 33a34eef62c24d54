// Reading messages, plain or JSON.
#include "fusion/prompt_text.hpp"

#include <nlohmann/json.hpp>

namespace tokamak::fusion {
namespace {

void add(joined_prompt& to, std::string_view content) {
  if (to.n_messages++ > 0) to.joined += '\n';
  to.joined += content;
}

// "…", or [{"type": "text", "text": "…"}, …].
std::string text_of(const nlohmann::json& content) {
  if (content.is_string()) return content.get<std::string>();
  std::string out;
  if (content.is_array())
    for (const auto& part : content)
      if (const auto text = part.is_object() ? part.find("text") : part.end(); part.is_object() && text != part.end() && text->is_string())
        out += text->get<std::string>();
  return out;
}

void add_json(joined_prompt& to, std::string_view messages) {
  const auto parsed = nlohmann::json::parse(messages, nullptr, /*allow_exceptions=*/false);
  if (!parsed.is_array()) return;
  for (const auto& m : parsed)
    if (m.is_object()) add(to, m.contains("content") ? text_of(m["content"]) : std::string());
}

} // namespace

joined_prompt prompt_text(const wire::Open& request) {
  joined_prompt out;
  const auto* prompt = request.prompt();
  if (!prompt) return out;
  if (prompt->text()) out.joined = prompt->text()->str();
  for (std::uint32_t i = 0; prompt->messages() && i < prompt->messages()->size(); ++i) {
    const auto* content = prompt->messages()->Get(i)->content();
    add(out, content ? content->string_view() : std::string_view());
  }
  if (prompt->json_messages()) add_json(out, prompt->json_messages()->string_view());
  return out;
}

} // namespace tokamak::fusion
