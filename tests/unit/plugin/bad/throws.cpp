// Throws wherever it can: nothing of it may cross the border.
#include <tokamak/plugin.hpp>

#include <new>
#include <stdexcept>

namespace {

namespace sdk = tokamak::sdk;

struct throws_in_create : sdk::placement {
  static constexpr const char* name = "throws_in_create";
  static constexpr const char* summary = "Throws in its constructor what the option says.";
  static constexpr tk_option_spec options[] = {sdk::required("what", TK_STRING, "failure, error, memory or number")};
  throws_in_create(sdk::host, const sdk::option_table& o) {
    const auto what = o.get("what");
    switch (what.one_of({"failure", "error", "memory", "number"})) {
      case 0: what.fail("is a failure");
      case 1: throw std::runtime_error("a runtime error");
      case 2: throw std::bad_alloc();
      default: throw 5;
    }
  }
  std::size_t choose(const tk_placement_request&, std::span<const tk_placement_member>) { return 0; }
};

struct throws_in_choose : sdk::placement {
  static constexpr const char* name = "throws_in_choose";
  static constexpr const char* summary = "Throws when asked.";
  throws_in_choose(sdk::host, const sdk::option_table&) {}
  std::size_t choose(const tk_placement_request&, std::span<const tk_placement_member>) {
    throw std::runtime_error("no idea");
  }
};

struct throws_in_plan : sdk::scheduler {
  static constexpr const char* name = "throws_in_plan";
  static constexpr const char* summary = "Throws when asked.";
  throws_in_plan(sdk::host, const sdk::option_table&) {}
  void plan(const tk_schedule_input&, std::span<std::uint32_t> rows, std::span<std::uint8_t>) {
    rows[0] = 1;
    throw std::runtime_error("no plan");
  }
};

struct throws_in_event : sdk::fusion {
  static constexpr const char* name = "throws_in_event";
  static constexpr const char* summary = "Throws when something happens.";
  throws_in_event(sdk::host, const sdk::option_table&, std::span<const tk_fusion_member>) {}
  std::uint64_t worst_case_tokens(std::uint32_t) const { throw std::runtime_error("cannot say"); }
  struct request {
    request(throws_in_event&, const tk_request& r, sdk::fusion_call) {
      if (r.max_tokens == 0) throw sdk::failure(TK_TOO_LARGE, "not even one token");
    }
    void on_event(const tk_sequence_event&) { throw sdk::failure(TK_UNAVAILABLE, "the event was too much"); }
    void on_timer(std::uint64_t) { throw std::runtime_error("too late"); }
  };
};

} // namespace

TOKAMAK_PLUGIN("throws", "0.1", "Apache-2.0", "For tests.", throws_in_create, throws_in_choose, throws_in_plan,
               throws_in_event)
