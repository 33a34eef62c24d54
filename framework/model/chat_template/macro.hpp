// A macro as a value.
#pragma once

#include "model/chat_template/evaluator.hpp"

namespace tokamak::jinja {

class macro_object final : public object {
 public:
  macro_object(evaluator& e, const macro_definition& definition, scope* outer)
      : object(object_kind::macro), evaluator_(e), definition_(definition), outer_(outer) {}
  static bool matches(object_kind k) { return k == object_kind::macro; }
  std::string_view type_name() const override { return "Macro"; }
  bool is_callable() const override { return true; }
  value call(runtime&, arguments& args) override { return evaluator_.call_macro(definition_, outer_, args); }
  bool attribute(runtime& rt, std::string_view name, value& out) override;
  std::string summary(runtime&) override { return fmt::format("<Macro '{}'>", definition_.name); }

 private:
  evaluator& evaluator_;
  const macro_definition& definition_;
  scope* outer_;
};

} // namespace tokamak::jinja
