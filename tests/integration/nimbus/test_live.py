"""A lane of the kit against a real market: paid for from a purse, and nothing left however it ends."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from support.nimbus import Workshop

PATIENCE = 30.0  # seconds


def command(shop: Workshop, home: Path, budget: str, only: str) -> Sequence[str]:
    """A lane of a few rules."""
    words = ("--cloud", "nimbus", "--budget", budget, "--only", only, "--home", str(home))
    return (str(shop.python), "-m", "styx.testing.live", *words)


def test_a_lane_says_what_was_kept_and_what_it_cost(shop: Workshop, server: Any, tmp_path: Path) -> None:
    """Rules that are kept end with 0, the most that they can have cost, and an empty market."""
    done = shop.run(*command(shop, tmp_path / "live", "1", "come_to_run or removes_every"))
    assert done.returncode == 0, done.stdout + done.stderr
    assert "rules 2 passed, 0 failed, 0 skipped; spent at most $0.0" in done.stdout
    assert done.stdout.endswith("of $1; left 0\n")
    assert server.market.rented == {}


def test_nothing_is_launched_that_the_budget_does_not_cover(shop: Workshop, server: Any, tmp_path: Path) -> None:
    """A launch that could come to more than the budget is not asked for, and the lane does not pass."""
    done = shop.run(*command(shop, tmp_path / "live", "0.0001", "come_to_run"))
    assert done.returncode == 1
    assert "launches were too dear" in done.stdout
    assert "POST /v1/machines" not in server.requests


def test_without_credentials_a_lane_is_left_out(shop: Workshop, tmp_path: Path) -> None:
    """Where nobody is logged in there is nothing to try, which is no failure."""
    settings = Path(shop.environment["STYX_HOME"], "config.yaml")
    told = json.loads(settings.read_text())
    told["clouds"]["nimbus"]["token"] = "nobody's"
    settings.write_text(json.dumps(told))
    done = shop.run(*command(shop, tmp_path / "live", "1", "come_to_run"))
    assert (done.returncode, "left out, for there are no credentials" in done.stdout) == (0, True)


def test_a_killed_lane_leaves_nothing(shop: Workshop, server: Any, tmp_path: Path) -> None:
    """Machines of a lane that was killed are removed by its keeper, without anybody's doing."""
    server.market.boot_seconds = PATIENCE  # the rule waits, and holds the machine
    lane = subprocess.Popen(
        command(shop, tmp_path / "live", "1", "come_to_run"), env=shop.environment, cwd=tmp_path,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        _wait(lambda: server.market.rented)
    finally:
        os.kill(lane.pid, signal.SIGKILL)
        lane.wait()
    _wait(lambda: not server.market.rented)
    _wait(lambda: (tmp_path / "live" / "launches.jsonl").read_text().endswith('{"event": "clean"}\n'))


def test_what_an_earlier_lane_has_left_is_removed_first(shop: Workshop, server: Any, tmp_path: Path) -> None:
    """Where the keeper was killed too, the next lane begins with the removal."""
    home = tmp_path / "live"
    server.market.boot_seconds = PATIENCE
    lane = subprocess.Popen(
        command(shop, home, "1", "come_to_run"), env=shop.environment, cwd=tmp_path,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    _wait(lambda: server.market.rented)
    for victim in (*_children(lane.pid), lane.pid):
        os.kill(victim, signal.SIGKILL)
    lane.wait()
    assert server.market.rented
    server.market.boot_seconds = 0.05
    done = shop.run(*command(shop, home, "1", "come_to_run"))
    assert "removing styx-" in done.stdout
    assert done.returncode == 0
    assert server.market.rented == {}


def _children(pid: int) -> list[int]:
    return [int(each) for each in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def _wait(done: Any) -> None:
    give_up_at = time.monotonic() + PATIENCE
    while not done():
        assert time.monotonic() < give_up_at
        time.sleep(0.05)
