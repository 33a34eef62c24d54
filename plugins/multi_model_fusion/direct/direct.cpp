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

  /// One sequence, whose events go to the client as they are.
  class request {
   public:
    request(direct&, const tk_request& r, sdk::fusion_call call) : call_(call) {
      if (r.max_tokens == 0) throw sdk::failure(TK_INVALID_ARGUMENT, "max_tokens must be at least 1");
      tk_open how{};
      how.size = sizeof how;
      how.use_request_prompt = 1;
      how.generate = r.max_tokens;
      call_.open(how);
    }

    void on_event(const tk_sequence_event& event) {
      call_.forward(event);
      if (event.finish == TK_FINISH_NONE) return;
      if (event.finish == TK_FINISH_ERROR && event.error) call_.fail(event.error->code, event.error->message);
      else call_.finish(event.finish, sdk::view(event.stop));
    }

   private:
    sdk::fusion_call call_;
  };
};

} // namespace

TOKAMAK_PLUGIN("direct", "0.1.0", "Apache-2.0", "An endpoint that is its one member.", direct)
