// The digest that nodes compare: a function of the values alone.
#include "fake_catalog.hpp"
#include "topology/document.hpp"

using namespace tokamak::topology;
using namespace tokamak::topology::testing;

namespace {

std::string digest(std::string_view text) {
  const auto root = parse_document(text);
  REQUIRE(root.has_value());
  return digest_of(*root);
}

} // namespace

TEST_CASE("comments, white space, key order and notation do not change the digest") {
  const auto plain = digest("[models.m]\npath = \"m.gguf\"\n[engines.e]\nthreads = 16\nmodel = \"m\"\n");
  CHECK(plain.size() == 64);
  CHECK(plain == digest("# why\n[engines.e]   # here\nmodel='m'\n\n  threads = 0x10\n[models]\n[models.m]\npath = \"\\u006d.gguf\"\n"));
  CHECK(plain == digest("models.m.path = \"m.gguf\"\nengines = { e = { model = \"m\", threads = 1_6 } }\n"));
}

TEST_CASE("every value changes the digest") {
  const lines texts = {"", "a = 1", "a = 2", "b = 1", "a = 1.0", "a = \"1\"", "a = true", "a = false", "a = [1]", "a = [1, 2]",
                       "a = [2, 1]", "a = [[1], 2]", "a = [[1, 2]]", "a = {}", "a = []", "a.b = 1", "a = \"s1:b\"", "a = -1", "a = -1.0",
                       "a = nan", "a = inf", "a = \"\"", "a = [\"\"]", "ab = 1", "a = 1\nb = 1"};
  std::map<std::string, std::string> seen;
  for (const auto& text : texts) {
    const auto found = seen.emplace(digest(text), text);
    CHECK_MESSAGE(found.second, text << " has the digest of " << found.first->second);
  }
}

TEST_CASE("the digest is in the loaded topology and independent of the file's name") {
  const test_folder folder;
  const std::string text = "[models.m]\npath = \"" + (folder / "m.gguf") + "\"\n";
  const auto one = load_text(text, "one.toml", nullptr), other = load_text(text, "deep/other.toml", nullptr);
  REQUIRE(one.value);
  REQUIRE(other.value);
  CHECK(one.value->digest == other.value->digest);
  CHECK(one.value->digest == digest(text));
}

TEST_CASE("the digest of a known text stays what it was") {
  // Computed with Python's hashlib over "t1:s1:at3:s1:bi1;s1:ca2:b1;f3ff8000000000000;s1:ds1:x".
  CHECK(digest("[a]\nd = \"x\"\nb = 1\nc = [true, 1.5]\n") == "41d47041434516217552e3a52090c42115d6677f5bd1c70ecf3bb9d2bac3f888");
}
