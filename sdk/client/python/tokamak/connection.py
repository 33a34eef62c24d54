"""One ZeroMQ connection, from the first try to its loss, and the engine that makes one after the other.

A lost connection is never reused, so that nothing sent on it can be mistaken for part of the next.
"""

from __future__ import annotations

import itertools
import secrets
import struct
import time
from typing import Callable, List, Optional

import zmq

from .errors import CancelledError, Error, InvalidArgumentError, IoError, UnavailableError
from .options import Options
from .protocol import Frame, header
from .session import Session

_ATTEMPT_LIMIT = 3.0  # seconds for TCP and for the ZeroMQ handshake
_ONE_HOUR_MS = 3_600_000
_FIRST_PAUSE, _LONGEST_PAUSE = 0.02, 0.5
_GOODBYE = 0.3
_PROBE_DISTANCE = 1 << 62  # apart from the ids of requests
_monitors = itertools.count()


def _read_key(option: str, path: str, word: str) -> bytes:
    try:
        with open(path, encoding="ascii") as file:
            found, key = file.readline().split()
    except (OSError, ValueError):
        found, key = "", ""
    if found != word or len(key) != 40:
        raise InvalidArgumentError(f'{option} {path!r} cannot be read or holds no line "{word} KEY"')
    return key.encode("ascii")


class Connection:
    def __init__(self, context: zmq.Context, address: str, options: Options) -> None:
        """Starts connecting. Raises InvalidArgumentError or IoError."""
        self.ready = False
        self.reached = False  # TCP answered, though perhaps not ZeroMQ
        self.lost = False
        self.denied = False  # for its key
        self.socket = context.socket(zmq.DEALER)
        self.monitor = context.socket(zmq.PAIR)
        try:
            self._configure(options)
            name = f"inproc://tokamak.client.monitor.{next(_monitors)}"
            events = zmq.EVENT_CONNECTED | zmq.EVENT_CLOSED | zmq.EVENT_DISCONNECTED
            events |= zmq.EVENT_HANDSHAKE_SUCCEEDED | zmq.EVENT_HANDSHAKE_FAILED_NO_DETAIL
            events |= zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL | zmq.EVENT_HANDSHAKE_FAILED_AUTH
            self.socket.monitor(name, events)
            self.monitor.connect(name)
            self.socket.connect(address)
        except Error:
            self.close(0)
            raise
        except zmq.ZMQError as problem:
            self.close(0)
            why = zmq.strerror(problem.errno)
            if problem.errno in (zmq.EINVAL, zmq.EPROTONOSUPPORT, zmq.ENOCOMPATPROTO):
                text = f"cannot connect to {address!r}: {why}; expected tcp://HOST:PORT or ipc://PATH"
                raise InvalidArgumentError(text) from None
            raise IoError(f"cannot connect to {address!r}: {why}") from None

    def _configure(self, options: Options) -> None:
        # A lost connection must not drop what it had received but nobody had read yet. It would with ZMQ_IMMEDIATE, and where
        # libzmq itself does not reconnect (-1), for then it ends the pipe; so it is to try later than anybody keeps a lost connection.
        for option, value in (
            (zmq.RECONNECT_IVL, _ONE_HOUR_MS),
            (zmq.CONNECT_TIMEOUT, int(_ATTEMPT_LIMIT * 1000)),
            (zmq.HANDSHAKE_IVL, int(_ATTEMPT_LIMIT * 1000)),
            (zmq.HEARTBEAT_IVL, max(1, int(options.heartbeat_interval * 1000))),
            (zmq.HEARTBEAT_TIMEOUT, max(1, int(options.heartbeat_timeout * 1000))),
            # The service, too, drops a connection on which no ping came for this long.
            (zmq.HEARTBEAT_TTL, int(options.heartbeat_timeout * 1000)),
            (zmq.MAXMSGSIZE, options.max_frame_bytes),
            (zmq.IPV6, 1),
        ):
            self.socket.setsockopt(option, value)
        if options.key_file is not None and options.server_key_file is not None:
            secret = _read_key("key_file", options.key_file, "tokamak-secret-key")
            self.socket.curve_secretkey = secret
            self.socket.curve_publickey = zmq.curve_public(secret)
            self.socket.curve_serverkey = _read_key("server_key_file", options.server_key_file, "tokamak-public-key")

    def poll_changes(self) -> None:
        """Updates ready, reached and lost."""
        while not self.lost:
            try:
                event = self.monitor.recv_multipart(zmq.DONTWAIT)
            except zmq.Again:
                return
            number = struct.unpack_from("=H", event[0])[0]
            if number == zmq.EVENT_CONNECTED:
                self.reached = True
            elif number == zmq.EVENT_HANDSHAKE_SUCCEEDED:
                self.ready = True
            else:
                self.denied = number == zmq.EVENT_HANDSHAKE_FAILED_AUTH
                self.lost = True

    def send(self, frame: Frame, body: bytes) -> bool:
        """False if the socket takes no more now."""
        try:
            self.socket.send_multipart([header(frame), body], zmq.DONTWAIT)
        except zmq.Again:
            return False
        return True

    def receive(self) -> Optional[List[bytes]]:
        try:
            return self.socket.recv_multipart(zmq.DONTWAIT)
        except zmq.Again:
            return None

    def close(self, linger: float) -> None:
        """Waits at most `linger` seconds, in the background, for what was sent."""
        try:
            self.socket.disable_monitor()
        except zmq.ZMQError:
            pass  # there is none yet
        self.monitor.close(linger=0)
        self.socket.close(linger=int(linger * 1000))


class Engine:
    """Keeps a session going over connections. Its owner calls advance() whenever something may have happened.

    on_drop is called with a connection before its sockets are closed.
    """

    def __init__(self, address: str, options: Options) -> None:
        self.address = address
        self.options = options
        self.on_drop: Callable[[Connection], None] = lambda connection: None
        # 48 random bits, so that two connections rarely use the same ids and logs stay unambiguous.
        base = secrets.randbits(48) | 1
        self.ids = itertools.count(base)
        self.session = Session(address, options, base + _PROBE_DISTANCE)
        self.context = zmq.Context()
        self.connection: Optional[Connection] = None
        self._attempt_ends = 0.0
        self._retry_at = 0.0
        self._pause = _FIRST_PAUSE
        self.blocked = False  # the socket took no more
        try:
            # The first try is made here because it tells a wrong address apart from an absent service.
            self._begin(time.monotonic())
        except Error:
            self.context.term()
            raise

    def advance(self) -> None:
        """Does all that can be done now without waiting."""
        now = time.monotonic()
        self._take_changes(now)
        try:
            self.session.check(now)
        except Error as problem:
            self._drop(problem)
        if self.connection is None and self.session.outgoing and now >= self._retry_at:
            try:
                self._begin(now)
            except Error as problem:
                self.session.waiting_because = f": {problem.message}"
        self._send(now)

    def next_time(self) -> Optional[float]:
        """When advance() must be called again even if nothing happens."""
        times = [self.session.next_check()]
        if self.connection is None:
            times.append(self._retry_at if self.session.outgoing else None)
        elif not self.connection.ready:
            times.append(self._attempt_ends)
        return min((at for at in times if at is not None), default=None)

    def close(self) -> None:
        """Ends all with CancelledError. The owner then terminates `context`, which may take a moment."""
        self.session.end_all(CancelledError("the client was closed"))
        if self.connection is None:
            return
        ready = self.connection.ready
        if ready:
            self._send(time.monotonic())
        connection, self.connection = self.connection, None
        self.on_drop(connection)
        connection.close(_GOODBYE if ready else 0)

    def _begin(self, now: float) -> None:
        self._attempt_ends = now + _ATTEMPT_LIMIT + 1  # a name that does not resolve gives no event
        self._retry_at = now + self._pause
        self._pause = min(self._pause * 2, _LONGEST_PAUSE)
        self.connection = Connection(self.context, self.address, self.options)

    def _take_changes(self, now: float) -> None:
        connection = self.connection
        if connection is None:
            return
        was_ready = connection.ready
        connection.poll_changes()
        if connection.ready and not was_ready:
            self._pause = _FIRST_PAUSE
            self.session.connected(now)
        elif connection.reached and not connection.ready:
            self.session.waiting_because = ": something answers there, but not with ZeroMQ's handshake, or it wants keys"
        if connection.denied:
            self.session.waiting_because = ": it does not accept this client's key"
        self._receive(now)  # before a loss is acted on: the last answers may have come with it
        if connection.lost:
            self._drop(UnavailableError(f"the connection to {self.address} was lost"))
        elif not connection.ready and now >= self._attempt_ends:
            self._drop(UnavailableError(f"no answer from {self.address}"))

    def _receive(self, now: float) -> None:
        while self.connection is not None:
            parts = self.connection.receive()
            if parts is None:
                return
            try:
                self.session.receive(parts, now)
            except Error as problem:
                self._drop(problem)

    def _send(self, now: float) -> None:
        self.blocked = False
        while self.connection is not None and self.connection.ready and self.session.outgoing:
            message = self.session.outgoing[0]
            if not self.connection.send(message.frame, message.body):
                self.blocked = True
                return
            self.session.sent(now)

    def _drop(self, why: Error) -> None:
        connection, self.connection = self.connection, None
        if connection is None:
            return
        self.blocked = False
        self.on_drop(connection)
        connection.close(0)
        self.session.disconnected(why)
