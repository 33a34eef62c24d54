// `tokamak score`: what a model thinks of texts, on JSON lines: the log-probability of each token and the most likely
// ones in its place. Computed by the same actors as a request, in steps of prefill.
#include "app/commands/commands.hpp"
#include "app/complain.hpp"
#include "app/json_lines.hpp"
#include "app/one_model.hpp"
#include "app/service.hpp"
#include "base/log.hpp"
#include "message/sequence_actors.hpp"
#include "message/wire_error.hpp"
#include "model/gguf/gguf_file.hpp"

#include <caf/scoped_actor.hpp>


namespace tokamak::app {
namespace {

/// Numbers print as the shortest text that reads back as the same float; infinite ones as null.
using float_json = nlohmann::basic_json<nlohmann::ordered_map, std::vector, std::string, bool, std::int64_t, std::uint64_t, float>;

/// Positions whose predictions one step may report: large enough to keep the matrix kernels busy.
constexpr std::uint32_t reports_per_step = 128;

struct score_options {
  std::string model;
  std::uint32_t top = 64;
  std::uint32_t threads = 0;
  std::string backend = "cpu";
};

/// Asks a pool about one sequence after the other. Thread: the caller's.
class scorer {
public:
  scorer(caf::actor_system& system, service& running, std::uint32_t top)
      : self_(system), pool_(caf::actor_cast<sequence_server>(running.pool("score"))), ids_(running.ids()), top_(top) {
    self_->monitor(pool_);
  }

  /// REQUIRES: not empty.
  expected<wire::TopLogprobsT> score(const std::vector<std::int32_t>& tokens) {
    wire::OpenT open;
    open.id = ids_.next();
    open.prompt = std::make_unique<wire::PromptT>();
    open.prompt->tokens = {tokens.front()};
    self_->send(pool_, make_frame<wire::Open>(open));
    wire::ExtendT rest;
    rest.id = open.id;
    rest.op = 1;
    rest.tokens.assign(tokens.begin() + 1, tokens.end());
    rest.top_logprobs = static_cast<std::uint8_t>(std::max(1u, top_));
    rest.score = true;
    self_->send(pool_, make_frame<wire::Extend>(rest));
    auto answer = receive(open.id);
    wire::CloseT close;
    close.id = open.id;
    self_->send(pool_, make_frame<wire::Close>(close));
    return answer;
  }

private:
  expected<wire::TopLogprobsT> receive(std::uint64_t id) {
    std::optional<expected<wire::TopLogprobsT>> answer;
    while (!answer)
      self_->receive(
          [&](const frame_of<wire::Chunks>& chunks) {
            for (std::uint32_t i = 0; chunks->items() && i < chunks->items()->size(); ++i) {
              const auto* item = chunks->items()->Get(i);
              if (item->id() != id) continue;
              if (item->error()) answer = fail(from_wire(*item->error()));
              if (!item->top()) continue;
              answer.emplace(wire::TopLogprobsT{});
              item->top()->UnPackTo(&**answer);
            }
          },
          [&](const caf::down_msg&) { answer = fail(errc::unavailable, "the engine ended"); });
    return std::move(*answer);
  }

  caf::scoped_actor self_;
  sequence_server pool_;
  sequence_ids& ids_;
  std::uint32_t top_;
};

std::string line_of(const std::vector<std::int32_t>& ids, const wire::TopLogprobsT& scored, std::uint32_t top) {
  float_json line{{"ids", ids}, {"nll", float_json::array()}, {"top_ids", float_json::array()}, {"top_logprobs", float_json::array()}};
  for (auto logprob : scored.scores) line["nll"].push_back(-logprob);
  std::size_t at = 0;
  for (const auto n : scored.counts) {
    const auto kept = static_cast<std::ptrdiff_t>(at + std::min<std::size_t>(n, top));
    const auto begin = static_cast<std::ptrdiff_t>(at);
    line["top_ids"].push_back(std::vector(scored.ids.begin() + begin, scored.ids.begin() + kept));
    line["top_logprobs"].push_back(std::vector(scored.logprobs.begin() + begin, scored.logprobs.begin() + kept));
    at += n;
  }
  return line.dump();
}

topology::topology topology_of(const score_options& o) {
  auto t = one_model_topology("score", o.model, o.backend);
  t.engines.front().threads = o.threads;
  t.engines.front().max_sequences = reports_per_step;
  return t;
}

int score(const score_options& o) {
  log::set_level(log::level::warning);
  const auto file = gguf_file::open(o.model);
  if (!file) return complain(file.error());
  const auto tokens = tokenizer::from_gguf(*file);
  if (!tokens) return complain(tokens.error());
  auto registry = plugin::registry::load();
  if (!registry) return complain(registry.error());
  const auto t = topology_of(o);
  actor_runtime runtime;
  service_options start;
  start.with_frontends = false;
  auto running = service::start(runtime.system(), t, *registry, start);
  if (!running) return complain(running.error());
  scorer asker(runtime.system(), **running, o.top);
  return answer_lines([&](const nlohmann::ordered_json& line) -> expected<std::string> {
    std::vector<std::int32_t> ids;
    if (line.contains("ids")) {
      auto given = ids_of(line, (*tokens)->vocab_size());
      if (!given) return fail(given.error());
      ids = std::move(*given);
    } else {
      auto text = text_of(line);
      if (!text) return fail(text.error());
      encode_options how;
      how.parse_special = true;
      ids = (*tokens)->encode(*text, how);
    }
    if (ids.empty()) return line_of(ids, {}, o.top);
    auto scored = asker.score(ids);
    if (!scored) return fail(scored.error());
    return line_of(ids, *scored, o.top);
  });
}

} // namespace

void add_score(CLI::App& app, command& chosen) {
  auto o = std::make_shared<score_options>();
  auto* sub = app.add_subcommand("score", "Log-probabilities of texts: lines {\"text\": …} or {\"ids\": […]} on standard input into lines\n"
                                          "{\"ids\", \"nll\", \"top_ids\", \"top_logprobs\"}; nll[i] = -ln p(ids[i+1] | ids[0..i]),\n"
                                          "top_ids[i] are the most likely tokens after ids[0..i]");
  sub->add_option("model", o->model, "GGUF file")->required();
  sub->add_option("--top", o->top, "Most likely tokens to list for each position")->capture_default_str()->check(CLI::Range(0, 255));
  sub->add_option("-t,--threads", o->threads, "Compute threads; 0: all that this process may use")->capture_default_str();
  sub->add_option("--backend", o->backend, "Backend plugin")->capture_default_str();
  sub->callback([o, &chosen] { chosen = [o] { return score(*o); }; });
}

} // namespace tokamak::app
