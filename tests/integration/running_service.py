"""A service as a program of its own, with an HTTP frontend on a free port, for tests of its clients in Python."""

import json
import os
import pathlib
import re
import string
import subprocess
import time
import urllib.request

import pytest

MODEL = pathlib.Path.home() / ".cache/tokamak/models/SmolLM2-135M-Instruct.Q4_1.gguf"
FACTOR = int(os.environ.get("TOKAMAK_TIMEOUT_FACTOR", "1"))  # how much slower than usual programs are, under a sanitizer


class RunningService:
    """Runs until end() or kill(). The topology's text has $model and $port where those belong, and `more`; its log goes to `folder`."""

    def __init__(self, topology, folder, port=0, **more):
        if not MODEL.exists():
            pytest.skip(f"{MODEL} is not there: run deploy/fetch_model.sh smollm2")
        self.log = folder / "log"
        file = folder / "topology.toml"
        file.write_text(string.Template(topology).substitute(model=MODEL, port=port, **more))
        with open(self.log, "w") as log:
            self.process = subprocess.Popen([os.environ["TOKAMAK"], "serve", file], stdout=log, stderr=subprocess.STDOUT)
        for _ in range(1200 * FACTOR):
            if " serve ready " in self.log.read_text():
                break
            assert self.process.poll() is None, self.log.read_text()
            time.sleep(0.05)
        self.address = re.search(r" listening name=http address=(\S+)", self.log.read_text())[1]
        self.port = int(self.address.rsplit(":", 1)[1])

    def trust(self):
        """What an HTTPS service's certificate is checked with."""

    def status(self):
        with urllib.request.urlopen(self.address + "/status", timeout=30, context=self.trust()) as answer:
            return json.load(answer)

    def counter(self, kind, name, actor=None):
        """The sum over actors of a kind, or that of one of them."""
        return sum(a["counters"].get(name, 0) for a in self.status()["actors"] if a["kind"] == kind and actor in (None, a["name"]))

    def wait_until(self, what, seconds=10):
        """True as soon as what() is; False if it is not in time."""
        end = time.monotonic() + seconds * FACTOR
        while not what():
            if time.monotonic() > end:
                return False
            time.sleep(0.05)
        return True

    def is_idle(self):
        return self.counter("scheduler", "running") + self.counter("scheduler", "waiting") == 0

    def kill(self):
        self.process.kill()
        self.process.wait()

    def end(self):
        self.process.terminate()
        status = self.process.wait(30 * FACTOR)
        assert status == 0, f"exit status {status}\n{self.log.read_text()}"
