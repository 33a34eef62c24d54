// Finding weights in a file, whole and sliced.
#include "model/architectures/weights.hpp"
#include "unit/model/gguf_writer.hpp"

#include <doctest/doctest.h>

#include <cstring>

using namespace tokamak;
using namespace tokamak::test;

namespace {

/// "m" is [4, 3] of 0 ... 11; "b" one row of three Q8_0 blocks whose bytes are 0, 1 and 2.
std::string small_file() {
  std::vector<float> numbers(12);
  for (std::size_t i = 0; i < numbers.size(); ++i)
    numbers[i] = static_cast<float>(i);
  std::string blocks;
  for (char byte = 0; byte < 3; ++byte)
    blocks += std::string(34, byte);
  gguf_writer writer;
  writer.add_tensor("m", {4, 3}, numbers);
  writer.add_tensor("b", {96, 1}, tensor_type::q8_0, blocks);
  return writer.bytes();
}

/// The floats of the only weight of a graph that has `value`.
std::vector<float> floats_of(graph_value value, std::vector<weight_slice> slices) {
  const auto bytes = small_file();
  const auto file = gguf_file::parse(as_bytes(bytes), "small.gguf");
  REQUIRE(file);
  graph g;
  g.add_value(std::move(value));
  const auto found = find_weights(g, *file, slices);
  REQUIRE_MESSAGE(found, found.error().to_string());
  REQUIRE(found->weights.size() == 1);
  CHECK(found->copies.size() == slices.size());
  std::vector<float> floats(found->weights[0].bytes / 4);
  std::memcpy(floats.data(), found->weights[0].data, floats.size() * 4);
  return floats;
}

std::string refusal(graph_value value, std::vector<weight_slice> slices = {}) {
  const auto bytes = small_file();
  const auto file = gguf_file::parse(as_bytes(bytes), "small.gguf");
  REQUIRE(file);
  graph g;
  g.add_value(std::move(value));
  const auto found = find_weights(g, *file, slices);
  return found ? "found" : found.error().to_string();
}

} // namespace

TEST_CASE("a whole weight points into the file") {
  CHECK(floats_of({"m", TK_WEIGHT, TK_F32, {4, 3}, 0}, {}) ==
        std::vector<float>{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11});
}

TEST_CASE("slices are cut out along either dimension") {
  CHECK(floats_of({"m", TK_WEIGHT, TK_F32, {4, 2}, 0}, {{"m", 1, 1, 3}}) ==
        std::vector<float>{4, 5, 6, 7, 8, 9, 10, 11});
  CHECK(floats_of({"m", TK_WEIGHT, TK_F32, {2, 3}, 0}, {{"m", 0, 1, 3}}) == std::vector<float>{1, 2, 5, 6, 9, 10});
  const auto bytes = small_file();
  const auto file = gguf_file::parse(as_bytes(bytes), "small.gguf");
  REQUIRE(file);
  graph g;
  g.add_weight("b", TK_Q8_0, {32, 1});
  const weight_slice middle{"b", 0, 32, 64};
  const auto found = find_weights(g, *file, {&middle, 1});
  REQUIRE(found);
  REQUIRE(found->weights[0].bytes == 34);
  CHECK(std::string(static_cast<const char*>(found->weights[0].data), 34) == std::string(34, 1));
}

TEST_CASE("a weight may be rows of a tensor of another name, and those may be sliced") {
  const auto bytes = small_file();
  const auto file = gguf_file::parse(as_bytes(bytes), "small.gguf");
  REQUIRE(file);
  const std::vector<tensor_rows> parts = {{"upper", "m", 0, 1}, {"lower", "m", 1, 2}, {"beyond", "m", 2, 2},
                                          {"of nothing", "x", 0, 1}};
  const auto floats = [&](std::uint64_t width, std::uint64_t rows, std::vector<weight_slice> slices) {
    graph g;
    g.add_weight("lower", TK_F32, {width, rows});
    const auto found = find_weights(g, *file, slices, parts);
    REQUIRE_MESSAGE(found, found.error().to_string());
    std::vector<float> copy(found->weights.at(0).bytes / 4);
    std::memcpy(copy.data(), found->weights[0].data, copy.size() * 4);
    return copy;
  };
  CHECK(floats(4, 2, {}) == std::vector<float>{4, 5, 6, 7, 8, 9, 10, 11});
  CHECK(floats(4, 1, {{"lower", 1, 1, 2}}) == std::vector<float>{8, 9, 10, 11});
  CHECK(floats(2, 2, {{"lower", 0, 0, 2}}) == std::vector<float>{4, 5, 8, 9});
  const auto in_file = find_weight(*file, parts, "lower");
  REQUIRE(in_file);
  CHECK(in_file->data.data() == file->find_tensor("m")->data.data() + 16); // not copied
  CHECK(find_weight(*file, parts, "m")->dims[1] == 3);
  CHECK(find_weight(*file, parts, "beyond").error().to_string() ==
        "small.gguf: tensor 'm' is [4, 3], which has no rows 2 to 4 (corrupt)");
  CHECK(find_weight(*file, parts, "of nothing").error().message == "no tensor 'x'");
}

TEST_CASE("weights that do not fit the graph are named") {
  CHECK(refusal({"x", TK_WEIGHT, TK_F32, {4, 3}, 0}).ends_with("no tensor 'x' (not_found)"));
  CHECK(refusal({"m", TK_WEIGHT, TK_F32, {3, 4}, 0}) ==
        "small.gguf: tensor 'm' is F32 [4, 3], which does not fit the graph's [3, 4] of format 0 (corrupt)");
  CHECK(refusal({"m", TK_WEIGHT, TK_F16, {4, 3}, 0}) ==
        "small.gguf: tensor 'm' is F32 [4, 3], which does not fit the graph's [4, 3] of format 1 (corrupt)");
  CHECK(refusal({"m", TK_WEIGHT, TK_F32, {4, 2}, 0}, {{"m", 1, 2, 4}}) ==
        "small.gguf: tensor 'm' is F32 [4, 3], which does not fit the graph's [4, 2] of format 0 (corrupt)");
  CHECK(refusal({"b", TK_WEIGHT, TK_Q8_0, {16, 1}, 0}, {{"b", 0, 16, 32}}) ==
        "small.gguf: tensor 'b' cannot be cut from 16 to 32: its blocks hold 32 elements (invalid_argument)");
  CHECK(refusal({"rows", TK_ROWS, TK_F32, {4}, 0}) == "found");
}
