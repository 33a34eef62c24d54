"""The client for asyncio: no thread of its own, all on the event loop that uses it."""

from __future__ import annotations

import asyncio
import time
import warnings
import weakref
from collections import deque
from typing import Any, Callable, Coroutine, Deque, Dict, List, Optional, Union

import zmq

from . import protocol
from .answers import Chunk, Completion, Drained, Model, Status
from .client import DEFAULT_ADDRESS
from .connection import Connection, Engine
from .errors import CancelledError, InvalidArgumentError, TimeoutError
from .options import Options
from .protocol import Frame
from .reading import Reading
from .request import Request


class _LoopDriver:
    """Calls the engine's advance() from the event loop when a socket or a time asks for it."""

    def __init__(self, address: str, options: Options) -> None:
        self.engine = Engine(address, options)
        self.engine.on_drop = self._forget
        self._loop: Optional[asyncio.AbstractEventLoop] = None
        self._watched: Optional[Connection] = None
        self._timer: Optional[asyncio.TimerHandle] = None
        self._soon = False
        self.closed = False

    def use(self) -> None:
        """REQUIRES: a running event loop, always the same one."""
        if self.closed:
            raise CancelledError("the client was closed")
        loop = asyncio.get_running_loop()
        if self._loop is None:
            self._loop = loop
        elif self._loop is not loop:
            raise InvalidArgumentError("an AsyncClient belongs to the event loop that first used it")

    def post(self, task: Callable[[], None]) -> None:
        """Any thread (streams may be dropped on any): runs `task` and then advances."""
        if self.closed or self._loop is None or self._loop.is_closed():
            return
        self._loop.call_soon_threadsafe(self._run, task)

    def _run(self, task: Callable[[], None]) -> None:
        if not self.closed:
            task()
            self.wake()

    def wake(self) -> None:
        if not self._soon and not self.closed and self._loop is not None:
            self._soon = True
            self._loop.call_soon(self._step)

    def _step(self) -> None:
        self._soon = False
        if self.closed or self._loop is None:
            return
        self.engine.advance()
        connection = self.engine.connection
        if connection is not None and connection is not self._watched:
            self._loop.add_reader(connection.socket.FD, self.wake)
            self._loop.add_reader(connection.monitor.FD, self.wake)
            self._watched = connection
        # ZeroMQ's descriptors signal changes, not states: whatever came in meanwhile must be asked for.
        if connection is not None and self._has_news(connection):
            self.wake()
        self._set_timer()

    def _has_news(self, connection: Connection) -> bool:
        wanted = zmq.POLLIN | (zmq.POLLOUT if self.engine.blocked else 0)
        return bool(connection.socket.EVENTS & wanted or connection.monitor.EVENTS & zmq.POLLIN)

    def _set_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        at = self.engine.next_time()
        if at is not None and self._loop is not None:
            self._timer = self._loop.call_later(max(0.0, at - time.monotonic()) + 0.001, self.wake)

    def _forget(self, connection: Connection) -> None:
        if connection is self._watched and self._loop is not None and not self._loop.is_closed():
            self._loop.remove_reader(connection.socket.FD)
            self._loop.remove_reader(connection.monitor.FD)
            self._watched = None

    def stop(self) -> bool:
        """False if it was stopped before."""
        if self.closed:
            return False
        if self._timer is not None:
            self._timer.cancel()
        self.engine.close()
        self.closed = True
        return True


class AsyncStream:
    """The chunks of one answer, for `async for`. As tokamak.Stream."""

    def __init__(self, client: AsyncClient, driver: _LoopDriver, request: Request) -> None:
        driver.use()
        self._client = client  # kept alive by its streams
        self._driver = driver
        self._events: Deque[Any] = deque()
        self._arrived = asyncio.Event()
        self._reading = Reading(request, driver.engine.options)
        self.id = next(driver.engine.ids)
        body = request.encode(self.id)
        events, arrived = self._events, self._arrived

        def deliver(event: Any) -> None:
            events.append(event)
            arrived.set()

        driver.engine.session.open(self.id, body, len(request.delivered), deliver, time.monotonic())
        driver.wake()

    def __aiter__(self) -> AsyncStream:
        return self

    async def __anext__(self) -> Chunk:
        reading = self._reading
        if reading.ended:
            raise StopAsyncIteration
        if not self._events and not reading.cancelled:
            self._arrived.clear()
            try:
                await asyncio.wait_for(self._arrived.wait(), reading.timeout())
            except asyncio.TimeoutError:
                self._tell(lambda session, request_id: session.close(request_id))
                raise reading.timed_out() from None
        if reading.cancelled:
            return reading.last_of_cancelled()
        chunk = reading.take(self._events.popleft())
        tokens = reading.to_acknowledge()
        if tokens is not None:
            self._tell(lambda session, request_id: session.acknowledge(request_id, tokens))
        return chunk

    def cancel(self) -> None:
        """Ends the request; iteration then gives one last chunk with finish_reason "cancelled"."""
        if self._reading.ended or self._reading.cancelled:
            return
        self._reading.cancelled = True
        self._tell(lambda session, request_id: session.close(request_id))
        self._arrived.set()

    async def aclose(self) -> None:
        """Cancels the request; iteration then just ends."""
        self.cancel()
        self._reading.ended = True

    def _tell(self, what: Callable[[Any, int], None]) -> None:
        session, request_id = self._driver.engine.session, self.id
        self._driver.post(lambda: what(session, request_id))

    async def __aenter__(self) -> AsyncStream:
        return self

    async def __aexit__(self, *unused: Any) -> None:
        await self.aclose()

    def __del__(self) -> None:
        if hasattr(self, "id") and not self._reading.ended and not self._reading.cancelled:
            self._tell(lambda session, request_id: session.close(request_id))


class AsyncClient:
    """A connection to one service, for one event loop. Arguments as tokamak.Client."""

    def __init__(self, address: str = DEFAULT_ADDRESS, **options: Any) -> None:
        self._driver = _LoopDriver(address, Options(**options))
        self._streams: weakref.WeakSet[AsyncStream] = weakref.WeakSet()

    def generate(
        self,
        prompt: Union[str, List[int], None] = None,
        *,
        model: str,
        messages: Optional[List[Dict[str, Any]]] = None,
        stream: bool = False,
        **options: Any,
    ) -> Union[AsyncStream, Coroutine[Any, Any, Completion]]:
        """With stream=True returns an AsyncStream at once, else a coroutine that gives the Completion.

        Further options are the fields of tokamak.Request.
        """
        request = Request(prompt=prompt, model=model, messages=messages, **options)
        if stream:
            return self._start(request)
        return self._complete(request)

    def _start(self, request: Request) -> AsyncStream:
        answer = AsyncStream(self, self._driver, request)
        self._streams.add(answer)
        return answer

    async def _complete(self, request: Request) -> Completion:
        completion = Completion()
        async with self._start(request) as answer:
            async for chunk in answer:
                completion.add(chunk)
        return completion

    def cancel(self, stream: Optional[AsyncStream] = None) -> None:
        """Cancels one answer, or all that this client is receiving."""
        for one in [stream] if stream is not None else list(self._streams):
            one.cancel()

    async def list_models(self) -> List[Model]:
        """What the service offers."""
        return await self._ask(Frame.LIST_MODELS, protocol.encode_list_models)

    async def status(self) -> Status:
        """The actors of all nodes, and their counters."""
        return await self._ask(Frame.STATUS_REQUEST, protocol.encode_status_request)

    async def drain(self, node: str) -> Drained:
        """Makes a node finish what it runs and end; waits until it has, which its drain_deadline_ms bounds."""
        return await self._ask(Frame.DRAIN, lambda op: protocol.encode_drain(op, node), limited=False)

    async def _ask(self, frame: Frame, encode: Callable[[int], bytes], limited: bool = True) -> Any:
        driver = self._driver
        driver.use()
        op = next(driver.engine.ids)
        answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()

        def deliver(value: Any) -> None:
            if not answer.done():
                answer.set_result(value)

        driver.engine.session.ask(op, frame, encode(op), deliver, time.monotonic())
        driver.wake()
        limit = driver.engine.options.answer_timeout if limited else None
        try:
            value = await asyncio.wait_for(answer, limit)
        except asyncio.TimeoutError:
            raise TimeoutError(f"no answer within {limit:g} s") from None
        finally:
            driver.engine.session.close(op)
        if isinstance(value, Exception):
            raise value
        return value

    async def close(self) -> None:
        """Cancels what is running; it ends with CancelledError."""
        if self._driver.stop():
            await asyncio.get_running_loop().run_in_executor(None, self._driver.engine.context.term)

    def __del__(self) -> None:
        driver = getattr(self, "_driver", None)
        if driver is not None and driver.stop():
            warnings.warn("an AsyncClient was dropped without close()", ResourceWarning, stacklevel=2)
            driver.engine.context.term()

    async def __aenter__(self) -> AsyncClient:
        return self

    async def __aexit__(self, *unused: Any) -> None:
        await self.close()
