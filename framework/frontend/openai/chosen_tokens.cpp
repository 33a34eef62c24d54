// Places of a chunk's `top` are those of its tokens; a chunk that a stop string cut short has more places than tokens.
#include "frontend/openai/chosen_tokens.hpp"

#include "frontend/openai/json_text.hpp"

#include <algorithm>

namespace tokamak::frontend::openai {

namespace {

// "token":"…","logprob":-0.5,"bytes":[…]
void append_token(const std::optional<std::string>& bytes, float logprob, std::string& out) {
  out += R"("token":)";
  append_json_string(bytes ? *bytes : std::string_view(), out);
  out += R"(,"logprob":)";
  append_logprob(logprob, out);
  out += R"(,"bytes":)";
  if (bytes) append_bytes(*bytes, out);
  else out += "null";
}

template <class Append>
void append_list(const std::vector<chosen_token>& tokens, const char* name, std::string& out, Append&& append) {
  out += name;
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    if (i > 0) out += ',';
    append(tokens[i]);
  }
  out += ']';
}

// Tokens of one text (control tokens have none) would be one key twice: the most likely stays.
void append_top_map(const chosen_token& token, std::string& out) {
  std::vector<std::string> seen;
  const auto append = [&](std::string_view bytes, float logprob) {
    std::string key;
    append_json_string(bytes, key);
    if (std::find(seen.begin(), seen.end(), key) != seen.end()) return;
    if (!seen.empty()) out += ',';
    out += key;
    out += ':';
    append_logprob(logprob, out);
    seen.push_back(std::move(key));
  };
  out += '{';
  for (const auto& t : token.top) append(t.bytes, t.logprob);
  if (token.bytes) append(*token.bytes, token.logprob);
  out += '}';
}

} // namespace

std::vector<chosen_token> chosen_tokens(const wire::Chunk& chunk, std::uint32_t n_top) {
  std::vector<chosen_token> tokens(chunk.tokens() ? chunk.tokens()->size() : 0);
  const auto* top = chunk.top();
  const auto places = top && top->counts() && top->ids() && top->logprobs() ? top->counts()->size() : 0;
  std::uint32_t at = 0; // of this place's entries
  for (std::uint32_t i = 0; i < tokens.size(); ++i) {
    auto& token = tokens[i];
    const auto id = chunk.tokens()->Get(i);
    std::optional<float> logprob;
    if (chunk.logprobs() && i < chunk.logprobs()->size()) logprob = chunk.logprobs()->Get(i);
    const std::uint32_t entries = i < places ? top->counts()->Get(i) : 0;
    for (std::uint32_t j = at; j < at + entries; ++j) {
      const bool has_text = top->texts() && j < top->texts()->size();
      auto bytes = has_text ? top->texts()->Get(j)->str() : std::string();
      if (top->ids()->Get(j) == id) {
        if (has_text) token.bytes = bytes;
        if (!logprob) logprob = top->logprobs()->Get(j);
      }
      if (j - at < n_top) token.top.push_back({std::move(bytes), top->logprobs()->Get(j)});
    }
    at += entries;
    token.logprob = logprob.value_or(-9999.0f);
    if (!token.bytes && tokens.size() == 1 && chunk.text()) token.bytes = chunk.text()->str();
  }
  return tokens;
}

void append_chat_logprobs(const std::vector<chosen_token>& tokens, std::string& out) {
  append_list(tokens, R"({"content":[)", out, [&](const chosen_token& token) {
    out += '{';
    append_token(token.bytes, token.logprob, out);
    out += R"(,"top_logprobs":[)";
    for (std::size_t i = 0; i < token.top.size(); ++i) {
      out += i > 0 ? ",{" : "{";
      append_token(token.top[i].bytes, token.top[i].logprob, out);
      out += '}';
    }
    out += "]}";
  });
  out += R"(,"refusal":null})";
}

void append_completion_logprobs(const std::vector<chosen_token>& tokens, std::size_t offset, std::string& out) {
  append_list(tokens, R"({"text_offset":[)", out, [&](const chosen_token& token) {
    append_number(offset, out);
    offset += characters_of(token.bytes.value_or(""));
  });
  append_list(tokens, R"(,"token_logprobs":[)", out, [&](const chosen_token& token) { append_logprob(token.logprob, out); });
  append_list(tokens, R"(,"tokens":[)", out, [&](const chosen_token& token) { append_json_string(token.bytes.value_or(""), out); });
  append_list(tokens, R"(,"top_logprobs":[)", out, [&](const chosen_token& token) { append_top_map(token, out); });
  out += '}';
}

} // namespace tokamak::frontend::openai
