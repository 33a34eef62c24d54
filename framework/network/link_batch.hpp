// How frames travel between nodes. One ZeroMQ message is a batch: a header, then records, each a frame with its addresses.
// Small frames that wait together share a batch; a frame with attachments has a message of its own, whose further parts
// they are. All numbers are little endian; header and records begin at multiples of eight bytes.
//
//   header   "TKMK", protocol major and minor, u16 number of attachments | u64 received[control], u64 received[bulk]
//   record   u32 bytes, u16 frame type, u16 flags | u64 target | u64 sender | u64 request | the FlatBuffer, padded
#pragma once

#include "message/frame.hpp"

#include <array>
#include <cstdint>
#include <span>
#include <vector>

namespace tokamak::network {

enum class lane : std::uint8_t { control = 0, bulk = 1 };
inline constexpr std::size_t n_lanes = 2;
constexpr std::size_t index(lane l) { return static_cast<std::size_t>(l); }

/// The target of a frame that is about the link itself.
inline constexpr std::uint64_t link_address = 0;

/// A frame from one actor to another. Addresses are numbers that the actor's own node gave it.
struct link_message {
  std::uint64_t target = link_address;
  std::uint64_t sender = 0;   ///< 0: nobody
  std::uint64_t request = 0;  ///< CAF's message id: ties an answer to its question, 0 for plain messages
  any_frame frame;            ///< type none: the target could not answer the request

  /// What counts against the window of its lane; link frames do not.
  std::uint64_t cost() const;
  lane way() const { return frame.storage && !frame.attachments().empty() ? lane::bulk : lane::control; }
};

/// Bytes of all costs received so far, by lane: credit for the sender.
using received_bytes = std::array<std::uint64_t, n_lanes>;

/// Puts messages into the bytes of one ZeroMQ part.
class batch_writer {
public:
  void add(const link_message& m);
  bool empty() const { return bytes_.size() <= header_size; }
  std::size_t size() const { return bytes_.size(); }
  /// The finished part. With attachments it holds exactly one record.
  std::vector<std::byte> take(const received_bytes& received, std::size_t n_attachments = 0);

  static constexpr std::size_t header_size = 24, record_size = 32;

private:
  std::vector<std::byte> bytes_ = std::vector<std::byte>(header_size);
};

struct batch {
  received_bytes received{};
  std::vector<link_message> messages;
};

/// Reads and verifies a whole batch; nothing of it is to be used unless all of it is sound. Its frames lie in `bytes` and
/// keep them. `attachments` are the parts behind the first. Errors: corrupt, too_large, unsupported, version_mismatch; each
/// says what was found and expected.
expected<batch> read_batch(const attachment& bytes, std::vector<attachment> attachments, const frame_limits& limits);

} // namespace tokamak::network
