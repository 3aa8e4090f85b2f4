"""What a reserved rank gets from its node."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from styx.agent import loop
from styx.agent.containers import Containers
from styx.agent.gang import Gang
from styx.agent.node import Node, read_config
from styx.agent.notices import Notices
from styx.agent.protocol import AgentError


class _Ranks:
    """Records what is started."""

    notice = "/state/jobs/preemption"

    def __init__(self) -> None:
        self.started: dict[tuple[int, int], dict[str, str]] = {}

    def find(self, job: int, rank: int) -> Any:
        return self.started.get((job, rank))

    def start(self, job: int, rank: int, _spec: Any, env: dict[str, str], _hold: bool) -> None:
        self.started[job, rank] = env

    async def disown(self, _job: int, _rank: int, _head: str) -> None:
        """Nothing was started by anybody else."""


@pytest.fixture
def node(tmp_path: Path) -> Iterator[Node]:
    """A configured node with two devices."""
    made = Node(str(tmp_path), "build")
    made.config = read_config({"cluster_key": "k", "home": str(tmp_path), "env": {"A": "cluster", "B": "cluster"}})
    gpus = [{"index": index, "name": "H100", "memory": 80 << 30} for index in range(2)]
    made._facts = {"cpus": 4, "memory": 1 << 30, "gpus": gpus}
    yield made
    made.table.close()


def _environment(node: Node, gpus: list[int], **spec: Any) -> dict[str, str]:
    ranks: Any = _Ranks()
    gang = Gang(node, ranks, Containers(node, "/state/jobs"), Notices(node, ranks), 900.0)

    async def main() -> None:
        await gang.reserve({"job": 1, "rank": 0, "spec": {"run": "true", **spec}, "gpus": gpus})
        await gang.commit({"job": 1, "rank": 0})

    loop.run(main())
    started: dict[str, str] = ranks.started[1, 0]
    return started


def test_a_rank_sees_the_devices_that_it_claimed(node: Node) -> None:
    """Claimed devices are visible by their index on the bus; a rank that claims none sees none."""
    env = _environment(node, [1])
    assert (env["CUDA_VISIBLE_DEVICES"], env["CUDA_DEVICE_ORDER"]) == ("1", "PCI_BUS_ID")
    assert _environment(node, [0, 1])["CUDA_VISIBLE_DEVICES"] == "0,1"
    assert _environment(node, [])["CUDA_VISIBLE_DEVICES"] == ""


def test_without_devices_nothing_is_said_of_them(node: Node) -> None:
    """On a node without devices the variable stays out."""
    node._facts = {"cpus": 4, "memory": 1 << 30, "gpus": []}
    assert "CUDA_VISIBLE_DEVICES" not in _environment(node, [])


def test_a_rank_is_told_where_a_notice_of_preemption_shows(node: Node) -> None:
    """Whether or not this cloud gives any."""
    assert _environment(node, [])["STYX_PREEMPTION_NOTICE"] == "/state/jobs/preemption"


def test_the_users_variables_win_and_secrets_last(node: Node) -> None:
    """The cluster's variables come first, then the job's, then its secrets."""
    env = _environment(node, [0], env={"B": "job", "C": "job", "CUDA_VISIBLE_DEVICES": "0,1"}, secrets={"C": "secret"})
    assert (env["A"], env["B"], env["C"]) == ("cluster", "job", "secret")
    assert env["CUDA_VISIBLE_DEVICES"] == "0,1"


def test_a_rank_in_a_container_keeps_the_images_variables(node: Node) -> None:
    """Of the node's own environment it gets none, for a PATH or a home of the node means nothing in there."""
    env = _environment(node, [1], container="image", env={"C": "job"}, secrets={"S": "secret"})
    assert not {"PATH", "HOME", "USER", "SHELL"} & env.keys()
    assert {name: env[name] for name in "ABCS"} == {"A": "cluster", "B": "cluster", "C": "job", "S": "secret"}
    assert env["CUDA_VISIBLE_DEVICES"] == "1"


def test_a_cancelled_claim_is_gone(node: Node) -> None:
    """After a cancel nothing is left to commit."""
    ranks: Any = _CancelRanks()
    gang = Gang(node, ranks, Containers(node, "/state/jobs"), Notices(node, ranks), 900.0)

    async def main() -> None:
        await gang.reserve({"job": 1, "rank": 0, "spec": {}})
        await gang.cancel({"job": 1, "rank": 0})
        await gang.commit({"job": 1, "rank": 0})

    with pytest.raises(AgentError) as refused:
        loop.run(main())
    assert refused.value.code == "not_reserved"


class _CancelRanks(_Ranks):
    async def cancel(self, job: int, rank: int) -> None:
        assert (job, rank) not in self.started
