// Bytes from another node: whatever they are, a batch is read whole or refused with a reason, and a session takes it or
// ends with one. The first byte chooses between raw bytes and edits of a sound batch.
#include "fuzz/edits.hpp"
#include "fuzz/frame_samples.hpp"
#include "network/link_session.hpp"

using namespace tokamak;
using namespace tokamak::network;

namespace {

void require(bool condition) {
  if (!condition) __builtin_trap();
}

class nobody final : public link_effects {
public:
  void transmit(lane, std::vector<std::byte> b, const std::vector<attachment>& a) override {
    require(read_batch(copy_attachment(b), a, {}).has_value()); // what it says itself is sound
  }
  void deliver(link_message m) override { require(!m.frame.storage || verify(m.frame.type, m.frame.bytes()).has_value()); }
  void offered(offer) override {}
  void gone(std::uint64_t) override {}
};

std::vector<std::byte> sound_batch() {
  batch_writer w;
  w.add({0, 0, 0, make_frame<wire::Heartbeat>({.sent_us = 5, .echo_us = 3, .held_us = 1})});
  w.add({0, 0, 0, make_frame<wire::Exports>(fuzz::sample<wire::Exports>())});
  w.add({7, 9, 0, make_frame<wire::Open>(fuzz::sample<wire::Open>())});
  w.add({7, 9, 4, make_frame<wire::StatusRequest>({.op = 1})});
  w.add({7, 9, 5, {}});
  w.add({0, 0, 0, make_frame<wire::Gone>(fuzz::sample<wire::Gone>())});
  return w.take({});
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  auto bytes = std::as_bytes(std::span(data, size)).subspan(2);
  std::vector<std::byte> whole(bytes.begin(), bytes.end());
  if (data[0] & 1) {
    whole = sound_batch();
    fuzz::apply_edits(whole, bytes);
  }
  std::vector<attachment> rest(data[1] % 3);
  auto b = read_batch(copy_attachment(whole), rest, {});
  if (!b) {
    require(!b.error().message.empty());
    return 0;
  }
  nobody effects;
  link_session session({}, {1000, 1000}, effects, 10);
  for (int i = 0; i < 3; ++i) (void)session.send({3, 4, 0, make_frame<wire::Drained>(fuzz::sample<wire::Drained>())});
  (void)session.tick(11);
  session.flush();
  if (auto ok = session.receive(data[0] & 2 ? lane::bulk : lane::control, std::move(*b), 12); !ok) require(!ok.error().message.empty());
  session.flush();
  return 0;
}
