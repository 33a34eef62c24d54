// The built-in kinds of objects: containers, lazy sequences, undefined values and plain callables.
#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "model/chat_template/value.hpp"

namespace tokamak::jinja {

/// The result of looking up what is not there: prints as nothing, is false and empty, and fails with
/// its own message on any other use.
class undefined_object final : public object {
 public:
  enum class reason : std::uint8_t {
    message,   ///< `text` says it all
    name,      ///< there is no variable `text`
    attribute, ///< `owner` has no attribute `text`
    forbidden, ///< the sandbox hides attribute `text` of `owner`
  };
  undefined_object(reason why, std::string text, value owner)
      : object(object_kind::undefined), why_(why), text_(std::move(text)), owner_(std::move(owner)) {}
  static bool matches(object_kind k) { return k == object_kind::undefined; }
  std::string_view type_name() const override { return "Undefined"; }
  bool attribute(runtime&, std::string_view, value&) override { fail(); }
  value call(runtime&, arguments&) override { fail(); }
  [[noreturn]] void fail() const;

 private:
  reason why_;
  std::string text_; // worded only when it fails: templates ask for absent things all the time
  value owner_;
};

/// A list or a tuple; never changes once a template can see it.
class list_object : public object {
 public:
  list_object(bool is_tuple, std::vector<value> elements)
      : object(is_tuple ? object_kind::tuple : object_kind::list), items(std::move(elements)) {}
  static bool matches(object_kind k) { return k == object_kind::list || k == object_kind::tuple; }
  bool is_tuple() const { return kind() == object_kind::tuple; }
  std::string_view type_name() const override { return is_tuple() ? "tuple" : "list"; }
  bool attribute(runtime& rt, std::string_view name, value& out) override;

  std::vector<value> items;
};

/// A tuple (key, items) of the groupby filter, whose parts also have names.
class group_object final : public list_object {
 public:
  explicit group_object(std::vector<value> key_and_items) : list_object(true, std::move(key_and_items)) {}
  std::string_view type_name() const override { return "_GroupTuple"; }
  bool attribute(runtime& rt, std::string_view name, value& out) override;
};

/// An insertion-ordered mapping; never changes once a template can see it.
class dict_object final : public object {
 public:
  struct entry {
    value key;
    value content;
    std::size_t hash;
  };
  dict_object() : object(object_kind::dict) {}
  static bool matches(object_kind k) { return k == object_kind::dict; }
  std::string_view type_name() const override { return "dict"; }
  bool attribute(runtime& rt, std::string_view name, value& out) override;

  /// Null if absent; raises if the key cannot be hashed.
  const value* find(runtime& rt, const value& key) const;
  const value* find(runtime& rt, std::string_view key) const;
  /// Adds or replaces (keeping the first position), as Python does.
  void set(runtime& rt, const value& key, value content);
  const std::vector<entry>& entries() const { return entries_; }

 private:
  template <class Equal>
  const entry* lookup(runtime& rt, std::size_t hash, Equal equal) const;
  void reindex();

  std::vector<entry> entries_;
  std::vector<std::uint32_t> slots_; ///< open addressing, entry number + 1; empty while there are few entries
};

/// range(start, stop, step).
class range_object final : public object {
 public:
  /// REQUIRES: step != 0
  range_object(integer first, integer last, integer stride);
  static bool matches(object_kind k) { return k == object_kind::range; }
  std::string_view type_name() const override { return "range"; }
  bool attribute(runtime& rt, std::string_view name, value& out) override;
  integer at(std::size_t i) const { return start + step * static_cast<integer>(i); }

  integer start, stop, step;
  std::size_t length;
};

/// What dict.keys(), dict.values() and dict.items() give.
class view_object final : public object {
 public:
  enum class part : std::uint8_t { keys, values, items };
  view_object(dict_object* viewed, part which_part) : object(object_kind::view), dict(viewed), which(which_part) {}
  static bool matches(object_kind k) { return k == object_kind::view; }
  std::string_view type_name() const override;
  value at(runtime& rt, std::size_t i) const;

  dict_object* dict;
  part which;
};

/// namespace(): the one thing whose attributes a template can set.
class namespace_object final : public object {
 public:
  namespace_object() : object(object_kind::name_space) {}
  static bool matches(object_kind k) { return k == object_kind::name_space; }
  std::string_view type_name() const override { return "Namespace"; }
  bool attribute(runtime& rt, std::string_view name, value& out) override;
  void set(runtime& rt, std::string_view name, value content);

  std::vector<std::pair<std::string, value>> attributes;
};

/// A sequence that is computed item by item and can be run through once, as Python's generators.
class generator_object final : public object {
 public:
  using producer = std::function<bool(value&)>;
  generator_object(std::string_view type, producer produce)
      : object(object_kind::generator), type_(type), produce_(std::move(produce)) {}
  static bool matches(object_kind k) { return k == object_kind::generator; }
  std::string_view type_name() const override { return type_; }
  bool next(value& out);
  std::string summary(runtime&) override { return "<generator object>"; }

 private:
  std::string_view type_;
  producer produce_;
  bool running_ = false;
};

/// A function of the language itself.
class function_object final : public object {
 public:
  using body = value (*)(runtime&, arguments&);
  explicit function_object(body b) : object(object_kind::callable), body_(b) {}
  std::string_view type_name() const override { return "function"; }
  bool is_callable() const override { return true; }
  value call(runtime& rt, arguments& args) override { return body_(rt, args); }

 private:
  body body_;
};

using method_body = value (*)(runtime&, const value& self, arguments&);
struct method {
  std::string_view name;
  method_body body;
};

/// A method together with the value it was taken from.
class method_object final : public object {
 public:
  method_object(value self, method_body b) : object(object_kind::callable), self_(std::move(self)), body_(b) {}
  std::string_view type_name() const override { return "builtin_function_or_method"; }
  bool is_callable() const override { return true; }
  value call(runtime& rt, arguments& args) override { return body_(rt, self_, args); }

 private:
  value self_;
  method_body body_;
};

} // namespace tokamak::jinja
