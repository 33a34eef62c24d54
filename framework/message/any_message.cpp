// One line a frame type, through the list of types.
#include "message/any_message.hpp"

#include <typeindex>
#include <unordered_map>

namespace tokamak {
namespace {

using reader = any_frame (*)(const void*);

template <class T>
any_frame read_frame_of(const void* frame) {
  return *static_cast<const frame_of<T>*>(frame);
}

const std::unordered_map<std::type_index, reader>& readers() {
  static const std::unordered_map<std::type_index, reader> table{
#define TOKAMAK_READER(name, number) {std::type_index(typeid(frame_of<wire::name>)), &read_frame_of<wire::name>},
      TOKAMAK_FRAME_TYPES(TOKAMAK_READER)
#undef TOKAMAK_READER
  };
  return table;
}

} // namespace

caf::mailbox_element_ptr to_element(const any_frame& frame, caf::strong_actor_ptr sender, caf::message_id id) {
  switch (frame.type) {
#define TOKAMAK_MESSAGE(name, number)                                                                          \
  case frame_type::name: return caf::make_mailbox_element(std::move(sender), id, {}, frame.as<wire::name>());
    TOKAMAK_FRAME_TYPES(TOKAMAK_MESSAGE)
#undef TOKAMAK_MESSAGE
    case frame_type::none: break;
  }
  return {};
}

std::optional<any_frame> frame_in(const caf::type_erased_tuple& message) {
  if (message.size() != 1) return std::nullopt;
  const auto* type = message.type(0).second; // null for CAF's own types
  if (!type) return std::nullopt;
  const auto it = readers().find(std::type_index(*type));
  if (it == readers().end()) return std::nullopt;
  return it->second(message.get(0));
}

} // namespace tokamak
