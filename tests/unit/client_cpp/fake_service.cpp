// The fake service's socket and the frames it sends.
#include "fake_service.hpp"

#include <doctest/doctest.h>
#include <zmq.h>

#include <cstring>

namespace fake {

namespace wire = tokamak::wire;

namespace {

template <class Table>
bytes finished(flatbuffers::FlatBufferBuilder& builder, flatbuffers::Offset<Table> root) {
  builder.Finish(root);
  return {builder.GetBufferPointer(), builder.GetBufferPointer() + builder.GetSize()};
}

} // namespace

service::service(const std::string& address) : context_(zmq_ctx_new()), socket_(zmq_socket(context_, ZMQ_ROUTER)) {
  const int zero = 0, one = 1;
  zmq_setsockopt(socket_, ZMQ_LINGER, &zero, sizeof zero);
  zmq_setsockopt(socket_, ZMQ_ROUTER_MANDATORY, &one, sizeof one);
  REQUIRE(zmq_bind(socket_, address.c_str()) == 0);
  char bound[256];
  std::size_t size = sizeof bound;
  zmq_getsockopt(socket_, ZMQ_LAST_ENDPOINT, bound, &size);
  address_ = bound;
}

service::~service() { vanish(); }

void service::vanish() {
  if (!context_) return;
  zmq_close(socket_);
  zmq_ctx_term(context_);
  context_ = socket_ = nullptr;
}

void service::leave() {
  const int limit_ms = 5000;
  zmq_setsockopt(socket_, ZMQ_LINGER, &limit_ms, sizeof limit_ms);
  vanish();
}

std::optional<request> service::receive(std::chrono::milliseconds limit) {
  zmq_pollitem_t item{socket_, 0, ZMQ_POLLIN, 0};
  if (zmq_poll(&item, 1, limit.count()) <= 0) return std::nullopt;
  std::vector<bytes> parts;
  for (int more = 1; more;) {
    zmq_msg_t message;
    zmq_msg_init(&message);
    zmq_msg_recv(&message, socket_, 0);
    const auto* data = static_cast<const std::uint8_t*>(zmq_msg_data(&message));
    parts.emplace_back(data, data + zmq_msg_size(&message));
    more = zmq_msg_more(&message);
    zmq_msg_close(&message);
  }
  REQUIRE(parts.size() == 3);
  REQUIRE(parts[1].size() == 8);
  REQUIRE(std::memcmp(parts[1].data(), "TKMK\0\1", 6) == 0);
  return request{parts[0], parts[1][6] | parts[1][7] << 8, parts[2]};
}

request service::expect(frame type) {
  auto got = receive();
  REQUIRE(got);
  REQUIRE(got->type == type);
  return *got;
}

void service::send_raw(const request& to, const std::vector<bytes>& parts) {
  REQUIRE(zmq_send(socket_, to.peer.data(), to.peer.size(), ZMQ_SNDMORE) >= 0);
  for (std::size_t i = 0; i < parts.size(); ++i)
    REQUIRE(zmq_send(socket_, parts[i].data(), parts[i].size(), i + 1 < parts.size() ? ZMQ_SNDMORE : 0) >= 0);
}

void service::send(const request& to, int type, const bytes& body) { send_raw(to, {header_of(type), body}); }

bytes header_of(int type, std::uint8_t major, std::uint8_t minor, const char* magic) {
  bytes header(8);
  std::memcpy(header.data(), magic, 4);
  header[4] = major;
  header[5] = minor;
  header[6] = static_cast<std::uint8_t>(type);
  header[7] = static_cast<std::uint8_t>(type >> 8);
  return header;
}

bytes make_chunks(const std::vector<piece>& pieces) {
  flatbuffers::FlatBufferBuilder builder;
  std::vector<flatbuffers::Offset<wire::Chunk>> items;
  for (const piece& piece : pieces) {
    const auto text = builder.CreateString(piece.text);
    const auto tokens = builder.CreateVector(piece.tokens);
    flatbuffers::Offset<wire::Error> error;
    flatbuffers::Offset<wire::Usage> usage;
    if (piece.error)
      error = wire::CreateErrorDirect(builder, static_cast<wire::ErrorCode>(piece.error->code),
                                      piece.error->message.c_str(), piece.error->where.c_str());
    else if (piece.finish != wire::FinishReason::none)
      usage = wire::CreateUsage(builder, 5, 2, 3, 10, 20, 30);
    wire::ChunkBuilder chunk(builder);
    chunk.add_id(piece.id);
    chunk.add_offset(piece.offset);
    chunk.add_text(text);
    chunk.add_tokens(tokens);
    chunk.add_usage(usage);
    chunk.add_error(error);
    chunk.add_finish(piece.error ? wire::FinishReason::error : piece.finish);
    items.push_back(chunk.Finish());
  }
  return finished(builder, wire::CreateChunksDirect(builder, &items));
}

bytes make_error_reply(std::uint64_t op, wire::ErrorCode code, const std::string& message) {
  flatbuffers::FlatBufferBuilder builder;
  const auto error = wire::CreateErrorDirect(builder, code, message.c_str(), "");
  return finished(builder, wire::CreateErrorReply(builder, op, error));
}

bytes make_model_list(std::uint64_t op, const std::vector<std::string>& names) {
  flatbuffers::FlatBufferBuilder builder;
  std::vector<flatbuffers::Offset<wire::ModelInfo>> models;
  for (const std::string& name : names) {
    const std::vector<flatbuffers::Offset<flatbuffers::String>> pools(1, builder.CreateString(name + "_pool"));
    models.push_back(wire::CreateModelInfoDirect(builder, name.c_str(), "direct", &pools, 2048));
  }
  return finished(builder, wire::CreateModelListDirect(builder, op, &models));
}

bytes make_status_report(std::uint64_t op) {
  flatbuffers::FlatBufferBuilder builder;
  std::vector<flatbuffers::Offset<wire::Counter>> counters(1, wire::CreateCounterDirect(builder, "running", 3));
  const std::vector<double> bounds{0.5, 1};
  const std::vector<std::uint64_t> counts{2, 0, 1};
  const std::vector<flatbuffers::Offset<wire::Histogram>> histograms(1, wire::CreateHistogramDirect(builder, "seconds", &bounds, &counts, 2.5));
  std::vector<flatbuffers::Offset<wire::ActorStatus>> actors(
      1, wire::CreateActorStatusDirect(builder, "engine.a", "scheduler", &counters, "node1", &histograms));
  const std::vector<flatbuffers::Offset<wire::NodeStatus>> nodes{
      wire::CreateNodeStatusDirect(builder, "node1", "0.1.0", 7000000, true),
      wire::CreateNodeStatusDirect(builder, "node2", nullptr, 0, false, "not connected")};
  return finished(builder, wire::CreateStatusReportDirect(builder, op, "node1", "0.1.0", "abc", 7000000, &actors, &nodes));
}

bytes make_drained(std::uint64_t op) {
  flatbuffers::FlatBufferBuilder builder;
  return finished(builder, wire::CreateDrainedDirect(builder, "node2", op, 3, 1, 2, 1500000));
}

tokamak::client_request ask_for(std::uint32_t max_tokens) {
  tokamak::client_request request;
  request.model = "m";
  request.prompt = "hello";
  request.max_tokens = max_tokens;
  return request;
}

tokamak::client connect(const std::string& address, tokamak::client_options options) {
  auto client = tokamak::client::connect(address, options);
  REQUIRE(client);
  return *std::move(client);
}

tokamak::client_options impatient() {
  tokamak::client_options options;
  options.connect_timeout = 400ms;
  options.answer_timeout = 600ms;
  options.heartbeat_interval = 50ms;
  options.heartbeat_timeout = 150ms;
  return options;
}

} // namespace fake
