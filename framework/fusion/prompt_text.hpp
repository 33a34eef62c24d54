// What a request says, for fusion plugins that look at it: routes, caches, classifiers.
#pragma once

#include "message/frame.hpp"

#include <cstdint>
#include <string>

namespace tokamak::fusion {

struct joined_prompt {
  std::string joined;           ///< the text, or the messages' contents joined by newlines; "" for token ids
  std::uint32_t n_messages = 0; ///< 0 where the prompt is no conversation
};

/// Of messages given as JSON, strings and the text parts of arrays count. Bad JSON gives nothing: the pool refuses it with
/// its reason.
joined_prompt prompt_text(const wire::Open& request);

} // namespace tokamak::fusion
