"""HTTPS: OpenAI's client and curl over it, and what sessions do that are refused, slow, cut or half-closed. The model is a null backend's."""

import asyncio
import json
import os
import pathlib
import socket
import ssl
import subprocess
import time

import openai
import pytest
from running_service import RunningService

NULL = pathlib.Path(os.environ.get("TOKAMAK", "")).resolve().parents[1] / "tests/plugins/null.so"
TOPOLOGY = """
[plugins]
paths = ["$null_backend"]
[models.smollm2]
path = "$model"
[engines.smollm2]
model = "smollm2"
backend = { plugin = "null", step_us = $step_us }
max_sequences = 256
context_length = 4096
[frontends.http]
bind = "127.0.0.1:$port"
tls_certificate = "cert.pem"
tls_key = "key.pem"
$more
"""
HI = [{"role": "user", "content": "Hi"}]


def certify(folder, name="localhost"):
    """A new certificate, and moved into place as renewing programs do."""
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", folder / "key.new", "-out", folder / "cert.new",
                    "-days", "2", "-subj", f"/CN={name}", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"], check=True, capture_output=True)
    (folder / "key.new").replace(folder / "key.pem")
    (folder / "cert.new").replace(folder / "cert.pem")


class Service(RunningService):
    def __init__(self, folder, step_us=0, more=""):
        self.folder = folder
        certify(folder)
        super().__init__(TOPOLOGY, folder, null_backend=NULL, step_us=step_us, more=more)

    def trust(self):
        context = ssl.create_default_context(cafile=self.folder / "cert.pem")
        context.options &= ~ssl.OP_IGNORE_UNEXPECTED_EOF  # Python's own contexts take a cut for an end
        return context

    def plain(self):
        s = socket.create_connection(("127.0.0.1", self.port))
        s.settimeout(30)
        return s

    def session(self, context=None, **more):
        """A ragged end of it, which is a cut, is an error."""
        return (context or self.trust()).wrap_socket(self.plain(), server_hostname="localhost", suppress_ragged_eofs=False, **more)


def half_close(s):
    socket.socket.shutdown(s, socket.SHUT_WR)  # SSLSocket's own would go on in the clear


def read_all(s):
    return b"".join(iter(lambda: s.recv(65536), b""))


def post(path, body, fields=""):
    return f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n{fields}Content-Length: {len(body)}\r\n\r\n{body}".encode()


def stream_of(tokens):
    return json.dumps({"model": "smollm2", "prompt": "Once", "max_tokens": tokens, "stream": True, "temperature": 0, "ignore_eos": True})


@pytest.fixture(scope="module")
def service(tmp_path_factory):
    s = Service(tmp_path_factory.mktemp("https"), more="client_buffer_bytes = 1048576\nstall_timeout_ms = 10000")
    yield s
    s.end()


@pytest.fixture(scope="module")
def hasty(tmp_path_factory):
    s = Service(tmp_path_factory.mktemp("hasty"), step_us=2000, more="idle_timeout_ms = 6000\nrequest_timeout_ms = 1000")
    yield s
    s.end()


def test_chat_and_stream(service):
    with openai.OpenAI(base_url=service.address + "/v1", api_key="none", max_retries=0, http_client=openai.DefaultHttpxClient(verify=service.trust())) as client:
        ask = lambda **more: client.chat.completions.create(model="smollm2", messages=HI, max_tokens=20, temperature=0, **more)
        whole = ask().choices[0].message.content
        assert whole and "".join(e.choices[0].delta.content or "" for e in ask(stream=True)) == whole


def test_curl(service):
    curl = lambda *more: subprocess.run(["curl", "-sS", "-m", "30", service.address + "/health", *more], capture_output=True, text=True)
    assert curl("--cacert", service.folder / "cert.pem").stdout == '{"status":"ok"}'
    assert curl().returncode == 60  # signed by nobody known


def test_a_large_body(service):
    with service.session() as s:
        s.sendall(post("/v1/completions", json.dumps({"model": "smollm2", "prompt": "word " * 1_000_000, "max_tokens": 1}), "Connection: close\r\n"))
        assert b"context_length_exceeded" in read_all(s)


def test_200_clients_at_once(service):
    async def one(context):
        reader, writer = await asyncio.open_connection("127.0.0.1", service.port, ssl=context, server_hostname="localhost")
        writer.write(post("/v1/completions", stream_of(100), "Connection: close\r\n"))
        answer = await reader.read(-1)
        writer.close()
        return answer.count(b'data: {"'), b"data: [DONE]" in answer

    async def all_of_them():
        context = service.trust()
        return await asyncio.gather(*[one(context) for _ in range(200)])
    answers = asyncio.run(all_of_them())
    assert all(done and events >= 100 for events, done in answers)


def test_a_client_that_does_not_read_is_cut_and_can_see_that(service):
    with service.session() as deaf:
        deaf.settimeout(1)
        with pytest.raises((TimeoutError, OSError)):
            while True:
                deaf.sendall(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n" * 100)
        assert service.wait_until(lambda: service.counter("frontend", "connections") == 1, 30)  # the one that asks
        deaf.settimeout(30)
        with pytest.raises(OSError):
            read_all(deaf)


def test_a_slow_reader_has_its_answers_paused_and_gets_all_of_them(service):
    body = json.loads(stream_of(3000)) | {"n": 16}  # more than the system's buffers take
    with service.session() as slow:
        slow.sendall(post("/v1/completions", json.dumps(body), "Connection: close\r\n"))
        answer = bytearray()
        while piece := slow.recv(65536):
            answer += piece
            time.sleep(0.001)
    assert answer.count(b'"finish_reason":"length"') == 16 and answer.count(b'data: {"') > 16 * 2900 and b"data: [DONE]" in answer


@pytest.mark.parametrize("said", [b"", b"\x16", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc"])
def test_a_handshake_that_does_not_come_to_its_end_is_cut(hasty, said):
    with hasty.plain() as s:
        began = time.monotonic()
        s.sendall(said)
        assert read_all(s) == b"" and 0.5 < time.monotonic() - began < 5


def test_plain_http_is_told_where_it_is(service):
    with service.plain() as s:
        s.sendall(b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n")
        answer = read_all(s)
    assert answer.startswith(b"HTTP/1.1 400 Bad Request\r\n") and b"this port speaks HTTPS" in answer


@pytest.mark.parametrize("garbage", [b"\x00\x01\x02", b"\x80\x2e\x01\x00\x02", b"\x16\x03\x01\x00\x04\xff\xff\xff\xff"])
def test_garbage_is_cut(service, garbage):
    with service.plain() as s:
        s.sendall(garbage)
        assert b"HTTP" not in read_all(s)


def versions(context, least, most):
    context.set_ciphers("ALL:@SECLEVEL=0")
    context.minimum_version, context.maximum_version = least, most
    return context


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_versions(service):
    v = ssl.TLSVersion
    with pytest.raises(ssl.SSLError, match="PROTOCOL_VERSION"):
        service.session(versions(service.trust(), v.TLSv1, v.TLSv1_1))
    for version, name in ((v.TLSv1_2, "TLSv1.2"), (v.TLSv1_3, "TLSv1.3")):
        with service.session(versions(service.trust(), version, version)) as s:
            s.sendall(b"GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
            assert s.version() == name and read_all(s).endswith(b'{"status":"ok"}')


def test_protocols(service):
    context = service.trust()
    context.set_alpn_protocols(["h2", "http/1.1"])
    with service.session(context) as s:
        assert s.selected_alpn_protocol() == "http/1.1"
    context.set_alpn_protocols(["h2"])
    with pytest.raises(ssl.SSLError, match="no application protocol"):
        service.session(context)


def test_sessions_are_resumed(service):
    context = service.trust()
    with service.session(context) as s:
        s.sendall(b"GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        read_all(s)
        ticket = s.session
    with service.session(context, session=ticket) as s:
        assert s.session_reused


def test_ends_are_told_from_cuts(hasty):
    with hasty.session() as s:  # after an answer, and after silence
        s.sendall(b"GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        assert read_all(s).endswith(b'{"status":"ok"}')
    with hasty.session() as s:
        assert read_all(s) == b""
    with hasty.session() as s:  # an answer that only its end ends
        s.sendall(post("/v1/completions", stream_of(20)).replace(b"HTTP/1.1", b"HTTP/1.0"))
        assert read_all(s).endswith(b"data: [DONE]\n\n")


def test_clients_that_leave_take_their_sequences_along(hasty):
    for leave in (lambda s: s.unwrap(), half_close, lambda s: s.close()):  # orderly, half-closed without a word, gone
        s = hasty.session()
        s.sendall(post("/v1/completions", stream_of(3000)))
        assert b"200 OK" in s.recv(65536)
        try:
            leave(s)
        except OSError:
            pass  # events were on their way
        assert hasty.wait_until(lambda: hasty.counter("scheduler", "running") == 0 and hasty.counter("frontend", "connections") == 1, 5)  # 6 s would be the whole answer
        s.close()
    with hasty.session() as s:  # half a request is none
        s.sendall(post("/v1/completions", stream_of(5))[:-10])
        half_close(s)
        assert read_all(s) == b""


def test_a_certificate_is_renewed_while_the_service_runs(service):
    def peer():
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        with service.session(context) as s:
            return ssl.DER_cert_to_PEM_cert(s.getpeercert(True))
    now = lambda: (service.folder / "cert.pem").read_text()
    first, before = now(), service.session()
    certify(service.folder, "renewed")
    assert now() != first and service.wait_until(lambda: peer() == now(), 5)
    assert "certificate.renewed" in service.log.read_text()
    before.sendall(b"GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")  # sessions go on with the old one
    assert read_all(before).endswith(b'{"status":"ok"}')
    before.close()

    good = now()
    (service.folder / "cert.pem").write_text(first)  # with the new key
    assert service.wait_until(lambda: peer() == good and "certificate.refused" in service.log.read_text(), 5)
    for _ in range(5):
        time.sleep(0.5)
        assert peer() == good
    assert service.log.read_text().count("certificate.refused") == 1 and "this is not the key of the first certificate" in service.log.read_text()
    certify(service.folder)
    assert service.wait_until(lambda: peer() == now(), 5)
