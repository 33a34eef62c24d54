// Statements: loops, conditions, assignments, macros and captured blocks.
#include "model/chat_template/evaluator.hpp"
#include "model/chat_template/evaluator_guards.hpp"
#include "model/chat_template/loop.hpp"
#include "model/chat_template/macro.hpp"
#include "model/chat_template/operations.hpp"

namespace tokamak::jinja {

evaluator::flow evaluator::execute(const statement_list& list) {
  for (const auto& s : list) {
    if (const auto f = execute(*s); f != flow::next) return f;
  }
  return flow::next;
}

evaluator::flow evaluator::execute(const statement& s) {
  const auto level = rt_.costs().call_level();
  rt_.costs().work();
  line_ = s.line;
  switch (s.kind) {
    case statement_kind::output: {
      const auto& node = static_cast<const output_statement&>(s);
      if (!node.text.empty()) write(node.text);
      if (node.shown == nullptr) break;
      const auto v = evaluate(*node.shown);
      if (const auto* t = v.string()) write(t->view());
      else write(to_string(rt_, v));
      break;
    }
    case statement_kind::loop: {
      const auto& node = static_cast<const loop_statement&>(s);
      const auto source = evaluate(*node.source);
      return run_loop(node, source, scope_, 0);
    }
    case statement_kind::condition: return run_condition(static_cast<const condition_statement&>(s));
    case statement_kind::assign: run_assignment(static_cast<const assign_statement&>(s)); break;
    case statement_kind::assign_block: return run_assign_block(static_cast<const assign_block_statement&>(s));
    case statement_kind::macro: {
      const auto& node = static_cast<const macro_statement&>(s);
      set_variable(node.name, make_macro(node.definition));
      break;
    }
    case statement_kind::call_block: run_call_block(static_cast<const call_block_statement&>(s)); break;
    case statement_kind::filter_block: return run_filter_block(static_cast<const filter_block_statement&>(s));
    case statement_kind::with: return run_with(static_cast<const with_statement&>(s));
    case statement_kind::scope: {
      const entered inner(*this, scope_);
      return execute(static_cast<const scope_statement&>(s).body);
    }
    case statement_kind::block: {
      const auto& node = static_cast<const block_statement&>(s);
      const entered inner(*this, node.scoped ? scope_ : nullptr);
      execute(node.body);
      break;
    }
    case statement_kind::brk: return flow::brk;
    case statement_kind::cont: return flow::cont;
  }
  return flow::next;
}

evaluator::flow evaluator::run_loop(const loop_statement& s, const value& source, scope* outer, std::size_t depth0) {
  auto* progress = rt_.make<loop_object>(0, *this, s, source, outer, depth0);
  bool completed = false; // as in Jinja, an iteration that ends in continue or break does not count for `else`
  for (value item; progress->advance(item);) {
    const entered inner(*this, outer);
    line_ = s.line;
    if (s.uses_loop) set_variable(symbol_loop, progress);
    assign(s.variable, item);
    const auto f = execute(s.body);
    completed = completed || f == flow::next;
    if (f == flow::brk) break;
  }
  if (completed || s.otherwise.empty()) return flow::next;
  const entered inner(*this, outer);
  return execute(s.otherwise);
}

bool evaluator::holds_for(const expression& condition, const target& to, const value& item, scope* where) {
  const entered inner(*this, where);
  assign(to, item);
  return truthy(rt_, evaluate(condition));
}

value evaluator::render_loop(const loop_statement& what, const value& source, scope* outer, std::size_t depth0) {
  const auto level = rt_.costs().call_level();
  captured output(*this);
  run_loop(what, source, outer, depth0);
  return rt_.string(std::move(output.text()));
}

evaluator::flow evaluator::run_condition(const condition_statement& s) {
  for (const auto& branch : s.branches) {
    if (branch.condition == nullptr || truthy(rt_, evaluate(*branch.condition))) return execute(branch.body);
  }
  return flow::next;
}

/// Raises unless every attribute target names a namespace.
static void require_namespaces(const target& to, const auto& lookup) {
  for (const auto& part : to.parts) require_namespaces(part, lookup);
  if (!to.attribute.empty() && lookup(to.name).template as<namespace_object>() == nullptr) {
    raise("cannot assign attribute on non-namespace object");
  }
}

void evaluator::run_assignment(const assign_statement& s) {
  require_namespaces(s.to, [this](symbol name) { return lookup(name); });
  const auto content = evaluate(*s.content);
  line_ = s.line;
  assign(s.to, content);
}

void evaluator::assign(const target& to, const value& content) {
  if (!to.attribute.empty()) {
    const auto owner = lookup(to.name);
    auto* n = owner.as<namespace_object>();
    if (n == nullptr) raise("cannot assign attribute on non-namespace object");
    return n->set(rt_, to.attribute, content);
  }
  if (!to.is_tuple) return set_variable(to.name, content);
  if (!iterator::accepts(content)) raise("cannot unpack non-iterable {} object", type_name(content));
  iterator items(rt_, content);
  std::vector<value> parts;
  for (value item; parts.size() <= to.parts.size() && items.next(item);) parts.push_back(item);
  if (parts.size() > to.parts.size()) raise("too many values to unpack (expected {})", to.parts.size());
  if (parts.size() < to.parts.size()) {
    raise("not enough values to unpack (expected {}, got {})", to.parts.size(), parts.size());
  }
  for (std::size_t i = 0; i < parts.size(); ++i) assign(to.parts[i], parts[i]);
}

value evaluator::filtered(const expression& filter, const std::string& text) {
  const auto* before = std::exchange(captured_, &text);
  auto content = evaluate(filter);
  captured_ = before;
  return content;
}

evaluator::flow evaluator::run_assign_block(const assign_block_statement& s) {
  value content;
  {
    const entered inner(*this, scope_);
    captured output(*this);
    if (const auto f = execute(s.body); f != flow::next) return f;
    content = s.filter != nullptr ? filtered(*s.filter, output.text()) : rt_.string(std::move(output.text()));
  }
  assign(s.to, content);
  return flow::next;
}

evaluator::flow evaluator::run_filter_block(const filter_block_statement& s) {
  value content;
  {
    const entered inner(*this, scope_);
    captured output(*this);
    if (const auto f = execute(s.body); f != flow::next) return f;
    content = filtered(*s.filter, output.text());
  }
  write(to_string(rt_, content));
  return flow::next;
}

evaluator::flow evaluator::run_with(const with_statement& s) {
  auto* outside = scope_;
  const entered inner(*this, scope_);
  auto* inside = scope_;
  for (const auto& [to, content] : s.variables) { // values see the variables outside, not each other
    scope_ = outside;
    const auto v = evaluate(*content);
    scope_ = inside;
    assign(to, v);
  }
  return execute(s.body);
}

value evaluator::make_macro(const macro_definition& what) {
  if (scope_ != nullptr) scope_->keep();
  return rt_.make<macro_object>(0, *this, what, scope_);
}

void evaluator::run_call_block(const call_block_statement& s) {
  auto caller = make_macro(s.definition);
  write(to_string(rt_, evaluate_call(*s.call, std::move(caller))));
}

value evaluator::call_macro(const macro_definition& what, scope* outer, arguments& args) {
  const auto level = rt_.costs().call_level();
  const entered inner(*this, outer);
  captured output(*this);
  set_parameters(what, args);
  execute(what.body);
  return rt_.string(std::move(output.text()));
}

/// Python's rules as Jinja's macros bend them: keywords fill what positions leave, then defaults.
void evaluator::set_parameters(const macro_definition& what, arguments& args) {
  const auto count = what.parameters.size();
  std::vector<value> given(args.positional.begin(), args.positional.begin() + static_cast<std::ptrdiff_t>(std::min(
                                                                                  count, args.positional.size())));
  std::vector<bool> present(given.size(), true);
  for (std::size_t i = given.size(); i < count; ++i) {
    value content;
    rt_.costs().work(1 + args.keyword.size() / 4);
    present.push_back(args.take_keyword(what.parameters[i].second, content));
    given.push_back(std::move(content));
  }
  if (what.uses_caller) {
    value caller;
    if (!args.take_keyword("caller", caller) || caller.is_none()) caller = rt_.undefined("No caller defined");
    set_variable(symbol_caller, std::move(caller));
  }
  value unused;
  if (what.uses_kwargs) {
    auto* rest = rt_.make<dict_object>(0);
    for (auto& [name, content] : args.keyword) rest->set(rt_, rt_.string(name), std::move(content));
    set_variable(symbol_kwargs, rest);
  } else if (args.take_keyword("caller", unused)) {
    raise("macro '{}' was invoked with two values for the special caller argument. This is most likely a bug.", what.name);
  } else if (!args.keyword.empty()) {
    raise("macro '{}' takes no keyword argument '{}'", what.name, args.keyword.front().first);
  }
  if (what.uses_varargs) {
    std::vector<value> rest;
    for (std::size_t i = count; i < args.positional.size(); ++i) rest.push_back(args.positional[i]);
    set_variable(symbol_varargs, rt_.tuple(std::move(rest)));
  } else if (args.positional.size() > count) {
    raise("macro '{}' takes not more than {} argument(s)", what.name, count);
  }
  for (std::size_t i = 0; i < count; ++i) {
    const auto& [name, text] = what.parameters[i];
    if (!present[i]) given[i] = rt_.undefined(fmt::format("parameter '{}' was not provided", text));
    set_variable(name, given[i]);
  }
  const auto without_default = count - what.defaults.size();
  for (std::size_t i = without_default; i < count; ++i) { // a default may use the other parameters
    if (!present[i]) set_variable(what.parameters[i].first, evaluate(*what.defaults[i - without_default]));
  }
}

bool macro_object::attribute(runtime& rt, std::string_view name, value& out) {
  const auto& d = definition_;
  if (name == "name") {
    out = rt.string(d.name);
  } else if (name == "arguments") {
    std::vector<value> names;
    for (const auto& p : d.parameters) names.push_back(rt.string(p.second));
    out = rt.tuple(std::move(names));
  } else if (name == "caller" || name == "catch_kwargs" || name == "catch_varargs") {
    out = name == "caller" ? d.uses_caller : name == "catch_kwargs" ? d.uses_kwargs : d.uses_varargs;
  } else {
    return false;
  }
  return true;
}

} // namespace tokamak::jinja
