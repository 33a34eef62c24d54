"""Fixtures: a fake service, and clients with short limits."""

import pytest

import tokamak
from fake_service import FakeService

# Silence is tested, so it must be short.
IMPATIENT = dict(connect_timeout=0.4, answer_timeout=0.6, heartbeat_interval=0.05, heartbeat_timeout=0.15)


@pytest.fixture
def service():
    with FakeService() as fake:
        yield fake


@pytest.fixture
def client(service):
    with tokamak.Client(service.address) as one:
        yield one


@pytest.fixture
def start(client):
    """Starts streaming with defaults."""
    return lambda prompt="hello", **options: client.generate(prompt, model="m", stream=True, **options)
