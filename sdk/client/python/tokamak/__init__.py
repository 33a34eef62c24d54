"""Client of the Tokamak inference service: streams answers over ZeroMQ. Start with Client; README.md shows how."""

from .answers import Actor, Chunk, Completion, Drained, Histogram, Model, Node, Status, TopToken, Usage
from .async_client import AsyncClient, AsyncStream
from .client import DEFAULT_ADDRESS, Client, Stream
from .errors import (
    AlreadyExistsError,
    CancelledError,
    CorruptError,
    Error,
    InternalError,
    InvalidArgumentError,
    IoError,
    NotFoundError,
    OutOfMemoryError,
    OverloadedError,
    PermissionDeniedError,
    TimeoutError,
    TooLargeError,
    UnavailableError,
    UnsupportedError,
    VersionMismatchError,
)
from .options import Options
from .request import Request

__version__ = "0.1.0"

__all__ = [name for name in dir() if name[0].isupper()]
