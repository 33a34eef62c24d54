// The tokamak program: parses the command line and runs one command.
#include "app/commands/commands.hpp"
#include "app/version.hpp"

int main(int argc, char** argv) {
  CLI::App app{"Tokamak: an inference framework for large language models, operated by the token"};
  app.set_version_flag("--version", std::string("tokamak ") + tokamak::version);
  app.require_subcommand(1);
  tokamak::app::command chosen;
  for (auto* add : {tokamak::app::add_serve, tokamak::app::add_check, tokamak::app::add_plugins, tokamak::app::add_run,
                    tokamak::app::add_ask, tokamak::app::add_status, tokamak::app::add_drain, tokamak::app::add_bench,
                    tokamak::app::add_score, tokamak::app::add_inspect, tokamak::app::add_keygen, tokamak::app::add_simulate, tokamak::app::add_tokenize, tokamak::app::add_template})
    add(app, chosen);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& e) {
    return app.exit(e) == 0 ? 0 : 2;
  }
  return chosen();
}
