"""A managed job on machines that the market takes back: it goes on elsewhere, from where it was."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from styx.jobs.logs import path_of
from styx.store import Store
from support.nimbus import Workshop

PATIENCE = 60.0
# The checkpoint of each rank says how far it came. The first run is there until its machine has gone, or until it is
# told of that.
TASK = """
name: train
num_nodes: {nodes}
resources: {{infra: nimbus, instance_type: cpu.small, job_recovery: {strategy}}}
file_mounts: {{~/kept: {{name: checkpoints, store: file, mode: MOUNT}}}}
run: |
  file=~/kept/$STYX_NODE_RANK step=$(cat ~/kept/$STYX_NODE_RANK 2>/dev/null || echo 0)
  echo "from $step"
  {first}
  echo over
"""
SILENT = """[ $step = 7 ] || { echo 7 > $file; sleep 600; }"""
SAVES_WHEN_TOLD = """[ $step = 7 ] || {
    echo 3 > $file
    until [ -e "$STYX_PREEMPTION_NOTICE" ]; do sleep 0.1; done
    echo 7 > $file; exit 1
  }"""


@dataclass
class Desk:
    """An installation whose buckets every machine sees, and its market."""

    shop: Workshop
    server: Any
    store: Store
    home: Path
    bucket: Path

    def launch(self, nodes: int = 1, **given: str) -> list[Any]:
        """Hand the job in, and wait until all ranks have written, to bucket and output; their machines, by rank."""
        path = self.bucket.parent / "train.yaml"
        path.write_text(TASK.format(nodes=nodes, **given))
        self.shop.styx("spot", "launch", "-y", "-d", str(path))
        log = path_of(self.home, 1)
        self.wait(lambda: log.exists() and log.read_text().count("from") == nodes)
        self.wait(lambda: len([*self.bucket.glob("[0-9]")]) == nodes)
        return sorted(self.server.market.rented.values(), key=lambda machine: str(machine.name))

    def wait(self, true: Callable[[], Any]) -> None:
        """Wait for something elsewhere."""
        give_up = time.monotonic() + PATIENCE
        while not true():
            assert time.monotonic() < give_up, self.shop.styx("jobs", "status") + self.shop.styx("api", "logs")
            time.sleep(0.05)

    def ended(self) -> dict[str, Any]:
        """The job as ``styx`` tells it, once it has ended."""
        self.wait(lambda: self.store.jobs.get(1).state.ended)
        (job,) = json.loads(self.shop.styx("jobs", "status", "-o", "json"))
        return dict(job)


@pytest.fixture
def desk(shop: Workshop, server: Any, styx_home: Path) -> Iterator[Desk]:
    """One whose server ends with the test."""
    # Machines have a /tmp and a home of their own, and share the rest.
    root = Path(tempfile.mkdtemp(prefix="styx-buckets-", dir="/var/tmp"))
    settings = json.loads((styx_home / "config.yaml").read_text())
    settings["storage"] = {"file": {"root": str(root), "shared": True}}
    (styx_home / "config.yaml").write_text(json.dumps(settings))
    with Store.open(home=styx_home) as store:
        yield Desk(shop, server, store, styx_home, root / "checkpoints")
    shop.styx("api", "stop")
    shutil.rmtree(root)


def check(desk: Desk, job: dict[str, Any], regions: list[str]) -> None:
    """The job has run twice, each time on a spot machine there, and nothing is left; all of it was counted."""
    assert (job["state"], job["runs"], job["recoveries"], job["restarts"]) == ("succeeded", 2, 1, 0)
    told = [(each["to"], each["reason"]) for each in job["events"] if each["kind"] == "state"]
    assert [to for to, _ in told] == ["starting", "running", "recovering", "running", "succeeded"]
    assert "preempted" in dict(told)["recovering"]
    times = [datetime.fromisoformat(each["at"]) for each in job["events"]]
    assert times == sorted(times)
    assert desk.server.market.rented == {}
    assert desk.store.clusters.list() == []
    names = ["train-1", "train-1-2"]
    spans = desk.store.spans.of(names)  # of the first another one, where some of its machines were left
    assert {(span.cluster, span.region, span.spot) for span in spans} == {
        (name, region, True) for name, region in zip(names, regions, strict=True)
    }
    spent = dict.fromkeys(names, Decimal(0))
    for span in spans:
        spent[span.cluster] += (span.hourly_cost or Decimal(0)) * span.seconds(None, desk.store.now()) / 3600
    assert abs(Decimal(job["cost"]) - sum(spent.values())) < min(spent.values()) / 2


def test_a_machine_of_two_is_taken_without_a_word(desk: Desk) -> None:
    """The other goes too; the job is run again at the same place, from its checkpoints, and costs what all four did."""
    if os.geteuid() != 0:
        pytest.skip("without root machines share what a gang must not")
    head, other = desk.launch(2, strategy="failover", first=SILENT)
    assert (head.spot, other.spot) == (True, True)
    desk.server.market.reclaim(head.id)
    check(desk, desk.ended(), ["oslo", "oslo"])
    states = [each.to_state for each in desk.store.events.of("train-1") if each.to_state]
    assert states[-3:] == ["up", "preempted", "terminating"]
    said = desk.shop.styx("jobs", "logs", "1", "--no-follow").splitlines()
    for rank in (0, 1):
        mine = [line.partition(") ")[2] for line in said if line.startswith(f"(rank {rank})")]
        assert mine == ["from 0", "from 7", "over"]


def test_a_machine_that_is_told_first(desk: Desk) -> None:
    """It has time to save what it has; that it fails then is no failure of its own, and the next place is another."""
    (machine,) = desk.launch(strategy="eager_next_region", first=SAVES_WHEN_TOLD)
    desk.server.market.reclaim(machine.id, seconds=4)
    check(desk, desk.ended(), ["oslo", "quito"])
    assert "preemption_notice" in {each.kind for each in desk.store.events.of("train-1")}
    said = desk.shop.styx("jobs", "logs", "1", "--no-follow").splitlines()
    assert [line for line in said if not line.startswith("[styx")] == ["from 0", "from 7", "over"]


def test_a_job_says_what_it_waits_for(desk: Desk) -> None:
    """While nothing is to be had its history says so, once for each reason; it can be cancelled meanwhile."""
    desk.server.market.stock["cpu.small"] = 0
    path = desk.bucket.parent / "train.yaml"
    path.write_text(TASK.format(nodes=1, strategy="failover", first="true"))
    desk.shop.styx("spot", "launch", "-y", "-d", str(path))
    desk.wait(lambda: any(each.kind == "launch" for each in desk.store.jobs.events(1)))
    desk.shop.styx("spot", "cancel", "-y", "1")
    job = desk.ended()
    (told,) = [each["reason"] for each in job["events"] if each["kind"] == "launch"]
    assert told.startswith("nothing free (cpu.small (spot) on nimbus/quito: ")
    assert told.endswith("no cpu.small left)")
    assert job["state"] == "cancelled"
