#!/usr/bin/env python3
"""What TLS costs a service that computes nothing: streams and requests over http and https in turn, processor time of the service (which other load on the machine changes
less than rates), and memory of idle connections.

    tests/bench/https.py BUILD_FOLDER [rounds 11]
"""
import pathlib
import re
import socket
import ssl
import statistics
import subprocess
import sys
import tempfile
import time

TOPOLOGY = """
[plugins]
paths = ["{build}/tests/plugins/null.so"]
[models.smollm2]
path = "~/.cache/tokamak/models/SmolLM2-135M-Instruct.Q4_1.gguf"
[engines.smollm2]
model = "smollm2"
backend = {{ plugin = "null" }}
max_sequences = 128
[frontends.http]
bind = "127.0.0.1:0"
[frontends.https]
kind = "http"
bind = "127.0.0.1:0"
tls_certificate = "cert.pem"
tls_key = "key.pem"
"""


class Service:
    def __init__(self, folder, build):
        (folder / "topology.toml").write_text(TOPOLOGY.format(build=build))
        with open(folder / "log", "w") as log:
            self.process = subprocess.Popen([build / "bin/tokamak", "serve", folder / "topology.toml"], stdout=log, stderr=log)
        while "serve ready" not in re.sub(" +", " ", text := (folder / "log").read_text()):
            assert self.process.poll() is None, text
            time.sleep(0.1)
        self.address = {scheme: re.search(rf"\b{scheme}://127\.0\.0\.1:\d+", text).group(0) for scheme in ("http", "https")}

    def cpu_s(self):
        fields = pathlib.Path(f"/proc/{self.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / 100

    def memory_kib(self):
        return int(re.search(r"VmRSS:\s+(\d+)", pathlib.Path(f"/proc/{self.process.pid}/status").read_text()).group(1))

    def end(self):
        self.process.terminate()
        self.process.wait()


def connected(address, context):
    s = socket.create_connection(("127.0.0.1", int(address.rsplit(":")[-1])))
    return context.wrap_socket(s, server_hostname="127.0.0.1") if address.startswith("https") else s


def ask(s):
    s.sendall(b"GET /health HTTP/1.1\r\nHost: bench\r\n\r\n")
    while b"ok" not in s.recv(4096):
        pass


def main():
    build, rounds = pathlib.Path(sys.argv[1]).resolve(), int(sys.argv[2]) if len(sys.argv) > 2 else 11
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-subj", "/CN=bench", "-addext", "subjectAltName=IP:127.0.0.1",
                        "-keyout", folder / "key.pem", "-out", folder / "cert.pem"], check=True, capture_output=True)
        context = ssl.create_default_context(cafile=folder / "cert.pem")
        service, rates, token_us, request_us = Service(folder, build), {}, {}, {}
        for _ in range(rounds):
            for scheme, address in service.address.items():
                before = service.cpu_s()
                out = subprocess.run([build / "tests/bench/serving_bench", address, "smollm2", "64", "2000", "16", "3"], capture_output=True, text=True, check=True).stdout
                rates.setdefault(scheme, []).append(int(re.search(r"(\d+) tokens/s", out).group(1)))
                token_us.setdefault(scheme, []).append((service.cpu_s() - before) / (64 * 2000 * 3) * 1e6)
                with connected(address, context) as s:
                    before = service.cpu_s()
                    for _ in range(4000):
                        ask(s)
                    request_us.setdefault(scheme, []).append((service.cpu_s() - before) / 4000 * 1e6)
        service.end()
        for scheme in rates:
            print(f"{scheme:5} 64 streams of 2000 tokens: median {statistics.median(rates[scheme]):.0f} tokens/s, best {max(rates[scheme])}; "
                  f"processor time {statistics.median(token_us[scheme]):.2f} us a token, {statistics.median(request_us[scheme]):.1f} us a GET /health")
        for scheme in rates:
            service, idle = Service(folder, build), []  # a fresh one: memory that was freed is used again
            for n in (100, 2000):
                kib, cpu_s = service.memory_kib(), service.cpu_s()
                for _ in range(n):
                    idle.append(connected(service.address[scheme], context))
                    ask(idle[-1])
                time.sleep(0.5)
            print(f"{scheme:5} connection: {(service.memory_kib() - kib) / n:.1f} KiB when idle after a request; its begin and first request {(service.cpu_s() - cpu_s) / n * 1000:.2f} ms of processor time")
            service.end()


main()
