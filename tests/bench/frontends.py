#!/usr/bin/env python3
"""What the frontends cost: the same load over ZeroMQ, HTTP and HTTPS in turn, on one service. Rates, time to first token, and processor time of the service, which other load on
the machine changes less. Without a model file the null backend is served, which computes nothing, and what idle connections cost is measured, too.

    tests/bench/frontends.py BUILD_FOLDER [MODEL.gguf] [--streams 1,8,32] [--tokens 200] [--prompt 200] [--rounds 5]
"""
import argparse
import pathlib
import re
import socket
import ssl
import statistics
import subprocess
import tempfile
import time

TOPOLOGY = """
[plugins]
paths = ["{build}/tests/plugins/null.so"]
[models.served]
path = "{model}"
[engines.served]
model = "served"
backend = "{backend}"
max_sequences = 128
[frontends.zmq]
bind = "tcp://127.0.0.1:*"
[frontends.http]
bind = "127.0.0.1:0"
[frontends.https]
kind = "http"
bind = "127.0.0.1:0"
tls_certificate = "cert.pem"
tls_key = "key.pem"
"""
SMOLLM2 = "~/.cache/tokamak/models/SmolLM2-135M-Instruct.Q4_1.gguf"
SCHEMES = ("tcp", "http", "https")


class Service:
    def __init__(self, folder, build, model):
        (folder / "topology.toml").write_text(TOPOLOGY.format(build=build, model=model or SMOLLM2, backend="cpu" if model else "null"))
        with open(folder / "log", "w") as log:
            self.process = subprocess.Popen([build / "bin/tokamak", "serve", folder / "topology.toml"], stdout=log, stderr=log)
        while "serve ready" not in re.sub(" +", " ", text := (folder / "log").read_text()):
            assert self.process.poll() is None, text
            time.sleep(0.1)
        self.address = {scheme: re.search(rf"\b{scheme}://127\.0\.0\.1:\d+", text).group(0) for scheme in SCHEMES}

    def cpu_s(self):
        fields = pathlib.Path(f"/proc/{self.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / 100

    def memory_kib(self):
        return int(re.search(r"VmRSS:\s+(\d+)", pathlib.Path(f"/proc/{self.process.pid}/status").read_text()).group(1))

    def end(self):
        self.process.terminate()
        self.process.wait()


class Series:
    """What was measured over one frontend, by round."""

    def __init__(self):
        self.rates, self.first_ms, self.token_us = [], [], []

    def add(self, service, bench, scheme, streams, o):
        before = service.cpu_s()
        n = 3 if o.model is None else 1  # rounds of the load generator, the median of which counts
        command = [bench, service.address[scheme], "served", streams, o.tokens, o.prompt, n]
        out = subprocess.run([str(c) for c in command], capture_output=True, text=True, check=True).stdout
        self.rates.append(int(re.search(r"(\d+) tokens/s", out).group(1)))
        self.first_ms.append(float(re.search(r"p99 ([\d.]+) ms", out).group(1)))
        self.token_us.append((service.cpu_s() - before) / (streams * o.tokens * n) * 1e6)


def loads(service, build, o):
    for streams in o.streams:
        series = {scheme: Series() for scheme in SCHEMES}
        for i in range(o.rounds + 1):
            for scheme in SCHEMES[i % 3:] + SCHEMES[:i % 3]:
                (Series() if i == 0 else series[scheme]).add(service, build / "tests/bench/serving_bench", scheme, streams, o)  # the first warms up
        print(f"{streams} streams of {o.tokens} tokens, medians of {o.rounds} rounds")
        for scheme, s in series.items():
            beside = statistics.median(rate / other for rate, other in zip(s.rates, series["tcp"].rates))
            print(f"  {scheme:5} {statistics.median(s.rates):7.0f} tokens/s ({min(s.rates)} to {max(s.rates)}), {beside:.3f} of tcp; p99 to first token "
                  f"{statistics.median(s.first_ms):.2f} ms; processor time {statistics.median(s.token_us):.2f} us a token", flush=True)


def connected(address, context):
    s = socket.create_connection(("127.0.0.1", int(address.rsplit(":")[-1])))
    return context.wrap_socket(s, server_hostname="127.0.0.1") if address.startswith("https") else s


def ask(s):
    s.sendall(b"GET /health HTTP/1.1\r\nHost: bench\r\n\r\n")
    while b"ok" not in s.recv(4096):
        pass


def connections(folder, build, context):
    for scheme in ("http", "https"):
        service, idle = Service(folder, build, None), []  # a fresh one: memory that was freed is used again
        with connected(service.address[scheme], context) as s:
            before = service.cpu_s()
            for _ in range(20000):
                ask(s)
            request_us = (service.cpu_s() - before) / 20000 * 1e6
        for n in (100, 2000):
            kib, cpu_s = service.memory_kib(), service.cpu_s()
            for _ in range(n):
                idle.append(connected(service.address[scheme], context))
                ask(idle[-1])
            time.sleep(0.5)
        begin_ms = (service.cpu_s() - cpu_s) / n * 1000
        kib = (service.memory_kib() - kib) / n
        before = service.cpu_s()
        time.sleep(10)
        print(f"{scheme:5} connection: {kib:.1f} KiB when idle after a request; its begin and first request {begin_ms:.2f} ms of processor time, a GET /health {request_us:.1f} us; "
              f"the service with {len(idle)} idle ones {(service.cpu_s() - before) / 10:.2%} of a core", flush=True)
        service.end()


def main():
    p = argparse.ArgumentParser()
    p.add_argument("build", type=pathlib.Path)
    p.add_argument("model", nargs="?")
    p.add_argument("--streams", type=lambda text: [int(n) for n in text.split(",")])
    p.add_argument("--tokens", type=int)
    p.add_argument("--prompt", type=int, help="bytes")
    p.add_argument("--rounds", type=int, default=5)
    o = p.parse_args()
    null = o.model is None
    o.streams, o.tokens, o.prompt = o.streams or ([1, 64] if null else [1, 8, 32]), o.tokens or (2000 if null else 200), o.prompt or (16 if null else 200)
    build = o.build.resolve()
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-subj", "/CN=bench", "-addext", "subjectAltName=IP:127.0.0.1",
                        "-keyout", folder / "key.pem", "-out", folder / "cert.pem"], check=True, capture_output=True)
        service = Service(folder, build, o.model and pathlib.Path(o.model).expanduser().resolve())
        loads(service, build, o)
        service.end()
        if null:
            connections(folder, build, ssl.create_default_context(cafile=folder / "cert.pem"))


main()
