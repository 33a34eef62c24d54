"""What is in flight between one client and its service, without any socket.

Which requests wait to be sent, which were sent, who gets what comes back, and when silence has lasted too long.
One thread at a time. Times are those of time.monotonic().
"""

from __future__ import annotations

import codecs
import dataclasses
from collections import deque
from typing import Any, Callable, Deque, Dict, List, NamedTuple, Optional

from . import protocol
from .errors import CorruptError, Error, UnavailableError, VersionMismatchError
from .options import Options
from .protocol import Frame

Deliver = Callable[[Any], None]


class Outgoing(NamedTuple):
    frame: Frame
    id: int
    body: bytes


class _Entry:
    """A request (frame OPEN, gets Chunks and at most one Error) or a question (gets its answer or an Error)."""

    def __init__(self, frame: Frame, deliver: Deliver, send_by: float, next_offset: int = 0) -> None:
        self.frame = frame
        self.deliver = deliver
        self.send_by = send_by
        self.next_offset = next_offset
        self.sent = False
        self.answered = False
        self.text = codecs.getincrementaldecoder("utf-8")("replace")


class Session:
    def __init__(self, address: str, options: Options, first_probe: int) -> None:
        self._address = address
        self._options = options
        self._entries: Dict[int, _Entry] = {}
        self._next_probe = first_probe
        self._connected = False
        self._heard = 0.0  # the last sign of life, or the first message sent since nothing was awaited
        self._probed: Optional[float] = None
        self.outgoing: Deque[Outgoing] = deque()
        self.waiting_because = ""  # why there is no connection yet

    def open(self, request_id: int, body: bytes, first_offset: int, deliver: Deliver, now: float) -> None:
        entry = _Entry(Frame.OPEN, deliver, now + self._options.connect_timeout, first_offset)
        self._entries[request_id] = entry
        self.outgoing.append(Outgoing(Frame.OPEN, request_id, body))

    def ask(self, op: int, frame: Frame, body: bytes, deliver: Deliver, now: float) -> None:
        self._entries[op] = _Entry(frame, deliver, now + self._options.connect_timeout)
        self.outgoing.append(Outgoing(frame, op, body))

    def acknowledge(self, request_id: int, tokens: int) -> None:
        """Does nothing for a request that has ended; so does close()."""
        if self._connected and request_id in self._entries:
            body = protocol.encode_acknowledge(request_id, tokens)
            self.outgoing.append(Outgoing(Frame.ACKNOWLEDGE, request_id, body))

    def close(self, entry_id: int) -> None:
        """Ends a request or forgets a question."""
        entry = self._entries.pop(entry_id, None)
        if entry is None:
            return
        if not entry.sent:
            self._remove_unsent(entry_id)
        elif entry.frame == Frame.OPEN:
            self.outgoing.append(Outgoing(Frame.CLOSE, entry_id, protocol.encode_close(entry_id)))

    def end_all(self, error: Error) -> None:
        for entry_id, entry in list(self._entries.items()):
            entry.deliver(error)
            self.close(entry_id)

    def sent(self, now: float) -> None:
        """The first of `outgoing` has been handed to the socket."""
        message = self.outgoing.popleft()
        entry = self._entries.get(message.id)
        if entry is None:
            return
        if not entry.sent and not self._anything_sent():
            self._heard = now  # silence before this was nobody's fault
        entry.sent = True

    def connected(self, now: float) -> None:
        self._connected = True
        self._heard = now
        self._probed = None
        self.waiting_because = ""

    def disconnected(self, error: Error) -> None:
        """Fails what was sent; what was not waits for the next connection."""
        self._connected = False
        self._probed = None
        for entry_id, entry in list(self._entries.items()):
            if entry.sent:
                del self._entries[entry_id]
                entry.deliver(error)
        self.outgoing = deque(message for message in self.outgoing if message.id in self._entries)

    def receive(self, parts: List[bytes], now: float) -> None:
        """Takes one message. Raises Error if the connection cannot be trusted any more."""
        self._heard = now
        self._probed = None
        head = protocol.parse_header(parts[0])
        if head is None:
            raise CorruptError(f"what answers at {self._address} does not speak Tokamak's protocol")
        major, minor, frame = head
        if not protocol.speaks_our_version(major, minor):
            ours = ".".join(map(str, protocol.VERSION))
            raise VersionMismatchError(
                f"the service at {self._address} speaks protocol {major}.{minor}, this client {ours}"
            )
        self._dispatch(frame, parts[1] if len(parts) > 1 else b"")

    def check(self, now: float) -> None:
        """Fails what waited too long to be sent and asks whether a silent service is alive; raises if it is not."""
        for entry_id, entry in list(self._entries.items()):
            if not entry.sent and now >= entry.send_by:
                self.close(entry_id)
                limit = f"{self._options.connect_timeout:g} s"
                entry.deliver(UnavailableError(f"no connection to {self._address} within {limit}{self.waiting_because}"))
        if not self._connected or not self._anything_sent():
            return
        interval = self._options.liveness_interval
        if self._probed is not None and now - self._probed >= interval:
            raise UnavailableError(f"the service at {self._address} is connected but silent")
        if self._probed is None and now - self._heard >= interval:
            # ListModels, because no engine is needed to answer it, however busy all of them are.
            body = protocol.encode_list_models(self._next_probe)
            self.outgoing.append(Outgoing(Frame.LIST_MODELS, self._next_probe, body))
            self._next_probe += 1
            self._probed = now

    def next_check(self) -> Optional[float]:
        """When check() must be called next, at the latest."""
        times = [entry.send_by for entry in self._entries.values() if not entry.sent]
        if self._connected and self._anything_sent():
            times.append((self._heard if self._probed is None else self._probed) + self._options.liveness_interval)
        return min(times, default=None)

    def _anything_sent(self) -> bool:
        return any(entry.sent for entry in self._entries.values())

    def _remove_unsent(self, entry_id: int) -> None:
        self.outgoing = deque(message for message in self.outgoing if message.id != entry_id)

    def _dispatch(self, frame: int, body: bytes) -> None:
        if frame == Frame.CHUNKS:
            for received in protocol.decode_chunks(body):
                self._deliver_chunk(received)
        elif frame == Frame.MODEL_LIST:
            self._answer(Frame.LIST_MODELS, *protocol.decode_model_list(body))
        elif frame == Frame.STATUS_REPORT:
            self._answer(Frame.STATUS_REQUEST, *protocol.decode_status_report(body))
        elif frame == Frame.DRAINED:
            self._answer(Frame.DRAIN, *protocol.decode_drained(body))
        elif frame == Frame.ERROR_REPLY:
            self._refuse(*protocol.decode_error_reply(body))
        # Anything else is a type that later versions add.

    def _answer(self, frame: Frame, op: int, value: Any) -> None:
        entry = self._entries.get(op)
        if entry is not None and entry.frame == frame and entry.sent:  # else given up, or the liveness question's
            del self._entries[op]
            entry.deliver(value)

    def _refuse(self, op: int, error: Error) -> None:
        # An op of 0 names none: the service could not read what it refuses, which can only be something that
        # has had no answer yet.
        for entry_id, entry in list(self._entries.items()):
            if entry_id == op or (op == 0 and entry.sent and not entry.answered):
                del self._entries[entry_id]
                entry.deliver(error)

    def _deliver_chunk(self, received: protocol.ReceivedChunk) -> None:
        entry = self._entries.get(received.id)
        if entry is None or entry.frame != Frame.OPEN or not entry.sent:
            return  # cancelled: the rest was on its way
        entry.answered = True
        chunk = received.chunk
        if chunk.token_ids and chunk.offset != entry.next_offset:
            entry.deliver(
                CorruptError(f"the service sent tokens from {chunk.offset} on where {entry.next_offset} was next")
            )
            self.close(received.id)
            return
        last = received.error is not None or chunk.finish_reason is not None
        text = entry.text.decode(received.text, final=last)
        offset, entry.next_offset = entry.next_offset, entry.next_offset + len(chunk.token_ids)
        if text or chunk.token_ids or (last and received.error is None):
            entry.deliver(dataclasses.replace(chunk, text=text, offset=offset))
        if received.error is not None:
            entry.deliver(received.error)
        if last:
            self._entries.pop(received.id, None)
