"""A service with a real model, on a free port, and clients of it."""

import os
import pathlib
import socket
import subprocess
import time
import urllib.request

import openai
import pytest

MODEL = pathlib.Path.home() / ".cache/tokamak/models/SmolLM2-135M-Instruct.Q4_1.gguf"
TOPOLOGY = """
[models.smollm2]
path = "{model}"
[engines.smollm2]
model = "smollm2"
context_length = 2048
[endpoints.smollm2]
members = ["smollm2"]
aliases = ["gpt-4o-mini"]
[frontends.http]
bind = "127.0.0.1:{port}"
cors_origins = ["http://page.example"]
"""


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


@pytest.fixture(scope="session")
def address(tmp_path_factory):
    if not MODEL.exists():
        pytest.skip(f"{MODEL} is not there: run deploy/fetch_model.sh smollm2")
    folder = tmp_path_factory.mktemp("service")
    port = free_port()
    topology = folder / "topology.toml"
    topology.write_text(TOPOLOGY.format(model=MODEL, port=port))
    with open(folder / "log", "w") as log:
        service = subprocess.Popen([os.environ["TOKAMAK"], "serve", topology], stdout=log, stderr=subprocess.STDOUT)
    url = f"http://127.0.0.1:{port}"
    for _ in range(600):
        try:
            urllib.request.urlopen(url + "/health/ready").read()
            break
        except OSError:
            assert service.poll() is None, (folder / "log").read_text()
            time.sleep(0.1)
    yield url
    service.terminate()
    assert service.wait(30) == 0, (folder / "log").read_text()


@pytest.fixture(scope="session")
def client(address):
    return openai.OpenAI(base_url=address + "/v1", api_key="none", max_retries=0)
