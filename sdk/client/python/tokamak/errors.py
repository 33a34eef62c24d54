"""What can go wrong, as exceptions. `code` is the name the wire contract gives it (schemas/sequence.fbs)."""

from __future__ import annotations

import builtins

CODES = (
    "ok",
    "invalid_argument",
    "not_found",
    "already_exists",
    "unsupported",
    "corrupt",
    "version_mismatch",
    "io",
    "out_of_memory",
    "overloaded",
    "deadline_exceeded",
    "cancelled",
    "unavailable",
    "permission_denied",
    "too_large",
    "internal",
)


class Error(Exception):
    """Any error of the service or the client.

    code: e.g. "not_found"; message: what was found and expected; where: the place the service names, or "".
    """

    code = "internal"

    def __init__(self, message: str, where: str = "") -> None:
        super().__init__(message, where)
        self.message = message
        self.where = where

    def __str__(self) -> str:
        text = f"{self.message} ({self.code})"
        return f"{self.where}: {text}" if self.where else text


class InvalidArgumentError(Error, ValueError):
    """The request is wrong: an option, the prompt, the address."""

    code = "invalid_argument"


class NotFoundError(Error):
    """No such model or node."""

    code = "not_found"


class AlreadyExistsError(Error):
    """The request's number is taken; the node drains already."""

    code = "already_exists"


class UnsupportedError(Error):
    """Well-formed, but this service or model cannot do it."""

    code = "unsupported"


class CorruptError(Error):
    """Bytes that are no Tokamak message, or an answer with tokens missing."""

    code = "corrupt"


class VersionMismatchError(Error):
    """Client and service speak different protocol versions."""

    code = "version_mismatch"


class IoError(Error):
    """The operating system refused something."""

    code = "io"


class OutOfMemoryError(Error):
    """The service has no blocks left for the request."""

    code = "out_of_memory"


class OverloadedError(Error):
    """A queue is full; try again later."""

    code = "overloaded"


class TimeoutError(Error, builtins.TimeoutError):
    """The request's deadline or one of the client's time limits passed."""

    code = "deadline_exceeded"


class CancelledError(Error):
    """The client was closed under the request, or the service cut an answer that nobody read."""

    code = "cancelled"


class UnavailableError(Error, ConnectionError):
    """No connection, connection lost, or the service is silent or draining."""

    code = "unavailable"


class PermissionDeniedError(Error):
    """Not allowed."""

    code = "permission_denied"


class TooLargeError(Error):
    """Over a limit: context, frame size, cost."""

    code = "too_large"


class InternalError(Error):
    """A mistake of the service."""

    code = "internal"


_CLASSES = {kind.code: kind for kind in Error.__subclasses__()}


def error_of(number: int, message: str, where: str = "") -> Error:
    """The exception for an ErrorCode; a number that stands for no error is an internal error."""
    name = CODES[number] if 0 < number < len(CODES) else "internal"
    return _CLASSES[name](message, where)
