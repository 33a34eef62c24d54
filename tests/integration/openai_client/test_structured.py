"""Answers that keep to a schema: what programs do with OpenAI's client, and what is refused with which words."""

import asyncio
import json
import typing

import openai
import pydantic
import pytest

ASK = [{"role": "user", "content": "What is the capital of France, and how many people live there?"}]


class City(pydantic.BaseModel):
    """What is known of a city."""

    name: typing.Annotated[str, pydantic.Field(max_length=16)]
    size: typing.Literal["small", "large"]
    people: typing.Annotated[int, pydantic.Field(ge=0, le=99_999_999)]
    twins: typing.Annotated[list[typing.Annotated[str, pydantic.Field(max_length=8)]], pydantic.Field(max_length=2)]


def named(schema):
    return {"type": "json_schema", "json_schema": {"name": "x", "schema": schema}}


FORM = {"type": "json_schema", "json_schema": {"name": "City", "schema": City.model_json_schema()}}


def ask(client, **more):
    return client.chat.completions.create(**{"model": "smollm2", "messages": ASK, "max_tokens": 160, "temperature": 0} | more)


def city_of(choice):
    assert choice.finish_reason == "stop"
    return City.model_validate_json(choice.message.content)


def test_parse_gives_an_object_of_the_class(client):
    answer = client.chat.completions.parse(model="smollm2", messages=ASK, max_tokens=160, temperature=0, response_format=City)
    assert isinstance(answer.choices[0].message.parsed, City)
    assert answer.choices[0].message.parsed == city_of(ask(client, response_format=FORM).choices[0])


def test_a_stream_says_the_same(client):
    whole = ask(client, response_format=FORM).choices[0].message.content
    events = list(ask(client, response_format=FORM, stream=True))
    assert "".join(e.choices[0].delta.content or "" for e in events) == whole
    assert events[-1].choices[0].finish_reason == "stop"
    with client.chat.completions.stream(model="smollm2", messages=ASK, max_tokens=160, temperature=0, response_format=City) as stream:
        parsed = stream.get_final_completion().choices[0].message.parsed
    assert parsed == City.model_validate_json(whole)


def test_every_draw_keeps_to_the_schema(client):
    answer = ask(client, response_format=FORM, n=8, temperature=2, seed=1)
    assert len({c.message.content for c in answer.choices}) > 1
    for choice in answer.choices:
        city_of(choice)


def test_many_at_a_time_say_what_one_says(client, address):
    alone = ask(client, response_format=FORM).choices[0].message.content
    free = ask(client).choices[0].message.content

    async def together():
        async with openai.AsyncOpenAI(base_url=address + "/v1", api_key="none", max_retries=0) as many:
            return await asyncio.gather(*(ask(many, **({"response_format": FORM} if i % 2 else {})) for i in range(8)))

    told = [a.choices[0].message.content for a in asyncio.run(together())]
    assert told == [free, alone] * 4


def test_other_fields_say_the_same(client):
    whole = ask(client, response_format=FORM).choices[0].message.content
    schema = FORM["json_schema"]["schema"]
    for more in ({"guided_json": schema}, {"json_schema": schema}, {"structured_outputs": {"json": json.dumps(schema)}}):
        assert ask(client, extra_body=more).choices[0].message.content == whole


def test_responses(client):
    answer = client.responses.parse(model="smollm2", input=ASK[0]["content"], max_output_tokens=160, temperature=0, text_format=City)
    assert isinstance(answer.output_parsed, City)
    assert answer.text.format.type == "json_schema" and answer.text.format.name == "City"
    assert answer.output_parsed == city_of(ask(client, response_format=FORM).choices[0])


def test_a_completion_of_a_text(client):
    answer = client.completions.create(model="smollm2", prompt="The city as JSON: ", max_tokens=160, temperature=0, extra_body={"response_format": FORM})
    City.model_validate_json(answer.choices[0].text)


def test_any_object(client):
    answer = ask(client, messages=[{"role": "user", "content": 'Answer with {"answer": 4}.'}], response_format={"type": "json_object"}, max_tokens=200)
    text = answer.choices[0].message.content
    assert text.lstrip().startswith("{")
    if answer.choices[0].finish_reason == "stop":
        assert isinstance(json.loads(text), dict)


def test_neither_bias_nor_min_tokens_nor_ignore_eos_breaks_the_form(client):
    answer = ask(client, response_format=named({"enum": ["yes", "no"]}), logit_bias={str(t): 100 for t in (0, 1, 2, 28)}, extra_body={"min_tokens": 100, "ignore_eos": True})
    assert answer.choices[0].finish_reason == "stop"
    assert json.loads(answer.choices[0].message.content) in ("yes", "no")


def test_log_probabilities_are_the_models_own(client):
    free = ask(client, logprobs=True, top_logprobs=1, max_tokens=1).choices[0].logprobs.content[0]
    held = ask(client, logprobs=True, top_logprobs=1, max_tokens=160, response_format=FORM).choices[0]
    city_of(held)
    first = held.logprobs.content[0]
    assert first.top_logprobs[0].token == free.top_logprobs[0].token  # what it would have said
    assert first.logprob < free.logprob


def test_a_model_that_thinks_answers_at_once(tools_client):
    answer = ask(tools_client, model="thinker", response_format=FORM)
    city_of(answer.choices[0])
    assert not getattr(answer.choices[0].message, "reasoning_content", None)


@pytest.mark.parametrize("more, param, message", [
    ({"response_format": named({"type": "strnig"})}, "response_format",
     'at /type: found "strnig", expected one of "object", "array", "string", "integer", "number", "boolean", "null"'),
    ({"response_format": named({"type": "object", "properties": {"a": {"$ref": "#/$defs/none"}}})}, "response_format",
     'at /properties/a/$ref: found "#/$defs/none", which names nothing, expected a place in this schema'),
    ({"response_format": named(False)}, "response_format", "at /: found a schema that no document satisfies, expected one that some document does"),
    ({"extra_body": {"guided_json": "{"}}, "guided_json",
     "the schema is no valid JSON: at byte 1: syntax error while parsing object key - unexpected end of input; expected string literal"),
])  # fmt: skip
def test_a_schema_that_is_wrong_is_told_with_its_place(client, more, param, message):
    for stream in (False, True):
        with pytest.raises(openai.BadRequestError) as caught:
            ask(client, stream=stream, **more)
        assert caught.value.param == param
        assert caught.value.body["message"] == f"'{param}': {message}"
