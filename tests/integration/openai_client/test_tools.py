"""Tools and reasoning with OpenAI's own client: SmolLM2 with a template that teaches it neither, so calls are asked for by tool_choice."""

import json

import openai
import pytest

TOOLS = [{"type": "function", "function": {"name": name, "description": "Looks up the weather", "parameters": {
    "type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}}} for name in ("get_weather", "get_forecast")]
ASK = [{"role": "user", "content": "What is the weather in Paris?"}]
FORCED = {"type": "function", "function": {"name": "get_weather"}}


def ask(client, model="caller", **more):  # greedy, so that the same is answered everywhere
    return client.chat.completions.create(**{"model": model, "messages": ASK, "max_tokens": 60, "temperature": 0} | more)


def test_a_call_that_is_asked_for_comes_as_one(tools_client):
    choice = ask(tools_client, tools=TOOLS, tool_choice=FORCED).choices[0]
    assert choice.finish_reason == "tool_calls" and choice.message.content is None
    call, = choice.message.tool_calls
    assert call.function.name == "get_weather" and isinstance(json.loads(call.function.arguments), dict)


def test_arguments_of_a_strict_function_keep_to_its_schema(tools_client):
    schema = {"type": "object", "properties": {"city": {"type": "string", "maxLength": 12}, "days": {"type": "integer", "minimum": 1, "maximum": 9}},
              "required": ["city", "days"], "additionalProperties": False}
    tool = {"type": "function", "function": {"name": "get_weather", "strict": True, "parameters": schema}}
    for more in ({"tool_choice": FORCED}, {"tool_choice": "required"}, {"tool_choice": FORCED, "temperature": 2, "seed": 5}):
        choice = ask(tools_client, tools=[tool], **more).choices[0]
        assert choice.finish_reason == "tool_calls" and choice.message.content is None
        call, = choice.message.tool_calls
        arguments = json.loads(call.function.arguments)
        assert call.function.name == "get_weather" and set(arguments) == {"city", "days"} and 1 <= arguments["days"] <= 9
    with pytest.raises(openai.BadRequestError, match="only the call of one function is held to a schema"):
        ask(tools_client, tools=[tool])


def test_a_call_that_is_cut_has_what_there_is(tools_client):
    choice = ask(tools_client, tools=TOOLS, tool_choice=FORCED, max_tokens=2).choices[0]
    assert choice.finish_reason == "length" and choice.message.tool_calls[0].function.arguments


def test_a_stream_has_the_same_call(tools_client):
    whole = ask(tools_client, tools=TOOLS, tool_choice=FORCED).choices[0].message.tool_calls[0]
    events = list(ask(tools_client, tools=TOOLS, tool_choice=FORCED, stream=True))
    calls = [call for event in events for call in event.choices[0].delta.tool_calls or []]
    assert [(c.index, c.function.name, c.function.arguments) for c in calls] == [(0, "get_weather", whole.function.arguments)]
    assert events[-1].choices[0].finish_reason == "tool_calls"
    assert not any(event.choices[0].delta.content for event in events)


def test_a_conversation_goes_on_with_what_the_tool_said(tools_client):
    message = ask(tools_client, tools=TOOLS, tool_choice=FORCED).choices[0].message
    turns = ASK + [message.model_dump(exclude_none=True), {"role": "tool", "tool_call_id": message.tool_calls[0].id, "content": "7 degrees"}]
    assert ask(tools_client, messages=turns, tools=TOOLS, tool_choice="none").choices[0].message.content


def test_required_lets_the_model_choose(tools_client):
    text = ask(tools_client, tools=TOOLS, tool_choice="required").choices[0]
    assert text.message.tool_calls or text.message.content.startswith("<tool_call>")  # it may not come to an end


def test_what_the_prompt_opens_as_reasoning_is_reasoning(tools_client):
    message = ask(tools_client, model="thinker").choices[0].message
    assert message.content == "" and message.reasoning_content
    streamed = "".join(getattr(event.choices[0].delta, "reasoning_content", None) or "" for event in ask(tools_client, model="thinker", stream=True))
    assert streamed == message.reasoning_content
    usage = ask(tools_client, model="thinker").usage
    assert usage.completion_tokens_details.reasoning_tokens == usage.completion_tokens


def test_templates_are_told_not_to_think(tools_client):
    for fields in ({"extra_body": {"chat_template_kwargs": {"enable_thinking": False}}}, {"reasoning_effort": "none"}):
        message = ask(tools_client, model="thinker", **fields).choices[0].message
        assert message.content and not hasattr(message, "reasoning_content")


def test_responses_have_reasoning_as_an_item(tools_client):
    answer = tools_client.responses.create(model="thinker", input="Hi", max_output_tokens=8, temperature=0)
    assert [item.type for item in answer.output] == ["reasoning"] and answer.output[0].content[0].text
    events = [e.type for e in tools_client.responses.create(model="thinker", input="Hi", max_output_tokens=8, temperature=0, stream=True)]
    assert "response.reasoning_text.delta" in events and "response.output_text.delta" not in events


def test_what_a_model_cannot_do_is_refused_by_name(tools_client):
    with pytest.raises(openai.BadRequestError, match="'reasoning_effort' is not supported: the chat template of model 'caller'"):
        ask(tools_client, reasoning_effort="high")
    with pytest.raises(openai.BadRequestError, match="'tool_choice' is not supported for model 'thinker'"):
        ask(tools_client, model="thinker", tools=TOOLS, tool_choice="required")
