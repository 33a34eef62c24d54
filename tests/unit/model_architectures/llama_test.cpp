// The llama architecture: its graph, its variants, and errors that name the key or tensor at fault.
#include "unit/model/reference_data.hpp"
#include "unit/model_architectures/decoder_file.hpp"

#include <doctest/doctest.h>

#include <cmath>

using namespace tokamak;
using tokamak::test::decoder_file;

namespace {

const graph_op& first(const model_graph& model, std::string_view name) {
  const auto* found = tokamak::test::find_op(model, name);
  REQUIRE_MESSAGE(found != nullptr, "no op ", std::string(name));
  return *found;
}

std::size_t count(const model_graph& model, std::string_view name) {
  std::size_t n = 0;
  for (const auto& op : model.graph.ops())
    n += op.name == name ? 1 : 0;
  return n;
}

std::string message(const decoder_file& file) { return file.message(); }

} // namespace

TEST_CASE("a llama file becomes a valid graph with one full cache group") {
  const auto model = decoder_file().build({TK_F32, 16});
  REQUIRE(model);
  CHECK(model->architecture == "llama");
  CHECK(model->context_length == 64);
  CHECK(model->vocab_size == 20);
  CHECK(model->width == 32);
  CHECK(model->n_layers == 2);
  REQUIRE(model->graph.groups().size() == 1);
  const auto& group = model->graph.groups()[0];
  CHECK(group.kind == TK_GROUP_FULL);
  CHECK(group.n_layers == 2);
  CHECK(group.block_size == 16);
  CHECK(group.k_width == 16);
  CHECK(group.v_width == 16);
  CHECK(group.format == TK_F32);
  CHECK(count(*model, "tokamak.matmul") == 15);
  CHECK(count(*model, "tokamak.attention") == 2);
  const auto& attention = first(*model, "tokamak.attention");
  CHECK(integer_attribute(attention, "heads") == 4);
  CHECK(integer_attribute(attention, "kv_heads") == 2);
  CHECK(integer_attribute(attention, "head_dim") == 8);
  CHECK(real_attribute(attention, "scale") == doctest::Approx(1 / std::sqrt(8.0)));
  const auto& rope = first(*model, "tokamak.rope");
  CHECK(std::get<std::string>(*find_attribute(rope, "style")) == "interleaved");
  CHECK(real_attribute(rope, "freq_base") == 10000);
  CHECK(real_attribute(rope, "freq_scale") == 1);
  CHECK(rope.inputs[1] == no_value);
}

TEST_CASE("without output.weight the embedding table is the output matrix") {
  auto file = decoder_file();
  const auto tied = file.build();
  REQUIRE(tied);
  CHECK(tied->graph.ops().back().inputs[1] == tied->graph.find_value("token_embd.weight"));
  file.tensors["output.weight"] = {{32, 20}, tensor_type::q8_0};
  const auto untied = file.build();
  REQUIRE(untied);
  const auto head = untied->graph.find_value("output.weight");
  CHECK(untied->graph.ops().back().inputs[1] == head);
  CHECK(untied->graph.values()[head].format == TK_Q8_0);
  const auto& logits = untied->graph.values()[untied->graph.find_value("logits")];
  CHECK(logits.kind == TK_OUTPUT_ROWS);
  CHECK(logits.width() == 20);
  CHECK((logits.flags & TK_VALUE_OUTPUT) != 0);
}

TEST_CASE("heads may have their own widths, biases are used where they are") {
  auto file = decoder_file();
  file.set("llama.attention.key_length", 12U).set("llama.attention.value_length", 6U)
      .set("llama.rope.dimension_count", 12U);
  for (const std::string layer : {"blk.0.", "blk.1."}) {
    file.tensors[layer + "attn_q.weight"].dims = {32, 48};
    file.tensors[layer + "attn_k.weight"].dims = {32, 24};
    file.tensors[layer + "attn_v.weight"].dims = {32, 12};
    file.tensors[layer + "attn_output.weight"].dims = {24, 32};
  }
  file.tensors["blk.1.attn_q.bias"] = {{48}};
  CHECK(file.refusal().empty());
  const auto model = file.build();
  REQUIRE(model);
  CHECK(model->graph.groups()[0].k_width == 24);
  CHECK(model->graph.groups()[0].v_width == 12);
  std::size_t biases = 0;
  for (const auto& op : model->graph.ops())
    if (op.name == "tokamak.matmul" && op.inputs[2] != no_value)
      ++biases;
  CHECK(biases == 1);
}

TEST_CASE("rotary scaling: linear, YaRN, frequency divisors, and none") {
  auto file = decoder_file();
  file.set("llama.rope.freq_base", 500000.0F).set("llama.rope.scaling.factor", 4.0F);
  SUBCASE("linear is the default") {
    const auto model = file.build();
    REQUIRE(model);
    CHECK(real_attribute(first(*model, "tokamak.rope"), "freq_scale") == 0.25);
    CHECK(real_attribute(first(*model, "tokamak.rope"), "freq_base") == 500000);
    CHECK(real_attribute(first(*model, "tokamak.rope"), "ext_factor") == 0);
  }
  SUBCASE("none ignores the factor") {
    const auto model = file.set("llama.rope.scaling.type", std::string("none")).build();
    REQUIRE(model);
    CHECK(real_attribute(first(*model, "tokamak.rope"), "freq_scale") == 1);
  }
  SUBCASE("yarn") {
    const auto model = file.set("llama.rope.scaling.type", std::string("yarn"))
                           .set("llama.rope.scaling.original_context_length", 16U).build();
    REQUIRE(model);
    const auto& rope = first(*model, "tokamak.rope");
    CHECK(real_attribute(rope, "ext_factor") == 1);
    CHECK(real_attribute(rope, "freq_scale") == 0.25);
    CHECK(integer_attribute(rope, "original_context") == 16);
  }
  SUBCASE("divisors of Llama 3") {
    file.tensors["rope_freqs.weight"] = {{4}};
    const auto model = file.build();
    REQUIRE(model);
    CHECK(first(*model, "tokamak.rope").inputs[1] == model->graph.find_value("rope_freqs.weight"));
  }
  SUBCASE("others are refused") {
    CHECK(message(file.set("llama.rope.scaling.type", std::string("dynamic"))) ==
          "metadata key 'llama.rope.scaling.type' is \"dynamic\", known: none, linear, yarn, longrope (unsupported)");
  }
}

TEST_CASE("hyperparameters that cannot be are refused by key") {
  CHECK(message(decoder_file().set("llama.attention.head_count", 0U)) ==
        "metadata key 'llama.attention.head_count' is 0, expected 1 to 16777216 (corrupt)");
  CHECK(message(decoder_file().set("llama.block_count", 4000000000U)) ==
        "metadata key 'llama.block_count' is 4000000000, expected 1 to 16777216 (corrupt)");
  CHECK(message(decoder_file().set("llama.block_count", 16000000U)) ==
        "metadata key 'llama.block_count' is 16000000, but the file has 20 tensors (corrupt)");
  CHECK(message(decoder_file().set("llama.attention.head_count", 5U).set("llama.attention.head_count_kv", 5U)) ==
        "metadata key 'llama.embedding_length' is 32, expected a multiple of the 5 heads (corrupt)");
  CHECK(message(decoder_file().set("llama.attention.head_count_kv", 3U)) ==
        "metadata key 'llama.attention.head_count_kv' is 3, expected a divisor of the 4 heads (corrupt)");
  CHECK(message(decoder_file().set("llama.rope.dimension_count", 10U)) ==
        "metadata key 'llama.rope.dimension_count' is 10, expected an even number of at most 8 (corrupt)");
  CHECK(message(decoder_file().set("llama.attention.layer_norm_rms_epsilon", 0.0F)) ==
        "metadata key 'llama.attention.layer_norm_rms_epsilon' is 0, expected a number above 0 (corrupt)");
  CHECK(message(decoder_file().set("llama.expert_count", 8U)) ==
        "metadata key 'llama.expert_count' is 8: mixtures of experts are not known here (unsupported)");
  CHECK(message(decoder_file().set("llama.vocab_size", 21U)) ==
        "tensor 'token_embd.weight' is [32, 20], expected [32, 21] (corrupt)");
}

TEST_CASE("a window goes to every layer unless the context is no longer") {
  const auto model = decoder_file().set("llama.attention.sliding_window", 16U).build();
  REQUIRE(model);
  REQUIRE(model->graph.groups().size() == 1);
  CHECK(model->graph.groups()[0].name == "sliding");
  CHECK(model->graph.groups()[0].kind == TK_GROUP_SLIDING);
  CHECK(model->graph.groups()[0].window == 16);
  CHECK(model->graph.groups()[0].n_layers == 2);
  CHECK(decoder_file().set("llama.attention.sliding_window", 64U).build()->graph.groups()[0].kind == TK_GROUP_FULL);
}

TEST_CASE("LongRoPE's divisors are chosen by the longest sequence there will be") {
  auto file = decoder_file();
  file.set("llama.rope.scaling.original_context_length", 16U);
  file.tensors["rope_factors_long.weight"] = file.tensors["rope_factors_short.weight"] = {{4}};
  const auto divisors = [&](std::uint32_t longest) {
    const auto model = file.build({TK_F16, 32, longest});
    REQUIRE_MESSAGE(model, model.error().to_string());
    return model->graph.values()[first(*model, "tokamak.rope").inputs[1]].name;
  };
  CHECK(divisors(0) == "rope_factors_long.weight");
  CHECK(divisors(17) == "rope_factors_long.weight");
  CHECK(divisors(16) == "rope_factors_short.weight");
  const auto magnitude = [&] { return real_attribute(first(*file.build(), "tokamak.rope"), "attn_factor"); };
  CHECK(magnitude() == doctest::Approx(std::sqrt(1 + std::log(4.0) / std::log(16.0))));
  file.set("llama.rope.scaling.attn_factor", 1.25F);
  CHECK(magnitude() == 1.25);
  file.tensors["rope_factors_short.weight"] = {{8}};
  CHECK(message(file) == "tensor 'rope_factors_short.weight' is [8], expected [4] (corrupt)");
}

TEST_CASE("a key that changes results refuses the file where nobody reads it, unless it says nothing") {
  CHECK(message(decoder_file().set("llama.logit_scale", 0.5F)) ==
        "metadata key 'llama.logit_scale' is f32 0.5, which the architecture 'llama' as it is known here does not have "
        "(unsupported)");
  CHECK(message(decoder_file().set("llama.attention.causal", false)) ==
        "metadata key 'llama.attention.causal' is bool false, which the architecture 'llama' as it is known here does "
        "not have (unsupported)");
  CHECK(message(decoder_file().set("llama.attn_logit_softcapping", 50.0F)).starts_with(
        "metadata key 'llama.attn_logit_softcapping' is f32 50, which"));
  CHECK(message(decoder_file().set("llama.logit_scale", 1.0F).set("llama.attention.causal", true)
                    .set("llama.attn_logit_softcapping", 0.0F)).empty());
}

TEST_CASE("missing keys are named") {
  for (const std::string key : {"block_count", "context_length", "embedding_length", "feed_forward_length",
                                "attention.head_count", "attention.layer_norm_rms_epsilon"}) {
    const auto model = decoder_file().drop("llama." + key).build();
    REQUIRE(!model);
    CHECK(model.error().code == errc::not_found);
    CHECK(model.error().message == "no metadata key 'llama." + key + "'");
  }
  CHECK(decoder_file().drop("llama.attention.head_count_kv").build().error().message ==
        "tensor 'blk.0.attn_k.weight' is [32, 16], expected [32, 32]"); // as many K/V heads as heads
}

TEST_CASE("a key of another type is named") {
  CHECK(decoder_file().set("llama.block_count", std::string("two")).build().error().message ==
        "metadata key 'llama.block_count' is string \"two\", expected u32");
}

TEST_CASE("every tensor that is missing is named") {
  const decoder_file whole;
  for (const auto& [name, tensor] : whole.tensors) {
    auto file = whole;
    file.tensors.erase(name);
    const auto model = file.build();
    REQUIRE(!model);
    CHECK(model.error().code == errc::not_found);
    CHECK(model.error().message == "no tensor '" + name + "'");
  }
}

TEST_CASE("every tensor of a wrong shape is named with both shapes") {
  const decoder_file whole;
  for (const auto& [name, tensor] : whole.tensors) {
    auto file = whole;
    file.tensors[name].dims[0] += 8;
    const auto model = file.build();
    REQUIRE(!model);
    CHECK(model.error().code == errc::corrupt);
    CHECK(model.error().message.starts_with("tensor '" + name + "' is [" + std::to_string(tensor.dims[0] + 8)));
    CHECK(model.error().where == "made-up.gguf");
  }
  auto cube = whole;
  cube.tensors["token_embd.weight"].dims = {32, 10, 2};
  CHECK(message(cube) == "tensor 'token_embd.weight' is [32, 10, 2], expected two dimensions (corrupt)");
}

TEST_CASE("norms must be F32, and a tensor that nobody reads refuses the file") {
  auto file = decoder_file();
  file.tensors["output_norm.weight"].type = tensor_type::f16;
  CHECK(message(file) == "tensor 'output_norm.weight' has type F16, expected F32 (unsupported)");
  file = decoder_file();
  file.tensors["blk.1.attn_q_norm.weight"] = {{8}};
  CHECK(message(file) ==
        "tensor 'blk.1.attn_q_norm.weight' is not part of the architecture 'llama' as it is known here (unsupported)");
}

TEST_CASE("SmolLM2's file builds") {
  const auto path = tokamak::test::smollm2_path();
  if (!tokamak::test::exists(path)) {
    MESSAGE("no model at ", path, ": case left out");
    return;
  }
  const auto file = gguf_file::open(path);
  REQUIRE(file);
  const auto model = build_model_graph(*file);
  REQUIRE_MESSAGE(model, model.error().to_string());
  CHECK(model->n_layers == 30);
  CHECK(model->width == 576);
  CHECK(model->vocab_size == 49152);
  CHECK(model->context_length == 8192);
  CHECK(model->graph.groups()[0].k_width == 192);
}
