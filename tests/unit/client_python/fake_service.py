"""A service made of a ROUTER socket and nothing else. Tests play the service's part, message by message."""

from __future__ import annotations

from typing import Any, List, NamedTuple, Optional, Sequence

import flatbuffers
import zmq

from tokamak.protocol import Frame, header
from tokamak.wire import ActorStatus, Chunk, Chunks, Counter, Drained, Error, ErrorReply, Histogram, ModelInfo, ModelList
from tokamak.wire import NodeStatus, StatusReport, TopLogprobs, Usage
from tokamak.wire.Acknowledge import Acknowledge
from tokamak.wire.Close import Close
from tokamak.wire.Drain import Drain
from tokamak.wire.ListModels import ListModels
from tokamak.wire.Open import Open
from tokamak.wire.StatusRequest import StatusRequest

ROOTS = {
    Frame.OPEN: Open,
    Frame.CLOSE: Close,
    Frame.ACKNOWLEDGE: Acknowledge,
    Frame.LIST_MODELS: ListModels,
    Frame.STATUS_REQUEST: StatusRequest,
    Frame.DRAIN: Drain,
}


class Received(NamedTuple):
    peer: bytes
    frame: int
    root: Any


class FakeService:
    def __init__(self, address: str = "tcp://127.0.0.1:*", secret_key: Optional[bytes] = None) -> None:
        self.context = zmq.Context()
        self.socket = self.context.socket(zmq.ROUTER)
        self.socket.setsockopt(zmq.ROUTER_MANDATORY, 1)
        self.socket.setsockopt(zmq.LINGER, 0)
        if secret_key is not None:
            self.socket.curve_server = True
            self.socket.curve_secretkey = secret_key
        self.socket.bind(address)
        self.address = self.socket.getsockopt_string(zmq.LAST_ENDPOINT)

    def receive(self, seconds: float = 5.0) -> Optional[Received]:
        if not self.socket.poll(int(seconds * 1000)):
            return None
        peer, head, body = self.socket.recv_multipart()
        assert head[:6] == b"TKMK\x00\x01" and len(head) == 8
        frame = head[6] | head[7] << 8
        return Received(peer, frame, ROOTS[Frame(frame)].GetRootAs(body, 0))

    def expect(self, frame: Frame) -> Received:
        got = self.receive()
        assert got is not None, f"no {frame.name} came"
        assert got.frame == frame
        return got

    def send(self, to: Received, frame: int, body: bytes) -> None:
        self.send_raw(to, [header(frame), body])

    def send_raw(self, to: Received, parts: Sequence[bytes]) -> None:
        self.socket.send_multipart([to.peer, *parts])

    def chunk(self, to: Received, **fields: Any) -> None:
        """One chunk for the request `to` opened."""
        self.send(to, Frame.CHUNKS, chunks([dict(id=to.root.Id(), **fields)]))

    def vanish(self, linger: int = 0) -> None:
        self.context.destroy(linger=linger)

    def __enter__(self) -> FakeService:
        return self

    def __exit__(self, *unused: Any) -> None:
        self.vanish()


def _vector(builder: Any, start: Any, prepend: str, values: Sequence[Any]) -> int:
    start(builder, len(values))
    for value in reversed(values):
        getattr(builder, prepend)(value)
    return builder.EndVector()


def _table(builder: Any, module: Any, **fields: Any) -> int:
    """Writes a table of the generated `module`; fields that are None stay absent."""
    name = module.__name__.rsplit(".", 1)[1]
    getattr(module, name + "Start")(builder)
    for field, value in fields.items():
        if value is not None:
            getattr(module, name + "Add" + field)(builder, value)
    return getattr(module, name + "End")(builder)


def _finished(builder: Any, root: int) -> bytes:
    builder.Finish(root)
    return bytes(builder.Output())


def _chunk(builder: Any, piece: dict) -> int:
    text = builder.CreateString(piece.get("text", ""))
    stop = builder.CreateString(piece.get("stop", ""))
    tokens = _vector(builder, Chunk.ChunkStartTokensVector, "PrependInt32", piece.get("tokens", []))
    logprobs = _vector(builder, Chunk.ChunkStartLogprobsVector, "PrependFloat32", piece.get("logprobs", []))
    usage = error = top = None
    finish = piece.get("finish", 0)
    if "error" in piece:
        finish, (code, message, where) = 4, piece["error"]
        message, where = builder.CreateString(message), builder.CreateString(where)
        error = _table(builder, Error, Code=code, Message=message, Where=where)
    elif finish:
        usage = _table(builder, Usage, PromptTokens=5, CachedTokens=2, CompletionTokens=3, FirstTokenUs=20, TotalUs=30)
    if "top" in piece:
        counts, ids, values, texts = piece["top"]
        offsets = [builder.CreateString(one) for one in texts]
        top = _table(
            builder,
            TopLogprobs,
            Counts=_vector(builder, TopLogprobs.TopLogprobsStartCountsVector, "PrependUint8", counts),
            Ids=_vector(builder, TopLogprobs.TopLogprobsStartIdsVector, "PrependInt32", ids),
            Logprobs=_vector(builder, TopLogprobs.TopLogprobsStartLogprobsVector, "PrependFloat32", values),
            Texts=_vector(builder, TopLogprobs.TopLogprobsStartTextsVector, "PrependUOffsetTRelative", offsets),
        )
    return _table(builder, Chunk, Id=piece["id"], Offset=piece.get("offset", 0), Tokens=tokens, Text=text,
                  Logprobs=logprobs, Top=top, Finish=finish, Stop=stop, Usage=usage, Error=error)  # fmt: skip


def chunks(pieces: List[dict]) -> bytes:
    """A Chunks frame. Keys: id, offset, text (str or bytes), tokens, logprobs, top, finish, stop, error."""
    builder = flatbuffers.Builder()
    items = [_chunk(builder, piece) for piece in pieces]
    vector = _vector(builder, Chunks.ChunksStartItemsVector, "PrependUOffsetTRelative", items)
    return _finished(builder, _table(builder, Chunks, Items=vector))


def error_reply(op: int, code: int, message: str) -> bytes:
    builder = flatbuffers.Builder()
    error = _table(builder, Error, Message=builder.CreateString(message), Code=code)
    return _finished(builder, _table(builder, ErrorReply, Op=op, Error=error))


def model_list(op: int, names: Sequence[str]) -> bytes:
    builder = flatbuffers.Builder()
    items = []
    for name in names:
        pool = builder.CreateString(name + "_pool")
        pools = _vector(builder, ModelInfo.ModelInfoStartPoolsVector, "PrependUOffsetTRelative", [pool])
        title, fusion = builder.CreateString(name), builder.CreateString("direct")
        items.append(_table(builder, ModelInfo, Name=title, Fusion=fusion, Pools=pools, ContextLength=2048))
    models = _vector(builder, ModelList.ModelListStartModelsVector, "PrependUOffsetTRelative", items)
    return _finished(builder, _table(builder, ModelList, Op=op, Models=models))


def status_report(op: int) -> bytes:
    builder = flatbuffers.Builder()
    counter = _table(builder, Counter, Name=builder.CreateString("running"), Value=3.0)
    counters = _vector(builder, ActorStatus.ActorStatusStartCountersVector, "PrependUOffsetTRelative", [counter])
    name, kind, where = (builder.CreateString(text) for text in ("engine.a", "scheduler", "node1"))
    bounds = _vector(builder, Histogram.HistogramStartBoundsVector, "PrependFloat64", [0.5, 1.0])
    counts = _vector(builder, Histogram.HistogramStartCountsVector, "PrependUint64", [2, 0, 1])
    measured = _table(builder, Histogram, Name=builder.CreateString("seconds"), Bounds=bounds, Counts=counts, Sum=2.5)
    histograms = _vector(builder, ActorStatus.ActorStatusStartHistogramsVector, "PrependUOffsetTRelative", [measured])
    actor = _table(builder, ActorStatus, Name=name, Kind=kind, Counters=counters, Node=where, Histograms=histograms)
    actors = _vector(builder, StatusReport.StatusReportStartActorsVector, "PrependUOffsetTRelative", [actor])
    node, version, digest = (builder.CreateString(text) for text in ("node1", "0.1.0", "abc"))
    first = _table(builder, NodeStatus, Name=node, Version=version, UptimeUs=7_000_000, Draining=True)
    name, problem = builder.CreateString("node2"), builder.CreateString("not connected")
    nodes = [first, _table(builder, NodeStatus, Name=name, Problem=problem)]
    nodes = _vector(builder, StatusReport.StatusReportStartNodesVector, "PrependUOffsetTRelative", nodes)
    return _finished(builder, _table(builder, StatusReport, Op=op, Node=node, Version=version, TopologyDigest=digest,
                                     UptimeUs=7_000_000, Actors=actors, Nodes=nodes))  # fmt: skip


def drained(op: int) -> bytes:
    builder = flatbuffers.Builder()
    name = builder.CreateString("node2")
    return _finished(builder, _table(builder, Drained, Name=name, Op=op, Finished=3, Moved=2, Cut=1, TookUs=1_500_000))
