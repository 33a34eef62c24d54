// `tokamak ask`: one question to a running service, streamed to the terminal.
#include "app/commands/commands.hpp"
#include "app/key_flags.hpp"
#include "app/sampling_flags.hpp"

#include <tokamak/client.hpp>

#include <cstdio>

namespace tokamak::app {
namespace {

struct ask_options {
  std::string address = "tcp://127.0.0.1:7100";
  std::string model;
  std::string prompt;
  sampling_flags sampling;
  std::string tenant;
  std::vector<std::string> metadata; ///< "KEY=VALUE"
  bool quiet = false;
  client_options connection;
};

client_request request_of(const ask_options& o) {
  client_request request;
  request.model = o.model;
  if (o.sampling.raw) {
    request.prompt = o.prompt;
  } else {
    std::vector<client_message> messages;
    if (!o.sampling.system.empty()) messages.push_back({"system", o.sampling.system});
    messages.push_back({"user", o.prompt});
    request.prompt = std::move(messages);
  }
  request.max_tokens = o.sampling.max_tokens;
  request.sampling.temperature = o.sampling.temperature;
  request.sampling.top_k = o.sampling.top_k;
  request.sampling.top_p = o.sampling.top_p;
  request.sampling.min_p = o.sampling.min_p;
  request.sampling.seed = o.sampling.seed;
  request.stops.strings = o.sampling.stop;
  request.tenant = o.tenant;
  for (const auto& label : o.metadata) {
    const auto equals = label.find('=');
    request.metadata.emplace_back(label.substr(0, equals), equals == std::string::npos ? "" : label.substr(equals + 1));
  }
  return request;
}

void print_statistics(const client_usage& usage) {
  const auto first_ms = static_cast<double>(usage.first_token.count()) / 1000;
  const auto rest_s = static_cast<double>((usage.total - usage.first_token).count()) / 1e6;
  const auto rate = usage.completion_tokens > 1 && rest_s > 0 ? (usage.completion_tokens - 1) / rest_s : 0.0;
  std::fprintf(stderr, "[prompt %u tokens (%u cached), answer %u tokens, first token after %.0f ms, then %.1f tokens/s]\n",
               usage.prompt_tokens, usage.cached_tokens, usage.completion_tokens, first_ms, rate);
}

int ask(const ask_options& o) {
  auto connected = client::connect(o.address, o.connection);
  if (!connected) {
    std::fprintf(stderr, "tokamak: %s\n", connected.error().to_string().c_str());
    return 1;
  }
  auto answer = connected->generate(request_of(o), [](const client_chunk& chunk) {
    std::fwrite(chunk.text.data(), 1, chunk.text.size(), stdout);
    std::fflush(stdout);
    return true;
  });
  if (!answer) {
    std::fprintf(stderr, "tokamak: %s\n", answer.error().to_string().c_str());
    return 1;
  }
  std::fputc('\n', stdout);
  std::fflush(stdout); // before the statistics, also when both go to one file
  if (answer->usage && !o.quiet) print_statistics(*answer->usage);
  return 0;
}

} // namespace

void add_ask(CLI::App& app, command& chosen) {
  auto o = std::make_shared<ask_options>();
  auto* sub = app.add_subcommand("ask", "Ask a running service and stream the answer");
  sub->add_option("--connect", o->address, "Address of the service")->capture_default_str();
  sub->add_option("model", o->model, "Name of an endpoint")->required();
  sub->add_option("prompt", o->prompt, "What to ask")->required();
  sub->add_option("--tenant", o->tenant, "Who asks");
  sub->add_option("--metadata", o->metadata, "Label of the request that routes may look at; may be repeated")
      ->option_text("KEY=VALUE")
      ->allow_extra_args(false);
  sub->add_flag("--quiet", o->quiet, "No statistics");
  add_key_flags(*sub, o->connection);
  add_sampling_flags(*sub, o->sampling);
  sub->callback([o, &chosen] { chosen = [o] { return ask(*o); }; });
}

} // namespace tokamak::app
