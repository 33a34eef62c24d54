// fusion "direct" as a script: what it asks of the endpoint for each event.
#include <doctest/doctest.h>

#include <array>
#include <string>
#include <vector>

#include "plugin/fusion_instance.hpp"
#include "unit/plugins_policy/installed.hpp"

using namespace tokamak;
using namespace tokamak::plugin;

namespace {

/// An endpoint that writes down what is asked of it.
struct script {
  std::vector<std::string> log;
  tk_status refuse_open = TK_OK;
  tk_fusion_host host{};

  script() {
    host.size = sizeof host;
    host.open = [](void* call, const tk_open* how, std::uint64_t* sequence, tk_error* e) -> tk_status {
      auto& self = *static_cast<script*>(call);
      if (self.refuse_open) {
        *e = to_tk(error{errc::overloaded, "queue full", ""});
        return self.refuse_open;
      }
      *sequence = 7;
      self.log.push_back(fmt::format("open target={} generate={} request_prompt={} greedy={}", how->target,
                                     how->generate, how->use_request_prompt, how->greedy));
      return TK_OK;
    };
    host.forward = [](void* call, const tk_sequence_event* e) {
      static_cast<script*>(call)->log.push_back(fmt::format("forward {} '{}'", e->n_tokens, from_tk(e->text)));
    };
    host.finish = [](void* call, tk_finish reason, tk_string stop) {
      static_cast<script*>(call)->log.push_back(fmt::format("finish {} '{}'", reason, from_tk(stop)));
    };
    host.fail = [](void* call, tk_status code, tk_string message) {
      static_cast<script*>(call)->log.push_back(fmt::format("fail {} '{}'", code, from_tk(message)));
    };
  }
};

expected<fusion_instance> direct(std::size_t n_members = 1) {
  static const std::array members{tk_fusion_member{to_tk("a"), 1}, tk_fusion_member{to_tk("b"), 1}};
  return fusion_instance::create(installed(), use("direct"), settings(), std::span(members).first(n_members));
}

tk_request request(std::uint32_t max_tokens) {
  tk_request r{};
  r.size = sizeof r;
  r.max_tokens = max_tokens;
  return r;
}

tk_sequence_event event(std::string_view text, std::span<const std::int32_t> tokens,
                        tk_finish finish = TK_FINISH_NONE) {
  tk_sequence_event e{};
  e.size = sizeof e;
  e.sequence = 7;
  e.tokens = tokens.data();
  e.n_tokens = tokens.size();
  e.text = to_tk(text);
  e.finish = finish;
  return e;
}

} // namespace

TEST_CASE("direct opens the one member, forwards its tokens and finishes as it did") {
  auto fusion = direct();
  REQUIRE_MESSAGE(fusion, fusion.error().to_string());
  script s;
  auto call = fusion->begin(request(64), s.host, &s);
  REQUIRE(call);
  const std::array<std::int32_t, 2> tokens{3, 4};
  call->on_event(event("He", tokens));
  auto last = event("llo", std::span(tokens).first(1), TK_FINISH_STOP);
  last.stop = to_tk("\n");
  call->on_event(last);
  CHECK(s.log == std::vector<std::string>{"open target=0 generate=64 request_prompt=1 greedy=0", "forward 2 'He'",
                                          "forward 1 'llo'", "finish 1 '\n'"});
}

TEST_CASE("direct passes the member's error on, with the text that came before it") {
  auto fusion = direct();
  REQUIRE(fusion);
  script s;
  auto call = fusion->begin(request(1), s.host, &s);
  REQUIRE(call);
  auto last = event("", {}, TK_FINISH_ERROR);
  const tk_error why = to_tk(error{errc::unavailable, "engine lost", ""});
  last.error = &why;
  call->on_event(last);
  CHECK(s.log.back() == "fail 12 'engine lost'");
}

TEST_CASE("direct passes length and cancellation on") {
  for (const tk_finish reason : {TK_FINISH_LENGTH, TK_FINISH_CANCELLED}) {
    auto fusion = direct();
    REQUIRE(fusion);
    script s;
    auto call = fusion->begin(request(1), s.host, &s);
    REQUIRE(call);
    call->on_event(event("", {}, reason));
    CHECK(s.log.back() == fmt::format("finish {} ''", reason));
  }
}

TEST_CASE("a request that the member refuses fails at its begin") {
  auto fusion = direct();
  REQUIRE(fusion);
  script s;
  s.refuse_open = TK_OVERLOADED;
  const auto call = fusion->begin(request(1), s.host, &s);
  REQUIRE_FALSE(call);
  CHECK(call.error() == error{errc::overloaded, "fusion 'direct': queue full", "t.toml"});
  CHECK(s.log.empty());
}

TEST_CASE("direct has exactly one member and generates at least one token") {
  CHECK(direct(2).error() ==
        error{errc::invalid_argument, "fusion 'direct': needs exactly one member, found 2", "t.toml:1:1"});
  CHECK(direct(0).error().message == "fusion 'direct': needs exactly one member, found 0");
  auto fusion = direct();
  REQUIRE(fusion);
  script s;
  CHECK(fusion->begin(request(0), s.host, &s).error().message == "fusion 'direct': max_tokens must be at least 1");
}

TEST_CASE("direct computes at most the tokens asked for") { CHECK(direct()->worst_case_tokens(123) == 123); }
