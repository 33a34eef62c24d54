// The GGUF files of made-up models.
#include "null_backend/tiny_models.hpp"

#include "null_backend/number_formats.hpp"
#include "null_backend/tiny_architectures.hpp"
#include "unit/model/gguf_writer.hpp"

#include <cmath>
#include <numbers>
#include <stdexcept>

namespace tokamak::test {

namespace {

/// SplitMix64 (Steele, Lea & Flood 2014): the same numbers everywhere.
class numbers {
public:
  explicit numbers(std::uint64_t seed) : state_(seed) {}
  double uniform() {
    std::uint64_t z = state_ += 0x9E3779B97F4A7C15;
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9;
    z = (z ^ z >> 27) * 0x94D049BB133111EB;
    return static_cast<double>((z ^ z >> 31) >> 11) * 0x1p-53;
  }

private:
  std::uint64_t state_;
};

class tiny_file {
public:
  tiny_file(const tiny_options& options, std::string architecture) : o_(options), architecture_(std::move(architecture)),
                                                                     numbers_(options.seed) {
    writer_.add("general.architecture", architecture_);
    writer_.add("general.name", fmt::format("{} of seed {}", architecture_, o_.seed));
    key("block_count", o_.layers);
    key("context_length", o_.context);
    key("embedding_length", o_.width);
    key("feed_forward_length", o_.ffn);
    key("attention.head_count", o_.heads);
    key("attention.head_count_kv", o_.kv_heads);
    key("attention.layer_norm_rms_epsilon", 1e-5F);
    if (o_.vocab_size >= 264)
      tokenizer();
    matrix("token_embd", o_.width, o_.vocab_size, 1.0);
    vector("output_norm", o_.width);
    matrix("output", o_.width, o_.vocab_size, 3.0);
  }

  template <class T>
  void key(const char* name, T value) {
    writer_.add(architecture_ + "." + name, value);
  }

  /// [in, out] with entries of the given standard deviation after multiplication by unit inputs.
  void matrix(const std::string& name, std::uint64_t in, std::uint64_t out, double gain) {
    std::vector<float> values(in * out);
    const double spread = gain * std::sqrt(12.0 / static_cast<double>(in));
    for (auto& value : values)
      value = static_cast<float>((numbers_.uniform() - 0.5) * spread);
    writer_.add_tensor(name + ".weight", {in, out}, static_cast<tensor_type>(o_.weights), quantize(o_.weights, values));
  }

  void vector(const std::string& name, std::uint64_t n) {
    std::vector<float> values(n);
    for (auto& value : values)
      value = static_cast<float>(0.75 + 0.5 * numbers_.uniform());
    writer_.add_tensor(name + ".weight", {n}, values);
  }

  void attention(const std::string& layer, bool head_norms) {
    const std::uint64_t head_dim = o_.width / o_.heads, k_width = o_.kv_heads * head_dim;
    vector(layer + "attn_norm", o_.width);
    matrix(layer + "attn_q", o_.width, o_.width, 2.0);
    matrix(layer + "attn_k", o_.width, k_width, 2.0);
    matrix(layer + "attn_v", o_.width, k_width, 1.0);
    matrix(layer + "attn_output", o_.width, o_.width, 1.0);
    if (head_norms) {
      vector(layer + "attn_q_norm", head_dim);
      vector(layer + "attn_k_norm", head_dim);
    }
  }

  void feed_forward(const std::string& layer) {
    vector(layer + "ffn_norm", o_.width);
    matrix(layer + "ffn_gate", o_.width, o_.ffn, 1.0);
    matrix(layer + "ffn_up", o_.width, o_.ffn, 1.0);
    matrix(layer + "ffn_down", o_.ffn, o_.width, 1.0);
  }

  void scan(const std::string& layer) {
    vector(layer + "ssm_norm", o_.width);
    matrix(layer + "ssm_in", o_.width, o_.width, 1.0);
    matrix(layer + "ssm_out", o_.width, o_.width, 1.0);
  }

  std::string bytes() const { return writer_.bytes(); }

private:
  /// 256 bytes, two ends of a turn, then pairs of letters with their merges.
  void tokenizer() {
    std::vector<std::string> tokens(o_.vocab_size), merges;
    std::vector<std::int32_t> kinds(o_.vocab_size, 1);
    for (int byte = 0, shifted = 256; byte < 256; ++byte) {
      const bool printable = (byte >= 33 && byte <= 126) || (byte >= 161 && byte <= 172) || byte >= 174;
      const int point = printable ? byte : shifted++; // GPT-2's alphabet of printable characters
      auto& token = tokens[(static_cast<std::uint32_t>(byte) + o_.rotate_vocab) % 256];
      if (point < 128) {
        token = static_cast<char>(point);
      } else {
        token = static_cast<char>(0xC0 | point >> 6);
        token += static_cast<char>(0x80 | (point & 63));
      }
    }
    tokens[256] = "<|im_start|>";
    tokens[257] = "<|im_end|>";
    kinds[256] = kinds[257] = 3;
    for (std::uint32_t i = 258; i < o_.vocab_size; ++i) {
      const std::uint32_t pair = i - 258;
      const std::string a(1, static_cast<char>('a' + pair % 26)), b(1, static_cast<char>('a' + pair / 26 % 26));
      const bool again = pair >= 26 * 26;
      tokens[i] = again ? fmt::format("<|unused_{}|>", i) : a + b;
      kinds[i] = again ? 5 : 1;
      if (!again)
        merges.push_back(a + " " + b);
    }
    writer_.add("tokenizer.ggml.model", "gpt2");
    writer_.add("tokenizer.ggml.pre", "gpt-2");
    writer_.add_array("tokenizer.ggml.tokens", tokens);
    writer_.add_array("tokenizer.ggml.token_type", kinds);
    writer_.add_array("tokenizer.ggml.merges", merges);
    writer_.add("tokenizer.ggml.bos_token_id", std::uint32_t{256});
    writer_.add("tokenizer.ggml.eos_token_id", std::uint32_t{257});
    writer_.add("tokenizer.ggml.add_bos_token", false);
    writer_.add("tokenizer.chat_template",
                "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\\n' + message['content'] + "
                "'<|im_end|>' + '\\n' }}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}");
  }

  tiny_options o_;
  std::string architecture_;
  numbers numbers_;
  gguf_writer writer_;
};

std::string layer_name(std::uint32_t i) { return fmt::format("blk.{}.", i); }

} // namespace

std::string tiny_llama_gguf(const tiny_options& options) {
  tiny_file file(options, "llama");
  for (std::uint32_t i = 0; i < options.layers; ++i) {
    file.attention(layer_name(i), false);
    file.feed_forward(layer_name(i));
  }
  return file.bytes();
}

std::string tiny_sliding_gguf(const tiny_options& options) {
  tiny_file file(options, "tiny_sliding");
  file.key("attention.sliding_window", options.window);
  for (std::uint32_t i = 0; i < options.layers; ++i) {
    file.attention(layer_name(i), true);
    file.feed_forward(layer_name(i));
  }
  return file.bytes();
}

std::string tiny_recurrent_gguf(const tiny_options& options) {
  tiny_file file(options, "tiny_recurrent");
  file.key("decay", options.decay);
  for (std::uint32_t i = 0; i < options.layers; ++i) {
    if (i % 2 == 0)
      file.scan(layer_name(i));
    else
      file.attention(layer_name(i), true);
    file.feed_forward(layer_name(i));
  }
  return file.bytes();
}

void register_tiny_architectures() {
  static const bool done = [] {
    return register_architecture({"tiny_sliding", build_tiny_sliding}).has_value() &&
           register_architecture({"tiny_recurrent", build_tiny_recurrent}).has_value();
  }();
  if (!done)
    throw std::runtime_error("the tiny architectures could not be registered");
}

tiny_model tiny_model::of(std::string gguf, const graph_options& options) {
  register_tiny_architectures();
  const auto or_throw = [](auto result) {
    if (!result)
      throw std::runtime_error(result.error().to_string());
    return std::move(*result);
  };
  tiny_model made;
  made.bytes = std::make_unique<std::string>(std::move(gguf));
  made.file = std::make_unique<gguf_file>(or_throw(gguf_file::parse(as_bytes(*made.bytes), "tiny.gguf")));
  made.model = or_throw(build_model_graph(*made.file, options));
  made.weights = or_throw(find_weights(made.model.graph, *made.file, {}, made.model.parts));
  return made;
}

} // namespace tokamak::test
