// Text of a model: whatever it is, it is taken apart without loss of more than marks and blanks, and the same however it comes in pieces. The first byte chooses
// the marks, the second how long the pieces are.
#include "frontend/openai/answer_parts.hpp"

#include <nlohmann/json.hpp>

#include <cstddef>
#include <cstdint>
#include <cstdlib>

using namespace tokamak::frontend::openai;

namespace {

const offered_tools one_tool(R"([{"type":"function","function":{"name":"f","parameters":{"properties":{"a":{"type":"integer"},"s":{"type":"string"}}}}}])");

void add(answer_parts::parts piece, answer_parts::parts& all) {
  all.reasoning += piece.reasoning;
  all.said += piece.said;
  for (auto& call : piece.calls) all.calls.push_back(std::move(call));
}

answer_parts::parts taken_apart(const answer_reading& reading, std::string_view text, std::size_t n) {
  answer_parts reader(reading);
  answer_parts::parts all;
  for (std::size_t i = 0; i < text.size(); i += n) add(reader.push(text.substr(i, n)), all);
  add(reader.finish(), all);
  return all;
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  const std::string_view text(reinterpret_cast<const char*>(data) + 2, size - 2);
  const auto marks = known_call_marks();
  answer_reading reading;
  reading.calls = &marks[data[0] % marks.size()];
  reading.tools = one_tool;
  if (data[1] & 128) {
    reading.reasoning_begin = "<think>";
    reading.reasoning_end = "</think>";
    reading.in_reasoning = (data[1] & 64) != 0;
  }
  const auto whole = taken_apart(reading, text, text.size() + 1), pieces = taken_apart(reading, text, 1 + data[1] % 16);
  if (whole.reasoning != pieces.reasoning || whole.said != pieces.said || whole.calls != pieces.calls) std::abort();
  if (whole.reasoning.size() + whole.said.size() > text.size()) std::abort();
  for (const auto& call : whole.calls)
    if (call.name.empty() || !nlohmann::json::accept(call.arguments)) std::abort();
  return 0;
}
