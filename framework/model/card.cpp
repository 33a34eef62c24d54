// From GGUF metadata to a card, and from a prompt to token ids.
#include "model/card.hpp"

#include "model/tokenizer/utf8.hpp"

#include <fstream>
#include <sstream>

namespace tokamak {
namespace {

bool is_utf8(std::string_view text) { return utf8_valid_prefix(text) == text.size(); }

expected<std::string> read_text(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  if (!in) return fail(errc::io, fmt::format("cannot read chat template '{}'", path));
  std::ostringstream out;
  out << in.rdbuf();
  return out.str();
}

expected<std::vector<std::int32_t>> bad_utf8(std::string_view what) {
  return fail(errc::invalid_argument, fmt::format("the {} is not valid UTF-8", what));
}

expected<nlohmann::ordered_json> messages_of(const wire::Prompt& prompt) {
  if (prompt.json_messages() && prompt.json_messages()->size() > 0) {
    auto json = nlohmann::ordered_json::parse(prompt.json_messages()->str(), nullptr, false);
    if (!json.is_array()) return fail(errc::invalid_argument, "json_messages is not a JSON array");
    return json;
  }
  auto json = nlohmann::ordered_json::array();
  for (std::uint32_t i = 0; i < prompt.messages()->size(); ++i) {
    const auto* m = prompt.messages()->Get(i);
    const auto role = m->role() ? m->role()->str() : "";
    const auto content = m->content() ? m->content()->str() : "";
    if (!is_utf8(role) || !is_utf8(content))
      return fail(errc::invalid_argument, fmt::format("message {} is not valid UTF-8", i));
    json.push_back({{"role", role}, {"content", content}});
  }
  return json;
}

} // namespace

expected<model_card> model_card::load(const gguf_file& file, std::string name, const std::string& template_file) {
  model_card card;
  card.name = std::move(name);
  auto tokens = tokenizer::from_gguf(file);
  if (!tokens) return fail(tokens.error());
  card.tokenizer = std::move(*tokens);
  for (std::int32_t id = 0; id < card.tokenizer->vocab_size(); ++id)
    if (card.tokenizer->is_end_of_generation(id)) card.end_tokens.push_back(id);
  auto source = file.get_or<std::string_view>("tokenizer.chat_template", "");
  if (!source) return fail(source.error());
  std::string text(*source);
  if (!template_file.empty()) {
    auto read = read_text(template_file);
    if (!read) return fail(read.error());
    text = std::move(*read);
  }
  if (!text.empty()) {
    auto compiled = chat_template::compile(text, template_file.empty() ? card.name : template_file);
    if (!compiled) return fail(compiled.error());
    card.chat = std::move(*compiled);
  }
  return card;
}

expected<std::vector<std::int32_t>> model_card::tokens_of(const wire::Prompt& prompt, std::int64_t now_unix_s) const {
  const bool has_messages = (prompt.messages() && prompt.messages()->size() > 0) ||
                            (prompt.json_messages() && prompt.json_messages()->size() > 0);
  const bool has_text = prompt.text() && prompt.text()->size() > 0;
  const bool has_tokens = prompt.tokens() && prompt.tokens()->size() > 0;
  if (has_messages + has_text + has_tokens != 1)
    return fail(errc::invalid_argument, has_messages + has_text + has_tokens == 0
                                            ? "the prompt is empty; messages, text or tokens expected"
                                            : "the prompt has more than one of messages, text and tokens");
  if (has_tokens) return std::vector<std::int32_t>(prompt.tokens()->begin(), prompt.tokens()->end());
  encode_options options;
  options.add_special = prompt.add_special();
  options.parse_special = prompt.parse_special();
  if (has_text) {
    const auto text = prompt.text()->string_view();
    if (!is_utf8(text)) return bad_utf8("prompt");
    return tokenizer->encode(text, options);
  }
  if (!chat) return fail(errc::unsupported, fmt::format("model '{}' has no chat template; send text instead of messages", name));
  auto messages = messages_of(prompt);
  if (!messages) return fail(messages.error());
  chat_template::input input;
  input.messages = std::move(*messages);
  if (prompt.tools() && prompt.tools()->size() > 0) {
    input.tools = nlohmann::ordered_json::parse(prompt.tools()->str(), nullptr, false);
    if (!input.tools.is_array()) return fail(errc::invalid_argument, "tools is not a JSON array");
  }
  if (prompt.variables() && prompt.variables()->size() > 0) {
    input.extra = nlohmann::ordered_json::parse(prompt.variables()->str(), nullptr, false);
    if (!input.extra.is_object()) return fail(errc::invalid_argument, "the variables of the chat template are not a JSON object");
  }
  const auto special = [&](const std::optional<std::int32_t>& id) { return id ? std::string(tokenizer->special_text(*id)) : std::string(); };
  input.bos_token = special(tokenizer->bos());
  input.eos_token = special(tokenizer->eos());
  input.now_unix_s = now_unix_s;
  auto text = chat->render(input);
  if (!text) {
    auto why = text.error();
    if (why.code == errc::too_large) why.code = errc::invalid_argument; // a limit of templates: no shorter conversation would help
    return fail(std::move(why));
  }
  if (prompt.answer_start()) {
    if (!is_utf8(prompt.answer_start()->string_view())) return bad_utf8("start of the answer");
    *text += prompt.answer_start()->string_view();
  }
  // The template writes its own control tokens, BOS included.
  options.parse_special = true;
  options.add_special = !tokenizer->adds_bos() || input.bos_token.empty() || !text->starts_with(input.bos_token);
  return tokenizer->encode(*text, options);
}

} // namespace tokamak
