// JSON documents to values, and json.dumps.
#include "model/chat_template/json_text.hpp"

#include <cmath>

#include "model/chat_template/number_text.hpp"
#include "model/chat_template/operations.hpp"
#include "model/chat_template/sorting.hpp"
#include "model/chat_template/text_builder.hpp"

namespace tokamak::jinja {
namespace {

class json_writer {
 public:
  json_writer(runtime& rt, const json_layout& layout) : rt_(rt), layout_(layout), out_(rt.costs()) {}

  value run(const value& v) {
    write(v);
    return rt_.string(out_.take());
  }

 private:
  void write(const value& v) {
    rt_.costs().work();
    if (const auto* s = v.string()) return write_text(s->view());
    if (auto* l = v.as<list_object>()) return write_list(l->items);
    if (auto* d = v.as<dict_object>()) return write_dict(*d);
    if (v.any_object() != nullptr) raise("Object of type {} is not JSON serializable", type_name(v));
    out_.append(scalar(v));
  }

  std::string scalar(const value& v) {
    if (const auto* b = v.boolean()) return *b ? "true" : "false";
    if (const auto* i = v.whole()) return integer_text(*i);
    if (const auto* d = v.real()) {
      if (std::isfinite(*d)) return real_repr(*d);
      return std::isnan(*d) ? "NaN" : *d < 0 ? "-Infinity" : "Infinity";
    }
    return "null";
  }

  void break_line() {
    if (!layout_.indented) return;
    out_.append('\n');
    out_.repeat(layout_.indent, depth_);
  }

  void write_list(const std::vector<value>& items) {
    if (items.empty()) return out_.append("[]");
    const auto level = rt_.costs().data_level();
    out_.append('[');
    ++depth_;
    for (std::size_t i = 0; i < items.size(); ++i) {
      if (i > 0) out_.append(layout_.item_separator);
      break_line();
      write(items[i]);
    }
    --depth_;
    break_line();
    out_.append(']');
  }

  void write_dict(const dict_object& d) {
    if (d.entries().empty()) return out_.append("{}");
    const auto level = rt_.costs().data_level();
    out_.append('{');
    ++depth_;
    std::vector<value> pairs;
    rt_.costs().work(d.entries().size());
    if (layout_.sort_keys) {
      for (std::size_t i = 0; i < d.entries().size(); ++i) pairs.emplace_back(i);
      sort_values(
          rt_, pairs, [&](const value& i) { return d.entries()[static_cast<std::size_t>(*i.whole())].key; }, false);
    }
    for (std::size_t i = 0; i < d.entries().size(); ++i) {
      const auto& e = d.entries()[layout_.sort_keys ? static_cast<std::size_t>(*pairs[i].whole()) : i];
      if (i > 0) out_.append(layout_.item_separator);
      break_line();
      write_key(e.key);
      out_.append(layout_.key_separator);
      write(e.content);
    }
    --depth_;
    break_line();
    out_.append('}');
  }

  void write_key(const value& key) {
    if (const auto* s = key.string()) return write_text(s->view());
    if (key.any_object() != nullptr) raise("keys must be str, int, float, bool or None, not {}", type_name(key));
    write_text(scalar(key));
  }

  void write_text(std::string_view bytes) {
    out_.append('"');
    for (std::size_t i = 0; i < bytes.size();) {
      std::size_t plain = i; // copy runs that need no escape at once
      const auto is_plain = [&](char c) {
        const auto u = static_cast<unsigned char>(c);
        return u >= 0x20 && c != '"' && c != '\\' && (u < 0x7F || (!layout_.ensure_ascii));
      };
      while (plain < bytes.size() && is_plain(bytes[plain])) ++plain;
      out_.append(bytes.substr(i, plain - i));
      i = plain;
      if (i < bytes.size()) write_escape(next_character(bytes, i));
    }
    out_.append('"');
  }

  void write_escape(char32_t code) {
    switch (code) {
      case '"': return out_.append("\\\"");
      case '\\': return out_.append("\\\\");
      case '\n': return out_.append("\\n");
      case '\r': return out_.append("\\r");
      case '\t': return out_.append("\\t");
      case '\b': return out_.append("\\b");
      case '\f': return out_.append("\\f");
      default: break;
    }
    if (code >= 0x10000) {
      const auto rest = static_cast<unsigned>(code - 0x10000);
      return out_.append(fmt::format("\\u{:04x}\\u{:04x}", 0xD800 + (rest >> 10), 0xDC00 + (rest & 0x3FF)));
    }
    out_.append(fmt::format("\\u{:04x}", static_cast<unsigned>(code)));
  }

  runtime& rt_;
  const json_layout& layout_;
  text_builder out_;
  std::int64_t depth_ = 0;
};

} // namespace

value from_json(runtime& rt, const nlohmann::ordered_json& document) {
  using type = nlohmann::ordered_json::value_t;
  switch (document.type()) {
    case type::null: return {};
    case type::boolean: return document.get<bool>();
    case type::number_integer: return static_cast<integer>(document.get<std::int64_t>());
    case type::number_unsigned: return static_cast<integer>(document.get<std::uint64_t>());
    case type::number_float: return document.get<double>();
    case type::string: return rt.string(document.get_ref<const std::string&>());
    case type::array: {
      const auto level = rt.costs().data_level();
      std::vector<value> items;
      items.reserve(document.size());
      for (const auto& item : document) items.push_back(from_json(rt, item));
      return rt.list(std::move(items));
    }
    case type::object: {
      const auto level = rt.costs().data_level();
      auto* d = rt.make<dict_object>(0);
      for (const auto& [key, content] : document.items()) d->set(rt, rt.string(key), from_json(rt, content));
      return d;
    }
    case type::binary:
    case type::discarded: break;
  }
  raise("the input holds a value that JSON text cannot have");
}

value to_json(runtime& rt, const value& v, const json_layout& layout) { return json_writer(rt, layout).run(v); }

} // namespace tokamak::jinja
