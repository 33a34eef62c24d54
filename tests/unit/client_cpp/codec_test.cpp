// What the client writes is what the contract's readers read, and whatever it reads cannot harm it.
#include <doctest/doctest.h>

#include <cstring>
#include <random>

#include "decode.hpp"
#include "encode.hpp"
#include "fake_service.hpp"

using namespace tokamak;
using namespace tokamak::client_detail;

namespace {

template <class T>
const T& read(const bytes& data) {
  flatbuffers::Verifier verifier(data.data(), data.size());
  REQUIRE(verifier.VerifyBuffer<T>(nullptr));
  return *flatbuffers::GetRoot<T>(data.data());
}

bytes full_chunk(std::vector<float> logprobs, std::vector<std::uint8_t> counts, std::vector<float> top_logprobs) {
  flatbuffers::FlatBufferBuilder builder;
  const std::vector<std::int32_t> tokens{7, 8}, ids{7, 1, 8};
  const std::vector<flatbuffers::Offset<flatbuffers::String>> texts{
      builder.CreateString("a"), builder.CreateString("b"), builder.CreateString("c")};
  const auto top = wire::CreateTopLogprobsDirect(builder, &counts, &ids, &top_logprobs, &texts);
  const std::vector items{wire::CreateChunkDirect(builder, 9, 0, 0, 0, &tokens, "ac", &logprobs, top)};
  builder.Finish(wire::CreateChunksDirect(builder, &items));
  return {builder.GetBufferPointer(), builder.GetBufferPointer() + builder.GetSize()};
}

} // namespace

TEST_CASE("every field of a request is in its Open") {
  client_request request;
  request.model = "smollm2";
  request.prompt = "Hello";
  request.add_special = false;
  request.parse_special = true;
  request.max_tokens = 12;
  request.sampling = {0.5f, 40, 0.9f, 0.05f, 1.1f, 0.2f, 0.3f, 1234567890123ull, {{5, -2.5f}, {6, 1.0f}}, true, 3};
  request.stops = {{"\n\n", "END"}, {2, 3}, true, 4};
  request.delivered = {10, 11};
  request.deadline = std::chrono::seconds(3);
  request.priority = -2;
  request.trace = "t-1";
  request.tenant = "acme";
  request.constraint = client_constraint{R"({"type":"object"})"};
  const bytes data = encode_open(99, request);
  const auto& open = read<wire::Open>(data);
  CHECK(open.id() == 99);
  CHECK(open.target()->str() == "smollm2");
  CHECK(open.prompt()->text()->str() == "Hello");
  CHECK(!open.prompt()->messages());
  CHECK(!open.prompt()->tokens());
  CHECK(!open.prompt()->json_messages());
  CHECK(!open.prompt()->add_special());
  CHECK(open.prompt()->parse_special());
  CHECK(open.generate() == 12);
  CHECK(open.lease_us() == 0);
  const auto& sampling = *open.sampling();
  CHECK(sampling.temperature() == 0.5f);
  CHECK(sampling.top_k() == 40);
  CHECK(sampling.top_p() == 0.9f);
  CHECK(sampling.min_p() == 0.05f);
  CHECK(sampling.repetition_penalty() == 1.1f);
  CHECK(sampling.presence_penalty() == 0.2f);
  CHECK(sampling.frequency_penalty() == 0.3f);
  CHECK(sampling.seed().value() == 1234567890123ull);
  CHECK(sampling.bias_tokens()->Get(1) == 6);
  CHECK(sampling.bias_values()->Get(0) == -2.5f);
  CHECK(sampling.logprobs());
  CHECK(sampling.top_logprobs() == 3);
  CHECK(open.stops()->strings()->Get(1)->str() == "END");
  CHECK(open.stops()->tokens()->Get(0) == 2);
  CHECK(open.stops()->ignore_eos());
  CHECK(open.stops()->min_tokens() == 4);
  CHECK(open.delivered()->size() == 2);
  CHECK(open.deadline_us() == 3000000);
  CHECK(open.priority() == -2);
  CHECK(open.trace()->str() == "t-1");
  CHECK(open.tenant()->str() == "acme");
  CHECK(open.constraint()->plugin()->str() == "json_schema");
  CHECK(open.constraint()->text()->str() == R"({"type":"object"})");
}

TEST_CASE("without a seed the service chooses one, and 0 is a seed") {
  client_request request = fake::ask_for();
  CHECK(!read<wire::Open>(encode_open(1, request)).sampling()->seed().has_value());
  CHECK(!read<wire::Open>(encode_open(1, request)).constraint());
  request.sampling.seed = 0;
  CHECK(read<wire::Open>(encode_open(1, request)).sampling()->seed().value() == 0);
}

TEST_CASE("exactly one kind of prompt is written") {
  client_request request = fake::ask_for();
  request.prompt = std::vector<client_message>{{"system", "be brief"}, {"user", "hi"}};
  request.tools = "[]";
  bytes data = encode_open(1, request);
  const auto* chat = read<wire::Open>(data).prompt();
  CHECK(chat->messages()->Get(1)->role()->str() == "user");
  CHECK(chat->messages()->Get(1)->content()->str() == "hi");
  CHECK(chat->tools()->str() == "[]");
  CHECK(!chat->text());
  request.prompt = std::vector<std::int32_t>{1, 2, 3};
  data = encode_open(1, request);
  CHECK(read<wire::Open>(data).prompt()->tokens()->size() == 3);
  CHECK(!read<wire::Open>(data).prompt()->messages());
  request.prompt = client_json_messages{R"([{"role":"user"}])"};
  data = encode_open(1, request);
  CHECK(read<wire::Open>(data).prompt()->json_messages()->str() == R"([{"role":"user"}])");
  CHECK(!read<wire::Open>(data).prompt()->tokens());
}

TEST_CASE("log-probabilities are read beside their tokens") {
  const auto chunks = decode_chunks(full_chunk({-0.5f, -0.25f}, {2, 1}, {-0.5f, -2, -0.25f}));
  REQUIRE(chunks);
  const client_chunk& chunk = chunks->at(0).chunk;
  CHECK(chunk.token_ids == std::vector<std::int32_t>{7, 8});
  CHECK(chunk.logprobs == std::vector<float>{-0.5f, -0.25f});
  REQUIRE(chunk.top_logprobs.size() == 2);
  CHECK(chunk.top_logprobs[0].size() == 2);
  CHECK(chunk.top_logprobs[0][1].id == 1);
  CHECK(chunk.top_logprobs[0][1].logprob == -2);
  CHECK(chunk.top_logprobs[1][0].text == "c");
}

TEST_CASE("parallel vectors that do not fit are refused with a sentence") {
  CHECK(decode_chunks(full_chunk({-0.5f}, {2, 1}, {-1, -1, -1})).error().message ==
        "a chunk has 2 tokens but 1 log-probabilities");
  const std::string unfit = "a chunk's top log-probabilities do not fit its 2 tokens";
  CHECK(decode_chunks(full_chunk({}, {2}, {-1, -1, -1})).error().message == unfit);
  CHECK(decode_chunks(full_chunk({}, {2, 2}, {-1, -1, -1})).error().message == unfit);
  CHECK(decode_chunks(full_chunk({}, {1, 1}, {-1, -1, -1})).error().message == unfit);
  CHECK(decode_chunks(full_chunk({}, {2, 1}, {-1, -1})).error().message == unfit);
}

TEST_CASE("random damage to any message is read or refused, never harmful") {
  const std::vector<bytes> whole{full_chunk({-0.5f, -0.25f}, {2, 1}, {-1, -1, -1}),
                                 fake::make_error_reply(3, wire::ErrorCode::not_found, "no"),
                                 fake::make_model_list(4, {"a", "b"}), fake::make_status_report(5),
                                 fake::make_drained(6)};
  std::mt19937 random(20240611);
  int refused = 0;
  for (int round = 0; round < 20000; ++round) {
    bytes data = whole[random() % whole.size()];
    if (random() % 4 == 0) data.resize(random() % (data.size() + 1));
    for (int flips = 1 + static_cast<int>(random() % 4); flips > 0 && !data.empty(); --flips)
      data[random() % data.size()] = static_cast<std::uint8_t>(random());
    refused += !decode_chunks(data);
    refused += !decode_error_reply(data);
    refused += !decode_model_list(data);
    refused += !decode_status_report(data);
    refused += !decode_drained(data);
  }
  CHECK(refused > 20000);
  CHECK(decode_chunks({}).error().message == "the service sent a broken Chunks message");
}
