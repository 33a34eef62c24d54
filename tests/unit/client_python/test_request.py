"""What generate() takes is what the Open frame holds; what makes no sense is refused with a sentence."""

import json

import pytest

import tokamak
from tokamak.wire.Open import Open


def opened(**options):
    return Open.GetRootAs(tokamak.Request(model="smollm2", **options).encode(99), 0)


def test_every_option_is_in_the_open_frame():
    open_ = opened(
        prompt="Hello é", add_special=False, parse_special=True, max_tokens=12, temperature=0.5, top_k=40, top_p=0.75,
        min_p=0.25, repetition_penalty=1.5, presence_penalty=-0.5, frequency_penalty=0.125, seed=2**63,
        logit_bias={5: -2.5, 6: 1}, logprobs=True, top_logprobs=3, stop=["\n\n", "END"], stop_token_ids=[2, 3],
        ignore_eos=True, min_tokens=4, delivered=[10, 11], deadline=3, priority=-2, trace="t-1", tenant="acme",
    )  # fmt: skip
    assert open_.Id() == 99
    assert open_.Target() == b"smollm2"
    assert open_.Prompt().Text().decode() == "Hello é"
    assert open_.Prompt().MessagesIsNone() and open_.Prompt().TokensIsNone()
    assert not open_.Prompt().AddSpecial() and open_.Prompt().ParseSpecial()
    assert open_.Generate() == 12
    assert open_.LeaseUs() == 0
    sampling = open_.Sampling()
    assert (sampling.Temperature(), sampling.TopK(), sampling.TopP(), sampling.MinP()) == (0.5, 40, 0.75, 0.25)
    assert sampling.RepetitionPenalty() == 1.5
    assert sampling.PresencePenalty() == -0.5
    assert sampling.FrequencyPenalty() == 0.125
    assert sampling.Seed() == 2**63
    assert [(sampling.BiasTokens(i), sampling.BiasValues(i)) for i in range(2)] == [(5, -2.5), (6, 1.0)]
    assert sampling.Logprobs() and sampling.TopLogprobs() == 3
    stops = open_.Stops()
    assert [stops.Strings(i) for i in range(stops.StringsLength())] == [b"\n\n", b"END"]
    assert [stops.Tokens(i) for i in range(stops.TokensLength())] == [2, 3]
    assert stops.IgnoreEos() and stops.MinTokens() == 4
    assert [open_.Delivered(i) for i in range(open_.DeliveredLength())] == [10, 11]
    assert open_.DeadlineUs() == 3_000_000
    assert open_.Priority() == -2
    assert (open_.Trace(), open_.Tenant()) == (b"t-1", b"acme")


def test_without_a_seed_the_service_chooses_one():
    assert opened(prompt="a").Sampling().Seed() is None
    assert opened(prompt="a", seed=0).Sampling().Seed() == 0


def test_a_constraint_is_a_schema_or_a_plugin_with_its_text():
    def told(constraint):
        written = opened(prompt="a", constraint=constraint).Constraint()
        return written and (written.Plugin().decode(), written.Text().decode())

    assert told(None) is None
    assert told({"type": "object", "title": "é"}) == ("json_schema", '{"type": "object", "title": "é"}')
    assert told('{"type": "null"}') == ("json_schema", '{"type": "null"}')
    assert told(("words", "yes|no")) == ("words", "yes|no")


def test_text_is_a_completion_with_special_tokens_by_default():
    prompt = opened(prompt="").Prompt()
    assert prompt.Text() == b"" and prompt.AddSpecial() and not prompt.ParseSpecial()


def test_token_ids_messages_and_json_messages_are_told_apart():
    prompt = opened(prompt=[1, 2, 3]).Prompt()
    assert [prompt.Tokens(i) for i in range(prompt.TokensLength())] == [1, 2, 3]
    assert prompt.Text() is None
    prompt = opened(messages=[{"role": "system", "content": "be brief"}, {"role": "user", "content": "hi"}]).Prompt()
    assert [(prompt.Messages(i).Role(), prompt.Messages(i).Content()) for i in range(2)] == [
        (b"system", b"be brief"),
        (b"user", b"hi"),
    ]
    assert prompt.JsonMessages() is None and prompt.Text() is None
    parts = [{"role": "user", "content": [{"type": "text", "text": "ü"}]}]
    prompt = opened(messages=parts, tools=[{"name": "f"}]).Prompt()
    assert json.loads(prompt.JsonMessages()) == parts
    assert json.loads(prompt.Tools()) == [{"name": "f"}]
    assert prompt.MessagesIsNone()
    assert opened(messages=[{"role": "user", "content": "hi", "name": "x"}]).Prompt().JsonMessages() is not None


def test_one_stop_string_may_stand_alone():
    stops = opened(prompt="x", stop="END").Stops()
    assert stops.StringsLength() == 1 and stops.Strings(0) == b"END"


@pytest.mark.parametrize(
    "options, message",
    [
        (dict(prompt="a", max_tokens=0), "max_tokens must be an integer from 1 to 4294967295, not 0"),
        (dict(prompt="a", max_tokens=1.5), "max_tokens must be an integer from 1 to 4294967295, not 1.5"),
        (dict(prompt="a", top_k=True), "top_k must be an integer from 0 to 4294967295, not True"),
        (dict(prompt="a", seed=-1), "seed must be an integer from 0 to 18446744073709551615, not -1"),
        (dict(prompt="a", top_logprobs=256), "top_logprobs must be an integer from 0 to 255, not 256"),
        (dict(prompt="a", temperature="hot"), "temperature must be a finite number, not 'hot'"),
        (dict(prompt="a", top_p=float("nan")), "top_p must be a finite number, not nan"),
        (dict(prompt="a", min_p=1e39), "min_p must fit 32 bits, not 1e+39"),
        (dict(prompt="a", logit_bias={"x": 1}), "a token id in logit_bias must be an integer from -2147483648 to 2147483647, not 'x'"),
        (dict(prompt="a", stop=[1]), "stop, trace and tenant must be text, not 1"),
        (dict(prompt="a", deadline=0), "deadline must be above 0 seconds, not 0"),
        (dict(prompt="a", chunk_timeout=-1), "chunk_timeout must be above 0 seconds, not -1"),
        (dict(prompt="a", stop_token_ids="12"), "stop_token_ids must hold token ids, not '12'"),
        (dict(prompt="a", messages=[]), "give either a prompt or messages"),
        (dict(), "give either a prompt or messages"),
        (dict(prompt=[]), "the prompt has no tokens"),
        (dict(prompt=[2**31]), "a token id in prompt must be an integer from -2147483648 to 2147483647, not 2147483648"),
        (dict(prompt=b"bytes"), "prompt must hold token ids, not b'bytes'"),
        (dict(prompt="\ud800"), "prompt holds a lone surrogate, which is no text"),
        (dict(messages=[]), "the prompt has no messages"),
        (dict(messages="hi"), 'messages must be a list of {"role": ..., "content": ...}'),
        (dict(messages=[{"role": "user", "content": "\udfff"}]), "messages holds a lone surrogate, which is no text"),
        (dict(messages=[{"role": "user", "content": {1, 2}}]), "messages cannot be written as JSON: Object of type set is not JSON serializable"),
        (dict(prompt="a", constraint=5), "constraint must be a JSON schema, or a plugin's name and its text, not 5"),
        (dict(prompt="a", constraint={"type": {1}}), "constraint cannot be written as JSON: Object of type set is not JSON serializable"),
        (dict(prompt="a", constraint=("words", 1)), "constraint must be text, not 1"),
        (dict(prompt="a", tools=[]), "tools need a prompt of messages"),
    ],
)  # fmt: skip
def test_wrong_options_are_refused_with_a_sentence(options, message):
    with pytest.raises(tokamak.InvalidArgumentError) as caught:
        tokamak.Request(model="m", **options)
    assert caught.value.message == message
    assert isinstance(caught.value, ValueError)


def test_a_model_must_be_named():
    with pytest.raises(tokamak.InvalidArgumentError, match="no model is named"):
        tokamak.Request("a", model="")
    with pytest.raises(TypeError, match="no_such_option"):
        tokamak.Request("a", model="m", no_such_option=1)


@pytest.mark.parametrize(
    "options, message",
    [
        (dict(connect_timeout=0), "connect_timeout must be above 0 seconds, not 0"),
        (dict(heartbeat_timeout=1), "heartbeat_timeout must be between heartbeat_interval and 6553 seconds"),
        (dict(acknowledge_every=0), "acknowledge_every must be at least 1"),
    ],
)
def test_wrong_client_options_are_refused_with_a_sentence(options, message):
    with pytest.raises(tokamak.InvalidArgumentError) as caught:
        tokamak.Client(**options)
    assert caught.value.message == message
