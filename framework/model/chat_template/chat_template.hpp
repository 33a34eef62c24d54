// A model's chat template: turns a conversation into the prompt text that the model was trained on.
// Stands at step 3 of the way of a token: the pool renders messages, then tokenizes the text.
#pragma once

#include <cstdint>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "base/error.hpp"
#include "model/chat_template/limits.hpp"

namespace tokamak {

namespace jinja {
struct program;
} // namespace jinja

/// A compiled template in the Jinja2 dialect that model files use, with the meaning that Hugging
/// Face transformers gives it: the immutable sandbox of Jinja 3.1, trim_blocks and lstrip_blocks,
/// {% break %}, {% continue %} and {% generation %}, a plain-JSON `tojson`, `raise_exception` and
/// `strftime_now`. include, import, extends and whatever needs chance or a file are refused.
///
/// Immutable and cheap to copy (copies share the program); any number of threads may render at once.
class chat_template {
 public:
  /// The variables of one render. Objects keep their key order, which `tojson` reproduces.
  struct input {
    nlohmann::ordered_json messages = nlohmann::ordered_json::array();
    nlohmann::ordered_json tools; ///< null when there are none
    bool add_generation_prompt = true;
    std::string bos_token;
    std::string eos_token;
    nlohmann::ordered_json extra; ///< object of further variables (wins over the above), or null
    std::int64_t now_unix_s = 0;  ///< what strftime_now shows, as UTC; the caller adds its zone's offset
  };

  /// Parses a template; `name` appears in errors. Fails with corrupt (syntax), unsupported (a refused
  /// tag or filter) or too_large; `where` is "name:line".
  static expected<chat_template> compile(std::string_view source, std::string_view name,
                                         const chat_template_limits& limits = {});

  /// The prompt text (UTF-8 as far as the input was). Fails with invalid_argument when the template
  /// refuses the conversation (message verbatim as given to raise_exception) or breaks on it,
  /// unsupported for what the sandbox forbids, too_large for a limit; `where` is "name:line".
  expected<std::string> render(const input& variables) const;

  /// The name given to compile().
  const std::string& name() const;
  /// The template's text.
  const std::string& source() const;

 private:
  explicit chat_template(std::shared_ptr<const jinja::program> program);
  std::shared_ptr<const jinja::program> program_;
};

} // namespace tokamak
