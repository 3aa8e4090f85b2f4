"""A managed job whose spot machines EC2 takes back, without notice and with it: it goes on from its bucket."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable, Iterator
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from styx.testing.hosts import in_namespaces, unavailable
from styx_aws.testbed import Testbed

from .test_end_to_end import Desk

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(300),
    pytest.mark.skipif(not in_namespaces() or unavailable() is not None, reason="needs root, sshd and iproute2"),
    pytest.mark.skipif(
        not (Path("/dev/fuse").exists() and shutil.which("rclone") and shutil.which("fusermount3")),
        reason="mounting needs rclone and fuse3",
    ),
]
# The first run is there until its machine has gone, the second until it is told that it will.
TASK = """
name: train
resources: {infra: aws/us-east-1, instance_type: g4dn.xlarge}
file_mounts: {~/kept: {name: styx-test-checkpoints, store: s3, mode: MOUNT}}
run: |
  step=$(cat ~/kept/step 2>/dev/null || echo 0)
  case $step in
  0) echo 1 > ~/kept/step; echo from 0; sleep 600 ;;
  1) echo from 1
     until [ -e "$STYX_PREEMPTION_NOTICE" ]; do sleep 0.1; done
     echo 2 > ~/kept/step; exit 1 ;;
  esac
  echo from $step, over
"""


class Spot:
    """A user who has handed a job in, and what becomes of it."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk

    def job(self) -> dict[str, Any]:
        """All that is told of it."""
        (job,) = json.loads(self.desk.styx("jobs", "status", "1", "-o", "json"))
        return dict(job)

    def log(self) -> list[str]:
        """What it has written so far, and nothing that the agent said of a notice."""
        said = self.desk.styx("jobs", "logs", "1", "--tail", "100", "--no-follow").splitlines()
        return [line for line in said if line.startswith("from")]

    def wait(self, true: Callable[[], Any]) -> None:
        """Wait for something elsewhere."""
        give_up = time.monotonic() + 90
        while not true():
            assert time.monotonic() < give_up, self.desk.styx("jobs", "status", "1") + self.desk.styx("api", "logs")
            time.sleep(0.2)


@pytest.fixture
def spot(tmp_path: Path) -> Iterator[Spot]:
    """One with a job on a spot machine; the server of the home, which works on it, ends with the test."""
    (tmp_path / "train.yaml").write_text(TASK)
    with Testbed() as aws:
        desk = Desk(aws, tmp_path)
        desk.styx("spot", "launch", "-y", "-d", str(tmp_path / "train.yaml"))
        yield Spot(desk)
        desk.styx("api", "stop")


def test_a_job_goes_on_from_its_bucket(spot: Spot) -> None:
    """Twice, at the same place; nothing is left but the bucket, and what all three machines cost is its cost."""
    aws, desk = spot.desk.aws, spot.desk
    for n, notice in enumerate((0.0, 4.0)):
        spot.wait(lambda said=f"from {n}": said in spot.log())
        (machine,) = desk.hosts()
        aws.interrupt(machine, notice)
    spot.wait(lambda: spot.job()["state"] == "succeeded")
    job = spot.job()
    assert (job["runs"], job["recoveries"], job["restarts"]) == (3, 2, 0)
    told = [each for each in job["events"] if each["kind"] == "state"]
    assert [each["to"] for each in told] == [
        "starting", "running", "recovering", "running", "recovering", "running", "succeeded",
    ]  # fmt: skip
    silent, noticed = [each["reason"] for each in told if each["to"] == "recovering"]
    assert "its cluster is preempted" in silent
    assert "its cluster is about to be preempted" in noticed
    times = [datetime.fromisoformat(each["at"]) for each in job["events"]]
    assert times == sorted(times)
    assert spot.log() == ["from 0", "from 1", "from 2, over"]
    assert (desk.hosts(), aws.left()) == ([], [])
    assert desk.styx("status", "-o", "json").strip() == "[]"
    assert {each.placement.zone for each in aws.bed.instances()} == {"us-east-1a"}
    report = json.loads(desk.styx("cost-report", "-o", "json"))
    costs = [Decimal(each["cost"]) for each in report["clusters"]]
    assert len(costs) == 3
    assert abs(Decimal(job["cost"]) - sum(costs)) < min(costs) / 2
