// Snippets of template text and what Jinja itself makes of them.
#pragma once

#include <cstddef>

enum class outcome {
  renders,    ///< `text` is the output
  fails_with, ///< `text` is the message
  fails,      ///< with a message of our own
};

struct expectation {
  outcome result;
  const char* snippet;
  const char* text;
};

extern const expectation expectations[];
extern const std::size_t expectation_count;
/// The variables that the snippets use, a JSON object.
extern const char* const reference_variables;
