// Errors on the wire: error of base/error.hpp as schemas/sequence.fbs has it, and back.
#pragma once

#include "base/error.hpp"
#include "sequence_generated.h"

#include <memory>

namespace tokamak {

inline std::unique_ptr<wire::ErrorT> to_wire(const error& why) {
  auto e = std::make_unique<wire::ErrorT>();
  e->code = static_cast<wire::ErrorCode>(why.code);
  e->message = why.message;
  e->where = why.where;
  return e;
}

/// A code that is none of ours (frames are verified, enums are not) is internal.
inline error from_wire(const wire::Error& e) {
  const auto text = [](const flatbuffers::String* s) { return s ? s->str() : std::string(); };
  const bool known = e.code() > wire::ErrorCode::ok && e.code() <= wire::ErrorCode::internal;
  return {known ? static_cast<errc>(e.code()) : errc::internal, text(e.message()), text(e.where())};
}

} // namespace tokamak
