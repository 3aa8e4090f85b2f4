"""The sandbox contract, first version: isolated places in which an agent or a person runs untrusted code."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import ClassVar

from styx.api.services import Services
from styx.api.transport import CommandResult


class SandboxState(StrEnum):
    """Where a sandbox is in its life; one that is gone is not listed."""

    STARTING = "starting"
    RUNNING = "running"
    PAUSED = "paused"
    STOPPING = "stopping"


@dataclass(frozen=True, slots=True)
class SandboxSpec:
    """What to make. ``ttl_seconds`` bounds its life; ``network`` off means no way out."""

    name: str
    image: str
    cpus: float = 1.0
    memory_gib: float = 1.0
    envs: Mapping[str, str] = field(default_factory=dict)
    ports: tuple[int, ...] = ()
    ttl_seconds: int | None = None
    network: bool = True


@dataclass(frozen=True, slots=True)
class SandboxInfo:
    """One sandbox as its provider tells it. ``addresses`` maps a port inside to ``host:port`` outside."""

    name: str
    state: SandboxState
    created_at: datetime
    addresses: Mapping[int, str] = field(default_factory=dict)


class Sandbox(ABC):
    """One way of making sandboxes. Names are unique within the installation; methods are thread-safe."""

    name: ClassVar[str]

    def __init__(self, services: Services) -> None:
        """Keep ``services``. No network here."""
        self.services = services

    @abstractmethod
    def check(self) -> None:
        """Raise a ProviderError when sandboxes cannot be made here. Safe to repeat."""

    @abstractmethod
    def create(self, spec: SandboxSpec) -> SandboxInfo:
        """Make the sandbox. The same name and spec again returns the same one; another spec is Conflict."""

    @abstractmethod
    def list(self) -> Iterable[SandboxInfo]:
        """All sandboxes of this installation."""

    @abstractmethod
    def exec(self, name: str, command: Sequence[str], *, stdin: bytes = b"", timeout: float = 60.0) -> CommandResult:
        """Run a command inside and wait. A command that fails is a result. Raises NotFound."""

    @abstractmethod
    def read(self, name: str, path: str) -> bytes:
        """The contents of a file inside. Raises NotFound."""

    @abstractmethod
    def write(self, name: str, path: str, data: bytes, *, mode: int = 0o644) -> None:
        """Write a file inside, making parent directories. Replaced whole or not at all."""

    @abstractmethod
    def terminate(self, name: str) -> None:
        """Remove the sandbox and all it holds. Idempotent: a missing one is success."""
