// How much a chat template may use.
#pragma once

#include <cstdint>

namespace tokamak {

/// What one template may use. Templates come from model files, so they are hostile input: every
/// bound answers errc::too_large with a sentence naming it.
struct chat_template_limits {
  std::uint64_t source_bytes = 4u << 20;  ///< length of the template text
  std::uint32_t syntax_depth = 200;       ///< nesting of parentheses, operators and blocks in the source
  std::uint64_t steps = 50'000'000;       ///< work of one render: nodes evaluated, items and text blocks handled
  std::uint64_t output_bytes = 64u << 20; ///< text of one render, captured text included
  std::uint64_t text_bytes = 32u << 20;   ///< one string value
  std::uint64_t live_bytes = 256u << 20;  ///< all values of one render together
  std::uint32_t call_depth = 1'000;       ///< nested evaluation at run time (macros in macros in expressions)
  std::uint32_t keywords = 1'000;         ///< keyword arguments of one call, parameters of one macro
  std::uint32_t data_depth = 200;         ///< nesting of lists and mappings that are compared, printed or read
  std::uint32_t range_items = 100'000;    ///< items of one range(), the bound that Jinja's sandbox sets
};

} // namespace tokamak
