#!/usr/bin/env python3
"""Makes models/: tiny random models of every architecture as GGUF files, and what Hugging Face transformers says of
them.

    python3 -m venv VENV && VENV/bin/pip install torch transformers gguf
    VENV/bin/python tests/reference_models/make_models.py [NAME ...]

Weights are rounded to F16 first, so that file and expectation hold the same numbers. NAME.json lists token ids and the
natural-log probabilities of all tokens at each position (fp32, eager attention).
"""
import json
import pathlib
import re
import sys

import gguf
import torch
import transformers

from recipes import RECIPES

FOLDER = pathlib.Path(__file__).resolve().parent / "models"


def randomize(model, norm_center):
    """Weights large enough that every part of the model matters to its answer."""
    for name, value in model.named_parameters():
        random = torch.randn(value.shape)
        if name.endswith("norm.weight") or "layernorm" in name:
            random = norm_center + 0.2 * random
        elif value.dim() == 1:
            random *= 0.3
        else:
            random *= 1.5 / value.shape[1] ** 0.5
        value.data = random.half().float() if value.dim() == 2 else random


def interleaved(value, head_dim):
    """Rows of Q or K in the order of llama's GGUF files: rotary pairs, halves in the model, become neighbours."""
    heads = value.shape[0] // head_dim
    return value.reshape(heads, 2, head_dim // 2, *value.shape[1:]).transpose(1, 2).reshape(value.shape)


def tensors(model, arch, norm_offset):
    """(GGUF name, values) of every parameter."""
    config = model.config
    names = gguf.get_tensor_name_map(arch, config.num_hidden_layers)
    head_dim = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
    for name, value in model.state_dict().items():
        if name == "lm_head.weight" and config.tie_word_embeddings:
            continue
        if arch == gguf.MODEL_ARCH.LLAMA and re.search(r"\.[qk]_proj\.", name):
            value = interleaved(value, head_dim)
        if norm_offset and name.endswith("norm.weight"):
            value = value + norm_offset
        target = names.get_name(name, try_suffixes=(".weight", ".bias"))
        assert target is not None, name
        yield target, value


def write(path, model, recipe):
    config, arch = model.config, recipe["arch"]
    out = gguf.GGUFWriter(path, gguf.MODEL_ARCH_NAMES[arch])
    out.add_context_length(config.max_position_embeddings)
    out.add_embedding_length(config.hidden_size)
    out.add_block_count(config.num_hidden_layers)
    out.add_feed_forward_length(config.intermediate_size)
    out.add_head_count(config.num_attention_heads)
    out.add_head_count_kv(config.num_key_value_heads)
    out.add_layer_norm_rms_eps(config.rms_norm_eps)
    if getattr(config, "head_dim", None):
        out.add_key_length(config.head_dim)
        out.add_value_length(config.head_dim)
    recipe["keys"](out, config)
    # A vocabulary, without which no service starts; texts are given as ids.
    out.add_tokenizer_model("llama")
    out.add_token_list(["<unk>"] + [chr(ord("0") + i) for i in range(1, config.vocab_size)])
    out.add_token_scores([0.0] * config.vocab_size)
    out.add_token_types([gguf.TokenType.UNKNOWN] + [gguf.TokenType.NORMAL] * (config.vocab_size - 1))
    out.add_unk_token_id(0)
    out.add_add_bos_token(False)
    for name, value in tensors(model, arch, recipe.get("norm_offset", 0)):
        out.add_tensor(name, value.numpy().astype("float16" if value.dim() == 2 else "float32"))
    for name, value in recipe.get("tensors", lambda _: {})(model).items():
        out.add_tensor(name, value.numpy().astype("float32"))
    out.write_header_to_file()
    out.write_kv_data_to_file()
    out.write_tensors_to_file()
    out.close()


def expectation(model, length, context_length):
    ids = [(i * i * 7 + i * 13 + 5) % model.config.vocab_size for i in range(length)]
    with torch.no_grad():
        logprobs = torch.log_softmax(model(torch.tensor([ids])).logits[0].double(), -1)
    rounded = [[round(p, 6) for p in row] for row in logprobs.tolist()]
    return {"context_length": context_length, "ids": ids, "logprobs": rounded}


def main():
    FOLDER.mkdir(exist_ok=True)
    for name, recipe in RECIPES.items():
        if sys.argv[1:] and name not in sys.argv[1:]:
            continue
        torch.manual_seed(sum(name.encode()))
        model = transformers.AutoModelForCausalLM.from_config(recipe["config"], attn_implementation="eager",
                                                              dtype=torch.float32).eval()
        randomize(model, 1 - recipe.get("norm_offset", 0))
        model.tie_weights()
        write(FOLDER / f"{name}.gguf", model, recipe)
        texts = [expectation(model, *text) for text in recipe.get("texts", [(40, 0)])]
        (FOLDER / f"{name}.json").write_text(json.dumps(texts, separators=(",", ":")) + "\n")
        print(name, (FOLDER / f"{name}.gguf").stat().st_size, (FOLDER / f"{name}.json").stat().st_size)


if __name__ == "__main__":
    main()
