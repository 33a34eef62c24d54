// fusion "direct": the endpoint is its one member. The smallest fusion, and the default of every endpoint.
#include <tokamak/plugin.hpp>

namespace {

namespace sdk = tokamak::sdk;

class direct : public sdk::fusion {
 public:
  static constexpr const char* name = "direct";
  static constexpr const char* summary = "Passes each request to the endpoint's one member and its answer back.";

  direct(sdk::host, const sdk::option_table&, std::span<const tk_fusion_member> members) {
    if (members.size() != 1)
      throw sdk::failure(TK_INVALID_ARGUMENT, "needs exactly one member, found " + std::to_string(members.size()));
  }

  std::uint64_t worst_case_tokens(std::uint32_t max_tokens) const { return max_tokens; }

  struct request : sdk::relay {
    request(direct&, const tk_request& r, sdk::fusion_call call) : relay(call, r, 0) {}
  };
};

} // namespace

TOKAMAK_PLUGIN("direct", "0.1.0", "Apache-2.0", "An endpoint that is its one member.", direct)
