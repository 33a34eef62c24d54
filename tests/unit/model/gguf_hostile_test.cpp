// Files that lie: every cut, random damage, and the exact message of each kind of lie.
#include "model/gguf/gguf_file.hpp"
#include "unit/model/gguf_writer.hpp"
#include "unit/model/random_seed.hpp"

#include <doctest/doctest.h>

using namespace tokamak;
using namespace tokamak::test;

namespace {

std::string small_model() {
  gguf_writer out;
  out.alignment = 16;
  out.add("general.architecture", "made").add("a.b", std::uint32_t{7}).add("c", true).add("d", 2.5);
  out.add_array("tokens", std::vector<std::string>{"x", "yy", "zzz"}).add_array("scores", std::vector<float>{1, 2, 3});
  out.add_raw("nested", 9, std::string("\x09\0\0\0\x01\0\0\0\0\0\0\0\x04\0\0\0\x02\0\0\0\0\0\0\0abcdefgh", 32));
  out.add_tensor("one", {5}, std::vector<float>{1, 2, 3, 4, 5});
  out.add_tensor("two", {32, 3}, tensor_type::q8_0, std::string(102, 'w'));
  return out.bytes();
}

// Reads everything a valid file offers, so that a sanitizer sees any view that is wrong.
std::uint64_t read_all(const gguf_file& file) {
  std::uint64_t sum = 0;
  for (const auto& [key, value] : file.metadata()) {
    sum += value.describe().size() + key.size();
    if (const auto strings = value.as<std::vector<std::string_view>>())
      for (const auto text : *strings)
        for (const char c : text)
          sum += static_cast<unsigned char>(c);
    sum += value.as<std::vector<float>>().has_value();
    sum += value.as<std::vector<std::int32_t>>().has_value();
  }
  for (const auto& tensor : file.tensors())
    for (const std::byte b : tensor.data)
      sum += std::to_integer<unsigned>(b);
  return sum;
}

std::string complaint(const std::string& bytes) {
  const auto file = gguf_file::parse(as_bytes(bytes), "x.gguf");
  return file ? "no error" : file.error().to_string();
}

// The file with `replacement` written over what follows the first `marker`.
std::string patched(std::string bytes, const std::string& marker, std::size_t distance, const std::string& replacement) {
  const std::size_t at = bytes.find(marker);
  REQUIRE(at != std::string::npos);
  return bytes.replace(at + marker.size() + distance, replacement.size(), replacement);
}

std::string le64(std::uint64_t value) { return {reinterpret_cast<const char*>(&value), 8}; }
std::string le32(std::uint32_t value) { return {reinterpret_cast<const char*>(&value), 4}; }

} // namespace

TEST_CASE("a file cut anywhere is an error that names the file and an offset inside it") {
  const std::string whole = small_model();
  REQUIRE(complaint(whole) == "no error");
  for (std::size_t length = 0; length < whole.size(); ++length) {
    CAPTURE(length);
    // A copy of exactly this size, so that a sanitizer sees a read past its end.
    const std::vector<char> cut(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(length));
    const auto file = gguf_file::parse(std::as_bytes(std::span(cut)), "x.gguf");
    REQUIRE_FALSE(file);
    CHECK(file.error().code == errc::corrupt);
    CHECK(file.error().where.starts_with("x.gguf, offset "));
    CHECK(std::stoull(file.error().where.substr(15)) <= length);
  }
}

TEST_CASE("random damage gives an error or a file whose every view can be read") {
  const std::uint64_t seed = random_seed();
  MESSAGE("TOKAMAK_TEST_SEED=" << seed);
  std::mt19937_64 random(seed);
  const std::string whole = small_model();
  std::size_t valid = 0;
  std::uint64_t sum = 0;
  for (int round = 0; round < 20000; ++round) {
    std::string bytes = whole;
    for (auto flips = random() % 4 + 1; flips > 0; --flips) {
      const std::size_t at = random() % bytes.size();
      switch (random() % 3) {
      case 0: bytes[at] = static_cast<char>(bytes[at] ^ (1 << random() % 8)); break;
      case 1: bytes[at] = static_cast<char>(random()); break;
      default: bytes[at] = static_cast<char>(random() % 2 ? 0xff : 0); break;
      }
    }
    const std::vector<char> exact(bytes.begin(), bytes.end());
    if (const auto file = gguf_file::parse(std::as_bytes(std::span(exact)), "x")) {
      ++valid;
      sum += read_all(*file);
    }
  }
  CHECK(valid > 0); // damage to tensor data or text leaves a valid file
  CHECK(valid < 20000);
  CHECK(sum > 0);
}

TEST_CASE("each kind of wrong header is named") {
  const std::string good = small_model();
  CHECK(complaint("PK\x03\x04 zip") == "x.gguf, offset 0: not a GGUF file: it begins with \"PK\\x03\\x04\", expected \"GGUF\" (corrupt)");
  CHECK(complaint("GGUF\x03") == "x.gguf, offset 4: the file ends inside the version: 4 bytes wanted, 1 left (corrupt)");
  CHECK(complaint(patched(good, "GGUF", 0, le32(1))) == "x.gguf, offset 4: GGUF version 1 is not supported; expected 2 or 3 (unsupported)");
  CHECK(complaint(patched(good, "GGUF", 0, le32(4))) == "x.gguf, offset 4: GGUF version 4 is not supported; expected 2 or 3 (unsupported)");
  CHECK(complaint(patched(good, "GGUF", 0, le32(0x03000000))) ==
        "x.gguf, offset 4: the file is big-endian; only little-endian GGUF is supported (unsupported)");
  const std::string left = std::to_string(good.size() - 24);
  CHECK(complaint(patched(good, "GGUF", 4, le64(~0ULL))) ==
        "x.gguf, offset 8: 18446744073709551615 tensors cannot fit in the " + left + " bytes left (corrupt)");
  CHECK(complaint(patched(good, "GGUF", 12, le64(1ULL << 60))) ==
        "x.gguf, offset 16: 1152921504606846976 metadata entries cannot fit in the " + left + " bytes left (corrupt)");
}

TEST_CASE("each kind of wrong metadata is named with its key") {
  const auto with = [](auto add) {
    gguf_writer out;
    add(out);
    return complaint(out.bytes() + std::string(64, '\0'));
  };
  CHECK(with([](gguf_writer& w) { w.add("k", true).add("k", false); }) == "x.gguf, offset 38: metadata key 'k': appears twice (corrupt)");
  CHECK(with([](gguf_writer& w) { w.add("", true); }) == "x.gguf, offset 24: a metadata key is empty (corrupt)");
  CHECK(with([](gguf_writer& w) { w.add_raw("k", 13, ""); }) == "x.gguf, offset 37: metadata key 'k': value type 13 is unknown (corrupt)");
  CHECK(with([](gguf_writer& w) { w.add_raw("k", 7, "\x02"); }) ==
        "x.gguf, offset 37: metadata key 'k': a boolean is 2, expected 0 or 1 (corrupt)");
  CHECK(with([](gguf_writer& w) { w.add_raw("k", 8, le64(1000)); }) ==
        "x.gguf, offset 45: metadata key 'k': the file ends inside the string: 1000 bytes wanted, 64 left (corrupt)");
  CHECK(with([](gguf_writer& w) { w.add_raw("k", 9, le32(6) + le64(1ULL << 62)); }) ==
        "x.gguf, offset 49: metadata key 'k': an array of 4611686018427387904 f32 cannot fit in the 64 bytes left (corrupt)");
  CHECK(with([](gguf_writer& w) { w.add_raw("k", 9, le32(8) + le64(9)); }) ==
        "x.gguf, offset 49: metadata key 'k': an array of 9 string cannot fit in the 64 bytes left (corrupt)");
  CHECK(with([](gguf_writer& w) { w.add_raw("k\n\"", 9, le32(99) + le64(0)); }) ==
        "x.gguf, offset 51: metadata key 'k\\x0a\"': value type 99 is unknown (corrupt)");
  std::string deep;
  for (int i = 0; i < 5; ++i)
    deep += le32(9) + le64(1);
  CHECK(with([&](gguf_writer& w) { w.add_raw("k", 9, deep); }) ==
        "x.gguf, offset 85: metadata key 'k': arrays nest deeper than 4 (corrupt)");
  CHECK(with([](gguf_writer& w) { w.add_raw(std::string(70000, 'k'), 7, ""); }) ==
        "x.gguf, offset 24: the metadata key is 70000 bytes long, more than the 65535 allowed (corrupt)");
  CHECK(with([](gguf_writer& w) { w.add("general.alignment", std::uint32_t{24}); }) ==
        "x.gguf, offset 24: metadata key 'general.alignment': is u32 24, expected a power of two from 8 to 1048576 (corrupt)");
  CHECK(with([](gguf_writer& w) { w.add("general.alignment", "big"); }) ==
        "x.gguf, offset 24: metadata key 'general.alignment': is string \"big\", expected a power of two from 8 to 1048576 (corrupt)");
  CHECK(with([](gguf_writer& w) { w.add("split.count", std::uint16_t{3}); }) ==
        "x.gguf: this is one of the 3 files of a split model, which are opened by path (unsupported)");
}

TEST_CASE("each kind of wrong tensor is named") {
  const auto with = [](auto add) {
    gguf_writer out;
    out.add_tensor("t", {8}, std::vector<float>(8));
    add(out);
    return complaint(out.bytes());
  };
  // The first description takes 33 bytes, so the second begins at 57.
  CHECK(with([](gguf_writer& w) { w.add_tensor_at("t", {8}, 0, 32); }) == "x.gguf, offset 57: tensor 't': appears twice (corrupt)");
  CHECK(with([](gguf_writer& w) { w.add_tensor_at("", {8}, 0, 32); }) == "x.gguf, offset 57: a tensor name is empty (corrupt)");
  CHECK(with([](gguf_writer& w) { w.add_tensor_at(std::string(65, 'n'), {8}, 0, 32); }) ==
        "x.gguf, offset 57: the tensor name is 65 bytes long, more than the 64 allowed (corrupt)");
  CHECK(with([](gguf_writer& w) { w.add_tensor_at("u", {1, 1, 1, 1, 1}, 0, 32); }) ==
        "x.gguf, offset 66: tensor 'u': has 5 dimensions, expected 1 to 4 (corrupt)");
  CHECK(with([](gguf_writer& w) { w.add_tensor_at("u", {}, 0, 32); }) ==
        "x.gguf, offset 66: tensor 'u': has 0 dimensions, expected 1 to 4 (corrupt)");
  CHECK(with([](gguf_writer& w) { w.add_tensor_at("u", {4, 0}, 0, 32); }) ==
        "x.gguf, offset 57: tensor 'u': dimension 1 is 0 (corrupt)");
  CHECK(with([](gguf_writer& w) { w.add_tensor_at("u", {1ULL << 40, 1ULL << 40}, 0, 32); }) ==
        "x.gguf, offset 57: tensor 'u': the product of the dimensions does not fit in 63 bits (corrupt)");
  CHECK(with([](gguf_writer& w) { w.add_tensor_at("u", {31}, 2, 32); }) ==
        "x.gguf, offset 57: tensor 'u': dimension 0 is 31, not a multiple of Q4_0's block of 32 elements (corrupt)");
  CHECK(with([](gguf_writer& w) { w.add_tensor_at("u", {32}, 33, 32); }) ==
        "x.gguf, offset 78: tensor 'u': tensor type 33 (Q4_0_8_8) was withdrawn from the format; convert the model anew "
        "(unsupported)");
  CHECK(with([](gguf_writer& w) { w.add_tensor_at("u", {32}, 42, 32); }) ==
        "x.gguf, offset 78: tensor 'u': tensor type 42 is unknown (unsupported)");
  CHECK(with([](gguf_writer& w) { w.add_tensor_at("u", {288}, 12, 32); }) ==
        "x.gguf, offset 57: tensor 'u': dimension 0 is 288, not a multiple of Q4_K's block of 256 elements (corrupt)");
  CHECK(with([](gguf_writer& w) { w.add_tensor_at("u", {8}, 0, 20); }) ==
        "x.gguf, offset 57: tensor 'u': data offset 20 is not a multiple of the alignment 32 (corrupt)");
  CHECK(with([](gguf_writer& w) { w.add_tensor_at("u", {8}, 0, 0); }) ==
        "x.gguf, offset 57: tensor 'u': its data overlaps that of 't' (corrupt)");
  CHECK(with([](gguf_writer& w) { w.add_tensor_at("u", {8}, 0, 32); }) ==
        "x.gguf, offset 57: tensor 'u': 32 bytes at data offset 32 do not lie inside the file, whose data part has 32 bytes; "
        "is the file truncated? (corrupt)");
  CHECK(with([](gguf_writer& w) { w.add_tensor_at("u", {8}, 0, ~0ULL - 31); }) ==
        "x.gguf, offset 57: tensor 'u': 32 bytes at data offset 18446744073709551584 do not lie inside the file, whose data part "
        "has 32 bytes; is the file truncated? (corrupt)");
}
