// `tokamak tokenize`: a model's tokenizer on JSON lines, text to ids and back.
#include "app/commands/commands.hpp"
#include "app/complain.hpp"
#include "app/json_lines.hpp"
#include "model/gguf/gguf_file.hpp"
#include "model/tokenizer/tokenizer.hpp"

namespace tokamak::app {
namespace {

struct tokenize_options {
  std::string model;
  bool decode = false;
  bool no_bos = false;
  bool plain = false;
};

expected<std::string> encoded(const tokenizer& t, const nlohmann::ordered_json& line, const tokenize_options& o) {
  const auto text = text_of(line);
  if (!text) return fail(text.error());
  encode_options how;
  how.add_special = !o.no_bos;
  how.parse_special = !o.plain;
  return nlohmann::json{{"ids", t.encode(*text, how)}}.dump();
}

expected<std::string> decoded(const tokenizer& t, const nlohmann::ordered_json& line, const tokenize_options& o) {
  auto ids = ids_of(line, t.vocab_size());
  if (!ids) return fail(ids.error());
  // What encoding puts around a text is not part of it.
  if (!o.no_bos && t.adds_bos() && !ids->empty() && ids->front() == t.bos()) ids->erase(ids->begin());
  if (!o.no_bos && t.adds_eos() && !ids->empty() && ids->back() == t.eos()) ids->pop_back();
  decode_options how;
  how.skip_special = false;
  how.strip_space_prefix = true;
  return nlohmann::json{{"text", t.decode(*ids, how)}}.dump();
}

int tokenize(const tokenize_options& o) {
  const auto file = gguf_file::open(o.model);
  if (!file) return complain(file.error());
  const auto tokens = tokenizer::from_gguf(*file);
  if (!tokens) return complain(tokens.error());
  return answer_lines([&](const nlohmann::ordered_json& line) { return o.decode ? decoded(**tokens, line, o) : encoded(**tokens, line, o); });
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
