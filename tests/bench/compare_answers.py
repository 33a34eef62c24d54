#!/usr/bin/env python3
"""Greedy answers of Tokamak and of llama.cpp (PyPI llama-cpp-python) from one model file, or how far both are from a reference.

    tests/bench/compare_answers.py build/release/bin/tokamak MODEL.gguf [-t 2]
    tests/bench/compare_answers.py build/release/bin/tokamak MODEL.gguf [-t 2] --divergence REFERENCE.jsonl

Asks a dozen questions of both and shows, where answers part, how close llama.cpp's two most likely tokens were there. --divergence
measures both against reference distributions: JSON lines with ids, top_ids and top_logprobs. Needs llama-cpp-python and numpy, the
questions also what sdk/client/python needs. Rates: compare.py.
"""
import argparse
import contextlib
import json
import math
import os
import pathlib
import platform
import subprocess
import sys
import tempfile

QUESTIONS = [
    "What is the capital of France?", "Name three colours.", "Why is the sky blue?", "What is 7 times 8?",
    "Write one sentence about the sea.", "Who wrote Romeo and Juliet?", "What do bees make?",
    "Explain photosynthesis briefly.", "Translate 'good morning' into Spanish.", "What is the largest planet?",
    "Give me a recipe for tea.", "How many legs does a spider have?",
]


def cpu_name():
    for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return platform.processor()


class LlamaCpp:
    def __init__(self, path, threads):
        import llama_cpp
        self.llm = llama_cpp.Llama(path, n_ctx=4096, n_batch=512, n_threads=threads, n_threads_batch=threads, verbose=False)

    def greedy(self, tokens, n):
        """Greedy ids, and for each the gap between the two largest logits."""
        import llama_cpp
        import numpy as np
        self.llm.reset()
        self.llm.eval(tokens)
        ids, gaps = [], []
        vocabulary = self.llm.n_vocab()
        for _ in range(n):
            logits = np.ctypeslib.as_array(llama_cpp.llama_get_logits(self.llm.ctx), shape=(vocabulary,))
            top = np.argpartition(logits, -2)[-2:]
            top = top[np.argsort(logits[top])]
            best = int(top[1])
            gaps.append(float(logits[top[1]] - logits[top[0]]))
            if best == self.llm.token_eos():
                break
            ids.append(best)
            self.llm.eval([best])
        return ids, gaps


@contextlib.contextmanager
def service(args):
    """A client of `tokamak serve` with the model as "m"."""
    sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "sdk/client/python"))
    import tokamak
    address = "tcp://127.0.0.1:7155"
    with tempfile.NamedTemporaryFile("w", suffix=".toml") as topology:
        topology.write(f'[models.m]\npath = "{os.path.abspath(args.model)}"\n[engines.m]\nthreads = {args.threads}\n'
                       f'[frontends.zmq]\nkind = "zmq"\nbind = "{address}"\n')
        topology.flush()
        server = subprocess.Popen([args.tokamak, "serve", topology.name], stderr=subprocess.DEVNULL)
        try:
            yield tokamak.Client(address)
        finally:
            server.terminate()
            server.wait()


def compare_answers(args):
    peer = LlamaCpp(args.model, args.threads)
    with service(args) as client:
        agreed = total = parted = 0
        for question in QUESTIONS:
            text = f"<|im_start|>user\n{question}<|im_end|>\n<|im_start|>assistant\n"
            tokens = peer.llm.tokenize(text.encode(), add_bos=False, special=True)
            theirs, gaps = peer.greedy(tokens, 48)
            ours = client.generate(tokens, model="m", max_tokens=48, temperature=0).token_ids
            same = next((i for i, (a, b) in enumerate(zip(ours, theirs)) if a != b), min(len(ours), len(theirs)))
            agreed += same
            total += len(theirs)
            if ours == theirs:
                print(f"same     {len(ours):3} tokens   {question}")
            else:
                parted += 1
                print(f"parts at {same:3} of {len(theirs):3}   {question}   (gap of llama.cpp's best two there: {gaps[same]:.3f})")
        print(f"{len(QUESTIONS) - parted} of {len(QUESTIONS)} answers the same, {agreed} of {total} tokens before the first difference")


def divergence(ids, logprobs, found):
    """Kullback-Leibler divergence over the listed tokens and the rest as one; `found` maps ids to log-probabilities."""
    total, rest_p, rest_q = 0.0, 1.0, 1.0
    for token, logprob in zip(ids, logprobs):
        p, q = math.exp(logprob), max(found.get(token, -math.inf), math.log(1e-7))
        total += p * (logprob - q)
        rest_p -= p
        rest_q -= math.exp(q)
    return total + max(rest_p, 1e-9) * math.log(max(rest_p, 1e-9) / max(rest_q, 1e-9))


def compare_divergence(args):
    import llama_cpp
    import numpy as np
    texts = [json.loads(line) for line in open(args.divergence)]
    longest = max(len(text["ids"]) for text in texts)
    peer = llama_cpp.Llama(args.model, n_ctx=longest + 1, n_batch=512, n_threads=args.threads, logits_all=True, verbose=False)
    asked = "".join(json.dumps({"ids": text["ids"]}) + "\n" for text in texts)
    scored = subprocess.run([args.tokamak, "score", args.model, "-t", str(args.threads), "--top", "255"], input=asked, check=True,
                            capture_output=True, text=True).stdout.splitlines()
    ours, theirs, first_ours, first_theirs = [], [], 0, 0
    for text, line in zip(texts, map(json.loads, scored), strict=True):
        ids = text["ids"]
        peer.reset()
        peer.eval(ids)
        for i, (top, logprobs) in enumerate(zip(text["top_ids"], text["top_logprobs"], strict=True)):
            found = dict(zip(line["top_ids"][i], line["top_logprobs"][i]))
            logits = peer.scores[i].astype(np.float64)
            logits -= logits.max() + math.log(np.exp(logits - logits.max()).sum())
            ours.append(divergence(top, logprobs, found))
            theirs.append(divergence(top, logprobs, {t: logits[t] for t in top}))
            first_ours += line["top_ids"][i][0] == top[0]
            first_theirs += int(logits.argmax()) == top[0]
    n = len(ours)
    print(f"{n} positions; mean divergence from the reference, and same first choice")
    print(f"tokamak    {sum(ours) / n:.5f}  {100 * first_ours / n:.1f} %")
    print(f"llama.cpp  {sum(theirs) / n:.5f}  {100 * first_theirs / n:.1f} %   ratio {sum(ours) / sum(theirs):.3f}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("tokamak")
    parser.add_argument("model")
    parser.add_argument("-t", "--threads", type=int, default=os.cpu_count())
    parser.add_argument("--divergence", metavar="REFERENCE.jsonl")
    args = parser.parse_args()
    print(f"machine: {cpu_name()}, {os.cpu_count()} cores; model: {os.path.basename(args.model)}; threads: {args.threads}")
    print("command:", " ".join(sys.argv))
    compare_divergence(args) if args.divergence else compare_answers(args)


if __name__ == "__main__":
    main()
