// `tokamak template`: a chat template on JSON lines, conversations to prompt text.
#include "app/commands/commands.hpp"
#include "app/complain.hpp"
#include "app/json_lines.hpp"
#include "message/actor_clock.hpp"
#include "model/card.hpp"
#include "model/gguf/gguf_file.hpp"

#include <algorithm>
#include <ctime>
#include <fstream>
#include <sstream>

namespace tokamak::app {
namespace {

using json = nlohmann::ordered_json;

struct template_options {
  std::string file;
  std::string now;
};

struct source {
  chat_template chat;
  std::string bos, eos; ///< of the model; lines may say otherwise
};

bool is_gguf(const std::string& path) { return path.ends_with(".gguf"); }

expected<source> of_model(const std::string& path) {
  const auto file = gguf_file::open(path);
  if (!file) return fail(file.error());
  auto card = model_card::load(*file, path, "");
  if (!card) return fail(card.error());
  if (!card->chat) return fail(errc::unsupported, "the model has no chat template", path);
  const auto text = [&](const std::optional<std::int32_t>& id) { return id ? std::string(card->tokenizer->special_text(*id)) : std::string(); };
  return source{std::move(*card->chat), text(card->tokenizer->bos()), text(card->tokenizer->eos())};
}

expected<source> of_text(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  if (!file || !(text << file.rdbuf())) return fail(errc::io, "cannot read the chat template", path);
  auto compiled = chat_template::compile(text.str(), path);
  if (!compiled) return fail(compiled.error());
  return source{std::move(*compiled), "", ""};
}

// "2026-03-14T09:26:53", as UTC.
expected<std::int64_t> time_of(const std::string& text) {
  if (text.empty()) return unix_time_s();
  std::tm parts{};
  const char* end = strptime(text.c_str(), "%Y-%m-%dT%H:%M:%S", &parts);
  if (end == nullptr || *end != '\0') return fail(errc::invalid_argument, fmt::format("--now is '{}'; expected YYYY-MM-DDTHH:MM:SS", text));
  return timegm(&parts);
}

// Keys of test cases that say something of the case; all others are variables of the template.
constexpr std::string_view about_cases[] = {"template", "case", "expected", "error"};

expected<std::string> rendered(const source& from, const json& line, std::int64_t now) {
  chat_template::input in;
  in.bos_token = from.bos;
  in.eos_token = from.eos;
  in.now_unix_s = now;
  for (const auto& [key, value] : line.items()) {
    if (key == "messages" && value.is_array()) in.messages = value;
    else if (key == "tools" && (value.is_array() || value.is_null())) in.tools = value;
    else if (key == "add_generation_prompt" && value.is_boolean()) in.add_generation_prompt = value.get<bool>();
    else if ((key == "bos_token" || key == "eos_token") && value.is_null()) continue;
    else if (key == "bos_token" && value.is_string()) in.bos_token = value.get<std::string>();
    else if (key == "eos_token" && value.is_string()) in.eos_token = value.get<std::string>();
    else if (key == "messages" || key == "tools" || key == "add_generation_prompt" || key == "bos_token" || key == "eos_token")
      return fail(errc::invalid_argument, fmt::format("\"{}\" is of the wrong type", key));
    else if (std::find(std::begin(about_cases), std::end(about_cases), key) == std::end(about_cases)) in.extra[key] = value;
  }
  if (!line.contains("messages")) return fail(errc::invalid_argument, "no \"messages\" in the object");
  const auto text = from.chat.render(in);
  const auto answer = text ? json{{"text", *text}} : json{{"error", text.error().message}};
  return answer.dump(-1, ' ', false, json::error_handler_t::replace);
}

int render_lines(const template_options& o) {
  const auto now = time_of(o.now);
  if (!now) return complain(now.error());
  const auto from = is_gguf(o.file) ? of_model(o.file) : of_text(o.file);
  if (!from) return complain(from.error());
  return answer_lines([&](const json& line) { return rendered(*from, line, *now); });
}

} // namespace

void add_template(CLI::App& app, command& chosen) {
  auto o = std::make_shared<template_options>();
  auto* sub = app.add_subcommand("template", "Turn lines {\"messages\": […], \"tools\": […], VARIABLE: …} on standard input into lines {\"text\": …} or {\"error\": …}");
  sub->add_option("file", o->file, "Chat template, or a GGUF file that has one")->required();
  sub->add_option("--now", o->now, "What the template takes for the time, YYYY-MM-DDTHH:MM:SS; the current one if absent");
  sub->callback([o, &chosen] { chosen = [o] { return render_lines(*o); }; });
}

} // namespace tokamak::app
