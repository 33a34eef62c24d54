// Fuzzes the body of requests to OpenAI's APIs, and what becomes of the answer: the first byte chooses the API, the rest is the body. A request that is
// accepted is answered with chunks, so that the writer sees what clients may ask of it.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <string_view>

#include "frontend/openai/answer.hpp"

using namespace tokamak;
using namespace tokamak::frontend;

namespace {

// A chunk of `text`; the last of its sequence if `usage`.
frame_of<wire::Chunks> chunk(const char* text, bool last) {
  wire::ChunksT m;
  m.items.push_back(std::make_unique<wire::ChunkT>());
  auto& c = *m.items.back();
  c.tokens = {7};
  c.text = text;
  if (last) {
    c.finish = wire::FinishReason::stop;
    c.usage = std::make_unique<wire::UsageT>();
    c.usage->completion_tokens = 2;
  }
  return make_frame<wire::Chunks>(m);
}

bool is_json(std::string_view text) { return nlohmann::json::accept(text); }

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const auto kind = static_cast<openai::api>(data[0] % 3);
  auto request = openai::read_request(kind, {reinterpret_cast<const char*>(data) + 1, size - 1});
  if (!request) {
    if (request.error().message.empty() || !is_json(openai::body_of(request.error()))) std::abort();
    return 0;
  }
  if (request->opens.empty() || request->opens.size() != request->n_answers()) std::abort();
  const auto n = request->opens.size();
  const bool stream = request->stream;
  openai::answer answer(std::move(*request), "id-1", 1);
  static const auto first = chunk("a\"\\\n", false), last = chunk("b", true);
  std::string out;
  for (std::size_t i = 0; i < n; ++i) answer.take(i, *(*first).items()->Get(0), out);
  for (std::size_t i = 0; i < n; ++i) answer.take(i, *(*last).items()->Get(0), out);
  if (!answer.finished() || answer.failure()) std::abort();
  if (!stream && !is_json(answer.body())) std::abort();
  for (std::size_t at = 0; stream && (at = out.find("data: {", at)) != std::string::npos; ++at) {
    const auto end = out.find("\n\n", at);
    if (end == std::string::npos || !is_json(std::string_view(out).substr(at + 6, end - at - 6))) std::abort();
  }
  return 0;
}
