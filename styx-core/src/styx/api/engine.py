"""The serving-engine contract, first version: how a model server (vLLM, TGI, llama.cpp, ...) is started and probed."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

from styx.api.offers import Accelerator
from styx.api.services import Services


@dataclass(frozen=True, slots=True)
class ModelRequest:
    """What to serve. ``model`` is a hub id or a path on the node; ``options`` are passed to the engine as they are."""

    model: str
    accelerators: tuple[Accelerator, ...] = ()
    num_nodes: int = 1
    port: int = 8000
    max_context: int | None = None  # tokens
    quantization: str | None = None
    options: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ServePlan:
    """How to serve it: scripts for the nodes, what to set, and where to ask whether it is ready."""

    setup: str
    run: str
    envs: Mapping[str, str] = field(default_factory=dict)
    readiness_path: str = "/health"
    api: str = "openai"  # the protocol that clients speak


class Engine(ABC):
    """One serving engine. Pure: it plans, core runs."""

    name: ClassVar[str]

    def __init__(self, services: Services) -> None:
        """Keep ``services``; do nothing else."""
        self.services = services

    @abstractmethod
    def supports(self, request: ModelRequest) -> str | None:
        """None when the engine can serve this, else one sentence that says why not."""

    @abstractmethod
    def plan(self, request: ModelRequest) -> ServePlan:
        """The plan for one replica. The same request gives the same plan. Raises Unsupported, InvalidRequest."""
