// The part that % formatting and str.format share: signs, widths, padding and number styles.
#pragma once

#include <string>
#include <string_view>

#include "model/chat_template/runtime.hpp"
#include "model/chat_template/text_builder.hpp"

namespace tokamak::jinja {

/// One field's layout, common to both languages of formatting.
struct field_layout {
  std::string fill = " ";
  char align = 0;  ///< '<' left, '>' right, '^' centre, '=' after the sign, 0 the type's own
  char sign = '-'; ///< '-', '+' or ' '
  bool alternate = false;
  std::int64_t width = 0;
  char grouping = 0; ///< 0, ',' or '_'
  std::int64_t precision = -1;
  char type = 0;
};

/// `body` (with an optional sign or prefix of `head_bytes`) padded to the layout's width.
void append_padded(text_builder& out, const field_layout& layout, std::string_view head, std::string_view body,
                   char default_align);
/// An integer in style b, o, x, X, d, n or c.
void append_integer(text_builder& out, const field_layout& layout, integer number);
/// A float in style e, E, f, F, g, G, n, % or 0 (repr-like).
void append_real(text_builder& out, const field_layout& layout, double number);
/// Raises unless width and precision are small enough to build.
void check_layout(const field_layout& layout, const chat_template_limits& limits);

} // namespace tokamak::jinja
