// Checks of ZeroMQ addresses as text; nothing is resolved or opened.
#pragma once

#include <string>
#include <string_view>

namespace tokamak::topology {

/// Why a frontend cannot bind here; "" if it looks right: tcp://HOST:PORT (HOST a name, an IPv4 or [IPv6] address, or *;
/// PORT 0 or * for any free one) or ipc:///PATH.
std::string bind_problem(std::string_view address);

/// Why an HTTP frontend cannot bind here; "" if it looks right: HOST:PORT, as above.
std::string http_bind_problem(std::string_view address);

/// Only this machine can connect: ipc, localhost, 127.x.x.x or [::1].
bool is_local(std::string_view address);

/// Why other nodes cannot connect here; "" if it looks right: tcp://HOST:PORT with a definite host and port.
std::string link_problem(std::string_view address);

} // namespace tokamak::topology
