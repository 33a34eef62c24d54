// The values of the template language: Python's, as far as templates can see them.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "model/chat_template/budget.hpp"

namespace tokamak::jinja {

class runtime;
class object;

/// Python's int, bounded: arithmetic beyond 128 bits is an error.
__extension__ typedef __int128 integer;

/// An immutable string, shared by reference; counts its bytes against a render's budget while it lives.
class text {
 public:
  text() : text(nullptr, {}, false) {}
  /// `owner` may be null (constants of a program); else it must outlive every copy.
  text(budget* owner, std::string bytes, bool markup);

  std::string_view view() const { return data_->bytes; }
  std::size_t size() const { return data_->length; } ///< in characters
  bool ascii() const { return data_->length == data_->bytes.size(); }
  bool markup() const { return data_->markup; } ///< made by `safe` or `escape`: what is joined to it gets escaped
  /// Bytes of characters [first, first + count). REQUIRES: first + count <= size().
  std::string_view characters(std::size_t first, std::size_t count) const;

 private:
  struct contents {
    contents(budget* owner, std::string bytes, bool markup);
    ~contents();
    contents(const contents&) = delete;
    contents& operator=(const contents&) = delete;
    budget* owner;
    std::string bytes;
    std::size_t length;
    bool markup;
  };
  std::shared_ptr<const contents> data_;
};

struct none_type {};

/// One value. Objects (everything that is not a scalar or a string) belong to the render's runtime.
class value {
 public:
  value() : data_(none_type{}) {}
  value(bool v) : data_(v) {}
  value(integer v) : data_(v) {}
  value(int v) : data_(static_cast<integer>(v)) {}
  value(std::size_t v) : data_(static_cast<integer>(v)) {}
  value(double v) : data_(v) {}
  value(text v) : data_(std::move(v)) {}
  value(object* v) : data_(v) {}
  value(const char*) = delete;

  bool is_none() const { return std::holds_alternative<none_type>(data_); }
  const bool* boolean() const { return std::get_if<bool>(&data_); }
  const integer* whole() const { return std::get_if<integer>(&data_); }
  const double* real() const { return std::get_if<double>(&data_); }
  const text* string() const { return std::get_if<text>(&data_); }
  object* any_object() const {
    auto* const* found = std::get_if<object*>(&data_);
    return found == nullptr ? nullptr : *found;
  }
  /// The object of exactly this class, or null.
  template <class T>
  T* as() const;

  bool is_undefined() const;
  /// An int, or a bool read as one.
  bool to_integer(integer& out) const;

 private:
  std::variant<none_type, bool, integer, double, text, object*> data_;
};

/// The arguments of a call, filter or test.
struct arguments {
  std::vector<value> positional;
  std::vector<std::pair<std::string, value>> keyword;

  /// The keyword argument of this name, removed from the rest; false if absent.
  bool take_keyword(std::string_view name, value& out);
};

enum class object_kind : std::uint8_t {
  undefined,
  list,
  tuple,
  dict,
  range,
  view,
  name_space,
  generator,
  callable,
  macro,
  loop,
  cycler,
  joiner,
  scope
};

/// A value with identity. Created by runtime::make, freed with the render.
class object {
 public:
  explicit object(object_kind kind) : kind_(kind) {}
  virtual ~object() = default;
  object(const object&) = delete;
  object& operator=(const object&) = delete;

  object_kind kind() const { return kind_; }
  /// Python's name of the class, as error messages show it.
  virtual std::string_view type_name() const = 0;
  /// Python's getattr: true and `out` if there is such an attribute.
  virtual bool attribute(runtime&, std::string_view /*name*/, value& /*out*/) { return false; }
  virtual bool is_callable() const { return false; }
  virtual value call(runtime& rt, arguments& args);
  /// len(), if it has one.
  virtual std::optional<std::size_t> length(runtime&) { return std::nullopt; }
  /// How it prints, for kinds without contents of their own.
  virtual std::string summary(runtime& rt);

 private:
  object_kind kind_;
};

template <class T>
T* value::as() const {
  auto* found = any_object();
  return found != nullptr && T::matches(found->kind()) ? static_cast<T*>(found) : nullptr;
}

} // namespace tokamak::jinja
