// The conformance tests find each fault of `misbehaving`, put crashes and hangs down to the check that ran, and are
// content with plugins that keep the contract.
#include "plugin/conformance/conformance.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <map>
#include <set>

#include "unit/plugin/test_plugins.hpp"

using namespace tokamak;
using namespace tokamak::plugin;

namespace {

const std::vector<check_result>& misbehaving() {
  static const auto results = [] {
    check_settings s;
    s.timeout_s = 5;
    return check_plugin(test_plugin("misbehaving"), s);
  }();
  return results;
}

/// The first check that an extension fails, as "name: detail"; empty if it fails none.
std::string fault(const std::vector<check_result>& results, std::string_view extension) {
  for (const auto& r : results)
    if (r.extension == extension && !r.passed) return r.name + ": " + r.detail;
  return {};
}
std::string fault(std::string_view extension) { return fault(misbehaving(), extension); }

bool has(const std::string& text, std::string_view part) { return text.find(part) != std::string::npos; }

} // namespace

TEST_CASE("a file that does not load is one failed check with the loader's reason") {
  const auto results = check_plugin(test_plugin("wrong_abi"));
  REQUIRE(results.size() == 1);
  CHECK(results[0].name == "loads");
  CHECK_FALSE(results[0].passed);
  CHECK(has(results[0].detail, "wanted and 2.0 found"));
  CHECK(has(check_plugin("/nowhere/x.so").at(0).detail, "no such file"));
}

TEST_CASE("a plugin that keeps the contract passes every check, of each of its kinds") {
  const auto results = check_plugin(test_plugin("well_behaved"));
  for (const auto& r : results) CHECK_MESSAGE(r.passed, to_string(r));
  const auto named = [&](std::string_view name) {
    const auto it = std::find_if(results.begin(), results.end(), [&](const check_result& r) { return r.name == name; });
    REQUIRE(it != results.end());
    return it->detail;
  };
  CHECK(named("changes nothing in what is computed") == "");
  CHECK(named("the reference kernel of 'acme.sum' computes its op") == "");
  CHECK(named("the reference kernel of 'acme.unused' computes its op") ==
        "not run: no pass of this file makes its op from a llama");
}

TEST_CASE("a reference backend, one with memory of its own and a constraint of a few words pass") {
  for (const char* name : {"reference", "fake_device", "alternatives"}) {
    const auto results = check_plugin(test_plugin(name));
    CHECK(results.size() > 9);
    for (const auto& r : results) CHECK_MESSAGE(r.passed, to_string(r));
  }
}

TEST_CASE("a plugin must name a license") {
  CHECK(fault("") == "names its license and purpose: the plugin names no license");
}

TEST_CASE("crashes, exits and hangs are put down to the check that ran") {
  CHECK(fault("placement 'crashes'") ==
        "chooses only members that exist and are available: crashed: signal 9 (Killed)");
  CHECK(fault("placement 'leaves'") ==
        "chooses only members that exist and are available: ended the process with exit code 4");
  CHECK(fault("placement 'hangs'") == "chooses only members that exist and are available: did not return within 5 s");
}

TEST_CASE("faults of placements are found") {
  CHECK(has(fault("placement 'takes_lost'"),
            "chooses only members that exist and are available: placement 'takes_lost' chose 'engine-0', which is not "
            "available"));
  CHECK(fault("placement 'bad_specs'") ==
        "describes itself and its options: the default of 'size' is large, which is not of its type");
}

TEST_CASE("an extension that needs options is checked with those given") {
  CHECK(fault("placement 'needs_option'") ==
        "accepts the options it is checked with: placement 'needs_option': option 'size' (an integer) is required; "
        "give it options to be checked with");
  check_settings s;
  s.timeout_s = 3;
  s.options["needs_option"] = option_value{option_value::table{{"size", {std::int64_t{1}, 0, 0}}}, 0, 0};
  CHECK(fault(check_plugin(test_plugin("misbehaving"), s), "placement 'needs_option'") == "");
}

TEST_CASE("faults of schedulers are found") {
  CHECK(fault("scheduler 'plans_too_much'") ==
        "plans nothing where there is nothing to plan: planned rows for a step that has room for none");
  CHECK(has(fault("scheduler 'plans_nothing'"), "nothing was planned though"));
  CHECK(has(fault("scheduler 'starves'"), "not all requests were finished after"));
  CHECK(has(fault("scheduler 'exceeds'"), "over a limit"));
}

TEST_CASE("faults of cache policies are found") {
  CHECK(has(fault("cache_policy 'gives_pinned'"), "gave a pinned block"));
}

TEST_CASE("faults of fusions are found") {
  CHECK(has(fault("fusion 'never_ends'"), "nothing more can happen, but the request was neither finished nor failed"));
  CHECK(has(fault("fusion 'talks_after_end'"), "called forward after the request was over"));
  CHECK(has(fault("fusion 'costs_more'"), "max_tokens 1, seed 1: 1 tokens were computed, worst_case_tokens said 0"));
}

TEST_CASE("faults of constraints are found") {
  const std::string walks = "allows what it takes, and the same after the same tokens: '': ";
  CHECK(fault("constraint 'allows_controls'") == walks + "allows a token that stands for no text");
  CHECK(has(fault("constraint 'takes_others'"), "is not allowed in the mask and advance says the opposite"));
  CHECK(fault("constraint 'stuck'") == walks + "allows nothing after 0 tokens, and no end");
}

TEST_CASE("faults of graph passes and kernels are found") {
  CHECK(has(fault("graph_pass 'breaks_graph'"),
            "leaves a valid graph: op 0 (tokamak.rms_norm) reads 'embedded' before it is written"));
  CHECK(has(fault("graph_pass 'changes_numbers'"), "changes nothing in what is computed: the logits differ by"));
  CHECK(fault("graph_pass 'leaves_undefined'") ==
        "defines every op that it adds: op 'acme.secret' version 1 is not defined (define_op)");
  CHECK(fault("graph_pass 'drops_input'") ==
        "leaves a valid graph: op 6 (tokamak.matmul) has 2 inputs, 3 expected (TK_NO_VALUE where an optional one is "
        "absent)");
  CHECK(has(fault("kernels 'wrong_kernel'"),
            "the reference kernel of 'tokamak.add' computes its op: with it the logits differ by"));
}

TEST_CASE("results print as one line each") {
  CHECK(to_string(check_result{"placement 'x'", "is quick", true, ""}) == "ok      placement 'x': is quick");
  CHECK(to_string(check_result{"", "loads", false, "no such file"}) == "FAILED  loads: no such file");
}
