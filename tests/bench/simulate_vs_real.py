#!/usr/bin/env python3
"""One load, really run on this machine and simulated: rate and time to first token of both, and their ratios.

    tests/bench/simulate_vs_real.py build/release/bin/tokamak MODEL.gguf [--poisson 1] [--seconds 60] [--threads 1]
                                    [--prompt-tokens 32-256] [--max-tokens 16-64] [--cost FILE.toml] [--seed 1]

Measures the costs of steps (`tokamak bench --fit`; or takes them from --cost), serves the model and asks it with the Python client
at the times of a Poisson process, then gives the same requests as a trace to `tokamak simulate`. Ends with status 1 if rate or
median time to first token differ by more than 15 %. The client needs a core of its own: leave it one (--threads). Needs what
sdk/client/python needs.
"""
import argparse
import asyncio
import json
import pathlib
import platform
import random
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "sdk/client/python"))


def cpu_name():
    for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return platform.processor()


def between(text):
    low, _, high = text.partition("-")
    return int(low), int(high or low)


def make_load(options):
    """Requests with the keys of a trace."""
    numbers = random.Random(options.seed)
    at, requests = 0.0, []
    while True:
        at += numbers.expovariate(options.poisson)
        if at >= options.seconds:
            return requests
        requests.append({"arrival": round(at, 6), "prompt_tokens": numbers.randint(*options.prompt_tokens),
                         "max_tokens": numbers.randint(*options.max_tokens)})


def topology(model, threads, address=None):
    text = f'[models.model]\npath = "{model}"\n[engines.model]\nthreads = {threads}\n'
    return text + (f'[frontends.zmq]\nbind = "{address}"\n' if address else "")


async def ask_one(client, begin, request, numbers):
    await asyncio.sleep(max(0.0, begin + request["arrival"] - time.perf_counter()))
    tokens = [numbers.randint(4, 255) for _ in range(request["prompt_tokens"])]
    sent, first, last, n = time.perf_counter(), None, None, 0
    async for chunk in client.generate(tokens, model="model", max_tokens=request["max_tokens"], ignore_eos=True, stream=True):
        now = time.perf_counter()
        if chunk.token_ids:
            first, last = first or now, now
            n += len(chunk.token_ids)
    return {"ttft_ms": (first - sent) * 1000, "tpot_ms": (last - first) * 1000 / max(1, n - 1), "end": last - begin, "tokens": n}


async def ask_all(address, requests, seed):
    import tokamak
    numbers = random.Random(seed + 1)
    async with tokamak.AsyncClient(address) as client:
        for _ in range(2):  # connect and warm up
            await client.generate([5] * 64, model="model", max_tokens=8, ignore_eos=True)
        begin = time.perf_counter() + 0.2
        return await asyncio.gather(*(ask_one(client, begin, r, numbers) for r in requests))


def run_real(options, folder, requests):
    address = f"ipc://{folder}/socket"
    (folder / "real.toml").write_text(topology(options.model, options.threads, address))
    server = subprocess.Popen([options.tokamak, "serve", str(folder / "real.toml")], stderr=subprocess.PIPE, text=True)
    try:
        for line in server.stderr:
            if "serve ready" in line:
                break
        answers = asyncio.run(ask_all(address, requests, options.seed))
    finally:
        server.terminate()
        server.communicate()
    seconds = max(a["end"] for a in answers)
    return {"rate": sum(a["tokens"] for a in answers) / seconds, "ttft": statistics.median(a["ttft_ms"] for a in answers),
            "tpot": statistics.median(a["tpot_ms"] for a in answers)}


def run_simulated(options, folder, requests, cost):
    (folder / "trace.jsonl").write_text("".join(json.dumps(r) + "\n" for r in requests))
    (folder / "simulated.toml").write_text(topology(options.model, options.threads))
    out = subprocess.run([options.tokamak, "simulate", str(folder / "simulated.toml"), "--trace", str(folder / "trace.jsonl"),
                          "--cost", cost, "--json"], check=True, capture_output=True, text=True).stdout
    s = json.loads(out)
    return {"rate": s["output_tokens_per_s"], "ttft": s["ttft_ms"]["p50"], "tpot": s["tpot_ms"]["p50"]}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("tokamak")
    parser.add_argument("model")
    parser.add_argument("--poisson", type=float, default=1.0)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--prompt-tokens", type=between, default=(32, 256))
    parser.add_argument("--max-tokens", type=between, default=(16, 64))
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--cost")
    options = parser.parse_args()
    options.model = str(pathlib.Path(options.model).resolve())
    print(f"machine    {cpu_name()}, {options.threads} threads")
    print(f"command    {' '.join(sys.argv)}")
    requests = make_load(options)
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        cost = options.cost
        if not cost:
            cost = str(folder / "cost.toml")
            fitted = subprocess.run([options.tokamak, "bench", options.model, "--fit", "-t", str(options.threads)], check=True,
                                    capture_output=True, text=True).stdout
            pathlib.Path(cost).write_text(fitted)
            print("costs      " + next(line for line in fitted.splitlines() if line.startswith("# error")).lstrip("# "))
        real = run_real(options, folder, requests)
        simulated = run_simulated(options, folder, requests, cost)
    print(f"load       {len(requests)} requests in {options.seconds:g} s, seed {options.seed}")
    worst = 0.0
    for key, what, counts in (("rate", "output tokens/s", True), ("ttft", "median TTFT, ms", True), ("tpot", "median TPOT, ms", False)):
        ratio = simulated[key] / real[key]
        worst = max(worst, abs(ratio - 1)) if counts else worst
        print(f"{what:<18} real {real[key]:9.2f}   simulated {simulated[key]:9.2f}   ratio {ratio:.3f}")
    print(f"largest difference of rate and TTFT: {100 * worst:.1f} % (limit 15 %)")
    return 0 if worst <= 0.15 else 1


if __name__ == "__main__":
    sys.exit(main())
