// Work that would hold up an actor and all whom it serves, such as turning ten megabytes of text into tokens: it is done beside the actors, and the
// actor that asked does the rest.
#pragma once

#include <functional>

namespace tokamak {

/// What is left to do afterwards, on the thread of who asked; dropped where that is gone by then.
using background_rest = std::function<void()>;
/// Called once, on another thread: it owns what it uses, or shares what nobody changes.
using background_work = std::function<background_rest()>;

} // namespace tokamak
