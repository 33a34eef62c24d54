// str() and repr() of values, names of classes.
#include "model/chat_template/number_text.hpp"
#include "model/chat_template/operations.hpp"
#include "model/chat_template/text_builder.hpp"

namespace tokamak::jinja {
namespace {

void append_repr(runtime& rt, text_builder& out, const value& v);

std::string escaped(char32_t code) {
  const auto number = static_cast<unsigned>(code);
  return code < 0x100 ? fmt::format("\\x{:02x}", number) : code < 0x10000 ? fmt::format("\\u{:04x}", number) : fmt::format("\\U{:08x}", number);
}

/// Python's choice of quotes and escapes, given piece by piece to `put`.
template <class Put>
void write_quoted(std::string_view bytes, Put put) {
  const bool double_quotes = bytes.find('\'') != std::string_view::npos && bytes.find('"') == std::string_view::npos;
  const char quote = double_quotes ? '"' : '\'';
  put({&quote, 1});
  for (std::size_t i = 0; i < bytes.size();) {
    const std::size_t begin = i;
    const char32_t code = next_character(bytes, i);
    if (code == '\\' || code == static_cast<char32_t>(quote)) {
      put("\\");
      put(bytes.substr(begin, 1));
    } else if (code == '\n' || code == '\r' || code == '\t') {
      put(code == '\n' ? "\\n" : code == '\r' ? "\\r" : "\\t");
    } else if ((character_class(code) & is_printable) != 0) {
      put(bytes.substr(begin, i - begin));
    } else {
      put(escaped(code));
    }
  }
  put({&quote, 1});
}

void append_items(runtime& rt, text_builder& out, const std::vector<value>& items) {
  for (std::size_t i = 0; i < items.size(); ++i) {
    if (i > 0) out.append(", ");
    append_repr(rt, out, items[i]);
  }
}

void append_object(runtime& rt, text_builder& out, object* o, const value& v) {
  const auto level = rt.costs().data_level();
  if (auto* l = v.as<list_object>()) {
    out.append(l->is_tuple() ? '(' : '[');
    append_items(rt, out, l->items);
    out.append(!l->is_tuple() ? "]" : l->items.size() == 1 ? ",)" : ")");
  } else if (auto* d = v.as<dict_object>()) {
    out.append('{');
    for (std::size_t i = 0; i < d->entries().size(); ++i) {
      if (i > 0) out.append(", ");
      append_repr(rt, out, d->entries()[i].key);
      out.append(": ");
      append_repr(rt, out, d->entries()[i].content);
    }
    out.append('}');
  } else if (auto* w = v.as<view_object>()) {
    out.append(w->type_name());
    out.append("([");
    for (std::size_t i = 0; i < w->dict->entries().size(); ++i) {
      if (i > 0) out.append(", ");
      append_repr(rt, out, w->at(rt, i));
    }
    out.append("])");
  } else if (auto* n = v.as<namespace_object>()) {
    out.append("<Namespace {");
    for (std::size_t i = 0; i < n->attributes.size(); ++i) {
      if (i > 0) out.append(", ");
      out.append(string_repr(n->attributes[i].first));
      out.append(": ");
      append_repr(rt, out, n->attributes[i].second);
    }
    out.append("}>");
  } else if (auto* r = v.as<range_object>()) {
    out.append(fmt::format("range({}, {}", integer_text(r->start), integer_text(r->stop)));
    out.append(r->step == 1 ? ")" : ", " + integer_text(r->step) + ")");
  } else {
    out.append(v.is_undefined() ? "Undefined" : o->summary(rt));
  }
}

void append_repr(runtime& rt, text_builder& out, const value& v) {
  rt.costs().work();
  if (auto* o = v.any_object()) return append_object(rt, out, o, v);
  if (const auto* s = v.string()) {
    if (s->markup()) out.append("Markup(");
    write_quoted(s->view(), [&](std::string_view part) { out.append(part); });
    if (s->markup()) out.append(')');
  } else if (const auto* b = v.boolean()) {
    out.append(*b ? "True" : "False");
  } else if (const auto* i = v.whole()) {
    out.append(integer_text(*i));
  } else if (const auto* d = v.real()) {
    out.append(real_repr(*d));
  } else {
    out.append("None");
  }
}

} // namespace

std::string_view type_name(const value& v) {
  if (v.is_none()) return "NoneType";
  if (v.boolean() != nullptr) return "bool";
  if (v.whole() != nullptr) return "int";
  if (v.real() != nullptr) return "float";
  if (const auto* s = v.string()) return s->markup() ? "Markup" : "str";
  return v.any_object()->type_name();
}

std::string described(const value& v) {
  if (v.is_none()) return "None";
  std::string_view module;
  if (v.as<namespace_object>() != nullptr) module = "jinja2.utils.";
  if (auto* o = v.any_object(); o != nullptr && (o->kind() == object_kind::macro || o->kind() == object_kind::loop)) {
    module = "jinja2.runtime.";
  }
  if (const auto* s = v.string(); s != nullptr && s->markup()) module = "markupsafe.";
  return fmt::format("{}{} object", module, type_name(v));
}

std::string string_repr(std::string_view bytes) {
  std::string out;
  write_quoted(bytes, [&](std::string_view part) { out.append(part); });
  return out;
}

std::string to_repr(runtime& rt, const value& v) {
  text_builder out(rt.costs());
  append_repr(rt, out, v);
  return out.take();
}

std::string to_ascii(runtime& rt, const value& v) {
  const auto shown = to_repr(rt, v);
  text_builder out(rt.costs());
  rt.costs().character_work(shown.size());
  for (std::size_t i = 0; i < shown.size();) {
    const char32_t code = next_character(shown, i);
    if (code < 0x80) out.append(static_cast<char>(code));
    else out.append(escaped(code));
  }
  return out.take();
}

std::string to_string(runtime& rt, const value& v) {
  if (const auto* s = v.string()) {
    rt.costs().text_work(s->view().size());
    return std::string(s->view());
  }
  return v.is_undefined() ? std::string() : to_repr(rt, v);
}

text to_text(runtime& rt, const value& v) {
  if (const auto* s = v.string()) return *s;
  return *rt.string(to_string(rt, v)).string();
}

const text& require_text(const value& v, std::string_view what) {
  require_defined(v);
  const auto* s = v.string();
  if (s == nullptr) raise("{} must be str, not {}", what, type_name(v));
  return *s;
}

} // namespace tokamak::jinja
