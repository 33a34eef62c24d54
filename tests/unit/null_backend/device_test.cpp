// fake_device and null: memory the host cannot read, completion later and elsewhere, in order.
#include "unit/null_backend/model_runner.hpp"

#include <doctest/doctest.h>

using namespace tokamak;
using namespace tokamak::test;

namespace {

/// A host whose only option is step_us.
struct delay_host {
  explicit delay_host(std::int64_t us) {
    host.size = sizeof host;
    host.option_find = [](const tk_options* options, tk_string key, tk_option_value* out) -> tk_status {
      if (text_of(key) != "step_us")
        return TK_NOT_FOUND;
      out->type = TK_INTEGER;
      out->integer = *reinterpret_cast<const std::int64_t*>(options);
      return TK_OK;
    };
    delay_us = us;
  }
  const tk_options* options() const { return reinterpret_cast<const tk_options*>(&delay_us); }

  tk_host host{};
  std::int64_t delay_us;
};

} // namespace

TEST_CASE("fake_device computes what the reference computes") {
  for (const auto make : {tiny_llama_gguf, tiny_sliding_gguf, tiny_recurrent_gguf}) {
    model_runner here(make({})), there(make({}), fake_device_backend());
    auto s = here.open(1), t = there.open(1);
    CHECK(here.feed(s, some_tokens(13)) == there.feed(t, some_tokens(13)));
    CHECK(here.feed(s, {3}) == there.feed(t, {3}));
  }
}

TEST_CASE("fake_device's memory has no host pointer and does not hold plain numbers") {
  backend_instance device(fake_device_backend()), here(reference_backend());
  session_buffer far(device, 8), near(here, 8);
  CHECK(device.table().buffer_host_pointer(device.self(), far.handle()) == nullptr);
  CHECK(here.table().buffer_host_pointer(here.self(), near.handle()) != nullptr);
  const float numbers[2] = {1.0F, 2.0F};
  far.write(numbers, 8);
  CHECK(far.read_floats(2) == std::vector<float>{1, 2});
  // The first member of the handle's object is the pointer to its bytes: what a careless host would find.
  const auto* masked = *static_cast<const float* const*>(far.handle());
  CHECK(masked[0] != 1.0F);
  tk_backend_info info{};
  device.table().describe(device.self(), &info);
  CHECK(std::string(info.name) == "fake_device");
  CHECK(info.host_visible == 0);
  CHECK(info.memory_bytes == 8);
}

TEST_CASE("several steps in flight complete in order, on another thread") {
  model_runner m(tiny_llama_gguf({}), fake_device_backend());
  auto s = m.open(1);
  std::vector<step_data> steps;
  std::vector<std::unique_ptr<pending_step>> pending;
  std::vector<std::unique_ptr<session_buffer>> buffers;
  for (std::int32_t i = 0; i < 5; ++i) {
    auto& step = steps.emplace_back(1);
    step.add(m.rows(s, {i}));
    ++s.length;
    step.want(0);
    buffers.push_back(std::make_unique<session_buffer>(m.backend, m.vocab() * 4));
    step.bind(m.session.value("logits"), buffers.back()->handle());
    pending.push_back(std::make_unique<pending_step>());
  }
  for (std::size_t i = 0; i < steps.size(); ++i)
    m.session.submit(steps[i], *pending[i]);
  std::vector<std::uint64_t> tickets;
  for (const auto& p : pending) {
    const auto result = p->wait();
    CHECK(result.status == TK_OK);
    CHECK(result.thread != std::this_thread::get_id());
    tickets.push_back(result.ticket);
  }
  CHECK(tickets == std::vector<std::uint64_t>{1, 2, 3, 4, 5});
  model_runner plain(tiny_llama_gguf({}));
  auto t = plain.open(1);
  const auto expected = plain.feed(t, {0, 1, 2, 3, 4});
  CHECK(buffers[4]->read_floats(m.vocab()) == std::vector<float>(expected.end() - m.vocab(), expected.end()));
}

TEST_CASE("a step that fails while running reports its error with done") {
  model_runner m(tiny_llama_gguf({}), fake_device_backend());
  auto s = m.open(1);
  CHECK_THROWS_WITH_AS(m.feed(s, {288}), "row 0 has token 288, expected 0 to 287", failure);
}

TEST_CASE("null's next token is the last one plus one, whatever the model") {
  model_runner m(tiny_recurrent_gguf({}), null_backend());
  auto s = m.open(1);
  CHECK(m.greedy(s, {5, 9, 30}, 4) == std::vector<std::int32_t>{31, 32, 33, 34});
  const auto logits = m.feed(s, {287, 100});
  CHECK(logits[0] == 8.0F); // 288 wraps to 0
  CHECK(logits[1] == 7.0F);
  CHECK(logits[8] == 0.0F);
  CHECK(logits[m.vocab() + 101] == 8.0F);
}

TEST_CASE("null completes within submit, or later on its own thread if steps take time") {
  const auto model = tiny_model::of(tiny_llama_gguf({}));
  for (const std::int64_t us : {0, 2000}) {
    const delay_host host(us);
    backend_instance backend(null_backend(), &host.host, host.options());
    backend_session session(backend, model.model.graph.view(), model.weights.weights, {4});
    step_data step(1);
    step.add({1, {1}, {{0, {0}, 0}}, {}});
    pending_step pending;
    session.submit(step, pending);
    const auto result = pending.wait();
    CHECK(result.status == TK_OK);
    CHECK((result.thread == std::this_thread::get_id()) == (us == 0));
  }
}

TEST_CASE("a negative delay is refused") {
  const delay_host host(-1);
  for (const auto* table : {&null_backend(), &fake_device_backend()})
    CHECK_THROWS_WITH_AS(backend_instance(*table, &host.host, host.options()),
                         "option 'step_us' must be an integer of at least 0", failure);
}
