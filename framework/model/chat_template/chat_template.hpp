// A model's chat template: turns a conversation into the prompt text that the model was trained on.
// Stands at step 3 of the way of a token: the pool renders messages, then tokenizes the text.
#pragma once

#include <cstdint>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "base/error.hpp"

namespace tokamak {

namespace jinja {
struct program;
} // namespace jinja

/// What one template may use. Templates come from model files, so they are hostile input: every
/// bound answers errc::too_large with a sentence naming it.
struct chat_template_limits {
  std::uint64_t source_bytes = 4u << 20;   ///< length of the template text
  std::uint32_t syntax_depth = 200;        ///< nesting of parentheses, operators and blocks in the source
  std::uint64_t steps = 30'000'000;        ///< work of one render: nodes evaluated, items and text blocks handled
  std::uint64_t output_bytes = 64u << 20;  ///< text of one render, captured text included
  std::uint64_t text_bytes = 32u << 20;    ///< one string value
  std::uint64_t live_bytes = 256u << 20;   ///< all values of one render together
  std::uint32_t call_depth = 1'000;        ///< nested evaluation at run time (macros in macros in expressions)
  std::uint32_t data_depth = 200;          ///< nesting of lists and mappings that are compared, printed or read
  std::uint32_t range_items = 100'000;     ///< items of one range(), the bound that Jinja's sandbox sets
};

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
    nlohmann::ordered_json tools;     ///< null when there are none
    bool add_generation_prompt = true;
    std::string bos_token;
    std::string eos_token;
    nlohmann::ordered_json extra;     ///< object of further variables (wins over the above), or null
    std::int64_t now_unix_s = 0;      ///< what strftime_now shows, as UTC; the caller adds its zone's offset
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

 private:
  explicit chat_template(std::shared_ptr<const jinja::program> program);
  std::shared_ptr<const jinja::program> program_;
};

} // namespace tokamak
