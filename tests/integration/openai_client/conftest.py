"""A service with a real model, and OpenAI's client of it."""

import openai
import pytest
from running_service import RunningService

TOPOLOGY = """
[models.smollm2]
path = "$model"
[engines.smollm2]
model = "smollm2"
context_length = 2048
[endpoints.smollm2]
members = ["smollm2"]
aliases = ["gpt-4o-mini"]
[frontends.http]
bind = "127.0.0.1:$port"
cors_origins = ["http://page.example"]
"""


@pytest.fixture(scope="session")
def service(tmp_path_factory):
    service = RunningService(TOPOLOGY, tmp_path_factory.mktemp("service"))
    yield service
    service.end()


@pytest.fixture(scope="session")
def address(service):
    return service.address


@pytest.fixture(scope="session")
def client(address):
    return openai.OpenAI(base_url=address + "/v1", api_key="none", max_retries=0)
