// Items on demand, with a look ahead for last, nextitem and length.
#include "model/chat_template/loop.hpp"

#include "model/chat_template/arguments.hpp"
#include "model/chat_template/operations.hpp"

namespace tokamak::jinja {

loop_object::loop_object(evaluator& e, const loop_statement& statement, value source, scope* outer, std::size_t depth0)
    : object(object_kind::loop),
      evaluator_(e),
      statement_(statement),
      source_(std::move(source)),
      items_(e.rt(), source_),
      outer_(outer),
      depth0_(depth0) {
  const bool refers_to_scope = statement.recursive || statement.condition != nullptr;
  if (refers_to_scope && outer_ != nullptr) outer_->keep();
}

bool loop_object::pull(value& item) {
  if (ahead_taken_ < ahead_.size()) {
    item = std::move(ahead_[ahead_taken_++]);
    return true;
  }
  if (pulling_) raise("generator already executing");
  struct guard {
    bool& flag;
    explicit guard(bool& f) : flag(f) { flag = true; }
    ~guard() { flag = false; }
  } pulling(pulling_);
  while (items_.next(item)) {
    if (statement_.condition == nullptr ||
        evaluator_.holds_for(*statement_.condition, statement_.variable, item, outer_)) {
      return true;
    }
  }
  return false;
}

bool loop_object::peek() {
  if (ahead_taken_ < ahead_.size()) return true;
  value item;
  if (!pull(item)) return false;
  ahead_.assign(1, std::move(item));
  ahead_taken_ = 0;
  return true;
}

bool loop_object::advance(value& item) {
  if (!pull(item)) return false;
  previous_ = std::move(current_);
  current_ = item;
  ++index_;
  return true;
}

std::size_t loop_object::count_items(runtime& rt) {
  if (length_) return *length_;
  if (statement_.condition == nullptr) length_ = length_of(rt, source_);
  if (length_) return *length_;
  std::vector<value> rest;
  for (value item; pull(item);) {
    rt.costs().take(sizeof(value));
    rest.push_back(std::move(item));
  }
  ahead_ = std::move(rest);
  ahead_taken_ = 0;
  length_ = index_ + ahead_.size();
  return *length_;
}

bool loop_object::has_changed(runtime& rt, arguments& args) {
  bool changed = !last_changed_ || last_changed_->size() != args.positional.size();
  for (std::size_t i = 0; !changed && i < args.positional.size(); ++i) {
    changed = !equals(rt, (*last_changed_)[i], args.positional[i]);
  }
  if (changed) last_changed_ = args.positional;
  return changed;
}

bool loop_object::attribute(runtime& rt, std::string_view name, value& out) {
  const std::size_t index0 = index_ == 0 ? 0 : index_ - 1;
  if (name == "index") out = index_;
  else if (name == "index0") out = index0;
  else if (name == "first") out = index_ <= 1;
  else if (name == "last") out = !peek();
  else if (name == "length") out = count_items(rt);
  else if (name == "revindex") out = static_cast<integer>(count_items(rt)) - static_cast<integer>(index0);
  else if (name == "revindex0") out = static_cast<integer>(count_items(rt)) - static_cast<integer>(index_);
  else if (name == "depth") out = depth0_ + 1;
  else if (name == "depth0") out = depth0_;
  else if (name == "previtem") out = index_ <= 1 ? rt.undefined("there is no previous item") : previous_;
  else if (name == "nextitem") {
    if (!peek()) out = rt.undefined("there is no next item");
    else out = ahead_[ahead_taken_];
  } else if (name == "cycle") {
    out = rt.bound_method(this, [](runtime&, const value& self, arguments& args) -> value {
      if (args.positional.empty()) raise("no items for cycling given");
      const auto* loop = self.as<loop_object>();
      return args.positional[(loop->index_ == 0 ? 0 : loop->index_ - 1) % args.positional.size()];
    });
  } else if (name == "changed") {
    out = rt.bound_method(this, [](runtime& r, const value& self, arguments& args) -> value {
      return self.as<loop_object>()->has_changed(r, args);
    });
  } else {
    return false;
  }
  return true;
}

value loop_object::call(runtime&, arguments& args) {
  if (!statement_.recursive) raise("The loop must have the 'recursive' marker to be called recursively.");
  const bound_arguments given(args, "loop", {"iterable"}, 1);
  return evaluator_.render_loop(statement_, given[0], outer_, depth0_ + 1);
}

std::string loop_object::summary(runtime& rt) { return fmt::format("<LoopContext {}/{}>", index_, count_items(rt)); }

} // namespace tokamak::jinja
