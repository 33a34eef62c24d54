#!/usr/bin/env python3
"""Writes a llama-shaped GGUF file with random weights in Q4_K_M's mixture of formats: a model of a size to measure, without a download.

    pip install gguf && tests/bench/random_model.py random-1.1b-q4_k_m.gguf [--layers 22] [--embedding 2048] [--feed-forward 5632]
                                                    [--heads 32] [--kv-heads 4] [--vocabulary 32000] [--context 8192] [--seed 1]

The defaults are TinyLlama's shapes (1.1e9 weights, 668 MB). The vocabulary is made up: bytes and numbered words. As in llama.cpp's mixture,
attn_v and ffn_down of the first and last eighth of the layers, and of every third between, are Q6_K, and so is the output matrix; the rest is Q4_K.
"""
import argparse

import gguf
import numpy as np


def q4_k(random, rows, width, deviation):
    """Random codes and 6-bit scales; d and dmin so that weights have mean 0 and that deviation, nearly."""
    blocks = rows * width // 256
    out = random.integers(0, 256, (blocks, 144), dtype=np.uint8)
    d = deviation / 165  # deviation of scale * code with both even over 0..63 and 0..15
    out[:, 0:2] = np.frombuffer(np.float16(d).tobytes(), np.uint8)
    out[:, 2:4] = np.frombuffer(np.float16(7.5 * d).tobytes(), np.uint8)
    return out.reshape(rows, -1)


def q6_k(random, rows, width, deviation):
    blocks = rows * width // 256
    out = random.integers(0, 256, (blocks, 210), dtype=np.uint8)
    out[:, 208:210] = np.frombuffer(np.float16(deviation / 1360).tobytes(), np.uint8)  # scale * code over -128..127 and -32..31
    return out.reshape(rows, -1)


FORMATS = {"q4_k": (q4_k, gguf.GGMLQuantizationType.Q4_K), "q6_k": (q6_k, gguf.GGMLQuantizationType.Q6_K)}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("path")
    for name, value in (("layers", 22), ("embedding", 2048), ("feed-forward", 5632), ("heads", 32), ("kv-heads", 4), ("vocabulary", 32000),
                        ("context", 8192), ("seed", 1)):
        parser.add_argument("--" + name, type=int, default=value)
    a = parser.parse_args()
    for name in ("embedding", "feed_forward"):
        if getattr(a, name) % 256 != 0:
            parser.error(f"--{name.replace('_', '-')}: found {getattr(a, name)}, expected a multiple of 256, the size of a K-quant's block")
    if a.embedding % a.heads != 0 or a.heads % a.kv_heads != 0:
        parser.error(f"{a.embedding} must be a multiple of --heads {a.heads}, and that of --kv-heads {a.kv_heads}")
    random = np.random.default_rng(a.seed)
    out = gguf.GGUFWriter(a.path, "llama")
    out.add_name("random")
    out.add_context_length(a.context)
    out.add_embedding_length(a.embedding)
    out.add_block_count(a.layers)
    out.add_feed_forward_length(a.feed_forward)
    out.add_head_count(a.heads)
    out.add_head_count_kv(a.kv_heads)
    out.add_layer_norm_rms_eps(1e-5)
    out.add_rope_dimension_count(a.embedding // a.heads)
    out.add_file_type(gguf.LlamaFileType.MOSTLY_Q4_K_M)
    words = ["<unk>", "<s>", "</s>"] + [f"<0x{b:02X}>" for b in range(256)]
    types = [gguf.TokenType.UNKNOWN, gguf.TokenType.CONTROL, gguf.TokenType.CONTROL] + [gguf.TokenType.BYTE] * 256
    words += [f"\u2581{i}" for i in range(a.vocabulary - len(words))]
    out.add_tokenizer_model("llama")
    out.add_token_list(words)
    out.add_token_scores([0.0 if i < 259 else float(-i) for i in range(len(words))])
    out.add_token_types(types + [gguf.TokenType.NORMAL] * (a.vocabulary - len(types)))
    out.add_bos_token_id(1)
    out.add_eos_token_id(2)
    out.add_unk_token_id(0)

    def matrix(name, rows, width, kind):
        make, format_ = FORMATS[kind]
        out.add_tensor(name + ".weight", make(random, rows, width, width ** -0.5), raw_dtype=format_)

    def norm(name):
        out.add_tensor(name + ".weight", np.ones(a.embedding, np.float32))

    kv = a.embedding // a.heads * a.kv_heads
    matrix("token_embd", a.vocabulary, a.embedding, "q4_k")
    for i in range(a.layers):
        eighth = a.layers // 8
        more = "q6_k" if i < eighth or i >= 7 * a.layers // 8 or (i - eighth) % 3 == 2 else "q4_k"
        norm(f"blk.{i}.attn_norm")
        matrix(f"blk.{i}.attn_q", a.embedding, a.embedding, "q4_k")
        matrix(f"blk.{i}.attn_k", kv, a.embedding, "q4_k")
        matrix(f"blk.{i}.attn_v", kv, a.embedding, more)
        matrix(f"blk.{i}.attn_output", a.embedding, a.embedding, "q4_k")
        norm(f"blk.{i}.ffn_norm")
        matrix(f"blk.{i}.ffn_gate", a.feed_forward, a.embedding, "q4_k")
        matrix(f"blk.{i}.ffn_up", a.feed_forward, a.embedding, "q4_k")
        matrix(f"blk.{i}.ffn_down", a.embedding, a.feed_forward, more)
    norm("output_norm")
    matrix("output", a.vocabulary, a.embedding, "q6_k")
    out.write_header_to_file()
    out.write_kv_data_to_file()
    out.write_tensors_to_file()
    out.close()


if __name__ == "__main__":
    main()
