// `tokamak tokenize`: a model's tokenizer on JSON lines, text to ids and back.
#include "app/commands/commands.hpp"
#include "model/gguf/gguf_file.hpp"
#include "model/tokenizer/tokenizer.hpp"

#include <nlohmann/json.hpp>

#include <cstdio>
#include <iostream>

namespace tokamak::app {
namespace {

using nlohmann::json;

struct tokenize_options {
  std::string model;
  bool decode = false;
  bool no_bos = false;
  bool plain = false;
};

expected<json> encoded(const tokenizer& t, const json& line, const tokenize_options& o) {
  const auto text = line.find("text");
  if (text == line.end() || !text->is_string()) return fail(errc::invalid_argument, "no \"text\" in the object; expected {\"text\": \"…\"}");
  encode_options how;
  how.add_special = !o.no_bos;
  how.parse_special = !o.plain;
  return json{{"ids", t.encode(text->get_ref<const std::string&>(), how)}};
}

expected<json> decoded(const tokenizer& t, const json& line, const tokenize_options& o) {
  const auto list = line.find("ids");
  if (list == line.end() || !list->is_array()) return fail(errc::invalid_argument, "no \"ids\" in the object; expected {\"ids\": [1, 2, …]}");
  std::vector<std::int32_t> ids;
  for (const auto& id : *list) {
    const auto value = id.is_number_integer() ? id.get<std::int64_t>() : -1;
    if (value < 0 || value >= t.vocab_size())
      return fail(errc::invalid_argument, fmt::format("id {} is outside the vocabulary of {}", id.dump(), t.vocab_size()));
    ids.push_back(static_cast<std::int32_t>(value));
  }
  // What encoding puts around a text is not part of it.
  if (!o.no_bos && t.adds_bos() && !ids.empty() && ids.front() == t.bos()) ids.erase(ids.begin());
  if (!o.no_bos && t.adds_eos() && !ids.empty() && ids.back() == t.eos()) ids.pop_back();
  decode_options how;
  how.skip_special = false;
  how.strip_space_prefix = true;
  return json{{"text", t.decode(ids, how)}};
}

expected<json> answer(const tokenizer& t, const std::string& text, const tokenize_options& o) {
  const auto line = json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!line.is_object()) return fail(errc::invalid_argument, "not a JSON object");
  return o.decode ? decoded(t, line, o) : encoded(t, line, o);
}

int tokenize(const tokenize_options& o) {
  const auto give_up = [](const error& e) {
    std::fprintf(stderr, "tokamak: %s\n", e.to_string().c_str());
    return 1;
  };
  const auto file = gguf_file::open(o.model);
  if (!file) return give_up(file.error());
  const auto tokens = tokenizer::from_gguf(*file);
  if (!tokens) return give_up(tokens.error());
  std::ios::sync_with_stdio(false);
  std::string text;
  for (std::size_t number = 1; std::getline(std::cin, text); ++number) {
    if (text.empty()) continue;
    auto line = answer(**tokens, text, o);
    if (!line) {
      line.error().where = fmt::format("line {}", number);
      std::cout.flush();
      return give_up(line.error());
    }
    std::cout << line->dump() << '\n';
    if (std::cin.rdbuf()->in_avail() <= 0) std::cout.flush(); // whoever asks line by line waits for this
  }
  return 0;
}

} // namespace

void add_tokenize(CLI::App& app, command& chosen) {
  auto o = std::make_shared<tokenize_options>();
  auto* sub = app.add_subcommand("tokenize", "Turn lines {\"text\": …} on standard input into lines {\"ids\": […]}, or back");
  sub->add_option("model", o->model, "GGUF file")->required();
  sub->add_flag("--decode", o->decode, "Lines {\"ids\": […]} into lines {\"text\": …}");
  sub->add_flag("--no-bos", o->no_bos, "Neither add nor drop the tokens that begin and end a text");
  sub->add_flag("--plain", o->plain, "Control tokens written out in a text are text");
  sub->callback([o, &chosen] { chosen = [o] { return tokenize(*o); }; });
}

} // namespace tokamak::app
