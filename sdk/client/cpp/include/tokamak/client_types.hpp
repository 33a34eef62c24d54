// What a client sends to a Tokamak service and what comes back, as plain values. Field meanings follow
// schemas/sequence.fbs; defaults mean "off".
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace tokamak {

/// Time limits and sizes of one client. A request may override those it has a field for.
struct client_options {
  std::chrono::milliseconds connect_timeout{5000};    ///< how long a request waits to be sent
  std::chrono::milliseconds answer_timeout{10000};    ///< list_models and status
  std::chrono::milliseconds chunk_timeout{300000};    ///< longest silence within one answer; 0: no limit
  std::chrono::milliseconds heartbeat_interval{2000}; ///< ZeroMQ pings: finds a dead host or process
  std::chrono::milliseconds heartbeat_timeout{6000};
  std::chrono::milliseconds liveness_interval{15000}; ///< silence before, and again after, asking "are you there?"
  std::uint32_t acknowledge_every = 64;               ///< tokens; must be below the service's window
  std::size_t max_frame_bytes = 64u << 20;            ///< larger messages end the connection
  std::string key_file;                               ///< own secret key (`tokamak keygen`); "": in the clear
  std::string server_key_file;                        ///< the service's public key; needed with key_file
};

struct client_message {
  std::string role; ///< "system", "user", "assistant", ...
  std::string content;
};

/// Messages as a JSON array, for tool calls and multi-part content.
struct client_json_messages {
  std::string json;
};

/// Text (tokenised as it is), token ids, or messages (through the model's chat template).
struct client_prompt {
  std::variant<std::string, std::vector<std::int32_t>, std::vector<client_message>, client_json_messages> value;

  client_prompt() = default;
  client_prompt(const char* text) : value(std::string(text)) {}
  client_prompt(std::string text) : value(std::move(text)) {}
  client_prompt(std::vector<std::int32_t> token_ids) : value(std::move(token_ids)) {}
  client_prompt(std::vector<client_message> messages) : value(std::move(messages)) {}
  client_prompt(client_json_messages messages) : value(std::move(messages)) {}
};

struct client_sampling {
  float temperature = 0;  ///< 0: greedy
  std::uint32_t top_k = 0; ///< 0: all
  float top_p = 1;
  float min_p = 0;
  float repetition_penalty = 1;
  float presence_penalty = 0;
  float frequency_penalty = 0;
  std::optional<std::uint64_t> seed; ///< absent: the service chooses one
  std::vector<std::pair<std::int32_t, float>> logit_bias; ///< token id, value added to its logit
  bool logprobs = false;                                  ///< report each token's log-probability
  std::uint8_t top_logprobs = 0;                          ///< report this many of the most likely tokens
};

struct client_stops {
  std::vector<std::string> strings; ///< not delivered; matched across token borders
  std::vector<std::int32_t> tokens;
  bool ignore_eos = false;
  std::uint32_t min_tokens = 0;
};

/// What the answer must be, from its first token on.
struct client_constraint {
  std::string text;                   ///< as the plugin reads it: a JSON schema
  std::string plugin = "json_schema"; ///< of the engine
};

struct client_request {
  std::string model; ///< an endpoint's name, see client::list_models
  client_prompt prompt;
  std::string tools;          ///< JSON array; only with messages
  std::string template_variables; ///< JSON object: more variables of the chat template; only with messages
  bool add_special = true;    ///< text: begin with BOS where the model wants one
  bool parse_special = false; ///< text: read control tokens written out
  std::uint32_t max_tokens = 256;
  client_sampling sampling;
  client_stops stops;
  std::optional<client_constraint> constraint;
  bool show_special = false;  ///< the answer's text names its control tokens, but for those that end it
  std::vector<std::int32_t> delivered;                    ///< resume an answer after these tokens
  std::chrono::microseconds deadline{0};                  ///< for the whole answer; 0: none
  std::optional<std::chrono::milliseconds> chunk_timeout; ///< else client_options::chunk_timeout
  std::int32_t priority = 0;                              ///< higher first
  std::string trace;                                      ///< ties the service's log lines together
  std::string tenant;
  std::vector<std::pair<std::string, std::string>> metadata; ///< labels of the request: routes may look at them
};

enum class client_finish : std::uint8_t { none = 0, stop, length, cancelled };

struct client_usage {
  std::uint32_t prompt_tokens = 0;
  std::uint32_t cached_tokens = 0; ///< of the prompt, served from cache
  std::uint32_t completion_tokens = 0;
  std::chrono::microseconds queued{0};      ///< receipt to first step
  std::chrono::microseconds first_token{0}; ///< receipt to first token
  std::chrono::microseconds total{0};
};

struct client_top_token {
  std::int32_t id = 0;
  float logprob = 0;
  std::string text; ///< empty where the service does not say
};

/// A piece of an answer. The last one, and only it, has `finish` other than none.
struct client_chunk {
  std::uint32_t offset = 0; ///< answer tokens before this chunk
  std::string text;         ///< valid UTF-8
  std::vector<std::int32_t> token_ids;
  std::vector<float> logprobs;                            ///< one a token, when asked for
  std::vector<std::vector<client_top_token>> top_logprobs; ///< one list a token, when asked for
  client_finish finish = client_finish::none;
  std::string stop; ///< the stop string that ended the answer
  std::optional<client_usage> usage;
};

/// A whole answer: the sum of its chunks.
struct client_answer {
  std::string text;
  std::vector<std::int32_t> token_ids;
  std::vector<float> logprobs;
  std::vector<std::vector<client_top_token>> top_logprobs;
  client_finish finish = client_finish::none;
  std::string stop;
  std::optional<client_usage> usage;
};

struct client_model {
  std::string name; ///< what client_request::model takes
  std::string fusion;
  std::vector<std::string> pools;
  std::uint32_t context_length = 0; ///< tokens
  std::vector<std::string> aliases; ///< other names for the same
};

struct client_counter {
  std::string name;
  double value = 0;
};

/// How often a measured value was at most bounds[i], and above bounds[i - 1]; the last count is of values above all bounds.
struct client_histogram {
  std::string name; ///< with its unit: time_to_first_token_seconds
  std::vector<double> bounds;
  std::vector<std::uint64_t> counts; ///< one more than bounds
  double sum = 0;                    ///< of all values
};

struct client_actor_status {
  std::string name;
  std::string kind;
  std::vector<client_counter> counters;
  std::string node; ///< where it runs
  std::vector<client_histogram> histograms;
};

struct client_node_status {
  std::string name;
  std::string version;
  std::chrono::microseconds uptime{0};
  bool draining = false;
  std::string problem; ///< why there is nothing of its actors: "not connected", "no answer within 2 s"; "": there is
};

struct client_status {
  std::string node;
  std::string version;
  std::string topology_digest;
  std::chrono::microseconds uptime{0};
  std::vector<client_actor_status> actors;
  std::vector<client_node_status> nodes; ///< all of the service, the one that was asked first
};

/// How a node left.
struct client_drained {
  std::string node;
  std::uint64_t finished = 0; ///< requests that ended during the drain
  std::uint64_t moved = 0;    ///< answers of its engines that went on at others, at the deadline
  std::uint64_t cut = 0;      ///< requests of its clients that ended at the deadline, with what they had
  std::chrono::microseconds took{0};
};

} // namespace tokamak
