"""What programs written with LangChain do."""

import asyncio
import json
import typing

import langchain_core.messages as messages
import langchain_openai
import pydantic
import pytest
from langchain_core.tools import tool

HELLO = [("system", "You are terse."), ("human", "What is the capital of France?")]


@pytest.fixture(scope="session")
def make(address):
    usual = {"model": "smollm2", "base_url": address + "/v1", "api_key": "none", "max_retries": 0, "temperature": 0, "max_tokens": 16}
    return lambda kind=langchain_openai.ChatOpenAI, **more: kind(**usual | more)


@tool
def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


class Joke(pydantic.BaseModel):
    """A joke."""

    setup: str
    punchline: str


def test_invoke(make):
    answer = make().invoke(HELLO)
    assert answer.content and answer.response_metadata["finish_reason"] in ("stop", "length")
    assert 0 < answer.usage_metadata["output_tokens"] <= 16


def test_a_stream_says_the_same(make):
    chat = make(stream_usage=True)
    whole = sum(chat.stream(HELLO), messages.AIMessageChunk(""))
    assert whole.content == chat.invoke(HELLO).content
    assert whole.usage_metadata["output_tokens"] > 0


def test_batch_and_async_say_the_same(make):
    chat = make()

    async def ask():
        return [await chat.ainvoke(HELLO), *await chat.abatch([HELLO] * 3)]

    answers = chat.batch([HELLO] * 4) + asyncio.run(ask())
    assert len({a.content for a in answers}) == 1


def test_responses_say_the_same(make):
    whole = make().invoke(HELLO).content
    chat = make(use_responses_api=True)
    assert chat.invoke(HELLO).text == whole
    streamed = sum(chat.stream(HELLO), messages.AIMessageChunk(""))
    assert streamed.text == whole and streamed.usage_metadata["output_tokens"] > 0
    again = chat.invoke([*HELLO, chat.invoke(HELLO), ("human", "And of Spain?")])
    assert again.text and again.usage_metadata["input_tokens"] > streamed.usage_metadata["input_tokens"]


def test_completions(make):
    prompts = ["Once upon a", "The capital of France is"]
    llm = make(langchain_openai.OpenAI)
    answers = llm.batch(prompts)
    assert "Paris" in answers[1]
    assert [g[0].text for g in llm.generate(prompts).generations] == answers
    assert "".join(llm.stream(prompts[0])) == answers[0]


def test_tools_are_offered(make):
    chat = make().bind_tools([add])
    asked = chat.invoke("What is 2 + 3?")
    assert asked.content or asked.tool_calls
    call = {"name": "add", "args": {"a": 2, "b": 3}, "id": "call_1"}
    told = chat.invoke([("human", "What is 2 + 3?"), messages.AIMessage("", tool_calls=[call]), messages.ToolMessage("5", tool_call_id="call_1")])
    assert told.content or told.tool_calls
    assert told.usage_metadata["input_tokens"] > asked.usage_metadata["input_tokens"]


class Pun(pydantic.BaseModel):
    """A pun, short enough for a small model."""

    setup: typing.Annotated[str, pydantic.Field(max_length=40)]
    punchline: typing.Annotated[str, pydantic.Field(max_length=40)]


def test_an_object_of_a_class(make):
    chat = make(max_tokens=120).with_structured_output(Pun, method="json_schema")
    pun = chat.invoke("Tell a joke.")
    assert isinstance(pun, Pun)
    assert list(chat.stream("Tell a joke."))[-1] == pun


def test_any_json(make):
    told = make(max_tokens=200).with_structured_output(Joke, method="json_mode", include_raw=True).invoke('Write {"setup": "a", "punchline": "b"}')
    assert told["raw"].content.lstrip().startswith("{")
    if told["raw"].response_metadata["finish_reason"] == "stop":
        json.loads(told["raw"].content)
