// A placement whose only purpose is to show what reaches a plugin: its options, its host. It logs them in create, and
// chooses the member whose number is the option `pick`.
#include <tokamak/plugin.hpp>

namespace {

namespace sdk = tokamak::sdk;

class option_probe : public sdk::placement {
 public:
  static constexpr const char* name = "option_probe";
  static constexpr const char* summary = "Shows its options.";
  static constexpr tk_option_spec options[] = {
      sdk::required("pick", TK_INTEGER, "which member (0 to 7)"),
      sdk::optional("ratio", TK_REAL, "0.5", "between 0 and 1"),
      sdk::optional("fast", TK_BOOLEAN, "true", ""),
      sdk::optional("label", TK_STRING, "\"none\"", ""),
      sdk::optional("steps", TK_ARRAY, "[]", "integers from 1"),
      sdk::optional("rules", TK_TABLE, "{}", "name = number"),
      sdk::optional("mode", TK_STRING, "\"plain\"", "plain or fancy"),
      sdk::optional("nothing", TK_INTEGER, nullptr, "no default")};

  option_probe(sdk::host h, const sdk::option_table& o) : host_(h), pick_(o.integer("pick", 0, 7)) {
    std::string text = "ratio=" + std::to_string(o.real("ratio", 0, 1)) +
                       " fast=" + (o.boolean("fast") ? "yes" : "no") + " label=" + o.string("label") + " steps=";
    for (const auto& step : o.get("steps").array()) text += std::to_string(step.integer(1)) + ";";
    text += " rules=";
    for (const auto& rule : o.get("rules").table().entries())
      text += rule.name() + ":" + std::to_string(rule.real()) + ";";
    text += " threads=" + std::to_string(h.threads()) + " memory=" + std::to_string(h.memory_budget_bytes());
    h.log(TK_LOG_INFO, "probe.options", text);
  }
  static void validate(const sdk::option_table& o) {
    o.integer("pick", 0, 7);
    o.real("ratio", 0, 1);
    o.get("mode").one_of({"plain", "fancy"});
    if (o.has("steps"))
      for (const auto& step : o.get("steps").array()) step.integer(1);
    if (o.has("label") && o.string("label").empty()) o.get("label").fail("must not be empty");
    if (o.string("label") == "needs nothing") o.integer("nothing");
  }

  std::size_t choose(const tk_placement_request&, std::span<const tk_placement_member>) {
    host_.log(TK_LOG_INFO, "probe.choose",
              "now=" + std::to_string(host_.now_us()) + " random=" + std::to_string(host_.random()));
    return static_cast<std::size_t>(pick_);
  }

 private:
  sdk::host host_;
  std::int64_t pick_;
};

} // namespace

TOKAMAK_PLUGIN("option_probe", "0.1", "Apache-2.0", "For tests.", option_probe)
