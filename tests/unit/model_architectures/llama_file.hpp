// A small llama GGUF whose keys and tensors a test may change or drop, one at a time.
#pragma once

#include "model/architectures/architecture.hpp"
#include "unit/model/gguf_writer.hpp"

#include <functional>
#include <map>
#include <numeric>

namespace tokamak::test {

/// Width 32, 4 heads of 8, 2 K/V heads, feed-forward 48, 2 layers, vocabulary 20. Tensors hold zeros.
class llama_file {
public:
  using key_writer = std::function<void(gguf_writer&, const std::string&)>;
  struct tensor {
    std::vector<std::uint64_t> dims;
    tensor_type type = tensor_type::f32;
  };

  llama_file() {
    set("general.architecture", std::string("llama"));
    set("llama.block_count", 2U);
    set("llama.context_length", 64U);
    set("llama.embedding_length", 32U);
    set("llama.feed_forward_length", 48U);
    set("llama.attention.head_count", 4U);
    set("llama.attention.head_count_kv", 2U);
    set("llama.attention.layer_norm_rms_epsilon", 1e-5F);
    tensors["token_embd.weight"] = {{32, 20}};
    tensors["output_norm.weight"] = {{32}};
    for (const std::string layer : {"blk.0.", "blk.1."}) {
      tensors[layer + "attn_norm.weight"] = {{32}};
      tensors[layer + "attn_q.weight"] = {{32, 32}};
      tensors[layer + "attn_k.weight"] = {{32, 16}};
      tensors[layer + "attn_v.weight"] = {{32, 16}};
      tensors[layer + "attn_output.weight"] = {{32, 32}};
      tensors[layer + "ffn_norm.weight"] = {{32}};
      tensors[layer + "ffn_gate.weight"] = {{32, 48}};
      tensors[layer + "ffn_up.weight"] = {{32, 48}};
      tensors[layer + "ffn_down.weight"] = {{48, 32}};
    }
  }

  template <class T>
  llama_file& set(const std::string& key, T value) {
    keys_[key] = [value](gguf_writer& writer, const std::string& name) { writer.add(name, value); };
    return *this;
  }
  llama_file& drop(const std::string& key) {
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

  /// "" or the error in one line.
  std::string refusal(const graph_options& options = {}) const {
    const auto model = build(options);
    return model ? std::string() : model.error().to_string();
  }

  std::map<std::string, tensor> tensors;

private:
  std::map<std::string, key_writer> keys_;
};

} // namespace tokamak::test
