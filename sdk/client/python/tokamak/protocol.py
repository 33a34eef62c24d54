"""The wire contract (framework/CONTRACTS.md, "Frame"): headers, what a client sends and what it reads."""

from __future__ import annotations

import enum
from typing import Any, Callable, List, NamedTuple, Optional, Tuple

import flatbuffers

from . import verify
from .answers import Actor, Chunk, Drained, Histogram, Model, Node, Status, TopToken, Usage
from .errors import CorruptError, Error, error_of
from .wire import Acknowledge, Close, Drain, ListModels, StatusRequest
from .wire import Drained as WireDrained
from .wire.Chunks import Chunks
from .wire.ErrorReply import ErrorReply
from .wire.ModelList import ModelList
from .wire.StatusReport import StatusReport

MAGIC = b"TKMK"
VERSION = (0, 1)


class Frame(enum.IntEnum):
    """The frame types a client sends and receives."""

    OPEN = 1
    CLOSE = 6
    ACKNOWLEDGE = 9
    CHUNKS = 10
    LIST_MODELS = 22
    MODEL_LIST = 23
    STATUS_REQUEST = 24
    STATUS_REPORT = 25
    ERROR_REPLY = 26
    DRAIN = 28
    DRAINED = 29


class ReceivedChunk(NamedTuple):
    id: int
    text: bytes  # not yet checked for UTF-8
    chunk: Chunk  # everything but the text
    error: Optional[Error]


def header(frame: int) -> bytes:
    return MAGIC + bytes((*VERSION, frame & 0xFF, frame >> 8))


def parse_header(data: bytes) -> Optional[Tuple[int, int, int]]:
    """(major, minor, frame type), or nothing if these are not the eight bytes of a header."""
    if len(data) != 8 or data[:4] != MAGIC:
        return None
    return data[4], data[5], data[6] | data[7] << 8


def speaks_our_version(major: int, minor: int) -> bool:
    """While the major version is 0, any minor may break the contract; from 1 on minors are additive."""
    return major == VERSION[0] and (major > 0 or minor == VERSION[1])


def _one_table(write: Callable[[Any], int]) -> bytes:
    builder = flatbuffers.Builder(64)
    builder.Finish(write(builder))
    return bytes(builder.Output())


def encode_close(request: int) -> bytes:
    def write(builder: Any) -> int:
        Close.CloseStart(builder)
        Close.CloseAddId(builder, request)
        return Close.CloseEnd(builder)

    return _one_table(write)


def encode_acknowledge(request: int, tokens: int) -> bytes:
    """tokens: answer tokens of the request read so far, those it was resumed with included."""

    def write(builder: Any) -> int:
        Acknowledge.AcknowledgeStart(builder)
        Acknowledge.AcknowledgeAddId(builder, request)
        Acknowledge.AcknowledgeAddTokens(builder, tokens)
        return Acknowledge.AcknowledgeEnd(builder)

    return _one_table(write)


def encode_list_models(op: int) -> bytes:
    def write(builder: Any) -> int:
        ListModels.ListModelsStart(builder)
        ListModels.ListModelsAddOp(builder, op)
        return ListModels.ListModelsEnd(builder)

    return _one_table(write)


def encode_status_request(op: int) -> bytes:
    def write(builder: Any) -> int:
        StatusRequest.StatusRequestStart(builder)
        StatusRequest.StatusRequestAddOp(builder, op)
        return StatusRequest.StatusRequestEnd(builder)

    return _one_table(write)


def encode_drain(op: int, node: str) -> bytes:
    def write(builder: Any) -> int:
        name = builder.CreateString(node)
        Drain.DrainStart(builder)
        Drain.DrainAddOp(builder, op)
        Drain.DrainAddNode(builder, name)
        return Drain.DrainEnd(builder)

    return _one_table(write)


def _text(data: Optional[bytes]) -> str:
    return data.decode("utf-8", "replace") if data else ""


def _list(read: Callable[[int], Any], length: int) -> List[Any]:
    return [read(i) for i in range(length)]


def _error(table: Any) -> Error:
    if table is None:
        return error_of(0, "the service reported an error without saying which")
    return error_of(table.Code(), _text(table.Message()), _text(table.Where()))


def _usage(table: Any) -> Optional[Usage]:
    if table is None:
        return None
    return Usage(
        table.PromptTokens(),
        table.CachedTokens(),
        table.CompletionTokens(),
        table.QueuedUs() / 1e6,
        table.FirstTokenUs() / 1e6,
        table.TotalUs() / 1e6,
    )


def _top_logprobs(table: Any, tokens: int) -> List[List[TopToken]]:
    if table is None:
        return []
    counts = _list(table.Counts, table.CountsLength())
    ids = _list(table.Ids, table.IdsLength())
    logprobs = _list(table.Logprobs, table.LogprobsLength())
    texts = [_text(table.Texts(i)) for i in range(table.TextsLength())] or [""] * len(ids)
    if not counts and not ids:
        return []
    if len(counts) != tokens or sum(counts) != len(ids) or len(logprobs) != len(ids) or len(texts) != len(ids):
        raise CorruptError(f"a chunk's top log-probabilities do not fit its {tokens} tokens")
    entries = map(TopToken, ids, logprobs, texts)
    return [[next(entries) for _ in range(count)] for count in counts]


_FINISH_REASONS = (None, "stop", "length", "cancelled", None)
_FINISH_ERROR = 4


def _chunk(table: Any) -> ReceivedChunk:
    tokens = _list(table.Tokens, table.TokensLength())
    logprobs = _list(table.Logprobs, table.LogprobsLength())
    if logprobs and len(logprobs) != len(tokens):
        raise CorruptError(f"a chunk has {len(tokens)} tokens but {len(logprobs)} log-probabilities")
    finish = table.Finish()
    if finish > _FINISH_ERROR:
        raise CorruptError(f"a chunk ends with the unknown reason {finish}")
    chunk = Chunk(
        token_ids=tokens,
        logprobs=logprobs,
        top_logprobs=_top_logprobs(table.Top(), len(tokens)),
        offset=table.Offset(),
        finish_reason=_FINISH_REASONS[finish],
        stop=_text(table.Stop()),
        usage=_usage(table.Usage()),
    )
    error = _error(table.Error()) if finish == _FINISH_ERROR else None
    return ReceivedChunk(table.Id(), table.Text() or b"", chunk, error)


def decode_chunks(data: bytes) -> List[ReceivedChunk]:
    verify.verify(data, verify.CHUNKS)
    root = Chunks.GetRootAs(data, 0)
    return [_chunk(root.Items(i)) for i in range(root.ItemsLength())]


def decode_error_reply(data: bytes) -> Tuple[int, Error]:
    verify.verify(data, verify.ERROR_REPLY)
    root = ErrorReply.GetRootAs(data, 0)
    return root.Op(), _error(root.Error())


def _model(table: Any) -> Model:
    pools = [_text(table.Pools(i)) for i in range(table.PoolsLength())]
    aliases = [_text(table.Aliases(i)) for i in range(table.AliasesLength())]
    return Model(_text(table.Name()), _text(table.Fusion()), pools, table.ContextLength(), aliases)


def decode_model_list(data: bytes) -> Tuple[int, List[Model]]:
    verify.verify(data, verify.MODEL_LIST)
    root = ModelList.GetRootAs(data, 0)
    return root.Op(), [_model(root.Models(i)) for i in range(root.ModelsLength())]


def _histogram(table: Any) -> Histogram:
    bounds = _list(table.Bounds, table.BoundsLength())
    counts = _list(table.Counts, table.CountsLength())
    if len(counts) != len(bounds) + 1:
        raise CorruptError(f"a histogram has {len(counts)} counts for {len(bounds)} bounds")
    return Histogram(bounds, counts, table.Sum())


def _actor(table: Any) -> Actor:
    counters = _list(table.Counters, table.CountersLength())
    values = {_text(c.Name()): c.Value() for c in counters}
    histograms = _list(table.Histograms, table.HistogramsLength())
    measured = {_text(h.Name()): _histogram(h) for h in histograms}
    return Actor(_text(table.Name()), _text(table.Kind()), values, _text(table.Node()), measured)


def _node(table: Any) -> Node:
    uptime = table.UptimeUs() / 1e6
    return Node(_text(table.Name()), _text(table.Version()), uptime, table.Draining(), _text(table.Problem()))


def decode_status_report(data: bytes) -> Tuple[int, Status]:
    verify.verify(data, verify.STATUS_REPORT)
    root = StatusReport.GetRootAs(data, 0)
    status = Status(
        _text(root.Node()),
        _text(root.Version()),
        _text(root.TopologyDigest()),
        root.UptimeUs() / 1e6,
        [_actor(root.Actors(i)) for i in range(root.ActorsLength())],
        [_node(root.Nodes(i)) for i in range(root.NodesLength())],
    )
    return root.Op(), status


def decode_drained(data: bytes) -> Tuple[int, Drained]:
    verify.verify(data, verify.DRAINED)
    root = WireDrained.Drained.GetRootAs(data, 0)
    took = root.TookUs() / 1e6
    return root.Op(), Drained(_text(root.Name()), root.Finished(), root.Moved(), root.Cut(), took)
