// A small GGUF of each architecture whose keys and tensors a test may change or drop, one at a time.
#pragma once

#include "model/architectures/architecture.hpp"
#include "unit/model/gguf_writer.hpp"

#include <functional>
#include <map>
#include <numeric>

namespace tokamak::test {

/// Width 32, 4 heads of 8, 2 K/V heads, feed-forward 48, 2 layers, vocabulary 20. Tensors hold zeros.
class decoder_file {
public:
  using key_writer = std::function<void(gguf_writer&, const std::string&)>;
  struct tensor {
    std::vector<std::uint64_t> dims;
    tensor_type type = tensor_type::f32;
  };

  explicit decoder_file(const std::string& architecture = "llama") {
    set("general.architecture", architecture);
    const auto number = [&](const char* key, auto value) { set(architecture + "." + key, value); };
    number("block_count", 2U);
    number("context_length", 64U);
    number("embedding_length", 32U);
    number("feed_forward_length", 48U);
    number("attention.head_count", 4U);
    number("attention.head_count_kv", 2U);
    number("attention.layer_norm_rms_epsilon", 1e-5F);
    tensors["token_embd.weight"] = {{32, 20}};
    tensors["output_norm.weight"] = {{32}};
    for (const std::string layer : {"blk.0.", "blk.1."})
      add_layer(layer, architecture);
    if (architecture == "gemma3")
      number("attention.sliding_window", 8U);
  }

  /// Tensors of one more layer; the key block_count is left as it is.
  void add_layer(const std::string& layer, const std::string& architecture) {
    tensors[layer + "attn_norm.weight"] = {{32}};
    tensors[layer + "attn_output.weight"] = {{32, 32}};
    tensors[layer + "ffn_norm.weight"] = {{32}};
    tensors[layer + "ffn_down.weight"] = {{48, 32}};
    if (architecture == "phi3") {
      tensors[layer + "attn_qkv.weight"] = {{32, 64}};
      tensors[layer + "ffn_up.weight"] = {{32, 96}};
      return;
    }
    tensors[layer + "attn_q.weight"] = {{32, 32}};
    tensors[layer + "attn_k.weight"] = {{32, 16}};
    tensors[layer + "attn_v.weight"] = {{32, 16}};
    tensors[layer + "ffn_gate.weight"] = {{32, 48}};
    tensors[layer + "ffn_up.weight"] = {{32, 48}};
    if (architecture == "qwen2") {
      tensors[layer + "attn_q.bias"] = {{32}};
      tensors[layer + "attn_k.bias"] = {{16}};
      tensors[layer + "attn_v.bias"] = {{16}};
    }
    if (architecture == "qwen3" || architecture == "gemma3") {
      tensors[layer + "attn_q_norm.weight"] = {{8}};
      tensors[layer + "attn_k_norm.weight"] = {{8}};
    }
    if (architecture == "gemma3") {
      tensors[layer + "post_attention_norm.weight"] = {{32}};
      tensors[layer + "post_ffw_norm.weight"] = {{32}};
    }
  }

  template <class T>
  decoder_file& set(const std::string& key, T value) {
    keys_[key] = [value](gguf_writer& writer, const std::string& name) { writer.add(name, value); };
    return *this;
  }
  decoder_file& drop(const std::string& key) {
    keys_.erase(key);
    return *this;
  }

  std::string bytes() const {
    gguf_writer writer;
    for (const auto& [name, write] : keys_)
      write(writer, name);
    for (const auto& [name, t] : tensors)
      writer.add_tensor(name, t.dims, t.type, std::string(bytes_of(t.type, t.dims).value(), '\0'));
    return writer.bytes();
  }

  expected<model_graph> build(const graph_options& options = {}) const {
    const auto all = bytes();
    const auto file = gguf_file::parse(as_bytes(all), "made-up.gguf");
    if (!file)
      return fail(file.error());
    return build_model_graph(*file, options);
  }

  template <class T>
  decoder_file& set_array(const std::string& key, std::vector<T> values) {
    keys_[key] = [values](gguf_writer& writer, const std::string& name) { writer.add_array(name, values); };
    return *this;
  }

  /// "" or the error in one line.
  std::string refusal(const graph_options& options = {}) const {
    const auto model = build(options);
    return model ? std::string() : model.error().to_string();
  }

  /// The same without the file's name, which is the same everywhere.
  std::string message() const {
    const auto text = refusal();
    return text.starts_with("made-up.gguf: ") ? text.substr(14) : text;
  }

  std::map<std::string, tensor> tensors;

private:
  std::map<std::string, key_writer> keys_;
};

/// The first op of that name that writes a value whose name begins so.
inline const graph_op* find_op(const model_graph& model, std::string_view name, std::string_view value = {}) {
  for (const auto& op : model.graph.ops())
    if (op.name == name && (value.empty() || model.graph.values()[op.outputs.at(0)].name.starts_with(value)))
      return &op;
  return nullptr;
}

} // namespace tokamak::test
