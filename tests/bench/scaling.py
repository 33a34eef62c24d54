#!/usr/bin/env python3
"""How rates grow: with streams in a batch, with threads, and what contexts cost. One table of medians.

    tests/bench/scaling.py build/release/bin/tokamak MODEL.gguf... [--batches 1,2,4,8,16,32,64] [--contexts 128,512,2048,8128] [--threads 1,2] [-n 32] [-r 3]

Every stream has a prompt of its own. Rates are tokens/s of all streams together; prefill is of a prompt as long as the context.
"""
import argparse
import json
import os
import sys
import time

import compare


def numbers(text):
    return [int(n) for n in text.split(",")]


def bench(args, model, threads, *more):
    return json.loads(compare.output_of([args.tokamak, "bench", model, "--json", "-t", str(threads), "-r", str(args.repetitions), *map(str, more)]))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("tokamak")
    parser.add_argument("models", nargs="+", metavar="MODEL.gguf")
    parser.add_argument("--batches", type=numbers, default=[1, 2, 4, 8, 16, 32, 64])
    parser.add_argument("--contexts", type=numbers, default=[128, 512, 2048, 8128])
    parser.add_argument("--threads", type=numbers, default=[1, 2])
    parser.add_argument("--batch-context", type=int, default=128, help="context of the streams of a batch")
    parser.add_argument("-n", "--decode", type=int, default=32)
    parser.add_argument("-r", "--repetitions", type=int, default=3)
    args = parser.parse_args()
    args.tokamak, args.models = os.path.abspath(args.tokamak), [os.path.abspath(model) for model in args.models]
    print(f"machine: {compare.cpu_name()}, {len(os.sched_getaffinity(0))} cores; {time.strftime('%Y-%m-%d')}")
    print("command:", " ".join(sys.argv))
    for model in args.models:
        print(f"\n{os.path.basename(model)}: tokens/s, medians of {args.repetitions} runs of {args.decode} tokens a stream")
        batches = [b for b in args.batches if b > 1]
        print(f"  streams, context {args.batch_context:5}" + "".join(f"{b:>9}" for b in [1, *batches]))
        for threads in args.threads:
            out = bench(args, model, threads, "-p", 0, "-n", args.decode, "--context", args.batch_context, "--batch", ",".join(map(str, batches)))
            rates = [out["decode_tps"], *[out[f"decode_{b}_tps"] for b in batches]]
            print(f"  {threads} thread{'s' if threads > 1 else ' '}             " + "".join(f"{r:9.1f}" for r in rates))
        print("  context               " + "".join(f"{c:>9}" for c in args.contexts))
        for threads in args.threads:
            runs = [bench(args, model, threads, "-p", c, "-n", args.decode, "--context", c) for c in args.contexts]
            for title, key in (("prefill", "prefill_tps"), ("one stream", "decode_tps")):
                print(f"  {threads} thread{'s' if threads > 1 else ' '}, {title:11}" + "".join(f"{run[key]:9.1f}" for run in runs))


if __name__ == "__main__":
    main()
