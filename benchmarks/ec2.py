"""A launch on EC2's testbed, whose machines are hosts of this one: what is our own of the time, and each phase."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from statistics import median

from benchmarks.process import STYX, environment, run
from benchmarks.report import Figure
from styx_aws.testbed import Testbed

LAUNCHES = 5
OURS = ("agent", "submit")  # phases in which nothing of the cloud's is waited for
_PHASE = re.compile(r"time: (\w+) took ([\d.]+) s")


def figures(scratch: Path) -> Iterator[Figure]:
    """Medians; nothing where there can be no hosts."""
    with Testbed() as testbed:
        if testbed.cannot:
            print(f"left out: {testbed.cannot}", file=sys.stderr)
            return
        env = environment(scratch / "ec2", **testbed.environment())
        seen = [run(_launch(f"c{number}"), env) for number in range(LAUNCHES + 1)][1:]  # the first prepares the region
        run((STYX, "down", "--all", "-y"), env)
    phases = [dict(_PHASE.findall(each.said)) for each in seen]
    own = [each.cpu + sum(float(took[phase]) for phase in OURS) for each, took in zip(seen, phases, strict=True)]
    yield Figure("styx launch on EC2, without waiting for it", 1.5, median(own), "s", "")
    yield Figure("  of that, CPU of the client", 1.5, median(each.cpu for each in seen), "s")
    for phase in phases[0]:
        most = 1.5 if phase in OURS else 60  # the others wait for requests, boots and sshd
        yield Figure(f"  {phase}, from begin to end", most, median(float(took[phase]) for took in phases), "s")


def _launch(name: str) -> tuple[str, ...]:
    return (STYX, "launch", "-y", "-c", name, "--infra", "aws/us-east-1", "--", "echo first")
