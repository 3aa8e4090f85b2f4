"""Graphs of tasks on the local cloud with the real program: what they hand on, what fails, and that nothing stays."""

from __future__ import annotations

import json
import signal
import time
from pathlib import Path

import pytest

GRAPH = """
name: pipeline
---
name: prepare
output_names: [ROWS, GREETING]
run: |
  echo "ROWS=41" >> $STYX_OUTPUTS
  echo "ROWS=42" >> $STYX_OUTPUTS
  echo "GREETING=hello there, $WHO" >> $STYX_OUTPUTS
---
name: train
matrix: {SEED: [1, 2]}
envs:
  ROWS: ${{ tasks.prepare.outputs.ROWS }}
  GREETING: "<${{ tasks.prepare.outputs.GREETING }}>"
run: echo "seed $SEED of $STYX_SWEEP_SIZE, $ROWS rows, $GREETING"
---
name: flaky
depends_on: prepare
retries: {times: 2, exit_codes: [3]}
run: |
  echo x >> ~/tries
  test "$(wc -l < ~/tries)" = 3 || exit 3
---
name: broken
depends_on: prepare
run: exit 7
---
name: after-broken
depends_on: broken
run: echo never
---
name: mend
depends_on: broken
when: failure
run: echo mending
"""
LONG = """
name: first
run: echo first is up; sleep 300
---
name: second
run: echo never
"""


def test_a_graph(styx, tmp_path: Path):
    """Outputs, a sweep, retries on the same machine, a failure that stops only what comes after, and its handler."""
    (tmp_path / "graph.yaml").write_text(GRAPH)
    result = styx("dag", "run", "graph.yaml", "--env", "WHO=you", "-o", "json", timeout=120)
    assert result.returncode == 1, result.stderr
    found = {task["name"]: task for task in json.loads(result.stdout)["tasks"]}
    assert {name: (task["state"], task["exit_code"], task["tries"]) for name, task in found.items()} == {
        "prepare": ("succeeded", 0, 1),
        "train-1": ("succeeded", 0, 1),
        "train-2": ("succeeded", 0, 1),
        "flaky": ("succeeded", 0, 3),
        "broken": ("failed", 7, 1),
        "after-broken": ("skipped", None, 0),
        "mend": ("succeeded", 0, 1),
    }
    assert found["prepare"]["outputs"] == {"ROWS": "42", "GREETING": "hello there, you"}
    assert "train-2      | seed 2 of 2, 42 rows, <hello there, you>\n" in result.stderr
    assert "mend         | mending\n" in result.stderr
    assert "never" not in result.stderr.replace("after-broken", "")
    assert json.loads(styx("status", "-o", "json").stdout) == []


@pytest.mark.usefixtures("heard_hangups")
@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_an_interruption_leaves_nothing(start, styx, tmp_path: Path, stop: signal.Signals):
    """What runs is removed before the command ends; what waits never starts."""
    (tmp_path / "long.yaml").write_text(LONG)
    running = start("dag", "run", "long.yaml")
    running.read_until("first is up")
    running.process.send_signal(stop)
    assert running.process.wait(60) == 130
    assert json.loads(styx("status", "-o", "json").stdout) == []


def test_a_killed_run_has_clusters_that_go_by_themselves(start, styx, tmp_path: Path):
    """What it has made is on record, with a policy on the node that removes it once its job has ended."""
    (tmp_path / "long.yaml").write_text(LONG.replace("sleep 300", "sleep 1"))
    running = start("dag", "run", "long.yaml")
    running.read_until("first is up")
    running.process.kill()
    running.process.wait(60)
    (cluster,) = json.loads(styx("status", "-o", "json").stdout)
    assert cluster["name"].endswith("-first")
    assert cluster["autostop"] == {"idle_minutes": 30, "down": True, "wait_for": "jobs", "confirmed": True}


def test_places_are_planned_first(styx, tmp_path: Path):
    """A dry run says where; a task that fits nowhere is found before the first one starts."""
    (tmp_path / "graph.yaml").write_text(GRAPH)
    plan = json.loads(styx("dag", "run", "graph.yaml", "--dryrun", "-o", "json").stdout)
    assert {task["infra"] for task in plan["tasks"]} == {"local"}
    assert plan["cost"] == "0"
    (tmp_path / "big.yaml").write_text(GRAPH.replace("run: echo never", "run: echo never\nresources: {cpus: 4000+}"))
    began = time.monotonic()
    refused = styx("dag", "run", "big.yaml")
    assert refused.returncode == 75
    assert "after-broken: nothing that can be rented fits" in refused.stderr
    assert time.monotonic() - began < 30
    assert json.loads(styx("status", "-o", "json").stdout) == []
