// What all plugins are held to, and the way to the test of each kind.
#include "plugin/conformance/conformance.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <iterator>

#include "plugin/check_options.hpp"
#include "plugin/conformance/checks.hpp"
#include "plugin/conformance/kinds.hpp"
#include "plugin/kind.hpp"
#include "plugin/registry.hpp"

namespace tokamak::plugin {
namespace {

using namespace conformance;

bool empty(const char* text) { return !text || !*text; }

outcome check_texts(const tk_plugin& p) {
  if (empty(p.license)) return broken("the plugin names no license");
  if (empty(p.summary)) return broken("the plugin has no summary");
  return passed();
}

/// A plugin from another time must say so instead of offering functions that nobody can call.
outcome check_other_host(const library& file) {
  const tk_plugin* head = file.ask_as(TK_ABI_MAJOR + 77, 0);
  if (!head) return broken("returned NULL to a host of another ABI; expected its head without extensions");
  if (head->abi_major != TK_ABI_MAJOR || head->abi_minor != TK_ABI_MINOR)
    return broken("says another ABI version to another host");
  if (head->n_extensions)
    return broken(fmt::format("offers {} extensions to a host of ABI {}.0", head->n_extensions, TK_ABI_MAJOR + 77));
  return passed();
}

template <class Number>
bool is_number(std::string_view text) {
  Number n{};
  const auto read = std::from_chars(text.data(), text.data() + text.size(), n);
  return read.ec == std::errc() && read.ptr == text.data() + text.size();
}

bool default_fits(const tk_option_spec& spec) {
  const std::string_view text = spec.default_value;
  const auto enclosed = [&](char open, char close) {
    return text.size() >= 2 && text.front() == open && text.back() == close;
  };
  switch (spec.type) {
    case TK_BOOLEAN: return text == "true" || text == "false";
    case TK_INTEGER: return is_number<std::int64_t>(text);
    case TK_REAL: return is_number<double>(text);
    case TK_STRING: return enclosed('"', '"') || enclosed('\'', '\'');
    case TK_ARRAY: return enclosed('[', ']');
    default: return enclosed('{', '}');
  }
}

outcome check_specs(const extension& e) {
  if (e.summary().empty()) return broken("it has no summary");
  for (const auto& spec : e.specs()) {
    if (empty(spec.help)) return broken(fmt::format("option '{}' has no help", spec.name));
    if (spec.required && spec.default_value)
      return broken(fmt::format("option '{}' is required and has a default", spec.name));
    if (spec.default_value && !default_fits(spec))
      return broken(fmt::format("the default of '{}' is {}, which is not of its type", spec.name, spec.default_value));
  }
  return passed();
}

outcome check_accepts(const subject& s) {
  const auto problems = check_options(s.what, s.use.options);
  if (problems.empty()) return passed();
  return broken(problems.front().message + "; give it options to be checked with");
}

/// "options may be NULL (no table given)": the header's words, for whoever calls validate without a topology.
outcome check_no_table(const extension& e) {
  const instance_host host({}, option_value{option_value::table{}, 0, 0});
  tk_error fault = empty_error();
  const tk_status status = e.descriptor().validate(host.get(), nullptr, &fault);
  return status == TK_OK ? passed() : broken("validate refuses them: " + to_error(status, fault, {}).message);
}

bool needs_options(const extension& e) {
  return std::any_of(e.specs().begin(), e.specs().end(), [](const tk_option_spec& spec) { return spec.required != 0; });
}

void check_extension(checks& c, const subject& s) {
  c.run("describes itself and its options", [&] { return check_specs(s.what); });
  bool usable = false;
  c.run("accepts the options it is checked with", [&] {
    const outcome o = check_accepts(s);
    usable = o.passed;
    return o;
  });
  if (!usable) return;
  if (s.what.descriptor().validate && !needs_options(s.what))
    c.run("takes NULL for no options", [&] { return check_no_table(s.what); });
  switch (s.what.kind()) {
    case TK_KIND_FUSION: return check_fusion(c, s);
    case TK_KIND_PLACEMENT: return check_placement(c, s);
    case TK_KIND_SCHEDULER: return check_scheduler(c, s);
    case TK_KIND_CACHE_POLICY: return check_cache_policy(c, s);
    case TK_KIND_GRAPH_PASS: return check_graph_pass(c, s);
    case TK_KIND_KERNELS: return check_kernels(c, s);
    case TK_KIND_CONSTRAINT: return check_constraint(c, s);
    default: return check_backend(c, s);
  }
}

void append(std::vector<check_result>& to, std::vector<check_result> more) {
  to.insert(to.end(), std::make_move_iterator(more.begin()), std::make_move_iterator(more.end()));
}

} // namespace

host_settings conformance::subject::settings() const {
  host_settings h;
  h.name = std::string(what.name());
  h.threads = threads;
  return h;
}

std::vector<check_result> check_plugin(const std::filesystem::path& file, const check_settings& settings) {
  // Loading runs the plugin's static initialisers, which may crash as well as anything.
  auto results = run_apart({}, settings.timeout_s, [&](checks& c) {
    c.run("loads", [&] {
      auto opened = library::open(file);
      return opened ? passed() : broken(opened.error().to_string());
    });
  });
  if (results.empty() || !results.front().passed) return results;
  auto opened = library::open(file);
  registry plugins;
  if (!opened || !plugins.add(*opened)) return results;
  append(results, run_apart({}, settings.timeout_s, [&](checks& c) {
           c.run("names its license and purpose", [&] { return check_texts((*opened)->descriptor()); });
           c.run("offers nothing to a host of another ABI", [&] { return check_other_host(**opened); });
         }));
  for (const auto& e : plugins.extensions()) {
    plugin_use use{std::string(e.name()), option_value{option_value::table{}, 0, 0}, 0, 0};
    if (const auto given = settings.options.find(e.name()); given != settings.options.end())
      use.options = given->second;
    const subject s{plugins, e, std::move(use), settings.seed, settings.threads};
    append(results, run_apart(fmt::format("{} '{}'", to_string(e.kind()), e.name()), settings.timeout_s,
                              [&](checks& c) { check_extension(c, s); }));
  }
  return results;
}

std::string to_string(const check_result& r) {
  return fmt::format("{:8}{}{}{}{}{}", r.passed ? "ok" : "FAILED", r.extension, r.extension.empty() ? "" : ": ", r.name,
                     r.detail.empty() ? "" : ": ", r.detail);
}

} // namespace tokamak::plugin
