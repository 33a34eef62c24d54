// What an operator gets wrong in a topology: `tokamak check` and `tokamak serve` end at once, each with the same exact
// lines and nothing else.
#include "child_process.hpp"
#include "test_service.hpp"

#include <fstream>

using namespace tokamak;

namespace {

/// A folder of its own, removed at the end.
class test_folder {
public:
  test_folder() {
    char name[] = "/tmp/tokamak_check_XXXXXX";
    path_ = mkdtemp(name);
  }
  ~test_folder() { std::filesystem::remove_all(path_); }
  std::string operator/(const std::string& name) const { return path_ + "/" + name; }

private:
  std::string path_;
};

void write(const std::string& path, std::string_view text) { std::ofstream(path, std::ios::binary) << text; }

/// The first `bytes` of SmolLM2.
std::string beginning_of_model(std::size_t bytes) {
  std::string text(bytes, '\0');
  std::ifstream in(test::smollm2_path(), std::ios::binary);
  in.read(text.data(), static_cast<std::streamsize>(bytes));
  return text;
}

/// Both commands fail on this topology with this on standard error; @ stands for the topology file.
void check_fails(const test_folder& folder, const std::string& toml, std::string expected) {
  const auto file = folder / "service.toml";
  write(file, toml);
  for (std::size_t at = 0; (at = expected.find('@', at)) != std::string::npos; at += file.size())
    expected.replace(at, 1, file);
  for (const auto* command : {"check", "serve"}) {
    test::child_process p({test::tokamak_program(), command, file});
    CHECK(p.wait(std::chrono::seconds(10)) == 2);
    CHECK(p.err() == expected);
    CHECK(p.out() == "");
  }
}

std::string test_plugin(const std::string& name) {
  const char* folder = std::getenv("TOKAMAK_TEST_PLUGINS");
  return std::filesystem::weakly_canonical(std::string(folder ? folder : ".") + "/" + name).string();
}

} // namespace

TEST_CASE("a topology file that is not there") {
  const test_folder folder;
  for (const auto* command : {"check", "serve", "run"}) {
    std::vector<std::string> words{test::tokamak_program(), command, folder / "none.toml"};
    if (std::string(command) == "run") words.push_back("hello");
    test::child_process p(words);
    CHECK(p.wait() == 2);
    CHECK(p.err() == "tokamak: " + folder / "none.toml" + ": no such file '" + folder / "none.toml" +
                         "'; expected a topology file (not_found)\n");
  }
}

TEST_CASE("bad TOML") {
  const test_folder folder;
  check_fails(
      folder, "[models.a]\npath = \n",
      "tokamak: @:2:8: not valid TOML: Error while parsing key-value pair: expected value, saw '\\n' "
      "(invalid_argument)\n");
  check_fails(
      folder, "[models.a\n",
      "tokamak: @:1:10: not valid TOML: Error while parsing table header: expected ']', saw '\\n' "
      "(invalid_argument)\n");
}

TEST_CASE("a missing model file") {
  const test_folder folder;
  check_fails(folder, "[models.a]\npath = \"none.gguf\"\n",
              "tokamak: @:2:8: no such file '" + folder / "none.gguf" + "'; expected a GGUF file (not_found)\n");
}

TEST_CASE("a truncated model file, and one that is no model") {
  const test_folder folder;
  write(folder / "text.gguf", "[models.a]");
  check_fails(folder, "[models.a]\npath = \"text.gguf\"\n",
              "tokamak: @:2:8: " + folder / "text.gguf" +
                  ", offset 0: not a GGUF file: it begins with \"[mod\", expected \"GGUF\" (corrupt)\n");
  write(folder / "empty.gguf", "");
  check_fails(folder, "[models.a]\npath = \"empty.gguf\"\n",
              "tokamak: @:2:8: model file '" + folder / "empty.gguf" + "' is empty (corrupt)\n");
  if (!test::exists(test::smollm2_path())) {
    MESSAGE("SmolLM2 is not in ~/.cache/tokamak/models: skipped");
    return;
  }
  write(folder / "cut.gguf", beginning_of_model(50'000'000));
  check_fails(
      folder, "[models.a]\npath = \"cut.gguf\"\n",
      "tokamak: @:2:8: " + folder / "cut.gguf" +
          ", offset 1773905: tensor 'blk.16.ffn_down.weight': 552960 bytes at data offset 47814912 do not lie "
          "inside the "
          "file, whose data part has 48214336 bytes; is the file truncated? (corrupt)\n");
  write(folder / "head.gguf", beginning_of_model(1000));
  write(folder / "service.toml", "[models.a]\npath = \"head.gguf\"\n");
  test::child_process p({test::tokamak_program(), "check", folder / "service.toml"});
  CHECK(p.wait() == 2);
  CHECK(p.err().starts_with("tokamak: " + folder / "service.toml" + ":2:8: " + folder / "head.gguf" + ", offset "));
}

TEST_CASE("an unknown plugin, an option of the wrong type, an unknown key") {
  const test_folder folder;
  write(folder / "m.gguf", "GGUF");
  const std::string model = "[models.a]\npath = \"m.gguf\"\n";
  check_fails(
      folder, model + "[engines.a]\nscheduler = \"continous\"\n",
      "tokamak: @:4:13: unknown scheduler plugin 'continous'; did you mean 'continuous'? installed: continuous "
      "(not_found)\n");
  check_fails(
      folder, model + "[engines.a.scheduler]\nprefill_chunk = \"many\"\n",
      "tokamak: @:4:17: option 'prefill_chunk' of scheduler plugin 'continuous' is a string; expected an "
      "integer (invalid_argument)\n");
  check_fails(folder, model + "[frontends.f]\nwindow_tokens = 64\n[engines.a]\nthreads = true\n",
              "tokamak: @:4:17: window_tokens is 64; expected 128 to 1000000 (invalid_argument)\n"
              "tokamak: @:6:11: threads is a boolean; expected an integer (invalid_argument)\n");
}

TEST_CASE("plugins that do not load are reported with the rest of the file, in its order") {
  const test_folder folder;
  write(folder / "m.gguf", "GGUF");
  const std::string model = "[models.a]\npath = \"m.gguf\"\n";
  const auto abi = test_plugin("wrong_abi.so"), no_symbol = test_plugin("no_symbol.so");
  check_fails(
      folder, model + "[plugins]\npaths = [\"" + abi + "\"]\n[engines.a]\nthread = 1\n",
      "tokamak: @:4:10: " + abi +
          ": ABI 0.3 wanted and 2.0 found; build the plugin with this version's SDK (version_mismatch)\n"
          "tokamak: @:6:1: unknown key 'thread'; did you mean 'threads'? [engines.a] has: model, node, backend, "
          "scheduler, cache, "
          "graph_passes, kernels, constraints, threads, max_step_rows, max_sequences, max_waiting, context_length, kv_memory_bytes, "
          "block_size, shards (invalid_argument)\n");
  check_fails(folder,
              "[plugins]\npaths = [\"" + no_symbol + "\", \"nowhere\"]\n" + "[models.a]\npath = \"none.gguf\"\n",
              "tokamak: @:2:10: " + no_symbol +
                  ": missing symbol tokamak_plugin: not a Tokamak plugin (unsupported)\n"
                  "tokamak: @:2:" +
                  std::to_string(14 + no_symbol.size()) + ": no such file '" + folder / "nowhere" +
                  "'; expected a plugin or a folder of plugins (not_found)\n"
                  "tokamak: @:4:8: no such file '" +
                  folder / "none.gguf" + "'; expected a GGUF file (not_found)\n");
}

TEST_CASE("a pinned plugin with another hash is not loaded") {
  const test_folder folder;
  write(folder / "m.gguf", "GGUF");
  const std::string zeros(64, '0');
  write(folder / "service.toml", "[models.a]\npath = \"m.gguf\"\n[plugins.pins]\n\"gone.so\" = \"" + zeros +
                                     "\"\n\"radix.so\" = \"" + zeros + "\"\n");
  test::child_process p({test::tokamak_program(), "check", folder / "service.toml"});
  CHECK(p.wait() == 2);
  const auto place = "tokamak: " + folder / "service.toml";
  CHECK(p.err().find(place + ":4:1: pinned plugin 'gone.so' is in no folder of the search path (not_found)\n") !=
        std::string::npos);
  CHECK(p.err().find(place + ":5:1: ") != std::string::npos);
  CHECK(p.err().find("radix.so: SHA-256 " + zeros + " pinned and ") != std::string::npos);
}

TEST_CASE("what only reading the model shows: its hash, its context, its template") {
  if (!test::exists(test::smollm2_path())) return;
  const test_folder folder;
  const std::string model = "[models.a]\npath = \"" + test::smollm2_path() + "\"\n";
  check_fails(folder, model + "[endpoints.b]\nmembers = [\"c\"]\n",
              "tokamak: @:4:12: unknown pool or endpoint 'c'; defined: a, b (not_found)\n");
  const auto check = [&](const std::string& toml) {
    write(folder / "service.toml", toml);
    test::child_process p({test::tokamak_program(), "check", folder / "service.toml"});
    CHECK(p.wait() == 2);
    return p.err();
  };
  const auto place = "tokamak: " + folder / "service.toml";
  CHECK(check(model + "[engines.a]\ncontext_length = 100000\n") ==
        place + ":3:10: engine 'a': context_length 100000 is beyond the model's 8192 (invalid_argument)\n");
  CHECK(check(model + "sha256 = \"" + std::string(64, '0') + "\"\n") ==
        place + ":2:8: " + test::smollm2_path() +
            ": SHA-256 is b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53, expected " +
            std::string(64, '0') + " (corrupt)\n");
  write(folder / "t.jinja", "{% for m in messages %}");
  CHECK(check(model + "chat_template = \"t.jinja\"\n").starts_with(place + ":1:9: "));
}

namespace {

/// Runs a line of the shell in the folder.
void in_folder(const test_folder& folder, const std::string& line) { REQUIRE(std::system(("cd " + folder / "." + " && { " + line + "; } > /dev/null 2>&1").c_str()) == 0); }

const std::string new_certificate = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj /CN=localhost ";

} // namespace

TEST_CASE("a certificate that is none, broken, too weak, or another key's") {
  const test_folder folder;
  in_folder(folder, new_certificate + "-keyout key.pem -out cert.pem && " + new_certificate + "-keyout other.key -out other.pem && chmod 600 *");
  in_folder(folder, "openssl ec -in key.pem -aes128 -passout pass:secret -out locked.pem && sed '3s/./!/' key.pem > bent.key && (cat cert.pem; sed '3s/./!/' other.pem) > bent.pem");
  in_folder(folder, "openssl req -x509 -newkey rsa:1024 -nodes -subj /CN=localhost -keyout weak.key -out weak.pem && : > empty.pem && echo hello > text.pem");
  write(folder / "m.gguf", "GGUF");
  const auto fails = [&](const std::string& certificate, const std::string& key, const std::string& expected) {
    write(folder / "service.toml", "[models.a]\npath = \"m.gguf\"\n[frontends.http]\ntls_certificate = \"" + certificate + "\"\ntls_key = \"" + key + "\"\n");
    test::child_process p({test::tokamak_program(), "check", folder / "service.toml"});
    CHECK(p.wait() == 2);
    const auto said = p.err();
    const auto begin = "tokamak: " + folder / "service.toml" + ":";
    const auto at = said.find(begin, 1); // behind the complaint about the model
    CHECK((at == std::string::npos ? said : said.substr(at + begin.size())) == expected + "\n");
  };
  const std::string chain = "; expected a chain of certificates in PEM, the server's own first", own_key = "; expected the certificate's private key in PEM";
  fails("empty.pem", "key.pem", "4:19: " + folder / "empty.pem" + ": is empty" + chain + " (corrupt)");
  fails("text.pem", "key.pem", "4:19: " + folder / "text.pem" + ": is no PEM file" + chain + " (corrupt)");
  fails("other.key", "key.pem", "4:19: " + folder / "other.key" + ": begins with a PRIVATE KEY" + chain + " (corrupt)");
  fails("bent.pem", "key.pem", "4:19: " + folder / "bent.pem" + ": certificate 2 is broken (bad base64 decode)" + chain + " (corrupt)");
  fails("weak.pem", "weak.key", "4:19: " + folder / "weak.pem" + ": certificate 1 cannot be used: ee key too small; expected one that clients accept (unsupported)");
  fails("cert.pem", "text.pem", "5:11: " + folder / "text.pem" + ": is no PEM file" + own_key + " (corrupt)");
  fails("cert.pem", "cert.pem", "5:11: " + folder / "cert.pem" + ": begins with a CERTIFICATE" + own_key + " (corrupt)");
  fails("cert.pem", "bent.key", "5:11: " + folder / "bent.key" + ": the key is broken or of a kind that is not known" + own_key + " (corrupt)");
  fails("cert.pem", "locked.pem", "5:11: " + folder / "locked.pem" + ": the key has a passphrase; expected one without, in a file that only the service may read (unsupported)");
  fails("cert.pem", "other.key", "5:11: " + folder / "other.key" + ": this is not the key of the first certificate in '" + folder / "cert.pem" +
                                     "'; expected the key that it was made with (invalid_argument)");
}

TEST_CASE("a certificate that expired, and a key that others may read, are warnings") {
  if (!test::exists(test::smollm2_path())) return;
  const test_folder folder;
  in_folder(folder, "openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj /CN=localhost -keyout key.pem -out request.pem && "
                    "openssl x509 -req -in request.pem -signkey key.pem -days -1 -out cert.pem && chmod 644 key.pem");
  write(folder / "service.toml", "[models.a]\npath = \"" + test::smollm2_path() + "\"\n[frontends.http]\ntls_certificate = \"cert.pem\"\ntls_key = \"key.pem\"\n");
  test::child_process p({test::tokamak_program(), "check", folder / "service.toml"});
  CHECK(p.wait() == 0);
  const auto place = "tokamak: warning: " + folder / "service.toml";
  CHECK(p.err().starts_with(place + ":4:19: " + folder / "cert.pem" + ": certificate 1 expired at "));
  CHECK(p.err().ends_with("; clients will refuse it (invalid_argument)\n" + place + ":5:11: " + folder / "key.pem" + ": mode 0644: others may read the key; expected 0600 (permission_denied)\n"));
}

TEST_CASE("a good topology is printed as a graph, and its warnings stop nobody") {
  if (!test::exists(test::smollm2_path())) return;
  const test_folder folder;
  write(folder / "service.toml", "[models.a]\npath = \"" + test::smollm2_path() + "\"\n");
  test::child_process p({test::tokamak_program(), "check", folder / "service.toml"});
  CHECK(p.wait() == 0);
  CHECK(p.err() == "");
  CHECK(p.out().find("endpoint a: fusion direct") != std::string::npos);
}

TEST_CASE("an engine that needs more memory than there is ends the start before its weights are read") {
  if (!test::exists(test::smollm2_path())) {
    MESSAGE("SmolLM2 is not there; skipped");
    return;
  }
  const test_folder folder;
  const auto file = folder / "large.toml";
  write(file, "[models.a]\npath = \"" + test::smollm2_path() + "\"\n[engines.a]\nkv_memory_bytes = \"700GiB\"\n");
  test::child_process p({test::tokamak_program(), "serve", file});
  CHECK(p.wait(std::chrono::seconds(10)) == 1);
  CHECK(p.err().find("engine 'a': 716892 MiB are needed (93 of weights, 716800 of cache), ") != std::string::npos);
  CHECK(p.err().find(" are available; a smaller context_length or kv_memory_bytes needs less (out_of_memory)\n") != std::string::npos);
}
