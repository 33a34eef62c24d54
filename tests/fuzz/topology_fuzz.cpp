// libFuzzer over topology files: any bytes give a value or errors with places, and what loads can be described.
#include "topology/topology.hpp"

#include <cstdint>
#include <cstdlib>
#include <string_view>

namespace {

using namespace tokamak::topology;

/// One plugin "p" in every slot and the defaults, all with one option of each type.
class fuzz_catalog : public plugin_catalog {
public:
  std::vector<std::string> names(slot) const override { return known_; }

  const std::vector<option_spec>* options(slot, std::string_view name) const override {
    for (const auto& k : known_)
      if (k == name) return &specs_;
    return nullptr;
  }

  std::optional<plugin_fault> validate(slot, std::string_view, const tokamak::option_value& options) const override {
    for (const auto& spec : specs_)
      if (!options.find(spec.name)) std::abort(); // defaults were promised
    return {};
  }

  std::optional<std::uint64_t> worst_case_tokens(std::string_view, const tokamak::option_value&,
                                                 const std::vector<std::string>& members,
                                                 std::uint32_t max_tokens) const override {
    return members.size() * std::uint64_t{max_tokens};
  }

private:
  std::vector<std::string> known_ = {"p", "cpu", "continuous", "radix", "least_loaded", "direct"};
  std::vector<option_spec> specs_ = {
      {"b", option_type::boolean, false, "true", ""}, {"i", option_type::integer, false, "1", ""},
      {"r", option_type::real, false, "1.5", ""},     {"s", option_type::string, false, "\"x\"", ""},
      {"a", option_type::array, false, "[1]", ""},    {"t", option_type::table, false, "{}", ""}};
};

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const fuzz_catalog catalog;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const plugin_catalog* const with_plugins = &catalog;
  const plugin_catalog* const without = nullptr;
  for (const auto* with : {with_plugins, without}) {
    const auto result = load_text(text, "fuzz.toml", with);
    if (result.value.has_value() != result.errors.empty()) std::abort();
    for (const auto& e : result.errors)
      if (e.message.empty() || !e.where.starts_with("fuzz.toml")) std::abort();
    if (result.value && describe(*result.value).empty()) std::abort();
  }
  return 0;
}
