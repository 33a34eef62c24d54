// What one render owns: its budget, its objects, and the ways to make values.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "model/chat_template/budget.hpp"
#include "model/chat_template/objects.hpp"

namespace tokamak::jinja {

class runtime {
 public:
  runtime(const chat_template_limits& limits, std::int64_t now_unix_s) : costs_(limits), now_(now_unix_s) {}

  budget& costs() { return costs_; }
  std::int64_t now_unix_s() const { return now_; }

  /// A new object, which lives until the render ends (so cycles and deep nesting need no care).
  /// `bytes` is what it holds beyond its own size.
  template <class Object, class... Args>
  Object* make(std::size_t bytes, Args&&... args) {
    costs_.work();
    costs_.take(sizeof(Object) + sizeof(void*) + bytes);
    auto owned = std::make_unique<Object>(std::forward<Args>(args)...);
    auto* plain = owned.get();
    objects_.push_back(std::move(owned));
    return plain;
  }

  value string(std::string bytes, bool markup = false) {
    costs_.check_text(bytes.size());
    costs_.text_work(bytes.size());
    return text(&costs_, std::move(bytes), markup);
  }
  value string(std::string_view bytes) { return string(std::string(bytes)); }
  value string(const char* bytes) { return string(std::string(bytes)); }
  value list(std::vector<value> items) { return sequence(false, std::move(items)); }
  value tuple(std::vector<value> items) { return sequence(true, std::move(items)); }
  value generator(std::string_view type, generator_object::producer produce);
  value bound_method(value self, method_body body) { return make<method_object>(0, std::move(self), body); }

  /// An undefined value that fails with `message`.
  value undefined(std::string message) { return undefined(undefined_object::reason::message, std::move(message), {}); }
  /// For a variable that does not exist.
  value unknown_name(const std::string& name) { return undefined(undefined_object::reason::name, name, {}); }
  /// For something that is there, but that the sandbox hides.
  value forbidden(const value& owner, std::string_view attribute) {
    return undefined(undefined_object::reason::forbidden, std::string(attribute), owner);
  }
  /// For a missing attribute, or a missing element `key`, of `owner`.
  value missing(const value& owner, std::string_view attribute) {
    return undefined(undefined_object::reason::attribute, std::string(attribute), owner);
  }
  value missing(const value& owner, const value& key);

 private:
  value undefined(undefined_object::reason why, std::string text, const value& owner) {
    return make<undefined_object>(text.size(), why, std::move(text), owner);
  }
  value sequence(bool tuple, std::vector<value> items);

  budget costs_;
  std::int64_t now_;
  std::vector<std::unique_ptr<object>> objects_;
};

/// Runs through any iterable value; the items of strings are characters, of mappings keys.
class iterator {
 public:
  /// Raises "'X' object is not iterable".
  iterator(runtime& rt, value source);
  bool next(value& out);
  static bool accepts(const value& source);

 private:
  runtime& rt_;
  value source_;
  std::size_t position_ = 0;
};

/// All items of an iterable.
std::vector<value> collect(runtime& rt, const value& source);

} // namespace tokamak::jinja
