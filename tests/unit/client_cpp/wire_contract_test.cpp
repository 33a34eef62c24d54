// The client's copies of wire numbers equal the contract's.
#include <doctest/doctest.h>

#include "base/error.hpp"
#include "message/frame_type.hpp"
#include "sequence_generated.h"
#include "tokamak/client_error.hpp"
#include "wire_header.hpp"

namespace contract = tokamak;
namespace client = tokamak::client_detail;

TEST_CASE("frame types have the contract's numbers") {
  const auto same = [](client::frame_type ours, contract::frame_type theirs) {
    CHECK(static_cast<int>(ours) == static_cast<int>(theirs));
  };
  same(client::frame_type::open, contract::frame_type::Open);
  same(client::frame_type::close, contract::frame_type::Close);
  same(client::frame_type::acknowledge, contract::frame_type::Acknowledge);
  same(client::frame_type::chunks, contract::frame_type::Chunks);
  same(client::frame_type::list_models, contract::frame_type::ListModels);
  same(client::frame_type::model_list, contract::frame_type::ModelList);
  same(client::frame_type::status_request, contract::frame_type::StatusRequest);
  same(client::frame_type::status_report, contract::frame_type::StatusReport);
  same(client::frame_type::error_reply, contract::frame_type::ErrorReply);
  same(client::frame_type::drain, contract::frame_type::Drain);
  same(client::frame_type::drained, contract::frame_type::Drained);
  CHECK(client::protocol_major == contract::protocol_major);
  CHECK(client::protocol_minor == contract::protocol_minor);
}

TEST_CASE("error codes have the contract's numbers and names") {
  for (int number = 0; number <= static_cast<int>(tokamak::wire::ErrorCode::MAX); ++number) {
    const auto ours = to_string(static_cast<tokamak::client_errc>(number));
    CHECK(ours == to_string(static_cast<tokamak::errc>(number)));
    CHECK(ours == tokamak::wire::EnumNameErrorCode(static_cast<tokamak::wire::ErrorCode>(number)));
  }
  CHECK(to_string(static_cast<tokamak::client_errc>(16)) == "unknown");
}

TEST_CASE("a header is read back, and anything else is no header") {
  const client::header head = client::make_header(client::frame_type::status_report);
  CHECK(head == client::header{'T', 'K', 'M', 'K', 0, 1, 25, 0});
  const auto parsed = client::parse_header(head);
  REQUIRE(parsed);
  CHECK(parsed->type == 25);
  CHECK(parsed->speaks_our_version());
  CHECK(!client::parsed_header{0, 2, 25}.speaks_our_version());
  CHECK(!client::parsed_header{1, 1, 25}.speaks_our_version());
  CHECK(!client::parse_header(std::span(head).first(7)));
  client::header wrong = head;
  wrong[3] = 'k';
  CHECK(!client::parse_header(wrong));
}

TEST_CASE("an error prints where, what and its code") {
  using tokamak::client_errc, tokamak::client_error;
  CHECK(client_error{client_errc::not_found, "no model 'x'", "open"}.to_string() == "open: no model 'x' (not_found)");
  CHECK(client_error{client_errc::io, "cannot open", ""}.to_string() == "cannot open (io)");
}
