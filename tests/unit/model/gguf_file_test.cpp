// Reading well-formed GGUF files, and the messages of questions that a file cannot answer.
#include "model/gguf/gguf_file.hpp"
#include "unit/model/gguf_writer.hpp"
#include "unit/model/reference_data.hpp"

#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>
#include <functional>
#include <numeric>
#include <sys/stat.h>
#include <unistd.h>

using namespace tokamak;
using namespace tokamak::test;

namespace {

struct scratch_file {
  std::string path;
  explicit scratch_file(const std::string& name) : path(std::filesystem::temp_directory_path() / (name + "." + std::to_string(::getpid()))) {}
  ~scratch_file() {
    std::error_code ignored;
    std::filesystem::remove(path, ignored);
  }
};

gguf_writer everything() {
  gguf_writer out;
  out.add("u8", std::uint8_t{200}).add("i8", std::int8_t{-5}).add("u16", std::uint16_t{60000}).add("i16", std::int16_t{-300});
  out.add("u32", std::uint32_t{4000000000}).add("i32", std::int32_t{-7}).add("u64", std::uint64_t{1} << 63);
  out.add("i64", std::int64_t{-1} << 40).add("f32", 1.5F).add("f64", 0.25).add("yes", true).add("no", false);
  out.add("name", "llama").add_array("strings", std::vector<std::string>{"a", "", "ccc"});
  out.add_array("floats", std::vector<float>{1, -2}).add_array("numbers", std::vector<std::int32_t>{3, -4, 5});
  out.add_array("nothing", std::vector<std::uint8_t>{});
  return out;
}

} // namespace

TEST_CASE("metadata of every type comes back as it was written") {
  for (const std::uint32_t version : {2U, 3U}) {
    auto writer = everything();
    writer.version = version;
    const std::string bytes = writer.bytes();
    const auto file = gguf_file::parse(as_bytes(bytes), "made");
    REQUIRE_MESSAGE(file, file.error().to_string());
    CHECK(file->version() == version);
    CHECK(file->metadata().size() == 17);
    CHECK(file->metadata()[0].key == "u8");
    CHECK(file->get<std::uint32_t>("u8") == 200);
    CHECK(file->get<std::int32_t>("i8") == -5);
    CHECK(file->get<std::uint32_t>("u16") == 60000);
    CHECK(file->get<std::int64_t>("i16") == -300);
    CHECK(file->get<std::uint32_t>("u32") == 4000000000);
    CHECK(file->get<std::int32_t>("i32") == -7);
    CHECK(file->get<std::uint64_t>("u64") == std::uint64_t{1} << 63);
    CHECK(file->get<std::int64_t>("i64") == std::int64_t{-1} << 40);
    CHECK(file->get<float>("f32") == 1.5F);
    CHECK(file->get<float>("f64") == 0.25F);
    CHECK(file->get<double>("f32") == 1.5);
    CHECK(file->get<bool>("yes") == true);
    CHECK(file->get<bool>("no") == false);
    CHECK(file->get<std::string_view>("name") == "llama");
    CHECK(file->get<std::vector<std::string_view>>("strings") == std::vector<std::string_view>{"a", "", "ccc"});
    CHECK(file->get<std::vector<float>>("floats") == std::vector<float>{1, -2});
    CHECK(file->get<std::vector<std::int32_t>>("numbers") == std::vector<std::int32_t>{3, -4, 5});
    CHECK(file->get<std::vector<std::uint32_t>>("nothing")->empty());
    CHECK(file->find("numbers")->is_array());
    CHECK(file->find("numbers")->count() == 3);
  }
}

TEST_CASE("a question the metadata cannot answer names the key, what is there and what was wanted") {
  const std::string bytes = everything().bytes();
  const auto file = gguf_file::parse(as_bytes(bytes), "made.gguf");
  REQUIRE(file);
  CHECK(file->find("absent") == nullptr);
  CHECK(file->get<std::uint32_t>("absent").error() == error{errc::not_found, "no metadata key 'absent'", "made.gguf"});
  CHECK(file->get<std::uint32_t>("name").error().message == "metadata key 'name' is string \"llama\", expected u32");
  CHECK(file->get<std::uint32_t>("name").error().where ==
        "made.gguf, offset " + std::to_string(bytes.find("llama") - 8));
  CHECK(file->get<std::uint32_t>("i8").error().message == "metadata key 'i8' is i8 -5, expected u32");
  CHECK(file->get<std::uint32_t>("u64").error().message == "metadata key 'u64' is u64 9223372036854775808, expected u32");
  CHECK(file->get<std::string_view>("strings").error().message == "metadata key 'strings' is array of 3 string, expected string");
  CHECK(file->get<std::vector<std::uint32_t>>("numbers").error().message ==
        "metadata key 'numbers' is array of 3 i32, expected array of u32");
  CHECK(file->get<std::vector<std::string_view>>("name").error().message ==
        "metadata key 'name' is string \"llama\", expected array of string");
  CHECK(file->get<bool>("u8").error().message == "metadata key 'u8' is u8 200, expected bool");
  CHECK(file->get<float>("yes").error().message == "metadata key 'yes' is bool true, expected f32");
  CHECK(file->get<std::uint32_t>("f32").error().message == "metadata key 'f32' is f32 1.5, expected u32");
}

TEST_CASE("an optional key falls back only when it is absent") {
  const std::string bytes = everything().bytes();
  const auto file = gguf_file::parse(as_bytes(bytes), "made");
  REQUIRE(file);
  CHECK(file->get_or<std::uint32_t>("absent", 9) == 9);
  CHECK(file->get_or<std::uint32_t>("u8", 9) == 200);
  CHECK(file->get_or<std::uint32_t>("name", 9).error().message == "metadata key 'name' is string \"llama\", expected u32");
}

TEST_CASE("tensors point at their own bytes inside the file, at aligned offsets") {
  for (const std::uint32_t alignment : {8U, 32U, 256U}) {
    gguf_writer writer;
    writer.alignment = alignment;
    writer.add("general.architecture", "made");
    writer.add_tensor("a", {3}, std::vector<float>{1, 2, 3});
    writer.add_tensor("b", {32, 2}, tensor_type::q4_1, std::string(40, 'q'));
    const std::string bytes = writer.bytes();
    const auto file = gguf_file::parse(as_bytes(bytes), "made");
    REQUIRE_MESSAGE(file, file.error().to_string());
    CHECK(file->alignment() == alignment);
    REQUIRE(file->tensors().size() == 2);
    const gguf_tensor& b = *file->find_tensor("b");
    CHECK(&b == *file->get_tensor("b"));
    CHECK(b.type == tensor_type::q4_1);
    CHECK(b.dim_count == 2);
    CHECK(b.dims == std::array<std::uint64_t, 4>{32, 2, 1, 1});
    CHECK(std::string(reinterpret_cast<const char*>(b.data.data()), b.data.size()) == std::string(40, 'q'));
    for (const auto& tensor : file->tensors())
      CHECK((tensor.data.data() - file->parts().front().data()) % alignment == 0);
    CHECK(file->get_tensor("c").error() == error{errc::not_found, "no tensor 'c'", "made"});
  }
}

TEST_CASE("a file on disk is mapped, and what it hands out survives a move of the file object") {
  const scratch_file scratch("tokamak_gguf_move");
  everything().add_tensor("weights", {4}, std::vector<float>{1, 2, 3, 4}).write(scratch.path);
  auto opened = gguf_file::open(scratch.path);
  REQUIRE_MESSAGE(opened, opened.error().to_string());
  const auto name = *opened->get<std::string_view>("name");
  const auto data = opened->find_tensor("weights")->data;
  const gguf_file moved = std::move(*opened);
  CHECK(name == "llama");
  CHECK(moved.find_tensor("weights")->data.data() == data.data());
  float third = 0;
  std::memcpy(&third, data.data() + 8, sizeof third);
  CHECK(third == 3.0F);
  CHECK(moved.get_or<std::uint32_t>("u8", 0) == 200);
}

TEST_CASE("released bytes leave memory page by page, and are there again when they are read") {
  const scratch_file scratch("tokamak-gguf-release");
  const std::size_t page = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE)), pages = 64;
  gguf_writer writer;
  writer.add_tensor("w", {pages * page / sizeof(float)}, std::vector<float>(pages * page / sizeof(float), 1.5F));
  writer.write(scratch.path);
  const auto file = gguf_file::open(scratch.path);
  REQUIRE(file);
  const auto data = file->find_tensor("w")->data;
  const auto sum = [&] { return std::accumulate(data.begin(), data.end(), 0ULL, [](auto a, std::byte b) { return a + std::to_integer<unsigned>(b); }); };
  const auto in_memory = [&] { // KiB of the mapping, as /proc/self/smaps has them
    std::ifstream maps("/proc/self/smaps");
    bool ours = false;
    for (std::string line; std::getline(maps, line);) {
      if (line.ends_with(scratch.path)) ours = true;
      if (ours && line.starts_with("Rss:")) return std::stoul(line.substr(4));
    }
    return 0UL;
  };
  const auto all = (pages - 1) * page / 1024;
  const auto before = sum();
  CHECK(in_memory() >= all);
  file->release(data.subspan(1, 1));
  CHECK(in_memory() >= all);
  file->release(data);
  CHECK(in_memory() <= 8); // what shares a page with the header, or with what lies behind
  CHECK(sum() == before);
  std::vector<std::byte> other(4 * page, std::byte{7}); // not of the file: left alone
  file->release(other);
  CHECK(other[2 * page] == std::byte{7});
}

TEST_CASE("a file that cannot be opened says why in one line") {
  const std::string missing = "/no/such/folder/x.gguf";
  CHECK(gguf_file::open(missing).error() ==
        error{errc::not_found, "cannot open model file '/no/such/folder/x.gguf': No such file or directory", ""});
  const std::string folder = std::filesystem::temp_directory_path();
  CHECK(gguf_file::open(folder).error() ==
        error{errc::invalid_argument, "cannot open model file '" + folder + "': it is a directory", ""});
  CHECK(gguf_file::open("/dev/null").error() ==
        error{errc::invalid_argument, "cannot open model file '/dev/null': it is not a regular file", ""});
  const scratch_file empty("tokamak_gguf_empty");
  std::ofstream(empty.path).flush();
  CHECK(gguf_file::open(empty.path).error() == error{errc::corrupt, "model file '" + empty.path + "' is empty", ""});
  const scratch_file fifo("tokamak_gguf_fifo");
  REQUIRE(::mkfifo(fifo.path.c_str(), 0600) == 0);
  CHECK(gguf_file::open(fifo.path).error() ==
        error{errc::invalid_argument, "cannot open model file '" + fifo.path + "': it is not a regular file", ""});
  if (::geteuid() != 0) { // root may read anything
    const scratch_file locked("tokamak_gguf_locked");
    everything().write(locked.path);
    ::chmod(locked.path.c_str(), 0);
    CHECK(gguf_file::open(locked.path).error() ==
          error{errc::permission_denied, "cannot open model file '" + locked.path + "': Permission denied", ""});
  }
}

namespace {

/// A folder with a model in three files of one tensor each; `change` may spoil file `i`.
struct split_model {
  std::filesystem::path folder = std::filesystem::temp_directory_path() / ("tokamak_gguf_split." + std::to_string(::getpid()));
  static std::string file(int i) { return "m-0000" + std::to_string(i + 1) + "-of-00003.gguf"; }

  explicit split_model(const std::function<void(int, gguf_writer&)>& change = {}) {
    std::filesystem::create_directories(folder);
    for (int i = 0; i < 3; ++i) {
      gguf_writer out;
      if (i == 0) out.add("name", "llama");
      const auto spoilt = change != nullptr;
      if (spoilt) change(i, out);
      if (!spoilt || i != 1) out.add("split.no", static_cast<std::uint16_t>(i));
      out.add("split.count", std::uint16_t{3}).add("split.tensors.count", std::int32_t{3});
      out.add_tensor(std::string(1, static_cast<char>('c' - i)), {2}, std::vector<float>{static_cast<float>(i), 1});
      out.write(folder / file(i));
    }
  }
  ~split_model() { std::filesystem::remove_all(folder); }

  std::string path(int i = 0) const { return folder / file(i); }
  std::string error(int i = 0) const {
    const auto opened = gguf_file::open(path(i));
    auto text = opened ? std::string("opened") : opened.error().to_string();
    for (auto at = text.find(folder.string() + "/"); at != std::string::npos; at = text.find(folder.string() + "/"))
      text.erase(at, folder.string().size() + 1);
    return text;
  }
};

} // namespace

TEST_CASE("a model in several files is opened by its first and has the tensors of all") {
  const split_model made;
  const auto file = gguf_file::open(made.path());
  REQUIRE_MESSAGE(file, file.error().to_string());
  CHECK(file->get<std::string_view>("name") == "llama");
  REQUIRE(file->tensors().size() == 3);
  CHECK(file->parts().size() == 3);
  for (int i = 0; i < 3; ++i) {
    const auto* tensor = file->find_tensor(std::string(1, static_cast<char>('c' - i)));
    REQUIRE(tensor != nullptr);
    float value = -1;
    std::memcpy(&value, tensor->data.data(), sizeof value);
    CHECK(value == static_cast<float>(i));
  }
}

TEST_CASE("a model in several files that do not fit together says which and why") {
  {
    const split_model made;
    CHECK(made.error(1) == "m-00002-of-00003.gguf: this is file 2 of 3 of a split model; name the first one, *-00001-of-00003.gguf (invalid_argument)");
    std::filesystem::rename(made.path(0), made.folder / "other.gguf");
    const auto renamed = gguf_file::open(made.folder / "other.gguf");
    REQUIRE(!renamed);
    CHECK(renamed.error().message == "this is the first of 3 files of a split model; its name must end in -00001-of-00003.gguf for the others to be found");
    std::filesystem::rename(made.folder / "other.gguf", made.path(0));
    std::filesystem::remove(made.path(2));
    CHECK(made.error() == "cannot open model file 'm-00003-of-00003.gguf': No such file or directory (not_found)");
  }
  {
    const split_model made([](int i, gguf_writer& out) {
      if (i == 1) out.add("split.no", std::uint16_t{2});
    });
    CHECK(made.error() == "m-00002-of-00003.gguf: metadata key 'split.no' is 2, expected 1 (corrupt)");
  }
  {
    const split_model made;
    gguf_writer twin;
    twin.add("split.no", std::uint16_t{2}).add("split.count", std::uint16_t{3});
    twin.add_tensor("c", {2}, std::vector<float>{1, 2}).write(made.path(2));
    CHECK(made.error() == "m-00003-of-00003.gguf: tensor 'c' is also in an earlier file of the model (corrupt)");
  }
  {
    const split_model made;
    gguf_writer bare;
    bare.add("split.no", std::uint16_t{2}).add("split.count", std::uint16_t{3}).write(made.path(2));
    CHECK(made.error() == "m-00001-of-00003.gguf: metadata key 'split.tensors.count' is 3, but the 3 files have 2 tensors (corrupt)");
  }
}

TEST_CASE("the real model file opens with all its tensors") {
  if (!exists(smollm2_path())) {
    MESSAGE("skipped: " << smollm2_path() << " is absent");
    return;
  }
  const auto file = gguf_file::open(smollm2_path());
  REQUIRE_MESSAGE(file, file.error().to_string());
  CHECK(file->get<std::string_view>("general.architecture") == "llama");
  CHECK(file->get<std::uint32_t>("llama.block_count") == 30);
  CHECK(file->tensors().size() == 272);
  const auto* embedding = file->find_tensor("token_embd.weight");
  REQUIRE(embedding != nullptr);
  CHECK(embedding->type == tensor_type::q8_0);
  CHECK(embedding->dims == std::array<std::uint64_t, 4>{576, 49152, 1, 1});
}
