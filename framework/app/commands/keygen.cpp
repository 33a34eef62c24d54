// `tokamak keygen`: key files for encrypted connections.
#include "app/commands/commands.hpp"
#include "app/complain.hpp"
#include "network/keys.hpp"

#include <cstdio>

namespace tokamak::app {

void add_keygen(CLI::App& app, command& chosen) {
  auto stem = std::make_shared<std::string>();
  auto* sub = app.add_subcommand("keygen", "Make a key pair: NAME.key, which stays here, and NAME.pub, for those who talk to its owner");
  sub->add_option("name", *stem, "Path of the files, without ending")->required();
  sub->callback([stem, &chosen] {
    chosen = [stem] {
      if (auto ok = network::write_new_keys(*stem); !ok) return complain(ok.error());
      std::printf("%s.key %s.pub\n", stem->c_str(), stem->c_str());
      return 0;
    };
  });
}

} // namespace tokamak::app
