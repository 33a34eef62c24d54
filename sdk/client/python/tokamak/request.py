"""One request: its options, checked, and its Open frame."""

from __future__ import annotations

import json
import math
import numbers
from dataclasses import dataclass, field
from typing import Any, Callable, Dict, List, Optional, Sequence, Tuple, Union

import flatbuffers

from .errors import InvalidArgumentError
from .wire import Constraint, Label, Message, Open, Prompt, Sampling, Stops

_U8, _U32, _U64 = 2**8 - 1, 2**32 - 1, 2**64 - 1
_SEED_SLOT = 7  # of Sampling.seed
_I32_RANGE = (-(2**31), 2**31 - 1)


@dataclass
class Request:
    """What generate() takes. Exactly one of prompt and messages; defaults mean "off".

    prompt: text, tokenised as it is, or a list of token ids.
    messages: [{"role": ..., "content": ...}, ...], rendered with the model's chat template. Content that is not
    a plain string, and further keys, go to the template as JSON.
    """

    prompt: Union[str, Sequence[int], None] = None
    model: str = ""
    messages: Optional[Sequence[Dict[str, Any]]] = None
    tools: Union[str, Sequence[Any], None] = None  # JSON, or what becomes it; only with messages
    template_variables: Union[str, Dict[str, Any], None] = None  # more variables of the chat template; only with messages
    add_special: bool = True  # text: begin with BOS where the model wants one
    parse_special: bool = False  # text: read control tokens written out
    max_tokens: int = 256
    temperature: float = 0.0  # 0: greedy
    top_k: int = 0  # 0: all
    top_p: float = 1.0
    min_p: float = 0.0
    repetition_penalty: float = 1.0
    presence_penalty: float = 0.0
    frequency_penalty: float = 0.0
    seed: Optional[int] = None  # None: the service chooses one
    logit_bias: Dict[int, float] = field(default_factory=dict)  # token id: added to its logit
    logprobs: bool = False  # report each token's log-probability
    top_logprobs: int = 0  # report this many of the most likely tokens
    stop: Union[str, Sequence[str]] = ()  # not delivered; matched across token borders
    stop_token_ids: Sequence[int] = ()
    ignore_eos: bool = False
    min_tokens: int = 0
    constraint: Union[str, Dict[str, Any], Tuple[str, str], None] = None  # a JSON schema, or (plugin of the engine, its text)
    show_special: bool = False  # the answer's text names its control tokens, but for those that end it
    delivered: Sequence[int] = ()  # resume an answer after these tokens
    deadline: Optional[float] = None  # seconds for the whole answer
    chunk_timeout: Optional[float] = None  # seconds of silence within the answer; None: the client's
    priority: int = 0  # higher first
    trace: str = ""  # ties the service's log lines together
    tenant: str = ""
    metadata: Dict[str, str] = field(default_factory=dict)  # labels of the request: routes may look at them

    def __post_init__(self) -> None:
        if isinstance(self.stop, str):
            self.stop = (self.stop,)
        self._check_prompt()
        _check_text("model", self.model)
        if not self.model:
            raise InvalidArgumentError("no model is named")
        _check_integer("max_tokens", self.max_tokens, 1, _U32)
        _check_integer("top_k", self.top_k, 0, _U32)
        if self.seed is not None:
            _check_integer("seed", self.seed, 0, _U64)
        _check_integer("top_logprobs", self.top_logprobs, 0, _U8)
        _check_integer("min_tokens", self.min_tokens, 0, _U32)
        _check_integer("priority", self.priority, *_I32_RANGE)
        for name in ("temperature", "top_p", "min_p"):
            _check_number(name, getattr(self, name))
        for name in ("repetition_penalty", "presence_penalty", "frequency_penalty"):
            _check_number(name, getattr(self, name))
        for name in ("stop_token_ids", "delivered"):
            _check_token_ids(name, getattr(self, name))
        _check_token_ids("logit_bias", list(self.logit_bias))
        for value in self.logit_bias.values():
            _check_number("logit_bias", value)
        for value in (*self.stop, self.trace, self.tenant):
            _check_text("stop, trace and tenant", value)
        if not isinstance(self.metadata, dict):
            raise InvalidArgumentError(f"metadata must be a dict of strings, not {self.metadata!r}")
        for value in (*self.metadata.keys(), *self.metadata.values()):
            _check_text("metadata", value)
        self._check_constraint()
        for name in ("deadline", "chunk_timeout"):
            value = getattr(self, name)
            if value is not None and (_check_number(name, value) or value <= 0):
                raise InvalidArgumentError(f"{name} must be above 0 seconds, not {value!r}")

    def _check_prompt(self) -> None:
        if (self.prompt is None) == (self.messages is None):
            raise InvalidArgumentError("give either a prompt or messages")
        if isinstance(self.prompt, str):
            _check_text("prompt", self.prompt)
        elif self.prompt is not None:
            _check_token_ids("prompt", self.prompt)
            if len(self.prompt) == 0:
                raise InvalidArgumentError("the prompt has no tokens")
        elif not isinstance(self.messages, (list, tuple)) or not all(isinstance(m, dict) for m in self.messages):
            raise InvalidArgumentError('messages must be a list of {"role": ..., "content": ...}')
        elif not self.messages:
            raise InvalidArgumentError("the prompt has no messages")
        else:
            _to_json("messages", list(self.messages))
        if self.tools is not None and self.messages is None:
            raise InvalidArgumentError("tools need a prompt of messages")
        if isinstance(self.tools, str):
            _check_text("tools", self.tools)
        elif self.tools is not None:
            self.tools = _to_json("tools", self.tools)
        if self.template_variables is not None and self.messages is None:
            raise InvalidArgumentError("template variables need a prompt of messages")
        if isinstance(self.template_variables, str):
            _check_text("template_variables", self.template_variables)
        elif self.template_variables is not None:
            self.template_variables = _to_json("template_variables", self.template_variables)

    def _check_constraint(self) -> None:
        if self.constraint is None:
            return
        if isinstance(self.constraint, (dict, bool)):
            self.constraint = _to_json("constraint", self.constraint)
        if isinstance(self.constraint, str):
            self.constraint = ("json_schema", self.constraint)
        if not isinstance(self.constraint, tuple) or len(self.constraint) != 2:
            raise InvalidArgumentError(f"constraint must be a JSON schema, or a plugin's name and its text, not {self.constraint!r}")
        for value in self.constraint:
            _check_text("constraint", value)

    def encode(self, request_id: int) -> bytes:
        """The Open frame's body."""
        builder = flatbuffers.Builder(1024)
        target = builder.CreateString(self.model)
        prompt = self._write_prompt(builder)
        sampling = self._write_sampling(builder)
        stops = self._write_stops(builder)
        delivered = _write_ids(builder, Open.OpenStartDeliveredVector, self.delivered)
        trace = builder.CreateString(self.trace) if self.trace else 0
        tenant = builder.CreateString(self.tenant) if self.tenant else 0
        metadata = self._write_metadata(builder)
        constraint = self._write_constraint(builder)
        Open.OpenStart(builder)
        Open.OpenAddId(builder, request_id)
        Open.OpenAddTarget(builder, target)
        Open.OpenAddPrompt(builder, prompt)
        Open.OpenAddSampling(builder, sampling)
        Open.OpenAddStops(builder, stops)
        Open.OpenAddGenerate(builder, self.max_tokens)
        Open.OpenAddPriority(builder, self.priority)
        Open.OpenAddShowSpecial(builder, bool(self.show_special))
        if self.deadline is not None:
            Open.OpenAddDeadlineUs(builder, max(1, round(self.deadline * 1e6)))
        for add, offset in (
            (Open.OpenAddDelivered, delivered),
            (Open.OpenAddTrace, trace),
            (Open.OpenAddTenant, tenant),
            (Open.OpenAddMetadata, metadata),
            (Open.OpenAddConstraint, constraint),
        ):
            if offset:
                add(builder, offset)
        builder.Finish(Open.OpenEnd(builder))
        return bytes(builder.Output())

    def _write_constraint(self, builder: Any) -> int:
        if self.constraint is None:
            return 0
        plugin, text = (builder.CreateString(value) for value in self.constraint)
        Constraint.ConstraintStart(builder)
        Constraint.ConstraintAddPlugin(builder, plugin)
        Constraint.ConstraintAddText(builder, text)
        return Constraint.ConstraintEnd(builder)

    def _write_metadata(self, builder: Any) -> int:
        labels = []
        for key, value in self.metadata.items():
            texts = builder.CreateString(key), builder.CreateString(value)
            Label.LabelStart(builder)
            Label.LabelAddKey(builder, texts[0])
            Label.LabelAddValue(builder, texts[1])
            labels.append(Label.LabelEnd(builder))
        if not labels:
            return 0
        Open.OpenStartMetadataVector(builder, len(labels))
        for label in reversed(labels):
            builder.PrependUOffsetTRelative(label)
        return builder.EndVector()

    def _write_prompt(self, builder: Any) -> int:
        add, content = self._write_prompt_content(builder)
        tools = builder.CreateString(self.tools) if self.tools else 0
        variables = builder.CreateString(self.template_variables) if self.template_variables else 0
        Prompt.PromptStart(builder)
        add(builder, content)
        Prompt.PromptAddAddSpecial(builder, bool(self.add_special))
        Prompt.PromptAddParseSpecial(builder, bool(self.parse_special))
        if tools:
            Prompt.PromptAddTools(builder, tools)
        if variables:
            Prompt.PromptAddVariables(builder, variables)
        return Prompt.PromptEnd(builder)

    def _write_prompt_content(self, builder: Any) -> Tuple[Callable[[Any, int], None], int]:
        if isinstance(self.prompt, str):
            return Prompt.PromptAddText, builder.CreateString(self.prompt)
        if self.prompt is not None:
            return Prompt.PromptAddTokens, _write_ids(builder, Prompt.PromptStartTokensVector, self.prompt)
        if not all(_is_plain(message) for message in self.messages):
            return Prompt.PromptAddJsonMessages, builder.CreateString(_to_json("messages", list(self.messages)))
        written = []
        for message in self.messages:
            role, content = builder.CreateString(message["role"]), builder.CreateString(message["content"])
            Message.MessageStart(builder)
            Message.MessageAddRole(builder, role)
            Message.MessageAddContent(builder, content)
            written.append(Message.MessageEnd(builder))
        return Prompt.PromptAddMessages, _write_offsets(builder, Prompt.PromptStartMessagesVector, written)

    def _write_sampling(self, builder: Any) -> int:
        tokens = _write_ids(builder, Sampling.SamplingStartBiasTokensVector, list(self.logit_bias))
        values = 0
        if self.logit_bias:
            Sampling.SamplingStartBiasValuesVector(builder, len(self.logit_bias))
            for value in reversed(list(self.logit_bias.values())):
                builder.PrependFloat32(value)
            values = builder.EndVector()
        Sampling.SamplingStart(builder)
        Sampling.SamplingAddTemperature(builder, self.temperature)
        Sampling.SamplingAddTopK(builder, self.top_k)
        Sampling.SamplingAddTopP(builder, self.top_p)
        Sampling.SamplingAddMinP(builder, self.min_p)
        Sampling.SamplingAddRepetitionPenalty(builder, self.repetition_penalty)
        Sampling.SamplingAddPresencePenalty(builder, self.presence_penalty)
        Sampling.SamplingAddFrequencyPenalty(builder, self.frequency_penalty)
        if self.seed is not None:
            # What SamplingAddSeed does, which with flatbuffers 2.0 fails for a field without a default.
            builder.PrependUint64(self.seed)
            builder.Slot(_SEED_SLOT)
        Sampling.SamplingAddLogprobs(builder, bool(self.logprobs))
        Sampling.SamplingAddTopLogprobs(builder, self.top_logprobs)
        if values:
            Sampling.SamplingAddBiasTokens(builder, tokens)
            Sampling.SamplingAddBiasValues(builder, values)
        return Sampling.SamplingEnd(builder)

    def _write_stops(self, builder: Any) -> int:
        written = [builder.CreateString(text) for text in self.stop]
        strings = _write_offsets(builder, Stops.StopsStartStringsVector, written) if written else 0
        tokens = _write_ids(builder, Stops.StopsStartTokensVector, self.stop_token_ids)
        Stops.StopsStart(builder)
        if strings:
            Stops.StopsAddStrings(builder, strings)
        if tokens:
            Stops.StopsAddTokens(builder, tokens)
        Stops.StopsAddIgnoreEos(builder, bool(self.ignore_eos))
        Stops.StopsAddMinTokens(builder, self.min_tokens)
        return Stops.StopsEnd(builder)


def _is_plain(message: Dict[str, Any]) -> bool:
    return set(message) == {"role", "content"} and all(isinstance(text, str) for text in message.values())


def _to_json(name: str, value: Any) -> str:
    try:
        text = json.dumps(value, ensure_ascii=False, allow_nan=False)
    except (TypeError, ValueError) as problem:
        raise InvalidArgumentError(f"{name} cannot be written as JSON: {problem}") from None
    _check_text(name, text)
    return text


def _write_ids(builder: Any, start: Callable[[Any, int], Any], ids: Sequence[int]) -> int:
    if len(ids) == 0:
        return 0
    start(builder, len(ids))
    for token in reversed(ids):
        builder.PrependInt32(int(token))
    return builder.EndVector()


def _write_offsets(builder: Any, start: Callable[[Any, int], Any], offsets: List[int]) -> int:
    start(builder, len(offsets))
    for offset in reversed(offsets):
        builder.PrependUOffsetTRelative(offset)
    return builder.EndVector()


def _check_text(name: str, value: Any) -> None:
    if not isinstance(value, str):
        raise InvalidArgumentError(f"{name} must be text, not {value!r}")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise InvalidArgumentError(f"{name} holds a lone surrogate, which is no text") from None


def _check_integer(name: str, value: Any, low: int, high: int) -> None:
    if isinstance(value, bool) or not isinstance(value, numbers.Integral) or not low <= value <= high:
        raise InvalidArgumentError(f"{name} must be an integer from {low} to {high}, not {value!r}")


def _check_number(name: str, value: Any) -> None:
    if isinstance(value, bool) or not isinstance(value, numbers.Real) or not math.isfinite(value):
        raise InvalidArgumentError(f"{name} must be a finite number, not {value!r}")
    if abs(value) > 3.4e38:
        raise InvalidArgumentError(f"{name} must fit 32 bits, not {value!r}")


def _check_token_ids(name: str, value: Any) -> None:
    if isinstance(value, (str, bytes)) or not hasattr(value, "__len__"):
        raise InvalidArgumentError(f"{name} must hold token ids, not {value!r}")
    for token in value:
        _check_integer(f"a token id in {name}", token, *_I32_RANGE)
