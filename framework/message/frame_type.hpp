// Numbers of frame types on the wire, and the link from a FlatBuffers table to its number.
#pragma once

#include "cache_generated.h"
#include "link_generated.h"
#include "operations_generated.h"
#include "sequence_generated.h"
#include "step_generated.h"

#include <cstdint>
#include <string_view>

namespace tokamak {

/// The protocol version in the header of every frame from outside. While major is 0, minor must match too.
inline constexpr std::uint8_t protocol_major = 0;
inline constexpr std::uint8_t protocol_minor = 1;

// One line a frame type: X(Table, number). Numbers are never reused.
#define TOKAMAK_FRAME_TYPES(X)                                                                                 \
  X(Open, 1) X(Extend, 2) X(Generate, 3) X(Fork, 4) X(Truncate, 5) X(Close, 6) X(Renew, 7) X(Flow, 8)          \
  X(Acknowledge, 9) X(Chunks, 10) X(Step, 11) X(StepResult, 12) X(Activations, 13) X(Partial, 14)              \
  X(CacheLookup, 15) X(CacheHit, 16) X(LeaseRequest, 17) X(LeaseGrant, 18) X(CacheCommit, 19) X(Unpin, 20)     \
  X(Release, 21) X(ListModels, 22) X(ModelList, 23) X(StatusRequest, 24) X(StatusReport, 25)                   \
  X(ErrorReply, 26) X(LedgerEntry, 27) X(Drain, 28) X(Drained, 29) X(ActorStatus, 30) X(CacheExport, 31)       \
  X(CacheBlocks, 32) X(CacheImported, 33) X(CacheTransfer, 34) X(CacheTransferred, 35) X(Hello, 36)             \
  X(Refusal, 37) X(Exports, 38) X(Gone, 39) X(Heartbeat, 40) X(Watch, 41) X(EngineLoad, 42)

enum class frame_type : std::uint16_t {
  none = 0,
#define TOKAMAK_ENUMERATE(name, number) name = number,
  TOKAMAK_FRAME_TYPES(TOKAMAK_ENUMERATE)
#undef TOKAMAK_ENUMERATE
};

/// "Open", "Chunks", ...; "unknown" for other numbers.
std::string_view to_string(frame_type type);

template <class T>
inline constexpr frame_type frame_type_of = frame_type::none;
#define TOKAMAK_LINK(name, number)                                                                             \
  template <>                                                                                                  \
  inline constexpr frame_type frame_type_of<wire::name> = frame_type::name;
TOKAMAK_FRAME_TYPES(TOKAMAK_LINK)
#undef TOKAMAK_LINK

} // namespace tokamak
