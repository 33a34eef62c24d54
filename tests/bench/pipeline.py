#!/usr/bin/env python3
"""What a link costs: an engine cut by layers over two processes, beside the same cut within one process.

    tests/bench/pipeline.py build/release/bin/tokamak MODEL.gguf [--streams 1,4] [--max-tokens 200] [--runs 9]

One thread for each of the two shards in both. The two services answer the same requests in turn; an answer that differs between
them ends the bench with status 1. Prints medians of tokens/s of all streams together, without the prompt, their ratio, and for
one stream what a token takes longer.
"""
import argparse
import asyncio
import pathlib
import socket
import statistics
import subprocess
import sys
import tempfile
import time

from simulate_vs_real import ROOT, cpu_name

sys.path.insert(0, str(ROOT / "sdk/client/python"))


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def topology(folder, model, nodes):
    engine = f'[models.model]\npath = "{model}"\n[engines.model]\n'
    if not nodes:
        return engine + f'threads = 2\nshards = {{ kind = "layers", count = 2 }}\n[frontends.zmq]\nbind = "ipc://{folder}/one"\n'
    tables = "".join(f'[nodes.{n}]\naddress = "tcp://127.0.0.1:{free_port()}"\nkey_file = "{folder}/{n}.key"\n' for n in nodes)
    return (tables + engine + f'node = "{nodes[0]}"\nthreads = 1\nshards = {{ kind = "layers", nodes = {list(nodes)} }}\n'
            f'[frontends.zmq]\nnode = "{nodes[0]}"\nbind = "ipc://{folder}/two"\n').replace("'", '"')


async def generate(address, prompts, max_tokens):
    """Tokens of each answer, and tokens/s from the time when every stream had its first token to when the first one ended."""
    import tokamak
    times, answers = [[] for _ in prompts], [[] for _ in prompts]

    async def ask(client, i):
        async for chunk in client.generate(prompts[i], model="model", max_tokens=max_tokens, ignore_eos=True, stream=True):
            answers[i] += chunk.token_ids
            times[i] += [time.perf_counter()] * len(chunk.token_ids)

    async with tokamak.AsyncClient(address) as client:
        await asyncio.gather(*(ask(client, i) for i in range(len(prompts))))
    begin, end = max(t[0] for t in times), min(t[-1] for t in times)
    return answers, sum(begin < t <= end for each in times for t in each) / (end - begin)


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("tokamak")
    p.add_argument("model", type=pathlib.Path)
    p.add_argument("--streams", default="1,4")
    p.add_argument("--max-tokens", type=int, default=200)
    p.add_argument("--runs", type=int, default=9)
    options = p.parse_args()
    print(f"machine: {cpu_name()}; model: {options.model.name}; {options.max_tokens} tokens an answer; medians of {options.runs} alternating runs")
    with tempfile.TemporaryDirectory() as folder:
        services = []
        for name, nodes in (("one", ()), ("two", ("a", "b"))):
            for n in nodes:
                subprocess.run([options.tokamak, "keygen", f"{folder}/{n}"], check=True, stdout=subprocess.DEVNULL)
            file = pathlib.Path(folder, name + ".toml")
            file.write_text(topology(folder, options.model.resolve(), nodes))
            services.append(subprocess.Popen([options.tokamak, "serve", str(file)] + (["--all"] if nodes else []),
                                             stdout=subprocess.DEVNULL, stderr=open(file.with_suffix(".log"), "w")))
        try:
            measure(folder, options)
        finally:
            for s in services:
                s.terminate()
            for s in services:
                s.wait()


def measure(folder, options):
    addresses = {name: f"ipc://{folder}/{name}" for name in ("one", "two")}
    time.sleep(5)
    for n in map(int, options.streams.split(",")):
        rates = {name: [] for name in addresses}
        for run in range(options.runs + 1):
            prompts = [[i * 100 + j + 300 for j in range(32)] for i in range(n)]
            answers = {}
            for name, address in addresses.items():
                answers[name], rate = asyncio.run(generate(address, prompts, options.max_tokens))
                if run > 0:  # the first fills the caches
                    rates[name].append(rate)
            if answers["one"] != answers["two"]:
                sys.exit(f"{n} streams, run {run}: the two services answer differently")
        one, two = (statistics.median(rates[name]) for name in addresses)
        cost = f"   {(1 / two - 1 / one) * 1e6:.0f} us more a token" if n == 1 else ""
        print(f"{n:3d} streams: one process {one:6.1f} tokens/s   two processes {two:6.1f}   ratio {two / one:.3f}{cost}")


if __name__ == "__main__":
    main()
