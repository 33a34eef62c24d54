"""How an answer is read, the same for threads and asyncio: limits, acknowledging, the end."""

from __future__ import annotations

import time
from typing import Any, Optional

from .answers import Chunk
from .errors import TimeoutError
from .options import Options
from .request import Request

_DEADLINE_GRACE = 2.0  # the service ends a request at its deadline; one that does not is waited for this much longer


class Reading:
    def __init__(self, request: Request, options: Options) -> None:
        self.ended = False
        self.cancelled = False
        self._every = options.acknowledge_every
        self._read = self._acknowledged = len(request.delivered)
        self._chunk_timeout = options.chunk_timeout if request.chunk_timeout is None else request.chunk_timeout
        self._total = None if request.deadline is None else request.deadline + _DEADLINE_GRACE
        self._end_at = None if self._total is None else time.monotonic() + self._total

    def timeout(self) -> float:
        """Seconds to wait for the next event."""
        if self._end_at is None:
            return self._chunk_timeout
        return max(0.0, min(self._chunk_timeout, self._end_at - time.monotonic()))

    def timed_out(self) -> TimeoutError:
        """The error for a wait of timeout() seconds that brought nothing."""
        self.ended = True
        if self._end_at is not None and time.monotonic() >= self._end_at:
            return TimeoutError(f"the answer did not end within {self._total:g} s")
        return TimeoutError(f"no chunk came within {self._chunk_timeout:g} s")

    def last_of_cancelled(self) -> Chunk:
        self.ended = True
        return Chunk(offset=self._read, finish_reason="cancelled")

    def take(self, event: Any) -> Chunk:
        """The chunk an event is, or raises the error it is."""
        if isinstance(event, Exception):
            self.ended = True
            raise event
        if event.token_ids:
            self._read = event.offset + len(event.token_ids)
        if event.finish_reason is not None:
            self.ended = True
        return event

    def to_acknowledge(self) -> Optional[int]:
        """Tokens to acknowledge now, if any."""
        if self.ended or self._read - self._acknowledged < self._every:
            return None
        self._acknowledged = self._read
        return self._read
