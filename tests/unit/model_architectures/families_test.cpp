// What sets qwen2, qwen3, gemma3 and phi3 apart: their graphs, variants, and errors that name the key or tensor.
// Numbers are compared in tests/reference_models.
#include "unit/model_architectures/decoder_file.hpp"

#include <doctest/doctest.h>

#include <cmath>

using namespace tokamak;
using namespace tokamak::test;

namespace {

const std::vector<std::string> families = {"llama", "qwen2", "qwen3", "gemma3", "phi3"};

/// A valid model of a file, or a failed test.
model_graph built(const decoder_file& file, const graph_options& options = {}) {
  auto model = file.build(options);
  REQUIRE_MESSAGE(model, model.error().to_string());
  return std::move(*model);
}

std::string style(const model_graph& model) {
  return std::get<std::string>(*find_attribute(*find_op(model, "tokamak.rope"), "style"));
}

double real(const model_graph& model, std::string_view op, std::string_view value, std::string_view attribute) {
  const auto* found = find_op(model, op, value);
  REQUIRE(found != nullptr);
  return real_attribute(*found, attribute);
}

} // namespace

TEST_CASE("every family builds, ties its output matrix or not, and says its sizes") {
  for (const auto& family : families) {
    CAPTURE(family);
    auto file = decoder_file(family);
    const auto tied = built(file);
    CHECK(tied.architecture == family);
    CHECK(tied.n_layers == 2);
    CHECK(tied.width == 32);
    CHECK(tied.vocab_size == 20);
    CHECK(tied.context_length == 64);
    CHECK(find_op(tied, "tokamak.matmul", "logits")->inputs[1] == tied.graph.find_value("token_embd.weight"));
    CHECK(style(tied) == (family == "llama" ? "interleaved" : "halves"));
    file.tensors["output.weight"] = {{32, 20}, tensor_type::q4_1};
    const auto untied = built(file);
    CHECK(find_op(untied, "tokamak.matmul", "logits")->inputs[1] == untied.graph.find_value("output.weight"));
  }
}

TEST_CASE("every tensor of every family is named when it is missing or has another shape") {
  for (const auto& family : families) {
    const decoder_file whole(family);
    for (const auto& [name, tensor] : whole.tensors) {
      CAPTURE(family);
      auto file = whole;
      file.tensors.erase(name);
      CHECK(file.message() == "no tensor '" + name + "' (not_found)");
      file = whole;
      file.tensors[name].dims[0] += 4;
      CHECK(file.message().starts_with("tensor '" + name + "' is [" + std::to_string(tensor.dims[0] + 4)));
      CHECK(file.message().ends_with(" (corrupt)"));
    }
  }
}

TEST_CASE("qwen2 has biases on Q, K and V, and may have others") {
  const auto biases = [](const model_graph& model) {
    std::size_t n = 0;
    for (const auto& op : model.graph.ops())
      n += op.name == "tokamak.matmul" && op.inputs[2] != no_value ? 1 : 0;
    return n;
  };
  auto file = decoder_file("qwen2");
  CHECK(biases(built(file)) == 6);
  file.tensors["blk.0.attn_output.bias"] = {{32}};
  CHECK(biases(built(file)) == 7);
}

TEST_CASE("qwen2 and qwen3 refuse a window shorter than the context: the file does not say which layers have it") {
  for (const std::string family : {"qwen2", "qwen3"}) {
    CHECK(decoder_file(family).set(family + ".attention.sliding_window", 63U).message() ==
          "metadata key '" + family + ".attention.sliding_window' is 63: which layers attend a window is not known "
          "here (unsupported)");
    CHECK(decoder_file(family).set(family + ".attention.sliding_window", 64U).message().empty());
  }
}

TEST_CASE("qwen3 normalises Q and K head by head") {
  const auto model = built(decoder_file("qwen3"));
  for (const char* name : {"blk.0.attn_q_norm.out", "blk.1.attn_k_norm.out"})
    CHECK(model.graph.values()[find_op(model, "tokamak.rms_norm", name)->inputs[1]].width() == 8);
  CHECK(find_op(model, "tokamak.rope", "blk.0.attn_q")->inputs[0] == model.graph.find_value("blk.0.attn_q_norm.out"));
}

TEST_CASE("gemma3 has two cache groups, each with its rotary base") {
  auto file = decoder_file("gemma3");
  for (const int i : {2, 3, 4, 5, 6})
    file.add_layer("blk." + std::to_string(i) + ".", "gemma3");
  file.set("gemma3.block_count", 7U).set("gemma3.rope.scaling.factor", 8.0F);
  const auto model = built(file);
  REQUIRE(model.graph.groups().size() == 2);
  CHECK(model.graph.groups()[0].name == "full");
  CHECK(model.graph.groups()[0].n_layers == 1);
  CHECK(model.graph.groups()[1].name == "sliding");
  CHECK(model.graph.groups()[1].n_layers == 6);
  CHECK(model.graph.groups()[1].window == 8);
  CHECK(real(model, "tokamak.rope", "blk.5.attn_q", "freq_base") == 1000000);
  CHECK(real(model, "tokamak.rope", "blk.5.attn_q", "freq_scale") == 0.125);
  CHECK(real(model, "tokamak.rope", "blk.6.attn_k", "freq_base") == 10000);
  CHECK(real(model, "tokamak.rope", "blk.6.attn_k", "freq_scale") == 1);
  CHECK(integer_attribute(*find_op(model, "tokamak.attention", "blk.6."), "group") == 1);
  CHECK(integer_attribute(*find_op(model, "tokamak.attention", "blk.6."), "layer") == 5);
  CHECK(real(model, "tokamak.embed", "embeddings", "scale") == doctest::Approx(std::sqrt(32.0)));
  CHECK(std::get<std::string>(*find_attribute(*find_op(model, "tokamak.glu"), "activation")) == "gelu");
}

TEST_CASE("gemma3's pattern of windows may be given as a period or layer by layer") {
  const auto first_is_full = [](decoder_file& file) {
    return integer_attribute(*find_op(built(file), "tokamak.attention", "blk.0."), "group") == 0 &&
           integer_attribute(*find_op(built(file), "tokamak.attention", "blk.1."), "group") == 1;
  };
  auto file = decoder_file("gemma3");
  const std::string key = "gemma3.attention.sliding_window_pattern";
  CHECK(first_is_full(file.set_array(key, std::vector<bool>{false, true})));
  CHECK(built(file.set(key, 1U)).graph.groups()[0].n_layers == 2);
  CHECK(built(file.set(key, 2U)).graph.groups()[0].n_layers == 1);
  CHECK(file.set_array(key, std::vector<bool>{true}).message() ==
        "metadata key 'gemma3.attention.sliding_window_pattern' is array of 1 bool, expected array of 2 bool "
        "(corrupt)");
  CHECK(file.set(key, 0U).message() ==
        "metadata key 'gemma3.attention.sliding_window_pattern' is 0, expected 1 to 16777216 (corrupt)");
}

TEST_CASE("gemma3's scores scale by the head, in its largest size by the width a head; logits may be capped") {
  auto file = decoder_file("gemma3");
  file.set("gemma3.attention.head_count", 2U).set("gemma3.attention.key_length", 8U)
      .set("gemma3.attention.value_length", 8U).set("gemma3.final_logit_softcapping", 30.0F);
  file.set("gemma3.block_count", 62U);
  for (int i = 0; i < 62; ++i) {
    const auto layer = "blk." + std::to_string(i) + ".";
    file.add_layer(layer, "gemma3");
    file.tensors[layer + "attn_q.weight"].dims = {32, 16};
    file.tensors[layer + "attn_output.weight"].dims = {16, 32};
  }
  CHECK(real(built(file), "tokamak.attention", {}, "scale") == doctest::Approx(0.25));
  CHECK(real(built(file.set("gemma3.attention.scale", 0.5F)), "tokamak.attention", {}, "scale") == 0.5);
  CHECK(real(built(file), "tokamak.softcap", "logits", "cap") == 30);
  CHECK(real(built(decoder_file("gemma3")), "tokamak.attention", {}, "scale") == doctest::Approx(1 / std::sqrt(8.0)));
}

TEST_CASE("gemma3 without a window, or with rotary scaling it does not have, is refused") {
  CHECK(decoder_file("gemma3").drop("gemma3.attention.sliding_window").message() ==
        "no metadata key 'gemma3.attention.sliding_window' (not_found)");
  CHECK(decoder_file("gemma3").set("gemma3.rope.scaling.type", std::string("yarn")).message() ==
        "rotary scaling other than linear is not known for the architecture 'gemma3' here (unsupported)");
}

TEST_CASE("phi3's weights are rows of its fused tensors, in their order") {
  const auto model = built(decoder_file("phi3"));
  const auto rows = [&](const std::string& weight) {
    for (const auto& part : model.parts)
      if (part.weight == weight)
        return fmt::format("{} {} {}", part.tensor, part.first, part.rows);
    return std::string("none");
  };
  CHECK(model.parts.size() == 10);
  CHECK(rows("blk.0.attn_qkv.q.weight") == "blk.0.attn_qkv.weight 0 32");
  CHECK(rows("blk.0.attn_qkv.k.weight") == "blk.0.attn_qkv.weight 32 16");
  CHECK(rows("blk.1.attn_qkv.v.weight") == "blk.1.attn_qkv.weight 48 16");
  CHECK(rows("blk.1.ffn_up.gate.weight") == "blk.1.ffn_up.weight 0 48");
  CHECK(rows("blk.1.ffn_up.up.weight") == "blk.1.ffn_up.weight 48 48");
  const auto glu = find_op(model, "tokamak.glu");
  CHECK(model.graph.values()[glu->inputs[0]].name == "blk.0.ffn_up.gate.out");
}
