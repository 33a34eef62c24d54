// map, select, reject and their attribute forms: lazy, as Jinja's generators.
#include "model/chat_template/arguments.hpp"
#include "model/chat_template/attribute_path.hpp"
#include "model/chat_template/filters.hpp"
#include "model/chat_template/operations.hpp"
#include "model/chat_template/tests.hpp"

namespace tokamak::jinja {
namespace {

/// What map applies to each item: a filter by name, or an attribute.
class mapper {
 public:
  mapper(runtime& rt, arguments args) : rt_(rt), args_(std::move(args)), path_(rt, value()) {
    value attribute;
    if (args_.positional.empty() && args_.take_keyword("attribute", attribute)) {
      args_.take_keyword("default", fallback_);
      if (!args_.keyword.empty()) raise("Unexpected keyword argument '{}'", args_.keyword.front().first);
      path_ = attribute_path(rt, attribute);
      return;
    }
    if (args_.positional.empty()) raise("map requires a filter argument");
    const auto& name = require_text(args_.positional.front(), "the name of a filter");
    filter_ = find_filter(name.view());
    if (filter_ == nullptr) raise("No filter named {}.", string_repr(name.view()));
    args_.positional.erase(args_.positional.begin());
  }

  value operator()(const value& item) const {
    if (filter_ == nullptr) return path_.of(rt_, item, fallback_);
    auto args = args_;
    const auto level = rt_.costs().call_level();
    return filter_->body(rt_, item, args);
  }

 private:
  runtime& rt_;
  arguments args_;
  const filter_entry* filter_ = nullptr;
  attribute_path path_;
  value fallback_;
};

/// What select and its kin ask about each item: a test by name, or its truth.
class selector {
 public:
  selector(runtime& rt, arguments args, bool by_attribute) : rt_(rt), args_(std::move(args)), path_(rt, value()) {
    auto& positional = args_.positional;
    if (by_attribute) {
      if (positional.empty()) raise("Missing parameter for attribute name");
      path_ = attribute_path(rt, positional.front());
      positional.erase(positional.begin());
    }
    if (positional.empty()) return;
    const auto& name = require_text(positional.front(), "the name of a test");
    test_ = find_test(name.view());
    if (test_ == nullptr) raise("No test named {}.", string_repr(name.view()));
    positional.erase(positional.begin());
  }

  bool operator()(const value& item) const {
    const auto subject = path_.of(rt_, item);
    if (test_ == nullptr) return truthy(rt_, subject);
    auto args = args_;
    return test_->body(rt_, subject, args);
  }

 private:
  runtime& rt_;
  arguments args_;
  const test_entry* test_ = nullptr;
  attribute_path path_;
};

value map(runtime& rt, const value& v, arguments& args) {
  if (!truthy(rt, v)) return rt.generator("generator", [](value&) { return false; });
  return rt.generator("generator", [items = iterator(rt, v), apply = mapper(rt, args)](value& out) mutable {
    value item;
    if (!items.next(item)) return false;
    out = apply(item);
    return true;
  });
}

value chosen(runtime& rt, const value& v, arguments& args, bool by_attribute, bool wanted) {
  if (!truthy(rt, v)) return rt.generator("generator", [](value&) { return false; });
  return rt.generator("generator",
                      [items = iterator(rt, v), asks = selector(rt, args, by_attribute), wanted](value& out) mutable {
                        while (items.next(out)) {
                          if (asks(out) == wanted) return true;
                        }
                        return false;
                      });
}
value select(runtime& rt, const value& v, arguments& args) { return chosen(rt, v, args, false, true); }
value reject(runtime& rt, const value& v, arguments& args) { return chosen(rt, v, args, false, false); }
value selectattr(runtime& rt, const value& v, arguments& args) { return chosen(rt, v, args, true, true); }
value rejectattr(runtime& rt, const value& v, arguments& args) { return chosen(rt, v, args, true, false); }

constexpr filter_entry table[] = {
    {"map", map}, {"select", select}, {"reject", reject}, {"selectattr", selectattr}, {"rejectattr", rejectattr},
};

} // namespace

std::span<const filter_entry> selection_filters() { return table; }

} // namespace tokamak::jinja
