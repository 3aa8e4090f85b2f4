"""What the wrong clouds share."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Any, ClassVar

from registry import Registry

from styx.api import (
    Node,
    Observation,
    Owner,
    Scope,
)
from styx.testing.memory import MemoryCloud
from styx.testing.memory.account import Machine

WRONG = Registry()
HASTY = replace(MemoryCloud.traits, boot_deadline=1.0)  # for clouds on which the kit waits in vain


def stamp(*parts: object) -> str:
    """A token made of these parts alone."""
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:32]


class Retouched(MemoryCloud):
    """Nodes that differ in some fields from what is there."""

    change: ClassVar[Mapping[str, Any]] = {}

    def _node(self, machine: Machine, owner: Owner | None, rank: int | None) -> Node:
        return replace(super()._node(machine, owner, rank), **self.change)


class Misreports(MemoryCloud):
    """An observation that is changed on its way out."""

    def changed(self, seen: Observation, owners: Collection[Owner] | None) -> Observation:
        """What is told instead."""
        raise NotImplementedError

    def observe(self, scope: Scope, owners: Collection[Owner] | None) -> Observation:
        """What is there, changed."""
        return self.changed(super().observe(scope, owners), owners)

    def all(self, scope: Scope) -> tuple[Node, ...]:
        """Every node of this installation there."""
        return super().observe(scope, None).nodes
