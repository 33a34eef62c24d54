"""Connections late, lost, silent, frozen or no service at all; garbage; the time limits."""

import concurrent.futures
import socket
import threading
import time

import pytest
import zmq

import tokamak
from conftest import IMPATIENT
from fake_service import FakeService, chunks, error_reply, model_list
from tokamak.connection import Connection, Options
from tokamak.protocol import Frame, header

STOP = 1


class MutePeer:
    """A TCP peer that sends `greeting` to whoever connects and then nothing more, not even ZeroMQ's pongs."""

    def __init__(self, greeting):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.address = "tcp://127.0.0.1:%d" % self.listener.getsockname()[1]
        self.peers = []
        self.thread = threading.Thread(target=self.accept, args=(greeting,))
        self.thread.start()

    def accept(self, greeting):
        while True:
            try:
                peer, _ = self.listener.accept()
            except OSError:
                return
            self.peers.append(peer)
            peer.sendall(greeting)

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.thread.join()
        for one in (self.listener, *self.peers):
            one.close()


def router_greeting():
    """What a ROUTER says first: ZMTP 3.0's greeting (mechanism NULL) and READY (rfc.zeromq.org/spec/23)."""
    ready = b"\x05READY\x0bSocket-Type\0\0\0\x06ROUTER"
    greeting = (b"\xff\0\0\0\0\0\0\0\x01\x7f\x03\0NULL").ljust(64, b"\0")
    return greeting + b"\x04" + bytes([len(ready)]) + ready


def start(client, **options):
    return client.generate("hello", model="m", stream=True, **options)


def answer_ok(service, stream):
    service.chunk(service.expect(Frame.OPEN), text="ok", tokens=[1], finish=STOP)
    assert next(stream).text == "ok"


def failure(stream):
    with pytest.raises(tokamak.Error) as caught:
        next(stream)
    assert list(stream) == []
    return str(caught.value)


def gone_address():
    with FakeService() as service:
        return service.address


def test_a_request_waits_for_a_service_that_starts_a_little_later():
    address = gone_address()
    with tokamak.Client(address) as client:
        stream = start(client)
        time.sleep(0.15)
        with FakeService(address) as service:
            answer_ok(service, stream)


def test_without_a_service_requests_and_questions_fail_after_the_connect_timeout():
    with tokamak.Client("tcp://127.0.0.1:1", **IMPATIENT) as client:
        assert failure(start(client)) == "no connection to tcp://127.0.0.1:1 within 0.4 s (unavailable)"
        with pytest.raises(ConnectionError):
            client.list_models()


def test_a_wrong_address_is_refused_at_once():
    with pytest.raises(tokamak.InvalidArgumentError) as caught:
        tokamak.Client("nonsense")
    expected = "cannot connect to 'nonsense': Invalid argument; expected tcp://HOST:PORT or ipc://PATH"
    assert caught.value.message == expected


def test_a_request_cancelled_while_it_waits_is_never_sent():
    address = gone_address()
    with tokamak.Client(address) as client:
        first, second = start(client), start(client)
        first.cancel()
        with FakeService(address) as service:
            assert service.expect(Frame.OPEN).root.Id() == second.id
            assert service.receive(0.1) is None


def test_a_vanished_service_fails_what_is_in_flight_and_the_next_request_finds_its_successor():
    service = FakeService()
    with tokamak.Client(service.address) as client:
        for _ in range(3):
            stream = start(client)
            service.chunk(service.expect(Frame.OPEN), text="a", tokens=[1])
            assert next(stream).text == "a"
            service.vanish()
            assert failure(stream) == f"the connection to {service.address} was lost (unavailable)"
            service = FakeService(service.address)
    service.vanish()


def test_a_peer_that_stops_answering_pings_is_given_up():
    with MutePeer(router_greeting()) as frozen, tokamak.Client(frozen.address, **IMPATIENT) as client:
        began = time.monotonic()
        assert failure(start(client)) == f"the connection to {frozen.address} was lost (unavailable)"
        assert time.monotonic() - began < 3


def test_what_answers_without_the_handshake_of_zeromq_is_named_as_such():
    with MutePeer(b"HTTP/1.1 400 Bad Request\r\n\r\n") as web, tokamak.Client(web.address, **IMPATIENT) as client:
        why = "something answers there, but not with ZeroMQ's handshake, or it wants keys"
        assert failure(start(client)) == f"no connection to {web.address} within 0.4 s: {why} (unavailable)"


def test_keys_encrypt_the_connection_and_wrong_ones_are_named(tmp_path):
    public, secret = zmq.curve_keypair()
    own_public, own_secret = zmq.curve_keypair()
    for name, word, key in (
        ("own.key", "tokamak-secret-key", own_secret),
        ("service.pub", "tokamak-public-key", public),
        ("other.pub", "tokamak-public-key", own_public),
    ):
        (tmp_path / name).write_text(f"{word} {key.decode()}\n")
    keys = {"key_file": str(tmp_path / "own.key"), "server_key_file": str(tmp_path / "service.pub")}
    service = FakeService(secret_key=secret)
    with tokamak.Client(service.address, **keys) as client:
        answer_ok(service, start(client))
    for wrong in ({}, dict(keys, server_key_file=str(tmp_path / "other.pub"))):
        with tokamak.Client(service.address, **IMPATIENT, **wrong) as client:
            why = "something answers there, but not with ZeroMQ's handshake, or it wants keys"
            assert failure(start(client)) == f"no connection to {service.address} within 0.4 s: {why} (unavailable)"
    service.vanish()
    for option, word in (("key_file", "tokamak-secret-key"), ("server_key_file", "tokamak-public-key")):
        path = str(tmp_path / "none")
        with pytest.raises(tokamak.InvalidArgumentError) as refusal:
            tokamak.Client(service.address, **dict(keys, **{option: path}))
        assert refusal.value.message == f'{option} {path!r} cannot be read or holds no line "{word} KEY"'
    with pytest.raises(tokamak.InvalidArgumentError, match="needed together"):
        tokamak.Client(service.address, key_file=keys["key_file"])


def test_a_silent_service_is_asked_for_a_sign_of_life_and_then_given_up(service):
    with tokamak.Client(service.address, **dict(IMPATIENT, liveness_interval=0.12)) as client:
        stream = start(client)
        got = service.expect(Frame.OPEN)
        for _ in range(3):
            probe = service.expect(Frame.LIST_MODELS)
            service.send(got, Frame.MODEL_LIST, model_list(probe.root.Op(), []))
        service.chunk(got, text="slow", tokens=[1])
        assert next(stream).text == "slow"
        service.expect(Frame.LIST_MODELS)
        assert failure(stream) == f"the service at {service.address} is connected but silent (unavailable)"


def test_an_idle_client_asks_nothing(service):
    with tokamak.Client(service.address, **dict(IMPATIENT, liveness_interval=0.03)) as client:
        answer_ok(service, start(client))
        assert service.receive(0.15) is None


def test_silence_within_an_answer_ends_it_and_closes_it(service, client):
    stream = start(client, chunk_timeout=0.08)
    service.expect(Frame.OPEN)
    with pytest.raises(TimeoutError, match="no chunk came within 0.08 s"):
        next(stream)
    service.expect(Frame.CLOSE)
    assert list(stream) == []


def test_a_deadline_holds_even_if_the_service_ignores_it(service, client):
    stream = start(client, deadline=0.1)
    assert service.expect(Frame.OPEN).root.DeadlineUs() == 100_000
    assert failure(stream) == "the answer did not end within 2.1 s (deadline_exceeded)"
    service.expect(Frame.CLOSE)


def test_an_unanswered_question_ends_after_the_answer_timeout(service):
    with tokamak.Client(service.address, **IMPATIENT) as client:
        with pytest.raises(tokamak.TimeoutError, match=r"no answer within 0.6 s"):
            client.status()


def test_closing_the_client_closes_its_requests_and_ends_their_streams(service):
    client = tokamak.Client(service.address)
    stream = start(client)
    service.expect(Frame.OPEN)
    client.close()
    assert failure(stream) == "the client was closed (cancelled)"
    assert service.expect(Frame.CLOSE).root.Id() == stream.id


def test_the_last_chunks_count_even_if_the_service_leaves_right_after_sending_them():
    for _ in range(10):
        service = FakeService()
        with tokamak.Client(service.address) as client:
            stream = start(client)
            got = service.expect(Frame.OPEN)
            for i in range(50):
                service.chunk(got, offset=i, text="x", tokens=[1])
            service.chunk(got, offset=50, finish=STOP)
            service.vanish(linger=5000)
            assert sum(len(chunk.token_ids) for chunk in stream) == 50


def test_what_a_service_said_last_is_read_by_a_connection_that_was_not_attended_to_meanwhile(tmp_path):
    service = FakeService(f"ipc://{tmp_path}/socket")
    context = zmq.Context()
    waiting = Connection(context, service.address, Options())
    while not waiting.ready:
        waiting.poll_changes()
    waiting.send(Frame.OPEN, b"")
    peer = service.socket.recv_multipart()[0]
    service.socket.send_multipart([peer, b"header", b"body"])
    service.vanish(linger=5000)
    time.sleep(0.1)
    waiting.socket.poll(0)
    waiting.poll_changes()
    assert waiting.lost
    assert waiting.receive() == [b"header", b"body"]
    waiting.close(0)
    context.term()


def test_missing_tokens_end_the_answer_instead_of_passing_unnoticed(service, client):
    stream = start(client)
    got = service.expect(Frame.OPEN)
    service.chunk(got, text="a", tokens=[1])
    service.chunk(got, offset=2, text="c", tokens=[3])
    assert next(stream).text == "a"
    assert failure(stream) == "the service sent tokens from 2 on where 1 was next (corrupt)"
    service.expect(Frame.CLOSE)


def test_an_error_reply_that_names_no_op_ends_what_had_no_answer_yet(service, client):
    running, fresh = start(client), start(client)
    got = service.expect(Frame.OPEN)
    service.expect(Frame.OPEN)
    service.chunk(got, text="a", tokens=[1])
    service.send(got, Frame.ERROR_REPLY, error_reply(0, 5, "unreadable frame"))
    assert failure(fresh) == "unreadable frame (corrupt)"
    service.chunk(got, offset=1, text="b", tokens=[2], finish=STOP)
    assert [chunk.text for chunk in running] == ["a", "b"]


@pytest.mark.parametrize(
    "parts, code",
    [
        ([b"\x01\x02\x03"], "corrupt"),
        ([b""], "corrupt"),
        ([b"HTTP\x00\x01\x0a\x00", chunks([])], "corrupt"),
        ([header(Frame.CHUNKS)], "corrupt"),
        ([header(Frame.CHUNKS), b"\xff" * 40], "corrupt"),
        ([header(Frame.MODEL_LIST), b"\0\0\0"], "corrupt"),
        ([header(Frame.STATUS_REPORT), b""], "corrupt"),
        ([header(Frame.ERROR_REPLY), b""], "corrupt"),
        ([b"TKMK\x01\x00\x0a\x00", chunks([])], "version_mismatch"),
        ([b"TKMK\x00\x02\x0a\x00", chunks([])], "version_mismatch"),
    ],
)
def test_garbage_and_other_versions_end_what_is_in_flight_and_the_client_works_on(service, client, parts, code):
    stream = start(client)
    service.send_raw(service.expect(Frame.OPEN), parts)
    with pytest.raises(tokamak.Error) as caught:
        next(stream)
    assert caught.value.code == code
    answer_ok(service, start(client))


def test_frames_of_unknown_type_for_unknown_requests_and_with_surplus_parts_do_no_harm(service, client):
    stream = start(client)
    got = service.expect(Frame.OPEN)
    service.send(got, 999, b"\x01\x02")
    service.send(got, Frame.CHUNKS, chunks([dict(id=stream.id + 1000, text="not yours", tokens=[1])]))
    service.send(got, Frame.MODEL_LIST, model_list(stream.id, ["x"]))
    mine = chunks([dict(id=stream.id, text="mine", tokens=[1], finish=STOP)])
    service.send_raw(got, [header(Frame.CHUNKS), mine, b"surplus"])
    assert [chunk.text for chunk in stream] == ["mine"]


def test_an_interrupted_wait_leaves_the_client_usable(service, client):
    stream = start(client)
    service.expect(Frame.OPEN)
    with concurrent.futures.ThreadPoolExecutor() as pool:
        blocked = pool.submit(next, stream)
        time.sleep(0.05)
        client.cancel(stream)
        assert blocked.result(timeout=5).finish_reason == "cancelled"
    service.expect(Frame.CLOSE)
    answer_ok(service, start(client))
