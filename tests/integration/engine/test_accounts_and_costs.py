"""Two accounts of this machine at once, through the program and the SDK: launches, budgets, checks and costs."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

import styx
from styx.api import BadInput, NoOffer
from styx.client.embedded import EmbeddedClient

pytestmark = pytest.mark.timeout(120)

SETTINGS = """
clouds: {local: {accounts: {work: {}, play: {}}}}
budget: {max_hourly_cost: 0, accounts: {local/play: 0}}
"""


def program(*words: str) -> subprocess.CompletedProcess[str]:
    """Run ``styx`` with these words."""
    command = [sys.executable, "-m", "styx.cli.main", *words]
    return subprocess.run(command, capture_output=True, text=True, timeout=90, check=False)


def test_two_accounts_of_one_machine(home: Path, client: EmbeddedClient) -> None:
    """Each has its cluster, its directory and its row; what is free passes any budget, and costs nothing."""
    (home / "config.yaml").write_text(SETTINGS)
    rows = json.loads(program("check", "local", "-o", "json").stdout)
    assert [(row["account"], row["enabled"]) for row in rows] == [("work", True), ("play", True)]
    done = program("launch", "-c", "w", "--account", "work", "--max-cost", "0", "--", "echo done at $PWD")
    assert (done.returncode, "done at " in done.stdout) == (0, True), done.stderr
    job = styx.launch(styx.Task("t").run("echo hi"), cluster="p", account="play", max_hourly_cost=0)
    assert list(job.logs()) == ["hi"]
    header, *lines = program("status").stdout.splitlines()
    assert [line.split()[header.split().index("ACCOUNT")] for line in lines] == ["play", "work"]
    assert {path.name for path in home.glob("local*")} == {"local@work", "local@play"}
    with pytest.raises(BadInput, match="there is no account 'plya'"):
        styx.launch(styx.Task("t").run("x"), account="plya")
    with pytest.raises(BadInput, match="not on account 'work'"):
        styx.launch(styx.Task("t").run("x"), cluster="p", account="work")
    program("down", "w", "p", "-y")
    found = json.loads(program("cost-report", "--days", "1", "-o", "json").stdout)
    assert [(each["name"], each["state"], each["account"]) for each in found["clusters"]] == [
        ("p", "gone", "play"), ("w", "gone", "work"),
    ]  # fmt: skip
    assert (found["cost"], [total["account"] for total in found["totals"]]) == ("0.000000", ["play", "work"])
    bill = styx.cost_report().bills[0]
    assert (bill.cost, bill.unpriced, bill.ended_at is not None) == (0, 0, True)
    assert bill.seconds > 0


def test_a_budget_stops_what_costs(home: Path, client: EmbeddedClient, monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine with a price is refused by the SDK and by the program, with exit code 75; nothing of it is made."""
    from decimal import Decimal

    from styx.builtin.local import machine

    (home / "config.yaml").write_text("budget: {max_hourly_cost: 1}")
    monkeypatch.setattr(machine, "FREE", Decimal("1.25"))
    with pytest.raises(NoOffer, match=r"it costs \$1\.25/h, and the budget is \$1\.00/h"):
        client.engine and client.loop.run(client.engine.launch(styx.Task("t").run("x"), "c", lambda *_: None))
    assert client.status() == []
    (home / "config.yaml").write_text("budget: {accounts: {locla: 1}}")
    refused = program("launch", "-c", "c", "--", "true")
    assert (refused.returncode, "there is no cloud 'locla'" in refused.stderr) == (2, True)
    assert "Did you mean 'local'?" in refused.stderr
