// Jinja's globals and the two functions that chat templates add.
#include "model/chat_template/globals.hpp"

#include "model/chat_template/arguments.hpp"
#include "model/chat_template/number_text.hpp"
#include "model/chat_template/operations.hpp"
#include "model/chat_template/time_text.hpp"

namespace tokamak::jinja {
namespace {

/// cycler(a, b, ...): next() goes round its items.
class cycler_object final : public object {
 public:
  explicit cycler_object(std::vector<value> items) : object(object_kind::cycler), items_(std::move(items)) {}
  static bool matches(object_kind k) { return k == object_kind::cycler; }
  std::string_view type_name() const override { return "Cycler"; }
  bool attribute(runtime& rt, std::string_view name, value& out) override {
    if (name == "current") {
      out = items_[position_];
    } else if (name == "next") {
      out = rt.bound_method(this, [](runtime&, const value& self, arguments& args) -> value {
        bound_arguments(args, "next", {});
        auto* c = self.as<cycler_object>();
        const auto taken = c->items_[c->position_];
        c->position_ = (c->position_ + 1) % c->items_.size();
        return taken;
      });
    } else if (name == "reset") {
      out = rt.bound_method(this, [](runtime&, const value& self, arguments& args) -> value {
        bound_arguments(args, "reset", {});
        self.as<cycler_object>()->position_ = 0;
        return {};
      });
    } else if (name == "items") {
      out = rt.tuple(items_);
    } else if (name == "pos") {
      out = position_;
    } else {
      return false;
    }
    return true;
  }

 private:
  std::vector<value> items_;
  std::size_t position_ = 0;
};

/// joiner(sep): nothing at the first call, the separator afterwards.
class joiner_object final : public object {
 public:
  explicit joiner_object(value separator) : object(object_kind::joiner), separator_(std::move(separator)) {}
  std::string_view type_name() const override { return "Joiner"; }
  bool is_callable() const override { return true; }
  value call(runtime& rt, arguments& args) override {
    bound_arguments(args, "joiner", {});
    if (used_) return separator_;
    used_ = true;
    return rt.string("");
  }
  bool attribute(runtime&, std::string_view name, value& out) override {
    if (name != "sep" && name != "used") return false;
    out = name == "sep" ? separator_ : value(used_);
    return true;
  }

 private:
  value separator_;
  bool used_ = false;
};

/// self: the template's own blocks, of which chat templates have none to call. Templates name it by mistake, and print what is missing as nothing.
class template_reference final : public object {
 public:
  template_reference() : object(object_kind::scope) {}
  std::string_view type_name() const override { return "TemplateReference"; }
  std::string summary(runtime&) override { return "<TemplateReference None>"; }
};

value make_cycler(runtime& rt, arguments& args) {
  if (!args.keyword.empty()) raise("cycler() takes no keyword arguments");
  if (args.positional.empty()) raise("at least one item has to be provided");
  return rt.make<cycler_object>(args.positional.size() * sizeof(value), args.positional);
}

value make_joiner(runtime& rt, arguments& args) {
  const bound_arguments given(args, "joiner", {"sep"});
  return rt.make<joiner_object>(0, given.has(0) ? given[0] : rt.string(", "));
}

value make_range(runtime& rt, arguments& args) {
  const bound_arguments given(args, "range", {"start", "stop", "step"}, 1);
  const bool one = args.positional.size() == 1;
  const auto start = one ? 0 : given.whole(0, 0), stop = one ? given.whole(0, 0) : given.whole(1, 0);
  const auto step = given.whole(2, 1);
  if (step == 0) raise("range() arg 3 must not be zero");
  auto* made = rt.make<range_object>(0, start, stop, step);
  const auto limit = rt.costs().limits().range_items;
  if (made->length > limit) exceed("Range too big. The sandbox blocks ranges larger than MAX_RANGE ({}).", limit);
  return made;
}

/// dict(mapping or pairs, **more) into anything with a set(key, value).
template <class Set>
void fill(runtime& rt, arguments& args, std::string_view name, Set set) {
  if (args.positional.size() > 1) raise("{} expected at most 1 argument, got {}", name, args.positional.size());
  if (!args.positional.empty()) {
    const auto& source = args.positional[0];
    if (auto* d = source.as<dict_object>()) {
      for (const auto& e : d->entries()) set(e.key, e.content);
    } else {
      iterator each(rt, source);
      std::size_t position = 0;
      for (value item; each.next(item); ++position) {
        const auto pair = collect(rt, item);
        if (pair.size() != 2) {
          raise("dictionary update sequence element #{} has length {}; 2 is required", position, pair.size());
        }
        set(pair[0], pair[1]);
      }
    }
  }
  for (const auto& [key, content] : args.keyword) set(rt.string(key), content);
}

value make_dict(runtime& rt, arguments& args) {
  auto* made = rt.make<dict_object>(0);
  fill(rt, args, "dict", [&](const value& key, const value& content) { made->set(rt, key, content); });
  return made;
}

value make_namespace(runtime& rt, arguments& args) {
  auto* made = rt.make<namespace_object>(0);
  fill(rt, args, "namespace", [&](const value& key, const value& content) {
    made->set(rt, require_text(key, "a namespace's attribute").view(), content);
  });
  return made;
}

value raise_exception(runtime& rt, arguments& args) {
  const bound_arguments given(args, "raise_exception", {"message"}, 1);
  throw failure{errc::invalid_argument, to_string(rt, given[0])};
}

value strftime_now(runtime& rt, arguments& args) {
  const bound_arguments given(args, "strftime_now", {"format"}, 1);
  return rt.string(format_time(rt.costs(), given.string(0).view(), rt.now_unix_s()));
}

value lipsum(runtime&, arguments&) { refuse("lipsum() is refused: a prompt does not depend on chance"); }

struct global {
  std::string_view name;
  function_object::body body;
};
constexpr global table[] = {
    {"range", make_range},          {"dict", make_dict},     {"namespace", make_namespace},
    {"cycler", make_cycler},        {"joiner", make_joiner}, {"raise_exception", raise_exception},
    {"strftime_now", strftime_now}, {"lipsum", lipsum},
};

} // namespace

bool global_function(runtime& rt, std::string_view name, value& out) {
  if (name == "self") {
    out = rt.make<template_reference>(0);
    return true;
  }
  for (const auto& g : table) {
    if (g.name == name) {
      out = rt.make<function_object>(0, g.body);
      return true;
    }
  }
  return false;
}

} // namespace tokamak::jinja
