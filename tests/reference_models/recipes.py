"""The tiny models: Hugging Face configurations, the GGUF keys that state them, tensors that a model computes itself."""
import math

import gguf
import torch
import transformers
from transformers.modeling_rope_utils import ROPE_INIT_FUNCTIONS

ARCH = gguf.MODEL_ARCH
LINEAR, YARN = gguf.RopeScalingType.LINEAR, gguf.RopeScalingType.YARN
SIZES = dict(vocab_size=48, hidden_size=32, intermediate_size=32, num_hidden_layers=2, num_attention_heads=4,
             num_key_value_heads=2, max_position_embeddings=64, rms_norm_eps=1e-5, pad_token_id=None, bos_token_id=None,
             eos_token_id=None)


def config(kind, rope=None, **more):
    rope = {"rope_type": "default", "rope_theta": 500.0} if rope is None else rope
    return getattr(transformers, kind + "Config")(**{**SIZES, "rope_parameters": rope, **more})


def base(out, c):
    out.add_rope_freq_base(c.rope_parameters["rope_theta"])


def scaled(kind):
    def keys(out, c):
        base(out, c)
        out.add_rope_scaling_type(kind)
        out.add_rope_scaling_factor(c.rope_parameters["factor"])
        if kind == YARN:
            out.add_rope_scaling_orig_ctx_len(c.rope_parameters["original_max_position_embeddings"])
        if "beta_fast" in c.rope_parameters:
            out.add_rope_scaling_yarn_beta_fast(c.rope_parameters["beta_fast"])
            out.add_rope_scaling_yarn_beta_slow(c.rope_parameters["beta_slow"])
    return keys


def windowed(out, c):
    base(out, c)
    out.add_sliding_window(c.sliding_window)


def llama3_divisors(model):
    """How much slower than plain each pair turns."""
    scaled_frequencies, _ = ROPE_INIT_FUNCTIONS["llama3"](model.config, "cpu")
    dims = model.config.head_dim
    plain = model.config.rope_parameters["rope_theta"] ** (-torch.arange(0, dims, 2).double() / dims)
    return {"rope_freqs.weight": plain / scaled_frequencies.double()}


def gemma3_keys(out, c):
    out.add_rope_freq_base(c.rope_parameters["full_attention"]["rope_theta"])
    out.add_sliding_window(c.sliding_window)
    if "factor" in c.rope_parameters["full_attention"]:
        out.add_rope_scaling_type(LINEAR)
        out.add_rope_scaling_factor(c.rope_parameters["full_attention"]["factor"])


def gemma3_capped_keys(out, c):
    gemma3_keys(out, c)
    out.add_final_logit_softcapping(c.final_logit_softcapping)
    out.add_rope_freq_base_swa(c.rope_parameters["sliding_attention"]["rope_theta"])
    out.add_array("gemma3.attention.sliding_window_pattern", [kind == "sliding_attention" for kind in c.layer_types])


def phi3_keys(out, c):
    head_dim = c.hidden_size // c.num_attention_heads
    base(out, c)
    out.add_rope_dimension_count(int(head_dim * c.rope_parameters["partial_rotary_factor"]))
    out.add_rope_scaling_orig_ctx_len(c.original_max_position_embeddings)
    if c.sliding_window is not None:
        out.add_sliding_window(c.sliding_window)


def longrope_keys(out, c):
    phi3_keys(out, c)
    stretch = c.max_position_embeddings / c.original_max_position_embeddings
    out.add_rope_scaling_attn_factors(math.sqrt(1 + math.log(stretch) / math.log(c.original_max_position_embeddings)))


def longrope_factors(model):
    rope = model.config.rope_parameters
    return {f"rope_factors_{kind}.weight": torch.tensor(rope[f"{kind}_factor"]) for kind in ("long", "short")}


GEMMA3 = dict(num_hidden_layers=7, num_attention_heads=2, num_key_value_heads=1, head_dim=8, query_pre_attn_scalar=8,
              sliding_window=6, tie_word_embeddings=True, rms_norm_eps=1e-6)
LONGROPE = {"rope_type": "longrope", "rope_theta": 500.0, "short_factor": [1.0, 1.3, 1.6, 2.0],
            "long_factor": [1.1, 2.0, 3.5, 4.0], "original_max_position_embeddings": 24}

RECIPES = {
    "llama": dict(arch=ARCH.LLAMA, config=config("Llama"), keys=base),
    "llama_biased": dict(arch=ARCH.LLAMA, keys=base, config=config(
        "Llama", head_dim=12, attention_bias=True, mlp_bias=True, tie_word_embeddings=True)),
    "llama_linear": dict(arch=ARCH.LLAMA, keys=scaled(LINEAR), config=config(
        "Llama", {"rope_type": "linear", "rope_theta": 500.0, "factor": 4.0})),
    "llama_yarn": dict(arch=ARCH.LLAMA, keys=scaled(YARN), config=config(
        "Llama", {"rope_type": "yarn", "rope_theta": 500.0, "factor": 4.0, "original_max_position_embeddings": 40,
                  "beta_fast": 2.5, "beta_slow": 0.5}, head_dim=16, max_position_embeddings=160)),
    "llama3": dict(arch=ARCH.LLAMA, keys=base, tensors=llama3_divisors, config=config(
        "Llama", {"rope_type": "llama3", "rope_theta": 500.0, "factor": 8.0, "low_freq_factor": 1.0,
                  "high_freq_factor": 4.0, "original_max_position_embeddings": 32}, head_dim=16)),
    "mistral": dict(arch=ARCH.LLAMA, keys=windowed, config=config("Mistral", head_dim=12, sliding_window=7)),
    "qwen2": dict(arch=ARCH.QWEN2, keys=base, config=config("Qwen2", tie_word_embeddings=True)),
    "qwen2_yarn": dict(arch=ARCH.QWEN2, keys=scaled(YARN), config=config(
        "Qwen2", {"rope_type": "yarn", "rope_theta": 10000.0, "factor": 2.0, "original_max_position_embeddings": 32})),
    "qwen3": dict(arch=ARCH.QWEN3, keys=base, config=config("Qwen3", head_dim=16)),
    "gemma3": dict(arch=ARCH.GEMMA3, norm_offset=1, keys=gemma3_keys, config=config("Gemma3Text", {
        "full_attention": {"rope_type": "linear", "factor": 8.0, "rope_theta": 1000000.0},
        "sliding_attention": {"rope_type": "default", "rope_theta": 10000.0}}, **GEMMA3)),
    "gemma3_capped": dict(arch=ARCH.GEMMA3, norm_offset=1, keys=gemma3_capped_keys, config=config("Gemma3Text", {
        "full_attention": {"rope_type": "default", "rope_theta": 2000.0},
        "sliding_attention": {"rope_type": "default", "rope_theta": 300.0}}, **{
            **GEMMA3, "num_hidden_layers": 3, "final_logit_softcapping": 5.0,
            "layer_types": ["full_attention", "sliding_attention", "sliding_attention"]})),
    "phi3": dict(arch=ARCH.PHI3, keys=phi3_keys, config=config(
        "Phi3", {"rope_type": "default", "rope_theta": 500.0, "partial_rotary_factor": 0.5}, sliding_window=9,
        original_max_position_embeddings=64)),
    "phi3_longrope": dict(arch=ARCH.PHI3, keys=longrope_keys, tensors=longrope_factors, texts=[(40, 0), (24, 24)],
                          config=config("Phi3", LONGROPE, original_max_position_embeddings=24,
                                        tie_word_embeddings=True)),
}
