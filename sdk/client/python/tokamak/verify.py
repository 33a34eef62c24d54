"""Checks a FlatBuffer before it is read: FlatBuffers' Python library has no verifier.

A table is described by its fields in slot order; after verify() the generated accessors stay within the bytes.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Tuple, Union

from .errors import CorruptError

_MAX_PARTS = 1_000_000  # tables, strings and vectors of one message

_U16 = struct.Struct("<H")
_U32 = struct.Struct("<I")
_I32 = struct.Struct("<i")


@dataclass(frozen=True)
class Scalar:
    size: int  # bytes


@dataclass(frozen=True)
class String:
    pass


@dataclass(frozen=True)
class Vector:
    of: Kind


@dataclass(frozen=True)
class Table:
    name: str
    fields: Tuple[Kind, ...]


Kind = Union[Scalar, String, Vector, Table]

U8, U32, I32, F32, U64, F64 = Scalar(1), Scalar(4), Scalar(4), Scalar(4), Scalar(8), Scalar(8)
STRING = String()

ERROR = Table("Error", (U8, STRING, STRING))
USAGE = Table("Usage", (U32, U32, U32, U64, U64, U64))
TOP_LOGPROBS = Table("TopLogprobs", (Vector(U8), Vector(I32), Vector(F32), Vector(STRING), Vector(F32)))
CHUNK = Table(
    "Chunk",
    (U64, U64, U32, U32, Vector(I32), STRING, Vector(F32), TOP_LOGPROBS, U8, STRING, USAGE, ERROR, U32),
)
CHUNKS = Table("Chunks", (Vector(CHUNK),))
MODEL_INFO = Table("ModelInfo", (STRING, STRING, Vector(STRING), U32, Vector(STRING)))
MODEL_LIST = Table("ModelList", (U64, Vector(MODEL_INFO)))
COUNTER = Table("Counter", (STRING, F64))
HISTOGRAM = Table("Histogram", (STRING, Vector(F64), Vector(U64), F64))
ACTOR_STATUS = Table("ActorStatus", (STRING, STRING, Vector(COUNTER), STRING, Vector(HISTOGRAM)))
NODE_STATUS = Table("NodeStatus", (STRING, STRING, U64, U8, STRING))
STATUS_REPORT = Table("StatusReport", (U64, STRING, STRING, STRING, U64, Vector(ACTOR_STATUS), Vector(NODE_STATUS)))
DRAINED = Table("Drained", (STRING, U64, U64, U64, U64, U64))
ERROR_REPLY = Table("ErrorReply", (U64, ERROR))


class _Verifier:
    def __init__(self, data: bytes) -> None:
        self.data = data
        self.parts = 0

    def need(self, begin: int, size: int) -> None:
        if begin < 0 or begin + size > len(self.data):
            raise CorruptError("")

    def count(self) -> None:
        self.parts += 1
        if self.parts > _MAX_PARTS:
            raise CorruptError("")

    def number(self, form: struct.Struct, at: int) -> int:
        self.need(at, form.size)
        return form.unpack_from(self.data, at)[0]

    def table(self, kind: Table, at: int) -> None:
        self.count()
        vtable = at - self.number(_I32, at)
        vtable_size = self.number(_U16, vtable)
        table_size = self.number(_U16, vtable + 2)
        self.need(vtable, vtable_size)
        self.need(at, table_size)
        if vtable_size < 4 or vtable_size % 2 or table_size < 4:
            raise CorruptError("")
        for slot, field in enumerate(kind.fields[: vtable_size // 2 - 2]):
            offset = self.number(_U16, vtable + 4 + 2 * slot)
            if offset == 0:
                continue
            if offset + (field.size if isinstance(field, Scalar) else 4) > table_size:
                raise CorruptError("")
            self.field(field, at + offset)

    def field(self, kind: Kind, at: int) -> None:
        if isinstance(kind, Scalar):
            return
        target = at + self.number(_U32, at)
        if isinstance(kind, Table):
            self.table(kind, target)
            return
        self.count()
        length = self.number(_U32, target)
        if isinstance(kind, String):
            self.need(target + 4, length)
        elif isinstance(kind.of, Scalar):
            self.need(target + 4, length * kind.of.size)
        else:
            self.need(target + 4, length * 4)
            for i in range(length):
                self.field(kind.of, target + 4 + 4 * i)


def verify(data: bytes, root: Table) -> None:
    """Raises CorruptError unless `data` holds a well-formed `root`."""
    verifier = _Verifier(data)
    try:
        verifier.table(root, verifier.number(_U32, 0))
    except CorruptError:
        raise CorruptError(f"the service sent a broken {root.name} message") from None
