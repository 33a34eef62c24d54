// A model card: what a pool must know of a model to speak with it, without its weights.
#pragma once

#include "base/error.hpp"
#include "message/frame.hpp"
#include "model/chat_template/chat_template.hpp"
#include "model/gguf/gguf_file.hpp"
#include "model/tokenizer/tokenizer.hpp"

#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace tokamak {

/// Immutable after loading; any thread.
struct model_card {
  std::string name;
  std::shared_ptr<const tokamak::tokenizer> tokenizer;
  std::optional<chat_template> chat;   ///< absent: only text and token prompts
  std::uint32_t context_length = 0;
  std::vector<std::int32_t> end_tokens; ///< end of generation

  /// `template_file`: replaces the model's own template; "" keeps it. Errors name the file, key or template line.
  static expected<model_card> load(const gguf_file& file, std::string name, const std::string& template_file);

  /// Token ids of a prompt: messages through the template, text, or token ids as given. Errors: invalid_argument (nothing or
  /// more than one given, bad JSON, invalid UTF-8), unsupported (no template).
  expected<std::vector<std::int32_t>> tokens_of(const wire::Prompt& prompt, std::int64_t now_unix_s) const;
};

} // namespace tokamak
