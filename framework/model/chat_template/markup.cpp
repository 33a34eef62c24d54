// The five entities of markupsafe.
#include "model/chat_template/markup.hpp"

#include "model/chat_template/operations.hpp"

namespace tokamak::jinja {

void append_html(text_builder& out, std::string_view bytes) {
  for (const char c : bytes) {
    switch (c) {
      case '&': out.append("&amp;"); break;
      case '<': out.append("&lt;"); break;
      case '>': out.append("&gt;"); break;
      case '\'': out.append("&#39;"); break;
      case '"': out.append("&#34;"); break;
      default: out.append(c); break;
    }
  }
}

void append_escaped(text_builder& out, const text& t, bool escape_it) {
  if (escape_it && !t.markup()) return append_html(out, t.view());
  out.append(t.view());
}

value escape(runtime& rt, const value& v) {
  const auto plain = to_text(rt, v);
  if (plain.markup()) return plain;
  text_builder out(rt.costs());
  append_html(out, plain.view());
  return rt.string(out.take(), true);
}

} // namespace tokamak::jinja
