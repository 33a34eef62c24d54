"""Streaming, cancelling, acknowledging, questions and many threads, with the client for threads."""

import concurrent.futures
import gc
import threading
import time

import pytest

import tokamak
from fake_service import FakeService, chunks, drained, error_reply, model_list, status_report
from tokamak.protocol import Frame

STOP, LENGTH = 1, 2


def serve(service, requests):
    """Answers n tokens whose text is their number, until `requests` have ended."""
    while requests:
        got = service.receive()
        assert got is not None
        if got.frame != Frame.OPEN:
            continue
        count = got.root.Generate()
        for i in range(count):
            service.chunk(got, offset=i, text=f"{i} ", tokens=[i])
        service.chunk(got, offset=count, finish=LENGTH)
        requests -= 1


def test_chunks_come_in_order_and_the_last_has_finish_reason_and_usage(service, start):
    stream = start()
    got = service.expect(Frame.OPEN)
    assert got.root.Id() == stream.id
    service.chunk(got, text="The ", tokens=[1, 2])
    service.chunk(got, offset=2, text="end", tokens=[3], finish=STOP, stop="\n")
    first, last = stream
    assert (first.text, first.token_ids, first.finish_reason, first.usage) == ("The ", [1, 2], None, None)
    assert (last.text, last.offset, last.finish_reason, last.stop) == ("end", 2, "stop", "\n")
    assert last.usage == tokamak.Usage(5, 2, 3, 0.0, 20e-6, 30e-6)
    assert list(stream) == []


def test_without_stream_generate_returns_the_sum_of_the_chunks(service, client):
    with concurrent.futures.ThreadPoolExecutor() as pool:
        answer = pool.submit(client.generate, "PROMPT", model="m", max_tokens=3, temperature=0)
        serve(service, 1)
        completion = answer.result()
    assert completion.text == "0 1 2 "
    assert completion.token_ids == [0, 1, 2]
    assert completion.finish_reason == "length"
    assert completion.usage.prompt_tokens == 5


def test_a_character_cut_between_two_chunks_comes_whole(service, start):
    stream = start()
    got = service.expect(Frame.OPEN)
    service.chunk(got, text=b"5 \xe2\x82", tokens=[1])
    service.chunk(got, offset=1, text=b"\xac!", tokens=[2])
    service.chunk(got, offset=2, text=b"\xff\xe2", tokens=[3], finish=STOP)
    assert [chunk.text for chunk in stream] == ["5 ", "€!", "\ufffd\ufffd"]


def test_one_frame_may_carry_chunks_of_several_requests(service, start):
    a, b = start(), start()
    got = service.expect(Frame.OPEN)
    service.expect(Frame.OPEN)
    both = [dict(id=b.id, text="B", tokens=[2], finish=STOP), dict(id=a.id, text="A", tokens=[1], finish=LENGTH)]
    service.send(got, Frame.CHUNKS, chunks(both))
    assert next(a).text == "A"
    assert next(b).text == "B"


def test_progress_is_acknowledged_every_64_tokens_read_not_received(service, start):
    stream = start()
    got = service.expect(Frame.OPEN)
    for i in range(150):
        service.chunk(got, offset=i, text="x", tokens=[1])
    for _ in range(63):
        next(stream)
    assert service.receive(0.1) is None
    next(stream)
    first = service.expect(Frame.ACKNOWLEDGE).root
    assert (first.Id(), first.Tokens()) == (stream.id, 64)
    for _ in range(64):
        next(stream)
    assert service.expect(Frame.ACKNOWLEDGE).root.Tokens() == 128


def test_a_resumed_answer_goes_on_after_its_delivered_tokens(service):
    with tokamak.Client(service.address, acknowledge_every=2) as client:
        stream = client.generate("a", model="m", delivered=[4, 5, 6], stream=True)
        service.chunk(service.expect(Frame.OPEN), offset=3, text="x", tokens=[7, 8])
        assert next(stream).offset == 3
        assert service.expect(Frame.ACKNOWLEDGE).root.Tokens() == 5


def test_cancel_closes_the_request_and_ends_with_a_last_chunk(service, start):
    stream = start()
    got = service.expect(Frame.OPEN)
    service.chunk(got, text="a", tokens=[1])
    assert next(stream).text == "a"
    stream.cancel()
    assert service.expect(Frame.CLOSE).root.Id() == stream.id
    service.chunk(got, offset=1, text="late", tokens=[2])
    assert list(stream) == [tokamak.Chunk(offset=1, finish_reason="cancelled")]
    stream.cancel()
    assert service.receive(0.1) is None


def test_leaving_a_stream_early_cancels_it(service, client):
    for chunk in [None]:
        stream = client.generate("a", model="m", stream=True)
        got = service.expect(Frame.OPEN)
        service.chunk(got, text="a", tokens=[1])
        for chunk in stream:
            break
    del stream
    gc.collect()
    service.expect(Frame.CLOSE)
    with client.generate("a", model="m", stream=True) as stream:
        service.expect(Frame.OPEN)
    service.expect(Frame.CLOSE)
    assert list(stream) == []


def test_cancel_from_another_thread_ends_a_blocked_generate(service, client):
    with concurrent.futures.ThreadPoolExecutor() as pool:
        answer = pool.submit(client.generate, "a", model="m")
        got = service.expect(Frame.OPEN)
        service.chunk(got, text="so far", tokens=[1])
        client.cancel()
        completion = answer.result(timeout=5)
    assert completion.finish_reason == "cancelled"
    service.expect(Frame.CLOSE)


def test_a_client_that_only_its_stream_holds_lives_as_long(service):
    stream = tokamak.Client(service.address).generate("a", model="m", stream=True)
    gc.collect()
    service.chunk(service.expect(Frame.OPEN), text="still here", tokens=[1], finish=STOP)
    assert "".join(chunk.text for chunk in stream) == "still here"


def test_models_and_status_are_listed(service, client):
    with concurrent.futures.ThreadPoolExecutor() as pool:
        models = pool.submit(client.list_models)
        got = service.expect(Frame.LIST_MODELS)
        service.send(got, Frame.MODEL_LIST, model_list(got.root.Op(), ["smollm2", "big"]))
        assert models.result()[1] == tokamak.Model("big", "direct", ["big_pool"], 2048)
        status = pool.submit(client.status)
        got = service.expect(Frame.STATUS_REQUEST)
        service.send(got, Frame.STATUS_REPORT, status_report(got.root.Op()))
        actor = tokamak.Actor("engine.a", "scheduler", {"running": 3.0}, "node1", {"seconds": tokamak.Histogram([0.5, 1.0], [2, 0, 1], 2.5)})
        nodes = [tokamak.Node("node1", "0.1.0", 7.0, True), tokamak.Node("node2", "", 0.0, problem="not connected")]
        assert status.result() == tokamak.Status("node1", "0.1.0", "abc", 7.0, [actor], nodes)


def test_a_drain_may_take_longer_than_other_answers(service):
    with tokamak.Client(service.address, answer_timeout=0.1) as client, concurrent.futures.ThreadPoolExecutor() as pool:
        drain = pool.submit(client.drain, "node2")
        got = service.expect(Frame.DRAIN)
        time.sleep(0.3)
        service.send(got, Frame.DRAINED, drained(got.root.Op()))
        assert drain.result() == tokamak.Drained("node2", 3, 2, 1, 1.5)


def test_an_error_reply_ends_the_question_it_names(service, client):
    with concurrent.futures.ThreadPoolExecutor() as pool:
        status = pool.submit(client.status)
        got = service.expect(Frame.STATUS_REQUEST)
        service.send(got, Frame.ERROR_REPLY, error_reply(got.root.Op(), 13, "not for you"))
        with pytest.raises(tokamak.PermissionDeniedError, match="not for you"):
            status.result()


def test_the_service_errors_arrive_after_the_text_before_them(service, start):
    stream = start()
    got = service.expect(Frame.OPEN)
    service.chunk(got, text="so far", tokens=[1], error=(9, "the queue of pool 'a' is full", "pool.a"))
    assert next(stream).text == "so far"
    with pytest.raises(tokamak.OverloadedError) as caught:
        next(stream)
    assert caught.value.code == "overloaded"
    assert str(caught.value) == "pool.a: the queue of pool 'a' is full (overloaded)"
    assert list(stream) == []


def test_many_threads_share_one_client(service, client):
    wrong = []

    def work(seed):
        for i in range(5):
            count = 1 + (seed * 7 + i * 13) % 90
            completion = client.generate("a", model="m", max_tokens=count)
            if completion.token_ids != list(range(count)):
                wrong.append(completion)

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(8)]
    for thread in threads:
        thread.start()
    serve(service, 40)
    for thread in threads:
        thread.join()
    assert wrong == []


def test_a_closed_client_refuses_everything():
    with FakeService() as service:
        client = tokamak.Client(service.address)
        client.close()
        client.close()
        with pytest.raises(tokamak.CancelledError, match="the client was closed"):
            client.generate("a", model="m")
        with pytest.raises(tokamak.CancelledError, match="the client was closed"):
            client.list_models()
