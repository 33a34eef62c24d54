#!/usr/bin/env python3
"""Writes gguf_blocks.bin: random blocks of every weight format and the floats that the Python package `gguf` makes of them.

An independent reference for dequantize_row. Needs numpy and gguf (0.19 made the committed file). For each format: u32
tensor type, u32 blocks, u32 bytes of a block, u32 weights of a block, the blocks, the floats; little endian. All bits of a
block are random, except that f16 factors are finite and go through extreme values.

Usage: gguf_blocks.py OUTPUT [SEED]
"""

import sys

import numpy as np
from gguf.constants import GGML_QUANT_SIZES, GGMLQuantizationType as T
from gguf.quants import dequantize

# Byte offsets of the f16 factors in a block.
FACTORS = {T.Q8_0: [0], T.Q4_0: [0], T.Q4_1: [0, 2], T.Q5_0: [0], T.Q5_1: [0, 2], T.IQ4_NL: [0], T.Q2_K: [80, 82],
           T.Q3_K: [108], T.Q4_K: [0, 2], T.Q5_K: [0, 2], T.Q6_K: [208]}
# Zeros of both signs, the smallest and largest subnormal, the smallest normal, the largest finite, one, a third.
EXTREME = [0x0000, 0x8000, 0x0001, 0x8001, 0x03FF, 0x0400, 0x7BFF, 0xFBFF, 0x3C00, 0x3555]


def factors(random, count):
    """Half of them extreme, half any finite f16."""
    halves = random.integers(0, 0x7C00, count) | random.integers(0, 2, count) << 15
    extreme = np.array(EXTREME)[random.integers(0, len(EXTREME), count)]
    return np.where(random.integers(0, 2, count) == 1, extreme, halves).astype("<u2")


def plain(kind, random, count):
    """Finite numbers of a format without blocks, as bytes."""
    if kind == T.F16:
        return factors(random, count).view(np.uint8).reshape(count, 2)
    bits = random.integers(0, 0x7F800000, count).astype("<u4") | random.integers(0, 2, count).astype("<u4") << 31
    size = 4 if kind == T.F32 else 2
    return np.ascontiguousarray(bits.view(np.uint8).reshape(count, 4)[:, 4 - size:])


def main():
    random = np.random.default_rng(int(sys.argv[2]) if len(sys.argv) > 2 else 1)
    with open(sys.argv[1], "wb") as out:
        for kind in [T.F32, T.F16, T.BF16, *FACTORS]:
            weights, size = GGML_QUANT_SIZES[kind]
            count = {1: 64, 32: 24, 256: 10}[weights]
            if kind in FACTORS:
                blocks = random.integers(0, 256, (count, size), dtype=np.uint8)
                for at in FACTORS[kind]:
                    blocks[:, at:at + 2] = factors(random, count).view(np.uint8).reshape(count, 2)
            else:
                blocks = plain(kind, random, count)
            floats = dequantize(blocks, kind) if kind != T.F32 else blocks.view("<f4")
            out.write(np.array([kind, count, size, weights], dtype="<u4").tobytes())
            out.write(blocks.tobytes())
            out.write(np.ascontiguousarray(floats, dtype="<f4").tobytes())


main()
