"""Who holds which CPUs and GPUs of the cluster, and where a job fits. Pure bookkeeping; the head keeps one."""

from __future__ import annotations

import math

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Mapping

    Placement = list[tuple[int, list[int]]]  # by rank of the job: (node, GPU indices)

_ROUNDING = 1e-6  # claims are fractions such as 0.1, which do not add up exactly


class _Node:
    __slots__ = ("cpus", "free_cpus", "free_gpus")

    def __init__(self, cpus: float, gpus: list[int]) -> None:
        self.cpus = cpus
        self.free_cpus = cpus
        self.free_gpus = dict.fromkeys(gpus, 1.0)

    def pick(self, cpus: float, gpus: float) -> list[int] | None:
        """Return the GPUs that a claim would get here, None when it does not fit.

        Whole GPUs are given alone. A share below one goes to the fullest GPU that still has room for it.
        """
        if cpus > self.free_cpus + _ROUNDING:
            return None
        if gpus <= 0:
            return []
        if gpus < 1:
            room = [(free, index) for index, free in self.free_gpus.items() if free + _ROUNDING >= gpus]
            return [min(room)[1]] if room else None
        whole = [index for index, free in self.free_gpus.items() if free + _ROUNDING >= 1]
        count = math.ceil(gpus)
        return whole[:count] if len(whole) >= count else None

    def take(self, cpus: float, gpus: float, indices: list[int], sign: int) -> None:
        self.free_cpus -= sign * cpus
        for index in indices:
            self.free_gpus[index] = self.free_gpus.get(index, 1.0) - sign * min(gpus, 1.0)


class Ledger:
    """The claims of all jobs that hold any, on the nodes of one cluster (0 is the head)."""

    def __init__(self) -> None:
        self._nodes: dict[int, _Node] = {}
        self._held: dict[int, tuple[float, float, Placement]] = {}

    def set_node(self, node: int, cpus: float, gpus: list[int]) -> None:
        """Say what a node has; claims on it stay."""
        fresh = _Node(cpus, gpus)
        for held_cpus, held_gpus, placement in self._held.values():
            for where, indices in placement:
                if where == node:
                    fresh.take(held_cpus, held_gpus, indices, 1)
        self._nodes[node] = fresh

    def drop_node(self, node: int) -> None:
        """Place nothing more on a node; claims on it stay."""
        self._nodes.pop(node, None)

    def too_large(self, num_nodes: int, cpus: float, gpus: float, unknown: int = 0) -> str:
        """Return why a claim could never be met even by an idle cluster; empty when it could.

        ``unknown`` more nodes belong to the cluster, of which nobody knows yet what they have.
        """
        if num_nodes > len(self._nodes) + unknown:
            return f"it needs {_count(num_nodes, 'node')} and the cluster has {len(self._nodes) + unknown}"
        most = sorted(
            (_Node(node.cpus, list(node.free_gpus)) for node in self._nodes.values()), key=lambda node: node.cpus
        )
        if sum(node.pick(cpus, gpus) is not None for node in most) + unknown >= num_nodes:
            return ""
        what = [_count(cpus, "CPU")] if cpus else []
        what += [_count(gpus, "GPU")] if gpus else []
        has = ", ".join(f"{_count(node.cpus, 'CPU')} and {_count(len(node.free_gpus), 'GPU')}" for node in most[-1:])
        return f"it needs {' and '.join(what)} on each of {_count(num_nodes, 'node')}; the largest node has {has}"

    def place(self, job: int, num_nodes: int, cpus: float, gpus: float) -> Placement | None:
        """Claim room for a job on ``num_nodes`` different nodes, lowest first; None when there is none."""
        placement: Placement = []
        for number in sorted(self._nodes):
            indices = self._nodes[number].pick(cpus, gpus)
            if indices is not None:
                placement.append((number, indices))
            if len(placement) == num_nodes:
                self.hold(job, cpus, gpus, placement)
                return placement
        return None

    def hold(self, job: int, cpus: float, gpus: float, placement: Placement) -> None:
        """Enter a claim that was placed before, by an earlier agent."""
        self._held[job] = (cpus, gpus, placement)
        for node, indices in placement:
            if node in self._nodes:
                self._nodes[node].take(cpus, gpus, indices, 1)

    def release(self, job: int) -> None:
        """Give a job's claim back; does nothing when it has none."""
        cpus, gpus, placement = self._held.pop(job, (0.0, 0.0, []))
        for node, indices in placement:
            if node in self._nodes:
                self._nodes[node].take(cpus, gpus, indices, -1)

    def free(self) -> Mapping[int, tuple[float, float]]:
        """Return (free CPUs, free GPUs) by node."""
        return {number: (node.free_cpus, sum(node.free_gpus.values())) for number, node in self._nodes.items()}


def _count(number: float, noun: str) -> str:
    return f"{number:g} {noun}{'' if number == 1 else 's'}"
