#!/usr/bin/env python3
"""Rates of Tokamak and of other CPU engines on the same model files: alternating runs, medians, ratios, and the limits of this machine.

    tests/bench/compare.py build/release/bin/tokamak MODEL.gguf... [-t 2] [-p 512] [-n 64] [--batches 8,32] [-r 5]
                           [--peer NAME:FOLDER:BENCH_FLAGS:BATCHED_BENCH_FLAGS]...

llama.cpp takes part if the PyPI package llama-cpp-python is installed. Another peer is a folder with its programs llama-bench and
llama-batched-bench, and what to add to their command lines: --peer "ik_llama.cpp:$HOME/ik_llama.cpp/build/bin:-rtr 1:-rtr".

Limits come from this machine's read bandwidth and int8 peak as `tokamak bench --profile` measures them, and from what a step must read
and multiply: every weight once; 2 operations a weight and row (the output matrix only where logits are needed; attention not counted).
--start compares the time from nothing to the first token, from a warm page cache, and shows Tokamak's memory with one stream of nearly 2048 tokens, after it and at
most, beside the size of the file and of that cache.
"""
import argparse
import json
import os
import pathlib
import re
import statistics
import subprocess
import sys
import tempfile
import time


def cpu_name():
    for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return "unknown processor"


def flags_of_cpu():
    for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("flags"):
            return set(line.split(":", 1)[1].split())
    return set()


def output_of(command, errors_too=False, given=None):
    with tempfile.TemporaryDirectory() as folder:  # some programs leave a log where they run
        done = subprocess.run(command, capture_output=True, text=True, cwd=folder, input=given)
    if done.returncode != 0:
        sys.exit(f"{' '.join(command)}: exit status {done.returncode}\n{done.stderr[-2000:]}")
    return done.stdout + (done.stderr if errors_too else "")


class Tokamak:
    name = "tokamak"

    def __init__(self, args, model):
        self.args, self.model = args, model

    def bench(self, *more):
        return json.loads(output_of([self.args.tokamak, "bench", self.model, "-t", str(self.args.threads), "--json", *more]))

    def rates(self):
        a = self.args
        out = self.bench("-p", str(a.prompt), "-n", str(a.decode), "--batch", ",".join(map(str, a.batches)), "-r", "1")
        return {"prefill": out["prefill_tps"], 1: out["decode_tps"], **{b: out[f"decode_{b}_tps"] for b in a.batches}}

    def limits(self):
        """Most tokens/s of each test on this machine, and the peaks."""
        a = self.args
        prefill = self.bench("-p", str(a.prompt), "-n", "0", "-r", "1", "--profile")
        decode = self.bench("-p", "0", "-n", "31", "--context", "1", "-r", "1", "--profile")  # steps of one row

        def matmuls(profile, what):
            return sum(op[what] for name, op in profile["ops"].items() if name in ("matmul", "fused.matmul"))

        prefill_matmul = matmuls(prefill["profile"]["prefill_tps"], "multiply_adds") / a.prompt
        profile = decode["profile"]["decode_tps"]
        bytes_, multiply_adds = matmuls(profile, "bytes") / profile["steps"], matmuls(profile, "multiply_adds") / profile["steps"]
        reads, peak = prefill["peak_bytes_per_s"], prefill["peak_multiply_adds_per_s"]
        found = {"prefill": peak / prefill_matmul}
        for batch in [1, *a.batches]:
            found[batch] = batch / max(bytes_ / reads, batch * multiply_adds / peak)
        return found, reads, peak


class LlamaCpp:
    """llama.cpp through its library, in this process: no program, so nothing but its own work is timed."""
    name = "llama.cpp"

    def __init__(self, args, model):
        import llama_cpp
        import numpy
        self.args, self.lib, self.numpy = args, llama_cpp, numpy
        keep = llama_cpp.llama_log_callback(lambda *_: None)
        self.keep = keep
        llama_cpp.llama_log_set(keep, None)
        llama_cpp.llama_backend_init()
        self.model = llama_cpp.llama_model_load_from_file(model.encode(), llama_cpp.llama_model_default_params())
        self.vocabulary = llama_cpp.llama_vocab_n_tokens(llama_cpp.llama_model_get_vocab(self.model))
        self.batch = llama_cpp.llama_batch_init(max(args.prompt, 4096), 0, 1)

    def context(self, tokens, streams):
        p = self.lib.llama_context_default_params()
        p.n_ctx, p.n_batch, p.n_ubatch, p.n_seq_max = tokens, 4096, 512, streams
        p.n_threads = p.n_threads_batch = self.args.threads
        if hasattr(p, "kv_unified"):
            p.kv_unified = False
        return self.lib.llama_init_from_model(self.model, p)

    def decode(self, context, rows):
        """rows: (token, position, sequence, wants logits)"""
        b = self.batch
        b.n_tokens = len(rows)
        for i, (token, position, sequence, logits) in enumerate(rows):
            b.token[i], b.pos[i], b.n_seq_id[i], b.logits[i] = token, position, 1, logits
            b.seq_id[i][0] = sequence
        if self.lib.llama_decode(context, b) != 0:
            sys.exit("llama_decode failed")

    def best(self, context, row):
        logits = self.lib.llama_get_logits_ith(context, row)
        return int(self.numpy.ctypeslib.as_array(logits, shape=(self.vocabulary,)).argmax())

    def rates(self):
        a, found = self.args, {}
        context = self.context(a.prompt + 1, 1)
        for _ in range(2):  # the first warms up
            self.lib.llama_memory_clear(self.lib.llama_get_memory(context), True)
            begin = time.perf_counter()
            self.decode(context, [(4 + i * 7919 % 252, i, 0, i + 1 == a.prompt) for i in range(a.prompt)])
            self.best(context, -1)
            found["prefill"] = a.prompt / (time.perf_counter() - begin)
        self.lib.llama_free(context)
        for streams in [1, *a.batches]:
            prompt = 16
            context = self.context(streams * (prompt + a.decode + 1 + 255) // 256 * 256, streams)
            for s in range(streams):
                self.decode(context, [(4 + (i + s) * 7919 % 252, i, s, i + 1 == prompt) for i in range(prompt)])
            tokens = [4] * streams
            begin = time.perf_counter()
            for i in range(a.decode):
                self.decode(context, [(tokens[s], prompt + i, s, True) for s in range(streams)])
                tokens = [self.best(context, s) for s in range(streams)]
            found[streams] = streams * a.decode / (time.perf_counter() - begin)
            self.lib.llama_free(context)
        return found


class BenchPrograms:
    """A peer with llama.cpp's bench programs."""

    def __init__(self, args, model, name, folder, bench_flags, batched_flags):
        self.args, self.model, self.name, self.folder = args, model, name, pathlib.Path(folder)
        self.bench_flags, self.batched_flags = bench_flags.split(), batched_flags.split()

    def rates(self):
        a, threads = self.args, str(self.args.threads)
        rows = json.loads(output_of([str(self.folder / "llama-bench"), "-m", self.model, "-p", str(a.prompt), "-n", str(a.decode), "-t", threads, "-r", "1",
                                     "-o", "json", *self.bench_flags]))
        found = {("prefill" if row["n_prompt"] else 1): row["avg_ts"] for row in rows}
        for streams in a.batches:  # one run each: both programs allocate for the largest
            text = output_of([str(self.folder / "llama-batched-bench"), "-m", self.model, "-t", threads, "-npp", "16", "-ntg", str(a.decode), "-npl", str(streams),
                              "-c", str(max(2048, streams * (16 + a.decode))), "-b", "2048", "-ub", "512", *self.batched_flags], errors_too=True)
            for line in text.splitlines():
                cells = [c.strip() for c in line.strip().strip("|").split("|")]
                if len(cells) >= 8 and cells[2] == str(streams):
                    found[streams] = float(cells[7])
            if streams not in found:
                sys.exit(f"{self.name}: no line of llama-batched-bench for {streams} streams in its output\n{text[-2000:]}")
        return found


def installed(name):
    try:
        __import__(name)
        return True
    except ImportError:
        return False


def compare_rates(args, model):
    engines = [Tokamak(args, model)]
    if installed("llama_cpp"):
        engines.append(LlamaCpp(args, model))
    engines += [BenchPrograms(args, model, *peer) for peer in args.peer]
    limits, reads, peak = engines[0].limits()
    runs = [{e.name: e.rates() for e in engines} for _ in range(args.repetitions)]
    tests = list(limits)
    titles = [f"prefill {args.prompt}", *["decode" if b == 1 else f"decode, {b} streams" for b in tests[1:]]]
    print(f"\n{os.path.basename(model)}; peaks {reads / 1e9:.1f} GB/s read, {2 * peak / 1e9:.0f} Gop/s int8; tokens/s, medians of {len(runs)} alternating runs")
    line = lambda name, cells: print(f"{name:22}" + "".join(f"{c:>20}" for c in cells))
    line("", titles)
    for e in engines:
        line(e.name, [f"{statistics.median(r[e.name][t] for r in runs):.1f}" for t in tests])
    line("limit", [f"{limits[t]:.1f}" for t in tests])
    for e in engines[1:]:
        line("beside " + e.name, [f"{statistics.median(r['tokamak'][t] / r[e.name][t] for r in runs):.2f}" for t in tests])
    line("share of the limit", [f"{100 * statistics.median(r['tokamak'][t] for r in runs) / limits[t]:.0f} %" for t in tests])


LLAMA_CPP_START = """
import sys, time, llama_cpp
begin = time.perf_counter()
llm = llama_cpp.Llama(sys.argv[1], n_ctx=2048, n_threads=int(sys.argv[2]), n_threads_batch=int(sys.argv[2]), verbose=False)
llm.eval(llm.tokenize(b"Hello, world", add_bos=True))
llm.sample(temp=0)
print(time.perf_counter() - begin)
"""


def compare_start(args, model):
    """Tokamak: from the start of the process to the first byte of the answer. llama.cpp: from the call that loads, Python being there, to the token."""
    with tempfile.TemporaryDirectory() as folder:
        topology = pathlib.Path(folder) / "one.toml"
        topology.write_text(f'[models.m]\npath = "{os.path.abspath(model)}"\n[engines.m]\nthreads = {args.threads}\n')
        command = [args.tokamak, "run", str(topology), "Hello, world", "--raw", "--max-tokens", "1"]
        ours, theirs = [], []
        for _ in range(args.repetitions + 1):
            begin = time.perf_counter()
            with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as run:
                run.stdout.read(1)
                ours.append(time.perf_counter() - begin)
                run.stdout.read()
            if installed("llama_cpp"):
                theirs.append(float(output_of([sys.executable, "-c", LLAMA_CPP_START, model, str(args.threads)])))
    ours, theirs = ours[1:], theirs[1:]
    print(f"\n{os.path.basename(model)}: load to first token, medians of {len(ours)} alternating runs: tokamak {1000 * statistics.median(ours):.0f} ms", end="")
    if theirs:
        print(f", llama.cpp {1000 * statistics.median(theirs):.0f} ms, ratio {statistics.median(a / b for a, b in zip(ours, theirs)):.2f}", end="")
    print()


def memory_of(pid):
    """Resident now and at most, in MiB."""
    found = dict(line.split(":", 1) for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines() if ":" in line)
    return [int(found[key].split()[0]) / 1024 for key in ("VmRSS", "VmHWM")]


def show_memory(args, model):
    context = 2048
    text = " ".join(f"{i} bottles of beer" for i in range(2000))
    ids = json.loads(output_of([args.tokamak, "tokenize", model, "--no-bos"], given=json.dumps({"text": text})))["ids"][:context - 64]
    prompt = json.loads(output_of([args.tokamak, "tokenize", model, "--decode"], given=json.dumps({"ids": ids})))["text"]
    with tempfile.TemporaryDirectory() as folder:
        topology = pathlib.Path(folder) / "one.toml"
        topology.write_text(f'[models.m]\npath = "{model}"\n[engines.m]\nthreads = {args.threads}\ncontext_length = {context}\n')
        with subprocess.Popen([args.tokamak, "run", str(topology), prompt, "--raw", "--max-tokens", "48"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as run:
            run.stdout.read(1)
            now, most = memory_of(run.pid)
            run.stdout.read()
    file = os.path.getsize(model) / 2**20
    groups = re.findall(r"^  \S+ +\d+ layers, ([0-9.]+) KiB a block of (\d+) tokens(?:, window of (\d+))?", output_of([args.tokamak, "inspect", model, "--context", str(context)]), re.M)
    cache = sum(float(kib) / 1024 * (min(context, int(window)) if window else context) / int(block) for kib, block, window in groups)
    print(f"{os.path.basename(model)}: resident with one stream of {len(ids)} tokens: {now:.0f} MiB, at most {most:.0f} MiB; the file is {file:.0f} and the cache of {context} tokens {cache:.0f} MiB: "
          f"{now / (file + cache):.2f}, at most {most / (file + cache):.2f} of both")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("tokamak")
    parser.add_argument("models", nargs="+", metavar="MODEL.gguf")
    parser.add_argument("-t", "--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("-p", "--prompt", type=int, default=512)
    parser.add_argument("-n", "--decode", type=int, default=64)
    parser.add_argument("--batches", type=lambda text: [int(b) for b in text.split(",")], default=[8, 32])
    parser.add_argument("-r", "--repetitions", type=int, default=5)
    parser.add_argument("--peer", type=lambda text: (text.split(":") + ["", ""])[:4], action="append", default=[], metavar="NAME:FOLDER:BENCH_FLAGS:BATCHED_BENCH_FLAGS")
    parser.add_argument("--start", action="store_true", help="load to first token, and memory, instead of rates")
    args = parser.parse_args()
    args.tokamak, args.models = os.path.abspath(args.tokamak), [os.path.abspath(model) for model in args.models]
    args.peer = [[name, os.path.abspath(os.path.expanduser(folder)), *flags] for name, folder, *flags in args.peer]
    level = [f for f in ("avx2", "avx512f", "avx512_vnni") if f in flags_of_cpu()]
    print(f"machine: {cpu_name()} ({' '.join(level)}), {len(os.sched_getaffinity(0))} cores; threads: {args.threads}; {time.strftime('%Y-%m-%d')}")
    print("command:", " ".join(f'"{a}"' if " " in a else a for a in sys.argv))
    for model in args.models:
        if args.start:
            compare_start(args, model)
            show_memory(args, model)
        else:
            compare_rates(args, model)


if __name__ == "__main__":
    main()
