"""Asks over HTTP with OpenAI's client: one answer, one in events, and several at once with asyncio.

    pip install openai
    python openai_ask.py [http://127.0.0.1:8080/v1 [MODEL [QUESTION]]]
"""

import asyncio
import sys

from openai import AsyncOpenAI, OpenAI

address, model, question = (sys.argv[1:] + ["http://127.0.0.1:8080/v1", "smollm2", "Name three colours."][len(sys.argv) - 1:])[:3]
messages = [{"role": "user", "content": question}]

client = OpenAI(base_url=address, api_key="none")  # a service with api_keys wants one of them
print("models:", ", ".join(m.id for m in client.models.list()))

answer = client.chat.completions.create(model=model, messages=messages, max_tokens=60)
print("whole: ", answer.choices[0].message.content)

print("events: ", end="")
for event in client.chat.completions.create(model=model, messages=messages, max_tokens=60, stream=True):
    print(event.choices[0].delta.content or "", end="", flush=True)
print()


async def ask_many(n):
    async with AsyncOpenAI(base_url=address, api_key="none") as many:
        asked = [many.chat.completions.create(model=model, messages=messages, max_tokens=60, seed=i) for i in range(n)]
        for i, one in enumerate(await asyncio.gather(*asked)):
            print(f"seed {i}:", one.choices[0].message.content)


asyncio.run(ask_many(3))
