// Which clients of a frontend may do more than ask for answers and state: make nodes drain. Pure.
#pragma once

#include "base/error.hpp"

#include <set>
#include <string>
#include <string_view>

namespace tokamak::frontend {

struct administrators {
  std::string frontend;        ///< its name, for errors
  bool anybody = false;        ///< there are no keys, and only programs of this machine can connect
  bool keys = false;           ///< clients have names: the owners of their keys
  std::set<std::string> names; ///< those of them that may
};

/// `client`: the owner of the key it connected with. Errors: permission_denied, with what to set.
inline expected<void> may_administer(const administrators& who, std::string_view client) {
  if (who.anybody || (who.keys && who.names.contains(std::string(client)))) return {};
  if (who.keys)
    return fail(errc::permission_denied, fmt::format("client '{0}' may not drain nodes; that takes admins = [\"{0}\"] in [frontends.{1}]", client, who.frontend));
  return fail(errc::permission_denied, fmt::format("nobody may drain nodes over frontend '{0}', where other machines connect without keys; that takes "
                                                   "key_file, client_keys and admins in [frontends.{0}]", who.frontend));
}

} // namespace tokamak::frontend
