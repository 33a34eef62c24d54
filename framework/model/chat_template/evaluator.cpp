// Scopes, output, and expressions that are more than one operation.
#include "model/chat_template/evaluator.hpp"

#include "model/chat_template/evaluator_guards.hpp"
#include "model/chat_template/filters.hpp"
#include "model/chat_template/globals.hpp"
#include "model/chat_template/operations.hpp"
#include "model/chat_template/tests.hpp"
#include "model/chat_template/text_builder.hpp"

namespace tokamak::jinja {

void scope::keep() {
  for (auto* s = this; s != nullptr && !s->kept; s = s->outer) s->kept = true;
}

evaluator::evaluator(runtime& rt, const program& what)
    : rt_(rt), program_(what), globals_(what.symbols.size()), is_global_(what.symbols.size(), false) {
  for (symbol s = 0; s < what.symbols.size(); ++s) {
    is_global_[s] = global_function(rt_, what.symbols[s], globals_[s]);
  }
}

void evaluator::define(std::string_view name, value content) {
  for (symbol s = 0; s < program_.symbols.size(); ++s) {
    if (program_.symbols[s] != name) continue;
    globals_[s] = std::move(content);
    is_global_[s] = true;
  }
}

std::string evaluator::run() {
  std::string out;
  out_ = &out;
  try {
    execute(program_.body);
  } catch (failure& f) {
    if (f.line == 0) f.line = line_;
    throw;
  }
  return out;
}

void evaluator::write(std::string_view bytes) {
  rt_.costs().write(bytes.size());
  out_->append(bytes);
}

value evaluator::lookup(symbol name) {
  for (const auto* s = scope_; s != nullptr; s = s->outer) {
    for (const auto& [known, content] : s->variables) {
      if (known == name) return content;
    }
  }
  if (is_global_[name]) return globals_[name];
  return rt_.unknown_name(program_.symbols[name]);
}

void evaluator::set_variable(symbol name, value content) {
  if (scope_ == nullptr) {
    globals_[name] = std::move(content);
    is_global_[name] = true;
    return;
  }
  for (auto& [known, old] : scope_->variables) {
    if (known == name) {
      old = std::move(content);
      return;
    }
  }
  scope_->variables.emplace_back(name, std::move(content));
}

value evaluator::evaluate(const expression& e) {
  const auto level = rt_.costs().call_level();
  rt_.costs().work();
  line_ = e.line;
  return evaluate_node(e);
}

value evaluator::evaluate_node(const expression& e) {
  switch (e.kind) {
    case expression_kind::constant: return static_cast<const constant_expression&>(e).content;
    case expression_kind::name: return lookup(static_cast<const name_expression&>(e).name);
    case expression_kind::list: return rt_.list(evaluate_all(static_cast<const list_expression&>(e).items));
    case expression_kind::tuple: return rt_.tuple(evaluate_all(static_cast<const tuple_expression&>(e).items));
    case expression_kind::dict: return evaluate_dict(static_cast<const dict_expression&>(e));
    case expression_kind::unary: {
      const auto& node = static_cast<const unary_expression&>(e);
      const auto operand = evaluate(*node.operand);
      return node.minus ? negate(rt_, operand) : affirm(rt_, operand);
    }
    case expression_kind::chain: return evaluate_chain(static_cast<const chain_expression&>(e));
    case expression_kind::logic: return evaluate_logic(static_cast<const logic_expression&>(e));
    case expression_kind::negation: return !truthy(rt_, evaluate(*static_cast<const negation_expression&>(e).operand));
    case expression_kind::comparison: return evaluate_comparison(static_cast<const comparison_expression&>(e));
    case expression_kind::concatenation: return evaluate_concatenation(static_cast<const concatenation_expression&>(e));
    case expression_kind::conditional: return evaluate_conditional(static_cast<const conditional_expression&>(e));
    case expression_kind::attribute: {
      const auto& node = static_cast<const attribute_expression&>(e);
      return get_attribute(rt_, evaluate(*node.owner), node.name);
    }
    case expression_kind::item: {
      const auto& node = static_cast<const item_expression&>(e);
      const auto owner = evaluate(*node.owner);
      return get_item(rt_, owner, evaluate(*node.key));
    }
    case expression_kind::slice: return evaluate_slice(static_cast<const slice_expression&>(e));
    case expression_kind::call: return evaluate_call(static_cast<const call_expression&>(e), value());
    case expression_kind::filter: return evaluate_filter(static_cast<const filter_expression&>(e));
    case expression_kind::test: return evaluate_test(static_cast<const test_expression&>(e));
  }
  raise("an unknown kind of expression");
}

std::vector<value> evaluator::evaluate_all(const expression_list& list) {
  std::vector<value> out;
  out.reserve(list.size());
  for (const auto& e : list) out.push_back(evaluate(*e));
  return out;
}

value evaluator::evaluate_dict(const dict_expression& e) {
  auto* made = rt_.make<dict_object>(0);
  for (const auto& [key, content] : e.entries) {
    const auto k = evaluate(*key);
    made->set(rt_, k, evaluate(*content));
  }
  return made;
}

value evaluator::evaluate_chain(const chain_expression& e) {
  auto left = evaluate(*e.first);
  for (const auto& [op, operand] : e.rest) {
    const auto right = evaluate(*operand);
    switch (op) {
      case arithmetic::add: left = add(rt_, left, right); break;
      case arithmetic::subtract: left = subtract(rt_, left, right); break;
      case arithmetic::multiply: left = multiply(rt_, left, right); break;
      case arithmetic::divide: left = divide(rt_, left, right); break;
      case arithmetic::floor_divide: left = floor_divide(rt_, left, right); break;
      case arithmetic::modulo: left = modulo(rt_, left, right); break;
      case arithmetic::power: left = power(rt_, left, right); break;
    }
  }
  return left;
}

value evaluator::evaluate_logic(const logic_expression& e) {
  value last;
  for (const auto& operand : e.operands) {
    last = evaluate(*operand);
    const bool decided = operand != e.operands.back() && truthy(rt_, last) == e.is_or;
    if (decided) break;
  }
  return last;
}

bool evaluator::relates(relation r, const value& a, const value& b) {
  switch (r) {
    case relation::equal: return equals(rt_, a, b);
    case relation::not_equal: return !equals(rt_, a, b);
    case relation::less: return compare(rt_, order::less, a, b);
    case relation::less_equal: return compare(rt_, order::less_equal, a, b);
    case relation::greater: return compare(rt_, order::greater, a, b);
    case relation::greater_equal: return compare(rt_, order::greater_equal, a, b);
    case relation::in: return contains(rt_, b, a);
    case relation::not_in: break;
  }
  return !contains(rt_, b, a);
}

value evaluator::evaluate_comparison(const comparison_expression& e) {
  auto left = evaluate(*e.first);
  for (const auto& [r, operand] : e.rest) {
    auto right = evaluate(*operand);
    if (!relates(r, left, right)) return false;
    left = std::move(right);
  }
  return true;
}

value evaluator::evaluate_concatenation(const concatenation_expression& e) {
  text_builder out(rt_.costs());
  for (const auto& operand : e.operands) {
    const auto v = evaluate(*operand);
    if (const auto* s = v.string()) out.append(s->view());
    else out.append(to_string(rt_, v));
  }
  return rt_.string(out.take());
}

value evaluator::evaluate_conditional(const conditional_expression& e) {
  if (truthy(rt_, evaluate(*e.condition))) return evaluate(*e.then);
  if (e.otherwise != nullptr) return evaluate(*e.otherwise);
  return rt_.undefined(
      fmt::format("the inline if-expression on line {} evaluated to false and no else section was defined.", e.line));
}

value evaluator::evaluate_slice(const slice_expression& e) {
  const auto owner = evaluate(*e.owner);
  const auto bound = [&](const expression_ptr& b) { return b == nullptr ? value() : evaluate(*b); };
  const auto start = bound(e.start), stop = bound(e.stop);
  return slice(rt_, owner, start, stop, bound(e.step));
}

arguments evaluator::evaluate_arguments(const call_arguments& args) {
  arguments out;
  out.positional = evaluate_all(args.positional);
  for (const auto& [name, content] : args.keyword) out.keyword.emplace_back(name, evaluate(*content));
  if (args.more_positional != nullptr) {
    for (auto& item : collect(rt_, evaluate(*args.more_positional))) out.positional.push_back(std::move(item));
  }
  if (args.more_keyword != nullptr) {
    const auto more = evaluate(*args.more_keyword);
    auto* d = more.as<dict_object>();
    if (d == nullptr) raise("argument after ** must be a mapping, not {}", type_name(more));
    for (const auto& entry : d->entries()) {
      const auto& name = require_text(entry.key, "a keyword");
      rt_.costs().work(1 + args.keyword.size() / 4);
      for (const auto& [known, content] : args.keyword) {
        if (known == name.view()) raise("got multiple values for keyword argument '{}'", known);
      }
      out.keyword.emplace_back(std::string(name.view()), entry.content);
    }
  }
  return out;
}

value evaluator::evaluate_call(const call_expression& e, value caller) {
  const auto callee = evaluate(*e.callee);
  auto args = evaluate_arguments(e.args);
  if (!caller.is_none()) args.keyword.emplace_back("caller", std::move(caller));
  line_ = e.line;
  auto* target = callee.any_object();
  if (target == nullptr) raise("'{}' object is not callable", type_name(callee));
  auto result = target->call(rt_, args);
  line_ = e.line;
  return result;
}

value evaluator::evaluate_filter(const filter_expression& e) {
  const auto subject = e.operand != nullptr ? evaluate(*e.operand) : rt_.string(*captured_);
  if (e.entry == nullptr) raise("No filter named '{}' found.", e.name);
  auto args = evaluate_arguments(e.args);
  line_ = e.line;
  return e.entry->body(rt_, subject, args);
}

value evaluator::evaluate_test(const test_expression& e) {
  const auto subject = evaluate(*e.operand);
  if (e.entry == nullptr) raise("No test named '{}' found.", e.name);
  auto args = evaluate_arguments(e.args);
  line_ = e.line;
  return e.entry->body(rt_, subject, args);
}

} // namespace tokamak::jinja
