// Tags: for, if, set, macro, call, filter, with, block, print, break, continue, generation.
#include <algorithm>

#include "model/chat_template/parser_nesting.hpp"

namespace tokamak::jinja {
namespace {

/// Sets a variable for as long as it lives.
template <class T>
class temporarily {
 public:
  temporarily(T& variable, T content) : variable_(variable), before_(variable) { variable = content; }
  ~temporarily() { variable_ = before_; }
  temporarily(const temporarily&) = delete;
  temporarily& operator=(const temporarily&) = delete;

 private:
  T& variable_;
  T before_;
};

} // namespace

statement_list parser::body(names end_names) {
  const nesting level(*this);
  skip_sign(":");
  expect(token_kind::block_end);
  end_names_.push_back(end_names);
  auto made = statements(end_names);
  if (current().kind == token_kind::end) unknown_tag(current());
  end_names_.pop_back();
  return made;
}

statement_list parser::statements(names end_names) {
  statement_list made;
  std::string text;
  std::uint32_t text_line = 0;
  const auto flush = [&] {
    if (text.empty()) return;
    auto output = std::make_unique<output_statement>(text_line);
    output->text = std::move(text);
    text.clear();
    made.push_back(std::move(output));
  };
  while (current().kind != token_kind::end) {
    if (current().kind == token_kind::data) {
      if (text.empty()) text_line = current().line;
      text += next().text;
    } else if (current().kind == token_kind::variable_begin) {
      auto output = std::make_unique<output_statement>(next().line);
      output->text = std::move(text);
      text.clear();
      output->shown = expression_or_tuple(true, {}, false);
      made.push_back(std::move(output));
      expect(token_kind::variable_end);
    } else {
      flush();
      expect(token_kind::block_begin);
      const auto& tag = current();
      if (std::any_of(end_names.begin(), end_names.end(), [&](std::string_view n) { return tag.is_name(n); }))
        return made;
      if (tag.is_name("print")) print(made);
      else made.push_back(tagged_statement());
      expect(token_kind::block_end);
    }
  }
  flush();
  return made;
}

statement_ptr parser::tagged_statement() {
  const auto& tag = current();
  const auto line = tag.line;
  if (tag.kind != token_kind::name) malformed(line, "tag name expected");
  const auto name = tag.text;
  for (const auto* refused : {"include", "import", "from", "extends"}) {
    if (name == refused)
      throw failure{errc::unsupported, fmt::format("the tag '{}' is refused: a chat template stands alone", name),
                    line};
  }
  open_tags_.push_back(name);
  statement_ptr made;
  if (name == "for") made = loop();
  else if (name == "if") made = condition();
  else if (name == "set") made = assignment();
  else if (name == "macro") made = macro();
  else if (name == "call") made = call_block();
  else if (name == "filter") made = filter_block();
  else if (name == "with") made = with();
  else if (name == "generation") made = scope("endgeneration");
  else if (name == "autoescape") made = autoescape();
  else if (name == "block") made = block();
  else if (name == "break" || name == "continue") {
    if (breakable_ == 0) malformed(line, "'{}' outside loop", name);
    next();
    if (name == "break") made = std::make_unique<break_statement>(line);
    else made = std::make_unique<continue_statement>(line);
  } else {
    open_tags_.pop_back();
    unknown_tag(tag);
  }
  open_tags_.pop_back();
  return made;
}

void parser::print(statement_list& into) {
  next();
  for (bool first = true; current().kind != token_kind::block_end; first = false) {
    if (!first) expect_sign(",");
    auto output = std::make_unique<output_statement>(current().line);
    output->shown = any_expression();
    into.push_back(std::move(output));
  }
}

statement_ptr parser::loop() {
  auto node = std::make_unique<loop_statement>(next().line);
  if (current().is_name("loop")) malformed(node->line, "Can't assign to special loop variable in for-loop target");
  node->variable = assignment_target({"in"}, false);
  expect_name("in");
  node->source = expression_or_tuple(false, {"recursive"}, false);
  const temporarily<std::uint32_t> hard(soft_, 0);
  if (skip_name("if")) node->condition = any_expression();
  node->recursive = skip_name("recursive");
  loops_.push_back(node->recursive);
  ++breakable_;
  node->body = body({"endfor", "else"});
  --breakable_;
  node->uses_loop = loops_.back();
  loops_.pop_back();
  if (next().text == "endfor") return node;
  node->otherwise = body({"endfor"});
  next();
  return node;
}

statement_ptr parser::condition() {
  auto node = std::make_unique<condition_statement>(current().line);
  const temporarily<std::uint32_t> soft(soft_, soft_ + 1);
  do {
    next();
    condition_statement::branch branch;
    branch.condition = expression_or_tuple(false, {}, false);
    branch.body = body({"elif", "else", "endif"});
    node->branches.push_back(std::move(branch));
  } while (current().is_name("elif"));
  if (next().text == "else") {
    condition_statement::branch otherwise;
    otherwise.body = body({"endif"});
    node->branches.push_back(std::move(otherwise));
    next();
  }
  return node;
}

statement_ptr parser::assignment() {
  const auto line = next().line;
  auto to = assignment_target({}, true);
  if (skip_sign("=")) {
    auto node = std::make_unique<assign_statement>(line);
    node->to = std::move(to);
    node->content = expression_or_tuple(true, {}, false);
    return node;
  }
  auto node = std::make_unique<assign_block_statement>(line);
  node->to = std::move(to);
  const temporarily<std::uint32_t> hard(soft_, 0);
  node->filter = filter_chain(nullptr, false);
  node->body = body({"endset"});
  next();
  return node;
}

void parser::signature(macro_definition& into) {
  expect_sign("(");
  while (!current().is_sign(")")) {
    if (!into.parameters.empty()) expect_sign(",");
    const auto line = current().line;
    auto name = expect_any_name();
    if (into.parameters.size() >= program_.limits.keywords)
      throw failure{errc::too_large, fmt::format("a macro has more than {} parameters", program_.limits.keywords), line};
    for (const auto& [known, text] : into.parameters) {
      if (text == name) malformed(line, "duplicate argument '{}' in the definition of '{}'", name, into.name);
    }
    into.parameters.emplace_back(assigned(name, line), name);
    if (skip_sign("=")) into.defaults.push_back(any_expression());
    else if (!into.defaults.empty()) malformed(line, "non-default argument follows default argument");
  }
  expect_sign(")");
}

/// The body of a macro or call block: a function of its own, which no break leaves.
void parser::macro_body(macro_definition& into, std::string_view end_name) {
  const temporarily<std::uint32_t> hard(soft_, 0), unbreakable(breakable_, 0);
  macros_.emplace_back();
  into.body = body({end_name});
  next();
  const auto seen = macros_.back();
  macros_.pop_back();
  const auto parameter = [&](std::string_view name) {
    return std::any_of(into.parameters.begin(), into.parameters.end(), [&](const auto& p) { return p.second == name; });
  };
  const bool declares_caller = parameter("caller");
  if (declares_caller && seen.uses[0]) {
    const auto with_defaults = into.parameters.end() - static_cast<std::ptrdiff_t>(into.defaults.size());
    if (std::none_of(with_defaults, into.parameters.end(), [](const auto& p) { return p.second == "caller"; })) {
      malformed(
          into.line,
          "When defining macros or call blocks the special \"caller\" argument must be omitted or be given a default.");
    }
  }
  into.uses_caller = seen.uses[0] && !declares_caller;
  into.uses_kwargs = seen.uses[1] && !parameter("kwargs");
  into.uses_varargs = seen.uses[2] && !parameter("varargs");
}

statement_ptr parser::macro() {
  auto node = std::make_unique<macro_statement>(next().line);
  auto& made = node->definition;
  made.line = node->line;
  made.name = expect_any_name();
  node->name = assigned(made.name, node->line);
  signature(made);
  macro_body(made, "endmacro");
  return node;
}

statement_ptr parser::call_block() {
  auto node = std::make_unique<call_block_statement>(next().line);
  node->definition.line = node->line;
  node->definition.name = "caller";
  if (current().is_sign("(")) signature(node->definition);
  auto called = any_expression();
  if (called->kind != expression_kind::call) malformed(node->line, "expected call");
  node->call.reset(static_cast<call_expression*>(called.release()));
  macro_body(node->definition, "endcall");
  return node;
}

statement_ptr parser::filter_block() {
  auto node = std::make_unique<filter_block_statement>(next().line);
  const temporarily<std::uint32_t> hard(soft_, 0);
  node->filter = filter_chain(nullptr, true);
  node->body = body({"endfilter"});
  next();
  return node;
}

statement_ptr parser::with() {
  auto node = std::make_unique<with_statement>(next().line);
  const temporarily<std::uint32_t> hard(soft_, 0);
  while (current().kind != token_kind::block_end) {
    if (!node->variables.empty()) expect_sign(",");
    auto to = target_item(false);
    expect_sign("=");
    node->variables.emplace_back(std::move(to), any_expression());
  }
  node->body = body({"endwith"});
  next();
  return node;
}

statement_ptr parser::scope(std::string_view end_name) {
  auto node = std::make_unique<scope_statement>(next().line);
  const temporarily<std::uint32_t> hard(soft_, 0), unbreakable(breakable_, 0);
  node->body = body({end_name});
  next();
  return node;
}

statement_ptr parser::autoescape() {
  auto node = std::make_unique<scope_statement>(next().line);
  const auto escape = any_expression();
  const auto* constant =
      escape->kind == expression_kind::constant ? static_cast<const constant_expression*>(escape.get()) : nullptr;
  const auto* flag = constant == nullptr ? nullptr : constant->content.boolean();
  if (flag == nullptr || *flag)
    throw failure{errc::unsupported, "automatic escaping is not supported in chat templates", node->line};
  const temporarily<std::uint32_t> hard(soft_, 0);
  node->body = body({"endautoescape"});
  next();
  return node;
}

statement_ptr parser::block() {
  auto node = std::make_unique<block_statement>(next().line);
  const auto name = expect_any_name();
  node->scoped = skip_name("scoped");
  skip_name("required");
  const temporarily<std::uint32_t> hard(soft_, 0), unbreakable(breakable_, 0);
  node->body = body({"endblock"});
  next();
  skip_name(name);
  return node;
}

} // namespace tokamak::jinja
