// Option checks: names and types by the plugin's specs, meaning by the plugin itself.
#include "plugin/check_options.hpp"

#include <cstring>

#include "base/nearest_name.hpp"
#include "plugin/host.hpp"
#include "plugin/kind.hpp"

namespace tokamak::plugin {
namespace {

/// "a string", "an integer", …
std::string_view article(tk_option_type type) {
  switch (type) {
    case TK_BOOLEAN: return "a boolean";
    case TK_INTEGER: return "an integer";
    case TK_REAL: return "a number";
    case TK_STRING: return "a string";
    case TK_ARRAY: return "an array";
    default: return "a table";
  }
}

std::string what_of(const extension& e) { return fmt::format("{} '{}'", to_string(e.kind()), e.name()); }

/// option_value's alternatives stand in the order of tk_option_type.
tk_option_type type_of(const option_value& v) { return static_cast<tk_option_type>(v.value.index()) + 1; }
static_assert(
    std::is_same_v<std::variant_alternative_t<TK_TABLE - 1, decltype(option_value::value)>, option_value::table>);
static_assert(std::is_same_v<std::variant_alternative_t<TK_BOOLEAN - 1, decltype(option_value::value)>, bool>);

bool fits(tk_option_type wanted, tk_option_type found) {
  return wanted == found || (wanted == TK_REAL && found == TK_INTEGER);
}

std::string place(std::string_view file, std::uint32_t line, std::uint32_t column) {
  if (!line) return std::string(file);
  return fmt::format("{}{}{}:{}", file, file.empty() ? "" : ":", line, column);
}

std::vector<std::string_view> names_of(std::span<const tk_option_spec> specs) {
  std::vector<std::string_view> names;
  for (const auto& s : specs) names.emplace_back(s.name);
  return names;
}

const tk_option_spec* spec_of(std::span<const tk_option_spec> specs, std::string_view name) {
  for (const auto& s : specs)
    if (name == s.name) return &s;
  return nullptr;
}

} // namespace

std::optional<option_fault> ask_plugin(const extension& of, const option_value& options) {
  const auto validate = of.descriptor().validate;
  if (!validate) return std::nullopt;
  host_settings settings;
  settings.name = what_of(of);
  const instance_host host(std::move(settings), options);
  tk_error e = empty_error();
  const tk_status status = validate(host.get(), host.options(), &e);
  if (status == TK_OK) return std::nullopt;
  error whole = to_error(status, e, {});
  return option_fault{whole.code, std::move(whole.message), e.line, e.column};
}

std::vector<error> check_options(const extension& of, const option_value& options, std::string_view file) {
  const std::string what = what_of(of);
  const auto* table = options.as_table();
  if (!table)
    return {error{errc::invalid_argument,
                  fmt::format("{}: options must be a table, found {}", what, article(type_of(options))),
                  place(file, options.line, options.column)}};
  std::vector<error> found;
  for (const auto& [key, value] : *table) {
    const auto* spec = spec_of(of.specs(), key);
    if (!spec)
      found.push_back({errc::invalid_argument,
                       fmt::format("{} has no option '{}'{}", what, key, known_names(key, names_of(of.specs()))),
                       place(file, value.line, value.column)});
    else if (!fits(spec->type, type_of(value)))
      found.push_back({errc::invalid_argument,
                       fmt::format("{}: option '{}' must be {}, found {}", what, key, article(spec->type),
                                   article(type_of(value))),
                       place(file, value.line, value.column)});
  }
  for (const auto& spec : of.specs())
    if (spec.required && !options.find(spec.name))
      found.push_back({errc::invalid_argument,
                       fmt::format("{}: option '{}' ({}) is required", what, spec.name, article(spec.type)),
                       place(file, options.line, options.column)});
  if (!found.empty()) return found;
  if (auto fault = ask_plugin(of, options))
    found.push_back(
        {fault->code, fmt::format("{}: {}", what, fault->message), place(file, fault->line, fault->column)});
  return found;
}

} // namespace tokamak::plugin
