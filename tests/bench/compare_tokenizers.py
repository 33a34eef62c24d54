#!/usr/bin/env python3
"""`tokamak tokenize` beside another implementation on generated texts: which ids differ, and on what.

    tests/bench/compare_tokenizers.py build/release/bin/tokamak VOCABULARY.gguf... [-n 5000] [--seed 1]
    tests/bench/compare_tokenizers.py build/release/bin/tokamak VOCABULARY.gguf --pre all --reference huggingface

Each text is encoded plainly, with control tokens read, and with BOS and EOS; then Tokamak decodes its ids. --pre puts
another name into tokenizer.ggml.pre, so that one vocabulary tries every pre-tokenizer. Exits with 1 when anything differs.

--reference llama.cpp needs llama-cpp-python. --reference huggingface needs tokenizers and gguf, knows vocabularies of
model "gpt2", and splits with the expressions that the models publish in their tokenizer.json (PATTERNS below).

Known differences: letters younger than Unicode 14, which PCRE2 10.42 does not know as such, split as signs here.
llama.cpp takes some tokens for control tokens by their name (</s>, <|endoftext|>), Tokamak by the type that the file
gives them; behind Phi-3's control tokens llama.cpp takes ASCII white space only, Tokamak all that Unicode calls so.
Vocabularies that lack bytes (SmolLM2, Falcon, StarCoder) lose them, so that not every text comes back.
"""

import argparse
import json
import os
import random
import struct
import subprocess
import sys
import tempfile

GPT2 = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
LLAMA3 = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|"
    r"\s+(?!\S)|\s+"
)
QWEN2 = LLAMA3.replace("{1,3}", "")
O200K = (
    r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|"
    r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?|"
    r"\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
BLOOM = r" ?[^(\s|[.,!?" "\u2026\u3002\uff0c\u3001\u0964\u06d4\u060c" r"])]+"
PATTERNS = {  # name in tokenizer.ggml.pre: expressions applied in turn
    "gpt-2": [GPT2],
    "smollm": [r"\p{N}", GPT2],
    "llama-bpe": [LLAMA3],
    "dbrx": [LLAMA3],
    "qwen2": [QWEN2],
    "gpt-4o": [O200K],
    "tekken": [O200K.replace("(?i:'s|'t|'re|'ve|'m|'ll|'d)?", "").replace("{1,3}", "")],
    "seed-coder": [
        r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1}| ?[^\s\p{L}\p{N}\r\n]+|\s*[\r\n]+|"
        r"\s+(?!\S)|\s+"
    ],
    "bailingmoe": [
        r"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]++[\r\n]*|\s*[\r\n]|" r"\s+(?!\S)|\s+"
    ],
    "qwen35": [
        r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+|\p{N}| ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*|"
        r"\s*[\r\n]+|\s+(?!\S)|\s+"
    ],
    "bloom": [BLOOM],
    "viking": [BLOOM, r"\p{N}"],
}
IGNORES_MERGES = {"llama-bpe", "tekken"}

# What texts are made of: each entry is a range of code points or a list of strings.
POOLS = [
    (0x20, 0x7E),
    (0x20, 0x7E),
    (0x80, 0x24F),
    (0x250, 0x36F),
    (0x370, 0x52F),
    (0x590, 0x6FF),
    (0x900, 0xDFF),
    (0xE00, 0xEFF),
    (0x1000, 0x13FF),
    (0x1E00, 0x218F),
    (0x2190, 0x2BFF),
    (0x3000, 0x30FF),
    (0x4E00, 0x9FFF),
    (0xA000, 0xABFF),
    (0xAC00, 0xD7FF),
    (0xE000, 0xFFFF),
    (0x10000, 0x1FFFF),
    (0x20000, 0x323AF),
    (0xE0000, 0xE01EF),
    (0xF0000, 0x10FFFF),
    (0x00, 0x10FFFF),
    [
        " ",
        "  ",
        "\t",
        "\r",
        "\n",
        "\r\n",
        "\n\n",
        " \n",
        "\u00a0",
        "\u3000",
        "\u200d",
        "\u200b",
        "\u2028",
        "\u0085",
        "\u1680",
        "\u180e",
        "\u202f",
        "\u205f",
        "\v",
        "\f",
        "\x1c",
        "\ufeff",
    ],
    [str(d) for d in range(10)]
    + ["\u00b2", "\u00bd", "\u2163", "\u0663", "\u096b", "\U0001d7d9", "\u4e00", ".", ",", " "],
    [
        "'s",
        "'S",
        "'t",
        "'RE",
        "'re",
        "'Ve",
        "'m",
        "'LL",
        "'lL",
        "'d",
        "'D",
        "\u2019s",
        "\u2019ll",
        "'\u017f",
        "'\u212a",
        "''",
        "'",
        "x",
        "It",
        "we",
        "CAN",
        " ",
        "n",
    ],
    [
        "\U0001f600",
        "\U0001f468\u200d\U0001f469\u200d\U0001f467",
        "\U0001f44d\U0001f3fd",
        "\U0001f1e9\U0001f1ea",
        "\u2764\ufe0f",
        "1\ufe0f\u20e3",
        "\U0001f3f4\U000e0067\U000e0062\U000e007f",
        " ",
    ],
    [
        "a\u0301",
        "e\u0308\u0323",
        "\u0301",
        "\u0928\u093f",
        "\u0e19\u0e49\u0e33",
        "\u05e9\u05bc",
        "\u1100\u1161\u11a8",
        "\u20dd",
        "n",
        " ",
    ],
    [
        "if (x == 0) {\n",
        "\treturn a[i]->b;",
        "    ",
        "def f(x):\n",
        "/* ",
        "*/",
        "//",
        "#include <",
        ">>=",
        "!==",
        "::",
        "\\n",
        "0x1F",
        "_id",
        "camelCase",
        "HTTPServer",
        "URLs",
        "</div>",
        "&nbsp;",
        "/\n",
        "/\r\n/",
        "...",
        "\n/",
    ],
    [
        "The",
        " quick",
        " brown",
        "fox",
        " jumps",
        ".",
        ",",
        " It's",
        " 3.14",
        " I'll",
        "\n",
        " caf\u00e9",
        " na\u00efve",
        " \u65e5\u672c\u8a9e",
        "A",
        "bC",
    ],
    [
        "ABC",
        "abc",
        "Abc",
        "aBC",
        "\u01c5",
        "\u02b0",
        "\u00aa",
        "\u00c9",
        "\u00e9",
        "\u00df",
        "\u0130",
        "\u0131",
        "\u03a3\u03c2",
        "\u0301",
        "\u05d0",
        " ",
        "'s",
    ],
]


def special_names(path):
    """Names of control, unknown and user-defined tokens, by a plain search: any run between angle brackets."""
    import re

    data = open(path, "rb").read(12 << 20)
    found = re.findall(rb"<\|[a-z_0-9]{2,24}\|>|</?[a-z_]{1,16}>|\[[A-Z]{3,16}\]", data)
    return [n.decode() for n in dict.fromkeys(found)][:40] + ["<s>", "</s>", "<unk>", "<0x41>", "<|", "|>", "<", ">"]


def text(rand, names):
    out = []
    if rand.random() < 0.03:
        unit = rand.choice(["a", " ", "\n", "0", "\t", "ab", "\u3000", "\u00e9", "=", "'", " a", "A", "\u0301"])
        return unit * rand.randrange(1, 700) + rand.choice(["", "x", " ", "1"])
    for _ in range(rand.randrange(0, 14)):
        if rand.random() < 0.12:
            out.append(rand.choice(names))
            if rand.random() < 0.5:
                out.append(rand.choice([" ", "\n", "  ", "\u00a0", "a", " a", "\t\n", ""]))
            continue
        pool = rand.choice(POOLS)
        for _ in range(rand.choice([1, 1, 2, 3, 5, 9])):
            if isinstance(pool, list):
                out.append(rand.choice(pool))
            else:
                c = rand.randint(*pool)
                out.append(chr(c) if not 0xD800 <= c < 0xE000 else "?")
    return "".join(out)


class Tokamak:
    name = "tokamak"

    def __init__(self, program, path):
        self.program, self.path = program, path

    def run(self, lines, *flags):
        made = subprocess.run(
            [self.program, "tokenize", self.path, *flags],
            input="".join(json.dumps(x) + "\n" for x in lines),
            capture_output=True,
            text=True,
        )
        if made.returncode != 0:
            sys.exit(made.stderr)
        return [json.loads(line) for line in made.stdout.split("\n") if line]

    def encode(self, texts, bos, special):
        flags = ([] if bos else ["--no-bos"]) + ([] if special else ["--plain"])
        return [line["ids"] for line in self.run([{"text": t} for t in texts], *flags)]

    def decode(self, ids):
        return [line["text"] for line in self.run([{"ids": i} for i in ids], "--decode", "--no-bos")]


class LlamaCpp:
    name = "llama.cpp"

    def __init__(self, path, _):
        import llama_cpp

        self.quiet = llama_cpp.llama_log_callback(lambda *_: None)
        llama_cpp.llama_log_set(self.quiet, None)
        self.model = llama_cpp.Llama(path, vocab_only=True, verbose=False)

    def encode(self, texts, bos, special):
        return [self.model.tokenize(t.encode(), add_bos=bos, special=special) for t in texts]


class HuggingFace:
    name = "huggingface"

    def __init__(self, path, pre):
        import gguf
        import tokenizers

        reader = gguf.GGUFReader(path)

        def field(key, default=None):
            found = reader.get_field("tokenizer.ggml." + key)
            return found.contents() if found else default

        if field("model") != "gpt2":
            sys.exit(f"{path}: a vocabulary of model {field('model')}; huggingface is compared on gpt2 only")
        pre = pre or field("pre")
        tokens, kinds = field("tokens"), field("token_type")
        vocab = {}
        for i, (token, kind) in enumerate(zip(tokens, kinds)):
            if kind not in (2, 3):
                vocab.setdefault(token, i)
        merges = []
        for line in field("merges"):
            cut = line.index(" ", 1)
            if line[:cut] in vocab and line[cut + 1 :] in vocab and line[:cut] + line[cut + 1 :] in vocab:
                merges.append((line[:cut], line[cut + 1 :]))
        self.of = tokenizers.Tokenizer(tokenizers.models.BPE(vocab, merges, ignore_merges=pre in IGNORES_MERGES))
        parts = PATTERNS[pre]
        steps = [tokenizers.pre_tokenizers.Split(tokenizers.Regex(p), "isolated") for p in parts]
        steps.append(tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False))
        self.of.pre_tokenizer = tokenizers.pre_tokenizers.Sequence(steps)
        # Ids of added tokens would be given by the library: names are looked up by their text.
        self.ids, specials, plain = {}, [], []
        for i, (token, kind) in enumerate(zip(tokens, kinds)):
            if kind in (2, 3, 4):
                self.ids[token] = i
                (plain if kind == 4 else specials).append(
                    tokenizers.AddedToken(token, normalized=False, special=kind != 4)
                )
        self.of.add_special_tokens(specials)
        self.of.add_tokens(plain)

    def encode(self, texts, bos, special):
        if bos:
            return None
        self.of.encode_special_tokens = not special
        made = self.of.encode_batch(texts, add_special_tokens=False)
        return [
            [
                self.ids.get(t, i) if i not in self.of.get_added_tokens_decoder() else self.ids[t]
                for i, t in zip(e.ids, e.tokens)
            ]
            for e in made
        ]


def with_pre(path, pre, folder):
    """The path of a copy of the vocabulary whose tokenizer.ggml.pre is another name."""
    key = b"tokenizer.ggml.pre"
    data = open(path, "rb").read()
    at = data.find(struct.pack("<Q", len(key)) + key)
    if at < 0:
        sys.exit(f"{path}: has no tokenizer.ggml.pre to replace")
    at += 8 + len(key) + 4
    (length,) = struct.unpack_from("<Q", data, at)
    made = os.path.join(folder, "vocabulary.gguf")
    with open(made, "wb") as out:
        out.write(data[:at] + struct.pack("<Q", len(pre)) + pre.encode() + data[at + 8 + length :])
    return made


def compare(ours, theirs, texts, label, show):
    wrong = 0
    for mode, bos, special in (("plain", False, False), ("special", False, True), ("bos", True, True)):
        wanted = theirs.encode(texts, bos, special)
        if wanted is None:
            continue
        got = ours.encode(texts, bos, special)
        differ = [(t, g, w) for t, g, w in zip(texts, got, wanted) if g != w]
        print(f"{label:40} {mode:8} {len(texts):7} texts {len(differ):6} differ", flush=True)
        wrong += len(differ)
        differ.sort(key=lambda d: len(d[0]))
        for t, g, w in differ[:show]:
            i = next((i for i, (x, y) in enumerate(zip(g, w)) if x != y), min(len(g), len(w)))
            begin = max(0, i - 1)
            print(
                f"    {ascii(t)[:160]}\n      at {i}: {g[begin:i + 6]} {ascii(ours.decode([[x] for x in g[begin:i + 6]]))}"
                f"\n      {theirs.name}: {w[begin:i + 6]} {ascii(ours.decode([[x] for x in w[begin:i + 6]]))}"
            )
    back = ours.decode(ours.encode(texts, False, False))
    differ = [t for t, b in zip(texts, back) if t != b and "\u2581" not in t]
    print(f"{label:40} decoded  {len(texts):7} texts {len(differ):6} differ", flush=True)
    for t in sorted(differ, key=len)[:show]:
        print(f"    {ascii(t)[:160]}")
    return wrong + len(differ)


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("tokamak")
    p.add_argument("vocabulary", nargs="+")
    p.add_argument("-n", "--texts", type=int, default=5000)
    p.add_argument("--seed", type=int, default=1)
    p.add_argument("--pre", help="names for tokenizer.ggml.pre, with commas between, or all that have PATTERNS")
    p.add_argument("--reference", choices=["llama.cpp", "huggingface"], default="llama.cpp")
    p.add_argument("--show", type=int, default=3, help="differences to print")
    o = p.parse_args()
    reference = LlamaCpp if o.reference == "llama.cpp" else HuggingFace
    pres = list(PATTERNS) if o.pre == "all" else o.pre.split(",") if o.pre else [None]
    wrong = 0
    for path in o.vocabulary:
        rand = random.Random(o.seed)
        names = special_names(path)
        texts = [text(rand, names) for _ in range(o.texts)]
        for pre in pres:
            with tempfile.TemporaryDirectory() as folder:
                used = with_pre(path, pre, folder) if pre else path
                label = os.path.basename(path) + (f" as {pre}" if pre else "")
                wrong += compare(Tokamak(o.tokamak, used), reference(used, pre), texts, label, o.show)
    return wrong > 0


if __name__ == "__main__":
    sys.exit(main())
