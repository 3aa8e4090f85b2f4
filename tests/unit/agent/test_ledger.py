"""Placement against a model that tries everything."""

from __future__ import annotations

from itertools import combinations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from styx.agent.ledger import Ledger

shares = st.sampled_from([0.0, 0.1, 0.25, 0.5, 1.0, 2.0, 3.0])
cpu_claims = st.sampled_from([0.0, 0.1, 0.5, 1.0, 2.0, 4.0, 5.0])


class Placements(RuleBasedStateMachine):
    """Claims come and go on nodes that come and go; sums are kept in whole hundredths, beside."""

    def __init__(self) -> None:
        super().__init__()
        self.ledger = Ledger()
        self.nodes: dict[int, tuple[int, int]] = {}
        self.held: dict[int, tuple[float, float, list[tuple[int, list[int]]]]] = {}
        self.next = 1

    def _used(self, node: int) -> tuple[int, dict[int, int]]:
        cpus, gpus = 0, dict.fromkeys(range(8), 0)
        for claimed_cpus, claimed_gpus, placement in self.held.values():
            for where, indices in placement:
                if where == node:
                    cpus += round(claimed_cpus * 100)
                    for index in indices:
                        gpus[index] += round(min(claimed_gpus, 1.0) * 100)
        return cpus, gpus

    def _fits(self, node: int, cpus: float, gpus: float) -> bool:
        """Whether any choice of devices on this node would do."""
        used_cpus, used = self._used(node)
        has_cpus, has_gpus = self.nodes[node]
        if used_cpus + round(cpus * 100) > has_cpus * 100:
            return False
        if gpus < 1:
            return gpus == 0 or any(used[index] + round(gpus * 100) <= 100 for index in range(has_gpus))
        return any(all(used[index] == 0 for index in chosen) for chosen in combinations(range(has_gpus), int(gpus)))

    @rule(node=st.integers(0, 4), cpus=st.integers(1, 4), gpus=st.integers(0, 4))
    def add_node(self, node: int, cpus: int, gpus: int) -> None:
        """A node says what it has; one that holds claims comes back as it was."""
        cpus, gpus = self.nodes.get(node, (cpus, gpus))
        if node not in self.nodes and any(where == node for _, _, at in self.held.values() for where, _ in at):
            return
        self.nodes[node] = (cpus, gpus)
        self.ledger.set_node(node, cpus, list(range(gpus)))

    @rule(num_nodes=st.integers(1, 3), cpus=cpu_claims, gpus=shares)
    def place(self, num_nodes: int, cpus: float, gpus: float) -> None:
        """A job is placed exactly when it fits, on the lowest nodes that it fits on."""
        job, self.next = self.next, self.next + 1
        fitting = [node for node in sorted(self.nodes) if self._fits(node, cpus, gpus)]
        placement = self.ledger.place(job, num_nodes, cpus, gpus)
        if len(fitting) < num_nodes:
            assert placement is None
            return
        assert placement is not None
        assert [node for node, _ in placement] == fitting[:num_nodes]
        assert all(len(set(indices)) == len(indices) == (1 if 0 < gpus < 1 else int(gpus)) for _, indices in placement)
        self.held[job] = (cpus, gpus, placement)

    @precondition(lambda self: self.held)
    @rule(data=st.data())
    def release(self, data: st.DataObject) -> None:
        """A claim is given back, and again without harm."""
        job = data.draw(st.sampled_from(sorted(self.held)))
        del self.held[job]
        self.ledger.release(job)
        self.ledger.release(job)

    @precondition(lambda self: self.nodes)
    @rule(data=st.data())
    def come_back(self, data: st.DataObject) -> None:
        """A node that was given up and answers again still has its claims."""
        node = data.draw(st.sampled_from(sorted(self.nodes)))
        self.ledger.drop_node(node)
        self.ledger.set_node(node, self.nodes[node][0], list(range(self.nodes[node][1])))

    @rule(num_nodes=st.integers(1, 3), cpus=cpu_claims, gpus=shares)
    def judge(self, num_nodes: int, cpus: float, gpus: float) -> None:
        """A claim is too large exactly when the idle cluster could not take it."""
        held, self.held = self.held, {}
        fitting = sum(self._fits(node, cpus, gpus) for node in self.nodes)
        self.held = held
        assert bool(self.ledger.too_large(num_nodes, cpus, gpus)) == (fitting < num_nodes)

    @invariant()
    def free_is_what_is_not_used(self) -> None:
        """What is free and what is held add up to what there is."""
        for node, (free_cpus, free_gpus) in self.ledger.free().items():
            used_cpus, used = self._used(node)
            assert free_cpus == pytest.approx(self.nodes[node][0] - used_cpus / 100)
            assert free_gpus == pytest.approx(self.nodes[node][1] - sum(used.values()) / 100)


Placements.TestCase.settings = settings(stateful_step_count=30)
TestPlacements = Placements.TestCase


@given(st.lists(st.sampled_from([0.1, 0.2, 0.3]), min_size=1, max_size=30))
def test_fractions_add_up(claims: list[float]) -> None:
    """Tenths of a GPU fill it exactly, although they do not add up in binary."""
    ledger = Ledger()
    ledger.set_node(0, 1000, [0])
    total = 0
    for job, gpus in enumerate(claims):
        fits = total + round(gpus * 10) <= 10
        assert (ledger.place(job, 1, 0, gpus) is not None) == fits
        total += round(gpus * 10) if fits else 0


def test_shares_go_to_the_fullest_device() -> None:
    """Half devices share one, so that whole ones stay free for who needs them whole."""
    ledger = Ledger()
    ledger.set_node(0, 8, [0, 1])
    assert ledger.place(1, 1, 0, 0.5) == [(0, [0])]
    assert ledger.place(2, 1, 0, 0.5) == [(0, [0])]
    assert ledger.place(3, 1, 0, 1) == [(0, [1])]


def test_reasons_name_what_is_needed_and_what_there_is() -> None:
    """The reason tells claim and cluster; nodes of which nothing is known yet may still be large enough."""
    ledger = Ledger()
    ledger.set_node(0, 4, [0])
    assert "it needs 2 nodes and the cluster has 1" in ledger.too_large(2, 1, 0)
    assert "8 GPUs" in ledger.too_large(1, 1, 8)
    assert "4 CPUs and 1 GPU" in ledger.too_large(1, 1, 8)
    assert ledger.too_large(2, 1, 0, unknown=1) == ""
