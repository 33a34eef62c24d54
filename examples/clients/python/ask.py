"""Asks a Tokamak service one question and prints the answer as it comes.

Usage: ask.py [ADDRESS [MODEL [QUESTION]]]
"""

import sys

import tokamak

address, model, question, *_ = sys.argv[1:] + ["tcp://127.0.0.1:7100", "smollm2", "Why is the sky blue?"][len(sys.argv) - 1 :]

with tokamak.Client(address) as client:
    print("models:", *(known.name for known in client.list_models()), flush=True)
    try:
        for chunk in client.generate(
            messages=[{"role": "user", "content": question}], model=model, max_tokens=128, stream=True
        ):
            print(chunk.text, end="", flush=True)
    except tokamak.NotFoundError as problem:
        sys.exit(f"{problem}")
    print(f"\n[{chunk.finish_reason}: {chunk.usage.completion_tokens} tokens for a prompt of {chunk.usage.prompt_tokens}]")
