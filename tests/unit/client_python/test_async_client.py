"""The same with the client for asyncio."""

import asyncio
import gc
import warnings

import pytest

import tokamak
from conftest import IMPATIENT
from fake_service import FakeService, drained, error_reply, model_list, status_report
from tokamak.protocol import Frame, header

STOP, LENGTH = 1, 2


async def expect(service, frame):
    """The fake service blocks, so it waits in a thread."""
    return await asyncio.get_running_loop().run_in_executor(None, service.expect, frame)


async def serve(service, requests):
    while requests:
        got = await asyncio.get_running_loop().run_in_executor(None, service.receive)
        assert got is not None
        if got.frame != Frame.OPEN:
            continue
        count = got.root.Generate()
        for i in range(count):
            service.chunk(got, offset=i, text=f"{i} ", tokens=[i])
        service.chunk(got, offset=count, finish=LENGTH)
        requests -= 1


def run(scenario, service, **options):
    """Runs scenario(client, service) with a client of its own."""

    async def main():
        async with tokamak.AsyncClient(service.address, **options) as client:
            await asyncio.wait_for(scenario(client, service), 30)

    asyncio.run(main())


def start(client, **options):
    return client.generate("hello", model="m", stream=True, **options)


async def failure(stream):
    with pytest.raises(tokamak.Error) as caught:
        await stream.__anext__()
    assert [chunk async for chunk in stream] == []
    return str(caught.value)


def test_chunks_come_in_order_and_the_last_has_finish_reason_and_usage(service):
    async def scenario(client, service):
        stream = start(client)
        got = await expect(service, Frame.OPEN)
        service.chunk(got, text="The ", tokens=[1, 2])
        service.chunk(got, offset=2, text="end", tokens=[3], finish=STOP)
        first, last = [chunk async for chunk in stream]
        assert (first.text, first.token_ids, first.finish_reason) == ("The ", [1, 2], None)
        assert (last.text, last.offset, last.finish_reason) == ("end", 2, "stop")
        assert last.usage.completion_tokens == 3

    run(scenario, service)


def test_without_stream_generate_is_awaited(service):
    async def scenario(client, service):
        completion, _ = await asyncio.gather(client.generate("a", model="m", max_tokens=3), serve(service, 1))
        assert (completion.text, completion.finish_reason) == ("0 1 2 ", "length")

    run(scenario, service)


def test_many_tasks_share_one_client_and_progress_is_acknowledged(service):
    async def scenario(client, service):
        wanted = [1 + i * 13 % 190 for i in range(40)]
        answers = [client.generate("a", model="m", max_tokens=count) for count in wanted]
        *completions, _ = await asyncio.gather(*answers, serve(service, len(answers)))
        assert [len(one.token_ids) for one in completions] == wanted

    run(scenario, service)


def test_progress_is_acknowledged_every_64_tokens_read(service):
    async def scenario(client, service):
        stream = start(client)
        got = await expect(service, Frame.OPEN)
        for i in range(100):
            service.chunk(got, offset=i, text="x", tokens=[1])
        for _ in range(64):
            await stream.__anext__()
        assert (await expect(service, Frame.ACKNOWLEDGE)).root.Tokens() == 64

    run(scenario, service)


def test_cancel_leaving_and_cancelled_tasks_close_the_request(service):
    async def scenario(client, service):
        stream = start(client)
        await expect(service, Frame.OPEN)
        client.cancel()
        assert [chunk.finish_reason async for chunk in stream] == ["cancelled"]
        await expect(service, Frame.CLOSE)
        async with start(client) as stream:
            await expect(service, Frame.OPEN)
        await expect(service, Frame.CLOSE)
        stream = start(client)
        await expect(service, Frame.OPEN)
        del stream
        gc.collect()
        await expect(service, Frame.CLOSE)
        task = asyncio.ensure_future(client.generate("a", model="m"))
        await expect(service, Frame.OPEN)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await expect(service, Frame.CLOSE)

    run(scenario, service)


def test_models_status_and_refusals(service):
    async def scenario(client, service):
        models = asyncio.ensure_future(client.list_models())
        got = await expect(service, Frame.LIST_MODELS)
        service.send(got, Frame.MODEL_LIST, model_list(got.root.Op(), ["a"]))
        assert [model.name for model in await models] == ["a"]
        status = asyncio.ensure_future(client.status())
        got = await expect(service, Frame.STATUS_REQUEST)
        service.send(got, Frame.STATUS_REPORT, status_report(got.root.Op()))
        assert (await status).uptime_seconds == 7
        drain = asyncio.ensure_future(client.drain("node2"))
        got = await expect(service, Frame.DRAIN)
        service.send(got, Frame.DRAINED, drained(got.root.Op()))
        assert (await drain).moved == 2
        status = asyncio.ensure_future(client.status())
        got = await expect(service, Frame.STATUS_REQUEST)
        service.send(got, Frame.ERROR_REPLY, error_reply(got.root.Op(), 13, "not for you"))
        with pytest.raises(tokamak.PermissionDeniedError):
            await status

    run(scenario, service)


def test_errors_of_the_service_and_garbage_are_raised_and_the_client_works_on(service):
    async def scenario(client, service):
        stream = start(client)
        service.chunk(await expect(service, Frame.OPEN), error=(2, "no model 'm'", ""))
        assert await failure(stream) == "no model 'm' (not_found)"
        stream = start(client)
        service.send_raw(await expect(service, Frame.OPEN), [header(Frame.CHUNKS), b"\xff" * 9])
        assert await failure(stream) == "the service sent a broken Chunks message (corrupt)"
        stream = start(client)
        service.chunk(await expect(service, Frame.OPEN), text="ok", tokens=[1], finish=STOP)
        assert (await stream.__anext__()).text == "ok"

    run(scenario, service)


def test_a_vanished_service_fails_what_is_in_flight_and_its_successor_is_found():
    async def scenario(client, service):
        for _ in range(3):
            stream = start(client)
            service.chunk(await expect(service, Frame.OPEN), text="a", tokens=[1])
            assert (await stream.__anext__()).text == "a"
            service.vanish()
            assert await failure(stream) == f"the connection to {service.address} was lost (unavailable)"
            service = FakeService(service.address)
        service.vanish()

    run(scenario, FakeService())


def test_time_limits(service):
    async def scenario(client, service):
        stream = start(client, chunk_timeout=0.08)
        await expect(service, Frame.OPEN)
        assert await failure(stream) == "no chunk came within 0.08 s (deadline_exceeded)"
        await expect(service, Frame.CLOSE)
        with pytest.raises(tokamak.TimeoutError, match="no answer within 0.6 s"):
            await client.status()
        service.expect(Frame.STATUS_REQUEST)
        stream = start(client)
        await expect(service, Frame.OPEN)
        service.vanish()
        assert await failure(stream) == f"the connection to {service.address} was lost (unavailable)"
        assert await failure(start(client)) == f"no connection to {service.address} within 0.4 s (unavailable)"

    run(scenario, service, **IMPATIENT)


def test_a_silent_service_is_given_up(service):
    async def scenario(client, service):
        stream = start(client)
        await expect(service, Frame.OPEN)
        await expect(service, Frame.LIST_MODELS)
        assert await failure(stream) == f"the service at {service.address} is connected but silent (unavailable)"

    run(scenario, service, **dict(IMPATIENT, liveness_interval=0.1))


def test_closing_ends_streams_and_refuses_new_ones(service):
    async def scenario(client, service):
        stream = start(client)
        await expect(service, Frame.OPEN)
        await client.close()
        await client.close()
        assert await failure(stream) == "the client was closed (cancelled)"
        await expect(service, Frame.CLOSE)
        with pytest.raises(tokamak.CancelledError, match="the client was closed"):
            await client.generate("a", model="m")

    run(scenario, service)


def test_a_client_belongs_to_one_event_loop(service):
    client = tokamak.AsyncClient(service.address, **IMPATIENT)

    async def ask():
        with pytest.raises(tokamak.TimeoutError):
            await client.status()

    asyncio.run(ask())

    async def ask_elsewhere():
        with pytest.raises(tokamak.InvalidArgumentError, match="belongs to the event loop that first used it"):
            await client.status()
        await client.close()

    asyncio.run(ask_elsewhere())


def test_a_client_dropped_without_close_warns_and_leaves_nothing_behind(service):
    async def main():
        client = tokamak.AsyncClient(service.address)
        completion, _ = await asyncio.gather(client.generate("a", model="m", max_tokens=2), serve(service, 1))
        assert completion.text == "0 1 "

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        asyncio.run(main())
        gc.collect()
    assert "an AsyncClient was dropped without close()" in [str(one.message) for one in caught]
