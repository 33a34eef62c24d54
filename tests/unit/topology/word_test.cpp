// The words of messages: nearest names, lists, quotes.
#include "fake_catalog.hpp"
#include "topology/spelling.hpp"

using namespace tokamak::topology;
using namespace tokamak::topology::testing;

TEST_CASE("the nearest name is found over inserted, lost, wrong and swapped letters and other case") {
  const lines known = {"scheduler", "backend", "cache"};
  for (const auto* near : {"schedulr", "scheduller", "scheduker", "shceduler", "Scheduler", "SCHEDULER"})
    CHECK(nearest(near, known) == "scheduler");
  CHECK(nearest("cahce", known) == "cache");
}

TEST_CASE("a name far from all is near to none") {
  CHECK(nearest("frontend", {"scheduler", "cache"}).empty());
  CHECK(nearest("x", {"y"}).empty());
  CHECK(nearest("", {"y"}).empty());
  CHECK(nearest("abc", {}).empty());
  CHECK(nearest(std::string(100'000, 'a'), {std::string(100'000, 'a')}).empty()); // too long to be a slip
}

TEST_CASE("long lists and long names are cut") {
  lines many;
  for (int i = 0; i < 25; ++i) many.push_back(std::to_string(i));
  CHECK(listed(many).ends_with("18, 19 and 5 more"));
  CHECK(in_quotes(std::string(200, 'a')) == "'" + std::string(80, 'a') + "…'");
  std::string wide; // 81 bytes; the last character begins before the cut and stays whole
  for (int i = 0; i < 27; ++i) wide += "€";
  CHECK(in_quotes(wide + "x") == "'" + wide + "…'");
}

TEST_CASE("titles of tables quote what TOML must have quoted") {
  CHECK(table_title("models", "a-b_c") == "[models.a-b_c]");
  CHECK(table_title("models", "qwen2.5") == "[models.\"qwen2.5\"]");
}
