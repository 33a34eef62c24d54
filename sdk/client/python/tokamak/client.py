"""The client for threads: one I/O thread owns the socket, any number of threads use the client."""

from __future__ import annotations

import queue
import socket
import threading
import time
import weakref
from collections import deque
from typing import Any, Callable, Deque, Dict, List, Optional, Union

import zmq

from . import protocol
from .answers import Chunk, Completion, Drained, Model, Status
from .connection import Engine
from .errors import CancelledError, TimeoutError
from .options import Options
from .protocol import Frame
from .reading import Reading
from .request import Request

DEFAULT_ADDRESS = "tcp://127.0.0.1:7100"


class _IoThread:
    def __init__(self, address: str, options: Options) -> None:
        self.engine = Engine(address, options)
        self._tasks: Deque[Callable[[], None]] = deque()
        self._lock = threading.RLock()  # a dropped stream may post from within post()
        self._stopping = False
        self._wake_in, self._wake_out = socket.socketpair()
        self._wake_in.setblocking(False)
        self._wake_out.setblocking(False)
        self._thread = threading.Thread(target=self._run, name="tokamak client", daemon=True)
        self._thread.start()

    def post(self, task: Callable[[], None]) -> bool:
        """Runs `task` on the I/O thread; False after stop()."""
        with self._lock:
            if self._stopping:
                return False
            self._tasks.append(task)
            self._wake()
        return True

    def stop(self) -> None:
        with self._lock:
            if self._stopping:
                return
            self._stopping = True
            self._wake()
        if threading.current_thread() is not self._thread:
            self._thread.join()

    def _wake(self) -> None:
        try:
            self._wake_in.send(b"!")
        except BlockingIOError:
            pass  # full of wake-ups already

    def _run(self) -> None:
        while True:
            with self._lock:
                tasks, self._tasks = self._tasks, deque()
                stopping = self._stopping
            for task in tasks:
                task()
            if stopping:
                break
            self.engine.advance()
            self._wait()
        self.engine.close()
        self.engine.context.term()
        self._wake_in.close()
        self._wake_out.close()

    def _wait(self) -> None:
        poller = zmq.Poller()
        poller.register(self._wake_out, zmq.POLLIN)
        connection = self.engine.connection
        if connection is not None:
            poller.register(connection.monitor, zmq.POLLIN)
            poller.register(connection.socket, zmq.POLLIN | (zmq.POLLOUT if self.engine.blocked else 0))
        at = self.engine.next_time()
        poller.poll(None if at is None else max(0.0, at - time.monotonic()) * 1000 + 1)
        try:
            self._wake_out.recv(4096)
        except BlockingIOError:
            pass


class Stream:
    """The chunks of one answer, in order. Iterate it in one thread; cancel it from any.

    Ends after the chunk that has a finish_reason, or by raising an Error. Leaving it early (close(), the end of a
    with block, or dropping it) cancels the request. Reading is what acknowledges: a stream that nobody reads is
    paused by the service, and cut in the end.
    """

    def __init__(self, client: Client, io: _IoThread, request: Request) -> None:
        self._client = client  # kept alive by its streams
        self._io = io
        self._events: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._reading = Reading(request, io.engine.options)
        self.id = next(io.engine.ids)
        body, session, events, request_id = request.encode(self.id), io.engine.session, self._events, self.id
        first_offset = len(request.delivered)
        if not io.post(lambda: session.open(request_id, body, first_offset, events.put, time.monotonic())):
            raise CancelledError("the client was closed")

    def __iter__(self) -> Stream:
        return self

    def __next__(self) -> Chunk:
        reading = self._reading
        if reading.ended:
            raise StopIteration
        event = None
        if not reading.cancelled:
            try:
                event = self._events.get(timeout=reading.timeout())
            except queue.Empty:
                self._tell(lambda session, request_id: session.close(request_id))
                raise reading.timed_out() from None
        with self._lock:
            if reading.cancelled:
                return reading.last_of_cancelled()
            chunk = reading.take(event)
        tokens = reading.to_acknowledge()
        if tokens is not None:
            self._tell(lambda session, request_id: session.acknowledge(request_id, tokens))
        return chunk

    def cancel(self) -> None:
        """Ends the request; iteration then gives one last chunk with finish_reason "cancelled"."""
        with self._lock:
            if self._reading.ended or self._reading.cancelled:
                return
            self._reading.cancelled = True
        self._tell(lambda session, request_id: session.close(request_id))
        self._events.put(None)

    def close(self) -> None:
        """Cancels the request; iteration then just ends."""
        self.cancel()
        self._reading.ended = True

    def _tell(self, what: Callable[[Any, int], None]) -> None:
        session, request_id = self._io.engine.session, self.id
        self._io.post(lambda: what(session, request_id))

    def __enter__(self) -> Stream:
        return self

    def __exit__(self, *unused: Any) -> None:
        self.close()

    def __del__(self) -> None:
        if hasattr(self, "id"):
            self.close()


class Client:
    """A connection to one service, usable from many threads.

    It connects when there is something to send, and again after a loss. Further keyword arguments are the
    fields of tokamak.Options.
    """

    def __init__(self, address: str = DEFAULT_ADDRESS, **options: Any) -> None:
        self._io = _IoThread(address, Options(**options))
        self._streams: weakref.WeakSet[Stream] = weakref.WeakSet()
        self._streams_lock = threading.Lock()
        self._finalizer = weakref.finalize(self, self._io.stop)

    def generate(
        self,
        prompt: Union[str, List[int], None] = None,
        *,
        model: str,
        messages: Optional[List[Dict[str, Any]]] = None,
        stream: bool = False,
        **options: Any,
    ) -> Union[Completion, Stream]:
        """Answers a prompt (text or token ids) or messages; options are the fields of tokamak.Request.

        With stream=True returns a Stream of chunks at once, else waits for the Completion.
        """
        answer = Stream(self, self._io, Request(prompt=prompt, model=model, messages=messages, **options))
        with self._streams_lock:
            self._streams.add(answer)
        if stream:
            return answer
        completion = Completion()
        with answer:
            for chunk in answer:
                completion.add(chunk)
        return completion

    def cancel(self, stream: Optional[Stream] = None) -> None:
        """Cancels one answer, or all that this client is receiving."""
        if stream is not None:
            stream.cancel()
            return
        with self._streams_lock:
            running = list(self._streams)
        for one in running:
            one.cancel()

    def list_models(self) -> List[Model]:
        """What the service offers."""
        return self._ask(Frame.LIST_MODELS, protocol.encode_list_models)

    def status(self) -> Status:
        """The actors of all nodes, and their counters."""
        return self._ask(Frame.STATUS_REQUEST, protocol.encode_status_request)

    def drain(self, node: str) -> Drained:
        """Makes a node finish what it runs and end; waits until it has, which its drain_deadline_ms bounds."""
        return self._ask(Frame.DRAIN, lambda op: protocol.encode_drain(op, node), limited=False)

    def _ask(self, frame: Frame, encode: Callable[[int], bytes], limited: bool = True) -> Any:
        answers: queue.SimpleQueue[Any] = queue.SimpleQueue()
        engine = self._io.engine
        op = next(engine.ids)
        if not self._io.post(lambda: engine.session.ask(op, frame, encode(op), answers.put, time.monotonic())):
            raise CancelledError("the client was closed")
        try:
            answer = answers.get(timeout=engine.options.answer_timeout if limited else None)
        except queue.Empty:
            self._io.post(lambda: engine.session.close(op))
            raise TimeoutError(f"no answer within {engine.options.answer_timeout:g} s") from None
        if isinstance(answer, Exception):
            raise answer
        return answer

    def close(self) -> None:
        """Cancels what is running; it ends with CancelledError."""
        self._finalizer()

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *unused: Any) -> None:
        self.close()
