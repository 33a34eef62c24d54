// How a model writes what is more than text: where it thinks, and how it calls tools. Its chat template shows both: a conversation with a
// call is rendered, and what stands there is how the model was taught to write one.
#pragma once

#include "frontend/openai/tool_calls.hpp"
#include "model/card.hpp"

#include <memory>
#include <string>
#include <string_view>

namespace tokamak::frontend::openai {

/// Of one model. Immutable after learning; any thread.
struct model_dialect {
  std::shared_ptr<const model_card> card;    ///< with a chat template
  const call_marks* calls = nullptr;         ///< none: the template has no tools, or in a form that nobody here reads
  std::string call_start;                    ///< what stands from the begin mark to a tool's name
  std::string name_end;                      ///< and from there to its arguments
  std::string_view reasoning_begin, reasoning_end; ///< marks; "": the model does not think aloud
  bool json_arguments = false;               ///< which are written as a JSON object
  bool arguments_as_text = false;            ///< the template wants the arguments of calls as text, not as objects
  bool content_is_null = false;              ///< and calls only where the content is null, not ""
  bool marks_are_special = false;            ///< control tokens, which texts leave out unless they are asked for

  static model_dialect of(std::shared_ptr<const model_card> card);

  /// The template reads a variable of this name.
  bool knows_variable(std::string_view name) const;
  /// The prompt itself opens the reasoning, and the answer begins within. `variables`: JSON object, "" for none.
  bool begins_with_reasoning(std::string_view tools, std::string_view variables) const;
};

} // namespace tokamak::frontend::openai
