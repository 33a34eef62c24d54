"""What programs written for OpenAI's service do, with its own client."""

import asyncio

import openai
import pytest

HELLO = [{"role": "system", "content": "You are terse."}, {"role": "user", "content": "What is the capital of France?"}]


LONG = [{"role": "user", "content": "Tell me about " + "bees and " * 40 + "honey."}]


def greedy(client, **more):
    return client.chat.completions.create(model="smollm2", messages=HELLO, max_tokens=16, temperature=0, **more)


def test_models(client):
    assert [m.id for m in client.models.list()] == ["smollm2", "gpt-4o-mini"]
    assert client.models.retrieve("gpt-4o-mini").id == "gpt-4o-mini"
    with pytest.raises(openai.NotFoundError):
        client.models.retrieve("none")


def test_chat(client):
    answer = greedy(client)
    assert answer.choices[0].message.content and answer.choices[0].message.role == "assistant"
    assert answer.choices[0].finish_reason in ("stop", "length")
    assert answer.usage.total_tokens == answer.usage.prompt_tokens + answer.usage.completion_tokens


def test_a_stream_says_the_same(client):
    whole = greedy(client).choices[0].message.content
    events = list(greedy(client, stream=True, stream_options={"include_usage": True}))
    assert "".join(e.choices[0].delta.content or "" for e in events if e.choices) == whole
    assert events[0].choices[0].delta.role == "assistant"
    assert events[-1].choices == [] and events[-1].usage.completion_tokens > 0


def test_what_was_there_before_is_counted(client):
    ask = lambda: client.chat.completions.create(model="smollm2", messages=LONG, max_tokens=2, temperature=0)
    ask()
    assert ask().usage.prompt_tokens_details.cached_tokens > 0


def test_stop_seed_and_choices(client):
    answer = client.chat.completions.create(model="smollm2", messages=HELLO, max_tokens=20, n=3, seed=7, temperature=1, stop=["."])
    again = client.chat.completions.create(model="smollm2", messages=HELLO, max_tokens=20, n=3, seed=7, temperature=1, stop=["."])
    assert [c.index for c in answer.choices] == [0, 1, 2]
    assert [c.message.content for c in answer.choices] == [c.message.content for c in again.choices]
    assert all("." not in c.message.content for c in answer.choices)


def test_log_probabilities(client):
    answer = greedy(client, logprobs=True, top_logprobs=3)
    content = answer.choices[0].logprobs.content
    assert len(content) == answer.usage.completion_tokens or answer.choices[0].finish_reason == "stop"
    assert all(len(token.top_logprobs) == 3 and token.logprob <= 0 for token in content)
    streamed = [token for e in greedy(client, logprobs=True, top_logprobs=3, stream=True) if e.choices and e.choices[0].logprobs for token in e.choices[0].logprobs.content or []]
    assert [t.token for t in streamed] == [t.token for t in content]


def test_completions(client):
    answer = client.completions.create(model="smollm2", prompt=["Once upon a", "The capital of France is"], max_tokens=6, temperature=0)
    assert len(answer.choices) == 2 and "Paris" in answer.choices[1].text
    assert client.completions.create(model="smollm2", prompt="Once upon a", max_tokens=2, temperature=0, echo=True).choices[0].text.startswith("Once upon a")
    assert "".join(e.choices[0].text for e in client.completions.create(model="smollm2", prompt="Once upon a", max_tokens=6, temperature=0, stream=True)) == answer.choices[0].text


def test_responses(client):
    answer = client.responses.create(model="smollm2", instructions="You are terse.", input="What is the capital of France?", max_output_tokens=16, temperature=0)
    assert answer.output_text == greedy(client).choices[0].message.content and answer.usage.output_tokens > 0
    text, last = "", None
    for event in client.responses.create(model="smollm2", instructions="You are terse.", input="What is the capital of France?", max_output_tokens=16, temperature=0, stream=True):
        text, last = text + (event.delta if event.type == "response.output_text.delta" else ""), event
    assert text == answer.output_text
    assert last.type in ("response.completed", "response.incomplete") and last.response.output_text == text


def test_async(address):
    async def ask():
        async with openai.AsyncOpenAI(base_url=address + "/v1", api_key="none") as client:
            answers = await asyncio.gather(*[client.chat.completions.create(model="smollm2", messages=HELLO, max_tokens=8, temperature=0) for _ in range(8)])
            streamed = ""
            async for event in await client.chat.completions.create(model="smollm2", messages=HELLO, max_tokens=8, temperature=0, stream=True):
                streamed += event.choices[0].delta.content or ""
            return {a.choices[0].message.content for a in answers} | {streamed}
    assert len(asyncio.run(ask())) == 1


@pytest.mark.parametrize("fields, error, message", [
    ({"model": "none"}, openai.NotFoundError, "no model 'none'"),
    ({"temperature": 3}, openai.BadRequestError, "'temperature'"),
    ({"extra_body": {"teperature": 1}}, openai.BadRequestError, "'teperature'"),
    ({"messages": [{"role": "user", "content": "x " * 5000}]}, openai.BadRequestError, "2048"),
])
def test_what_is_wrong_is_named(client, fields, error, message):
    with pytest.raises(error) as caught:
        client.chat.completions.create(**{"model": "smollm2", "messages": HELLO, "max_tokens": 4} | fields)
    assert message in caught.value.message


def test_a_stream_that_is_left_frees_its_sequence(client, service):
    for _ in range(5):
        stream = client.chat.completions.create(model="smollm2", messages=HELLO, max_tokens=1500, temperature=0, stream=True, extra_body={"ignore_eos": True})
        next(iter(stream))
        stream.close()
    assert service.wait_until(service.is_idle)
