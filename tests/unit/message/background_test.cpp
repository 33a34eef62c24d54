// Work beside an actor: where it is done, and what becomes of its end.
#include "message/background_actor.hpp"

#include <doctest/doctest.h>

#include <stdexcept>
#include <thread>

using namespace tokamak;

TEST_CASE("work is done on another thread, in order, and its rest where it was asked for") {
  caf::actor_system_config config;
  caf::actor_system system(config);
  const auto worker = spawn_background(system);
  std::vector<std::string> seen;
  {
    caf::scoped_actor self(system);
    const auto here = std::this_thread::get_id();
    for (const std::string name : {"first", "second"})
      self->send(worker, background_job{std::make_shared<background_work>([&seen, here, name] {
        const bool elsewhere = std::this_thread::get_id() != here;
        return background_rest([&seen, name, elsewhere] { seen.push_back(name + (elsewhere ? " elsewhere" : "")); });
      })});
    self->send(worker, background_job{std::make_shared<background_work>([]() -> background_rest { throw std::runtime_error("it broke"); })});
    for (int i = 0; i < 2; ++i) self->receive([](const background_end& end) { (*end.rest)(); });
    std::string broken;
    self->receive([&](const background_end& end) {
      try {
        (*end.rest)();
      } catch (const std::runtime_error& e) {
        broken = e.what();
      }
    });
    CHECK(broken == "it broke");
  }
  CHECK(seen == std::vector<std::string>{"first elsewhere", "second elsewhere"});
  caf::anon_send_exit(worker, caf::exit_reason::user_shutdown);
}
