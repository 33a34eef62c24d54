"""Time limits and sizes of one client."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Optional

from .errors import InvalidArgumentError


@dataclass(frozen=True)
class Options:
    """All times in seconds."""

    connect_timeout: float = 5.0  # how long a request waits to be sent
    answer_timeout: float = 10.0  # list_models and status
    chunk_timeout: float = 300.0  # longest silence within one answer
    heartbeat_interval: float = 2.0  # ZeroMQ pings: finds a dead host or process
    heartbeat_timeout: float = 6.0
    liveness_interval: float = 15.0  # silence before, and again after, asking "are you there?"
    acknowledge_every: int = 64  # tokens; must be below the service's window
    max_frame_bytes: int = 64 << 20  # larger messages end the connection
    key_file: Optional[str] = None  # own secret key (`tokamak keygen`); None: in the clear
    server_key_file: Optional[str] = None  # the service's public key; needed with key_file

    def __post_init__(self) -> None:
        for name in ("connect_timeout", "answer_timeout", "chunk_timeout", "heartbeat_interval", "liveness_interval"):
            if getattr(self, name) <= 0:
                raise InvalidArgumentError(f"{name} must be above 0 seconds, not {getattr(self, name)!r}")
        if not self.heartbeat_interval <= self.heartbeat_timeout < 6553:
            raise InvalidArgumentError("heartbeat_timeout must be between heartbeat_interval and 6553 seconds")
        if self.acknowledge_every < 1:
            raise InvalidArgumentError("acknowledge_every must be at least 1")
        if (self.key_file is None) != (self.server_key_file is None):
            raise InvalidArgumentError("key_file and server_key_file are needed together")
