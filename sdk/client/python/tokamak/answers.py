"""What comes back from a service, as plain values."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Dict, List, Optional


@dataclass(frozen=True)
class Usage:
    """What a request used; times count from its receipt by the service."""

    prompt_tokens: int
    cached_tokens: int  # of the prompt, served from cache
    completion_tokens: int
    queued_seconds: float  # to the first step
    first_token_seconds: float
    total_seconds: float


@dataclass(frozen=True)
class TopToken:
    """One of the most likely tokens of a position."""

    id: int
    logprob: float
    text: str  # empty where the service does not say


@dataclass(frozen=True)
class Chunk:
    """A piece of an answer. The last one, and only it, has a finish_reason.

    finish_reason: "stop", "length" or "cancelled"; stop: the stop string that ended the answer.
    """

    text: str = ""
    token_ids: List[int] = field(default_factory=list)
    logprobs: List[float] = field(default_factory=list)  # one a token, when asked for
    top_logprobs: List[List[TopToken]] = field(default_factory=list)  # one list a token, when asked for
    offset: int = 0  # answer tokens before this chunk
    finish_reason: Optional[str] = None
    stop: str = ""
    usage: Optional[Usage] = None


@dataclass
class Completion:
    """A whole answer: the sum of its chunks."""

    text: str = ""
    token_ids: List[int] = field(default_factory=list)
    logprobs: List[float] = field(default_factory=list)
    top_logprobs: List[List[TopToken]] = field(default_factory=list)
    finish_reason: Optional[str] = None
    stop: str = ""
    usage: Optional[Usage] = None

    def add(self, chunk: Chunk) -> None:
        self.text += chunk.text
        self.token_ids += chunk.token_ids
        self.logprobs += chunk.logprobs
        self.top_logprobs += chunk.top_logprobs
        if chunk.finish_reason is not None:
            self.finish_reason = chunk.finish_reason
            self.stop = chunk.stop
            self.usage = chunk.usage


@dataclass(frozen=True)
class Model:
    """What a service offers; `name` is what generate's `model` takes."""

    name: str
    fusion: str
    pools: List[str]
    context_length: int  # tokens
    aliases: List[str] = field(default_factory=list)  # other names for the same


@dataclass(frozen=True)
class Histogram:
    """How often a value was at most bounds[i], and above bounds[i - 1]; the last count is of values above all bounds."""

    bounds: List[float]
    counts: List[int]  # one more than bounds
    sum: float  # of all values


@dataclass(frozen=True)
class Actor:
    name: str
    kind: str
    counters: Dict[str, float]
    node: str = ""  # where it runs
    histograms: Dict[str, Histogram] = field(default_factory=dict)  # names end in their unit: time_to_first_token_seconds


@dataclass(frozen=True)
class Node:
    """A process of the service, as the one that was asked knows it."""

    name: str
    version: str
    uptime_seconds: float
    draining: bool = False
    problem: str = ""  # why there is nothing of its actors: "not connected", "no answer within 2 s"


@dataclass(frozen=True)
class Status:
    node: str
    version: str
    topology_digest: str
    uptime_seconds: float
    actors: List[Actor]
    nodes: List[Node] = field(default_factory=list)  # all of the service, the one that was asked first


@dataclass(frozen=True)
class Drained:
    """How a node left."""

    node: str
    finished: int  # requests that ended during the drain
    moved: int  # answers of its engines that went on at others, at the deadline
    cut: int  # requests of its clients that ended at the deadline, with what they had
    seconds: float
