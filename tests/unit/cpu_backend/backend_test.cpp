// The backend's own face: description, buffers, memory, support of ops.
#include "tiny_model.hpp"

#include <chrono>
#include <limits>
#include <mutex>
#include <thread>

using namespace cpu_test;

TEST_CASE("the plugin describes itself") {
  CHECK(std::string(extension().name) == "cpu");
  CHECK(extension().kind == TK_KIND_BACKEND);
  const std::string best = levels().back();
  backend on("", 3);
  const tk_backend_info info = on.describe();
  CHECK(std::string(info.name) == "cpu");
  CHECK(std::string(info.level) == best);
  CHECK(info.threads == 3);
  CHECK(info.host_visible == 1);
  CHECK(info.memory_bytes == 0);
  CHECK(std::string(backend("reference").describe().level) == "reference");
}

TEST_CASE("a processor level that does not exist is refused when the backend is made and when it is validated") {
  CHECK(create_error("neon") == "4: TOKAMAK_CPU=neon: expected reference, avx2 or avx512");
  setenv("TOKAMAK_CPU", "neon", 1);
  tk_host host{};
  tk_error error = no_error();
  CHECK(extension().validate(&host, nullptr, &error) == TK_UNSUPPORTED);
  unsetenv("TOKAMAK_CPU");
  CHECK(std::string(error.message) == "TOKAMAK_CPU=neon: expected reference, avx2 or avx512");
}

TEST_CASE("buffers are zeroed, aligned, and read and written within their bounds only") {
  backend on(levels().back());
  buffer b(on, 100);
  CHECK(reinterpret_cast<std::uintptr_t>(b.data()) % 64 == 0);
  for (int i = 0; i < 25; ++i) CHECK(b.data()[i] == 0.0f);
  const char text[] = "block";
  char back[6] = {};
  tk_error error = no_error();
  const auto* table = backend::table();
  CHECK(table->buffer_write(on.self(), b.get(), 94, text, 6, &error) == TK_OK);
  CHECK(table->buffer_read(on.self(), b.get(), 94, back, 6, &error) == TK_OK);
  CHECK(std::string(back) == "block");
  CHECK(text_of(table->buffer_write(on.self(), b.get(), 95, text, 6, &error), error) ==
        "1: 6 bytes from offset 95 of a buffer of 100");
  CHECK(text_of(table->buffer_read(on.self(), b.get(), UINT64_MAX, back, 6, &error), error) ==
        "1: 6 bytes from offset 18446744073709551615 of a buffer of 100");
  CHECK(table->buffer_read(on.self(), b.get(), 100, back, 0, &error) == TK_OK);
}

TEST_CASE("the largest of each row is found, however wide, and rows beyond the buffer are refused") {
  constexpr std::uint64_t width = 100'003; // several parts
  constexpr float infinity = std::numeric_limits<float>::infinity();
  for (const char* level : levels()) {
    for (const std::uint32_t threads : {1u, 3u}) {
      const backend on(level, threads);
      const buffer logits(on, 5 * width * sizeof(float));
      std::fill(logits.data(), logits.data() + 5 * width, -1.0f);
      logits.data()[width + 70'000] = logits.data()[width + 99'999] = 2;                 // row 1: a tie across parts
      logits.data()[2 * width + 5] = NAN;                                                // row 2: the first number
      logits.data()[2 * width] = NAN;
      std::fill(logits.data() + 3 * width, logits.data() + 4 * width, -infinity);        // row 3: none
      logits.data()[4 * width + 40'000] = std::numeric_limits<float>::max();
      logits.data()[4 * width + 90'000] = infinity;                                      // read as the largest finite number
      std::int32_t found[4];
      tk_error error = no_error();
      REQUIRE(backend::table()->buffer_argmax(on.self(), logits.get(), width * sizeof(float), width, 4, found, &error) == TK_OK);
      CHECK(found[0] == 70'000);
      CHECK(found[1] == 1);
      CHECK(found[2] == -1);
      CHECK(found[3] == 40'000);
      CHECK(backend::table()->buffer_argmax(on.self(), logits.get(), 2 * width * sizeof(float), width, 4, found, &error) == TK_INVALID_ARGUMENT);
      CHECK(backend::table()->buffer_argmax(on.self(), logits.get(), 0, 0, 1, found, &error) == TK_INVALID_ARGUMENT);
    }
  }
}

TEST_CASE("the compute threads are lent: each item once, by several threads") {
  const backend on("reference", 3);
  struct {
    std::vector<int> done = std::vector<int>(100, 0);
    std::mutex mutex;
    std::set<std::thread::id> threads;
  } seen;
  using seen_type = decltype(seen);
  const auto count = [](void* user, std::uint32_t item) {
    auto& s = *static_cast<seen_type*>(user);
    ++s.done[item];
    std::this_thread::sleep_for(std::chrono::microseconds(200));
    const std::lock_guard lock(s.mutex);
    s.threads.insert(std::this_thread::get_id());
  };
  backend::table()->run_parallel(on.self(), 0, count, &seen);
  CHECK(seen.threads.empty());
  backend::table()->run_parallel(on.self(), 100, count, &seen);
  for (const int n : seen.done) CHECK(n == 1);
  CHECK(seen.threads.size() > 1);
}

TEST_CASE("memory is counted, given back, and held to the budget") {
  const model m = transformer();
  {
    backend on(levels().back());
    {
      const auto ready = make_program(on, m);
      const std::uint64_t weights = on.describe().memory_bytes;
      std::uint64_t matrices = 0; // the tied embeddings once
      for (const auto& [id, bytes] : m.data) matrices += m.graph.values()[id].dims.size() == 2 ? bytes.size() : 0;
      CHECK(weights >= matrices);
      CHECK(weights < matrices + m.data.at(m.graph.find_value("token_embd")).size());
      const auto state = make_cache(on, m, 10);
      CHECK(on.describe().memory_bytes > weights);
      buffer b(on, 1000);
      tk_error error = no_error();
      CHECK(backend::table()->prepare(on.self(), ready->get(), 64, 4, 4, &error) == TK_OK);
      CHECK(on.describe().memory_bytes > weights + 1000 + 64 * recipe::D * 4);
    }
    CHECK(on.describe().memory_bytes == 0);
  }
  backend small("reference", 1, 2000); // how tiles are padded is a matter of the level
  std::string error;
  make_program(small, m, &error);
  CHECK(error == "8: the weights need 112896 bytes, but 0 of the budget of 2000 are taken");
  CHECK(small.describe().memory_bytes == 0);
  make_cache(small, m, 10, &error);
  CHECK(error == "8: 10 blocks of cache group 'full' need 16640 bytes, but 0 of the budget of 2000 are taken");
}

TEST_CASE("every primitive op but collectives is supported, other names and versions are not") {
  backend on(levels().back());
  recipe r;
  r.window = 4;
  r.recurrent = true;
  model m = transformer(r);
  primitive_ops op(m.graph);
  const auto x = m.graph.find_value("layer1.y");
  op.gelu("gelu", op.silu("silu", op.softcap("cap", op.scale("scaled", op.mul("product", x, x), 2), 3)));
  REQUIRE(m.graph.validate());
  const auto supported = [&](const model& about, std::size_t i) {
    const tk_graph_view view = about.graph.view();
    return backend::table()->supports(on.self(), &view, static_cast<std::uint32_t>(i), nullptr, 0) == 1;
  };
  for (std::size_t i = 0; i < m.graph.ops().size(); ++i) {
    CAPTURE(m.graph.ops()[i].name);
    CHECK(supported(m, i));
  }
  op.all_reduce("sum", x);
  CHECK(!supported(m, m.graph.ops().size() - 1));
  auto newer = m.graph.ops()[1];
  newer.version = 2;
  m.graph.add_op(newer);
  CHECK(!supported(m, m.graph.ops().size() - 1));
  CHECK(!supported(m, m.graph.ops().size()));
}
