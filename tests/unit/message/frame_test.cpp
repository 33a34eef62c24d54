// Frames from values, over bytes, and from hostile bytes.
#include "message/frame.hpp"

#include "message/status.hpp"

#include <doctest/doctest.h>

#include <array>
#include <cstring>
#include <random>

using namespace tokamak;

namespace {

wire::OpenT sample_open() {
  wire::OpenT open;
  open.id = 7;
  open.target = "smollm2";
  open.prompt = std::make_unique<wire::PromptT>();
  open.prompt->text = "Once upon";
  open.sampling = std::make_unique<wire::SamplingT>();
  open.sampling->bias_tokens = {1, 2};
  open.sampling->bias_values = {0.5f, -1.0f};
  return open;
}

} // namespace

TEST_CASE("a frame reads back what was put in, through its bytes") {
  const auto frame = make_frame<wire::Open>(sample_open());
  const auto again = read_frame<wire::Open>(frame.bytes());
  REQUIRE(again);
  CHECK((*again)->id() == 7);
  CHECK((*again)->target()->str() == "smollm2");
  CHECK(again->unpack().sampling->bias_values.at(1) == -1.0f);
}

TEST_CASE("misaligned bytes from outside give the same frame") {
  const auto frame = make_frame<wire::Open>(sample_open());
  for (std::size_t shift = 0; shift < 8; ++shift) {
    std::vector<std::byte> raw(frame.bytes().size() + shift);
    std::memcpy(raw.data() + shift, frame.bytes().data(), frame.bytes().size());
    const auto again = read_frame<wire::Open>(std::span(raw).subspan(shift));
    REQUIRE(again);
    CHECK((*again)->target()->str() == "smollm2");
  }
}

TEST_CASE("outputs that failed are ascending ones of the step, each with its error") {
  const auto told = [](std::vector<std::uint32_t> outputs, bool with_error = true) {
    wire::StepResultT r;
    r.tokens = {1, 2, 3};
    r.logprobs = {0, 0, 0};
    r.top_counts = {0, 0, 0};
    for (const auto output : outputs) {
      auto& failed = r.failed.emplace_back(std::make_unique<wire::OutputErrorT>());
      failed->output = output;
      if (with_error) failed->error = std::make_unique<wire::ErrorT>();
    }
    const auto read = read_frame<wire::StepResult>(make_frame<wire::StepResult>(r).bytes());
    return read ? "" : read.error().message;
  };
  CHECK(told({}) == "");
  CHECK(told({0, 2}) == "");
  CHECK(told({3}) == "StepResult.failed[0] is output 3; ascending ones below 3 expected");
  CHECK(told({1, 1}) == "StepResult.failed[1] is output 1; ascending ones below 3 expected");
  CHECK(told({2, 0}) == "StepResult.failed[1] is output 0; ascending ones below 3 expected");
  CHECK(told({0}, false) == "StepResult.failed[0] has no error");
}

TEST_CASE("a vector that does not lie where its numbers are aligned is refused") {
  wire::UnpinT unpin;
  unpin.sequences = {0, 0};
  const auto frame = make_frame<wire::Unpin>(unpin);
  const auto* vector = reinterpret_cast<const std::byte*>(frame->sequences());
  const auto place = static_cast<std::size_t>(vector - frame.bytes().data());
  // The vector begins so many bytes later, and has one entry or none there.
  const auto moved = [&](std::uint32_t distance) {
    std::vector<std::byte> raw(frame.bytes().begin(), frame.bytes().end());
    for (std::size_t at = 0; at + 4 <= place; at += 4) {
      std::uint32_t offset;
      std::memcpy(&offset, raw.data() + at, sizeof offset);
      if (at + offset != place) continue;
      offset += distance;
      std::memcpy(raw.data() + at, &offset, sizeof offset);
      raw[place + distance] = distance == 4 ? std::byte{1} : std::byte{0};
      return raw;
    }
    return std::vector<std::byte>();
  };
  CHECK(read_frame<wire::Unpin>(moved(8)));
  CHECK(read_frame<wire::Unpin>(moved(1)).error().message ==
        fmt::format("not a valid Unpin frame of {} bytes", frame.bytes().size()));
  CHECK(read_frame<wire::Unpin>(moved(4)).error().message == "Unpin.sequences is not aligned");
}

TEST_CASE("parallel vectors of different length are refused by name") {
  auto open = sample_open();
  open.sampling->bias_values.pop_back();
  const auto frame = make_frame<wire::Open>(open);
  const auto again = read_frame<wire::Open>(frame.bytes());
  REQUIRE(!again);
  CHECK(again.error().to_string() == "Sampling.bias_values has 1 entries, 2 expected (corrupt)");
}

TEST_CASE("a step whose offsets do not fit its rows is refused") {
  wire::StepT step;
  step.tokens = {1, 2, 3};
  step.positions = {0, 1, 2};
  step.sequence_ids = {9};
  step.row_begin = {0, 2};
  const auto bad = read_frame<wire::Step>(make_frame<wire::Step>(step).bytes());
  REQUIRE(!bad);
  CHECK(bad.error().message == "Step.row_begin has 2 entries, 3 expected");
  step.row_begin = {0, 3};
  CHECK(read_frame<wire::Step>(make_frame<wire::Step>(step).bytes()));
}

TEST_CASE("truncated and altered bytes are refused or valid, and never read out of bounds") {
  const auto frame = make_frame<wire::Open>(sample_open());
  const auto bytes = frame.bytes();
  for (std::size_t n = 0; n < bytes.size(); ++n) {
    const std::vector<std::byte> cut(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(n));
    if (auto again = read_frame<wire::Open>(cut)) (void)again->unpack();
  }
  constexpr unsigned seed = 20261122;
  MESSAGE("seed ", seed);
  std::mt19937 random(seed);
  for (int round = 0; round < 5000; ++round) {
    std::vector<std::byte> raw(bytes.begin(), bytes.end());
    for (int i = 0; i < 3; ++i) raw[random() % raw.size()] = static_cast<std::byte>(random());
    for (auto type : {frame_type::Open, frame_type::Chunks, frame_type::Step, frame_type::StatusReport})
      (void)verify(type, raw);
  }
}

TEST_CASE("limits and unknown types have clear messages") {
  const auto frame = make_frame<wire::Open>(sample_open());
  const auto big = verify(frame_type::Open, frame.bytes(), {.max_bytes = 16});
  REQUIRE(!big);
  CHECK(big.error().message == fmt::format("frame of {} bytes; at most 16 are accepted", frame.bytes().size()));
  const auto unknown = verify(static_cast<frame_type>(999), frame.bytes());
  REQUIRE(!unknown);
  CHECK(unknown.error().message == "unknown frame type 999");
}

TEST_CASE("the header says what it found and what it expected") {
  std::byte raw[frame_header::size];
  frame_header{frame_type::Chunks}.write(raw);
  REQUIRE(frame_header::read(raw));
  CHECK(frame_header::read(raw)->type == frame_type::Chunks);
  raw[4] = std::byte{3};
  CHECK(frame_header::read(raw).error().message == "protocol 3.1 found, 0.1 expected");
  raw[0] = std::byte{'X'};
  CHECK(frame_header::read(raw).error().message == "frame header does not start with \"TKMK\"");
  CHECK(frame_header::read(std::span(raw).first(3)).error().message == "frame header of 3 bytes; 8 expected");
}

TEST_CASE("attachments are aligned and shared, not copied") {
  auto [p, a] = make_attachment(100);
  std::memset(p, 42, 100);
  const auto frame = make_frame<wire::Activations>({}, {a});
  const auto copy = frame;
  CHECK(copy.attachments().at(0).bytes().data() == p);
  CHECK(reinterpret_cast<std::uintptr_t>(p) % 64 == 0);
  CHECK(copy.attachments().at(0).as<char>()[99] == 42);
}

TEST_CASE("a histogram from outside has one more count than bounds") {
  static constexpr std::array bounds{1.0, 2.0};
  histogram measured(bounds);
  measured.add(1.5);
  auto status = make_status("e", "endpoint", {{"running", 1}}, {{"seconds", &measured}}).unpack();
  CHECK(status.histograms.at(0)->name == "seconds");
  CHECK(status.histograms[0]->bounds == std::vector<double>{1, 2});
  CHECK(status.histograms[0]->counts == std::vector<std::uint64_t>{0, 1, 0});
  CHECK(status.histograms[0]->sum == 1.5);
  CHECK(read_frame<wire::ActorStatus>(make_frame<wire::ActorStatus>(status).bytes()));
  status.histograms[0]->counts.pop_back();
  CHECK(read_frame<wire::ActorStatus>(make_frame<wire::ActorStatus>(status).bytes()).error().message == "Histogram.counts has 2 entries, 3 expected");
  wire::StatusReportT report;
  report.actors.push_back(std::make_unique<wire::ActorStatusT>(std::move(status)));
  CHECK(read_frame<wire::StatusReport>(make_frame<wire::StatusReport>(report).bytes()).error().message == "Histogram.counts has 2 entries, 3 expected");
}

TEST_CASE("a frame that would grow when unpacked is refused") {
  flatbuffers::FlatBufferBuilder b;
  const auto text = b.CreateString(std::string(1000, 'x'));
  const std::vector<flatbuffers::Offset<flatbuffers::String>> same(1000, text);
  const auto strings = b.CreateVector(same);
  wire::StopsBuilder stops(b);
  stops.add_strings(strings);
  const auto finished = stops.Finish();
  wire::OpenBuilder open(b);
  open.add_stops(finished);
  b.Finish(open.Finish());
  const auto bad = verify(frame_type::Open, std::as_bytes(std::span(b.GetBufferPointer(), b.GetSize())));
  REQUIRE(!bad);
  CHECK(bad.error().message == fmt::format("strings of 1000000 bytes in a frame of {}", b.GetSize()));
}
