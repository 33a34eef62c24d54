"""Asks a Tokamak service several questions at once and prints each answer when it is complete.

Usage: ask_many.py [ADDRESS [MODEL]]
"""

import asyncio
import sys

import tokamak

QUESTIONS = ["What is a tokamak?", "Why is the sky blue?", "Who wrote Faust?"]


async def main(address: str = "tcp://127.0.0.1:7100", model: str = "smollm2") -> None:
    async with tokamak.AsyncClient(address) as client:

        async def ask(question: str) -> None:
            messages = [{"role": "user", "content": question}]
            completion = await client.generate(messages=messages, model=model, max_tokens=64)
            print(f"{question}\n  {completion.text}", flush=True)

        await asyncio.gather(*(ask(question) for question in QUESTIONS))


asyncio.run(main(*sys.argv[1:3]))
