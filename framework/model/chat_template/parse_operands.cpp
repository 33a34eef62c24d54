// What can follow an operand: attributes, subscripts, calls, filters and tests.
#include "model/chat_template/filters.hpp"
#include "model/chat_template/parser_nesting.hpp"
#include "model/chat_template/tests.hpp"

namespace tokamak::jinja {

expression_ptr parser::postfix(expression_ptr operand) {
  for (;;) {
    if (current().is_sign(".") || current().is_sign("[")) operand = subscript(std::move(operand));
    else if (current().is_sign("(")) operand = call(std::move(operand));
    else return operand;
  }
}

expression_ptr parser::filters_and_tests(expression_ptr operand) {
  for (;;) {
    if (current().is_sign("|")) operand = filter_chain(std::move(operand), false);
    else if (current().is_name("is")) operand = test(std::move(operand));
    else if (current().is_sign("(")) operand = call(std::move(operand));
    else return operand;
  }
}

expression_ptr parser::subscript(expression_ptr operand) {
  const auto opening = next();
  if (opening.is_sign(".")) {
    const auto name = next();
    if (name.kind == token_kind::whole) {
      auto key = std::make_unique<constant_expression>(name.line);
      key->content = name.whole;
      auto node = std::make_unique<item_expression>(opening.line);
      node->owner = std::move(operand);
      node->key = std::move(key);
      note_depth(*node, {node->owner.get()});
      return node;
    }
    if (name.kind != token_kind::name) malformed(name.line, "expected name or number");
    auto node = std::make_unique<attribute_expression>(opening.line);
    node->owner = std::move(operand);
    node->name = name.text;
    note_depth(*node, {node->owner.get()});
    return node;
  }
  auto key = subscript_key(opening);
  if (key->kind == expression_kind::slice) {
    auto* node = static_cast<slice_expression*>(key.get());
    node->owner = std::move(operand);
    note_depth(*node, {node->owner.get(), node->start.get(), node->stop.get(), node->step.get()});
    return key;
  }
  auto node = std::make_unique<item_expression>(opening.line);
  node->owner = std::move(operand);
  node->key = std::move(key);
  note_depth(*node, {node->owner.get(), node->key.get()});
  return node;
}

/// What stands between [ and ]: a key, several (a tuple), or a slice whose owner is still to be set.
expression_ptr parser::subscript_key(const token& bracket) {
  auto several = std::make_unique<tuple_expression>(bracket.line);
  while (!current().is_sign("]")) {
    if (!several->items.empty()) expect_sign(",");
    expression_ptr first;
    const auto line = current().line;
    if (!current().is_sign(":")) first = any_expression();
    if (!skip_sign(":")) {
      several->items.push_back(std::move(first));
      continue;
    }
    auto made = std::make_unique<slice_expression>(line);
    const auto at_end = [&] { return current().is_sign("]") || current().is_sign(",") || current().is_sign(":"); };
    made->start = std::move(first);
    if (!at_end()) made->stop = any_expression();
    if (skip_sign(":") && !at_end()) made->step = any_expression();
    if (!several->items.empty() || !current().is_sign("]")) malformed(line, "a slice cannot be part of a tuple");
    several->items.push_back(std::move(made));
  }
  expect_sign("]");
  if (several->items.size() == 1) return std::move(several->items.front());
  note_depth(*several, several->items);
  return several;
}

expression_ptr parser::call(expression_ptr callee) {
  auto node = std::make_unique<call_expression>(current().line);
  node->args = arguments_list();
  node->callee = std::move(callee);
  note_depth(*node, {node->callee.get()});
  note_depth(*node, node->args);
  return node;
}

call_arguments parser::arguments_list() {
  const auto line = current().line;
  call_arguments args;
  const auto ensure = [&](bool holds) {
    if (!holds) malformed(line, "invalid syntax for function call expression");
  };
  expect_sign("(");
  for (bool first = true; !current().is_sign(")"); first = false) {
    if (!first) {
      expect_sign(",");
      if (current().is_sign(")")) break;
    }
    if (skip_sign("*")) {
      ensure(args.more_positional == nullptr && args.more_keyword == nullptr);
      args.more_positional = any_expression();
    } else if (skip_sign("**")) {
      ensure(args.more_keyword == nullptr);
      args.more_keyword = any_expression();
    } else if (current().kind == token_kind::name && ahead().is_sign("=")) {
      ensure(args.more_keyword == nullptr);
      const auto name = next().text;
      next();
      if (args.keyword.size() >= program_.limits.keywords)
        throw failure{errc::too_large, fmt::format("a call has more than {} keyword arguments", program_.limits.keywords), line};
      for (const auto& [known, content] : args.keyword) {
        if (known == name) malformed(line, "keyword argument repeated: {}", name);
      }
      args.keyword.emplace_back(name, any_expression());
    } else {
      ensure(args.more_positional == nullptr && args.more_keyword == nullptr && args.keyword.empty());
      args.positional.push_back(any_expression());
    }
  }
  expect_sign(")");
  return args;
}

/// All filters that follow, applied to `operand` (null: a block's text).
expression_ptr parser::filter_chain(expression_ptr operand, bool first_without_pipe) {
  while (first_without_pipe || current().is_sign("|")) {
    if (!first_without_pipe) next();
    first_without_pipe = false;
    auto node = std::make_unique<filter_expression>(current().line);
    node->name = expect_any_name();
    while (skip_sign(".")) node->name += "." + expect_any_name();
    node->entry = find_filter(node->name);
    if (node->entry == nullptr) note_unknown("filter", node->name, node->line);
    if (current().is_sign("(")) node->args = arguments_list();
    node->operand = std::move(operand);
    note_depth(*node, {node->operand.get()});
    note_depth(*node, node->args);
    operand = std::move(node);
  }
  return operand;
}

expression_ptr parser::test(expression_ptr operand) {
  auto node = std::make_unique<test_expression>(next().line);
  const bool negated = skip_name("not");
  node->name = expect_any_name();
  while (skip_sign(".")) node->name += "." + expect_any_name();
  node->entry = find_test(node->name);
  if (node->entry == nullptr) note_unknown("test", node->name, node->line);
  const auto& t = current();
  const bool ends = t.is_name("else") || t.is_name("or") || t.is_name("and");
  if (t.is_sign("(")) {
    node->args = arguments_list();
  } else if (!ends && (t.kind == token_kind::name || t.kind == token_kind::string || t.kind == token_kind::whole ||
                       t.kind == token_kind::real || t.is_sign("[") || t.is_sign("{"))) {
    if (t.is_name("is")) malformed(t.line, "You cannot chain multiple tests with is");
    node->args.positional.push_back(postfix(primary()));
  }
  node->operand = std::move(operand);
  note_depth(*node, {node->operand.get()});
  note_depth(*node, node->args);
  if (!negated) return node;
  auto inverted = std::make_unique<negation_expression>(node->line);
  inverted->operand = std::move(node);
  note_depth(*inverted, {inverted->operand.get()});
  return inverted;
}

} // namespace tokamak::jinja
