"""``styx dag``."""

import io
import json
import os
import signal
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from styx.cli import dagviews
from styx.dags.model import Report, RunOptions
from styx.optimizer.tasks import Objective
from styx.spec import Dag, load_dag
from support.fake_client import FakeClient, Outcome, choice

PIPELINE = """
name: pipeline
---
name: prepare
run: "true"
output_names: [ROWS]
---
name: train
depends_on: prepare
matrix: {SEED: [1, 2]}
resources: {accelerators: A100:8}
retries: 1
run: "true"
---
name: report
depends_on: train
when: always
run: echo $DAY
"""


@pytest.fixture(autouse=True)
def file(client: FakeClient) -> Path:
    """A file of four tasks in the working directory."""
    path = Path("p.yaml")
    path.write_text(PIPELINE)
    return path


def test_it_draws_the_tasks(styx):
    """A sweep is one line, with what its tasks need; --all draws each."""
    assert styx("dag", "show", "p.yaml").stdout.splitlines() == [
        "●  prepare   gives ROWS",
        "●  train x2  A100:8; 1 retry",
        "●  report    when always",
    ]
    assert styx("dag", "show", "p.yaml", "--all").stdout.splitlines()[1:3] == [
        "├─●  train-1  A100:8; 1 retry",
        "● │  train-2  A100:8; 1 retry",
    ]


def test_the_drawing_as_json(styx):
    """Every task with those it comes after."""
    found = json.loads(styx("dag", "show", "p.yaml", "-o", "json").stdout)
    assert [(task["name"], task["after"]) for task in found["tasks"]] == [
        ("prepare", []), ("train-1", ["prepare"]), ("train-2", ["prepare"]), ("report", ["train-1", "train-2"]),
    ]  # fmt: skip
    assert found["tasks"][1]["retries"] == {"times": 1, "exit_codes": []}


def test_a_circle_is_drawn_by_nobody(styx, file: Path):
    """The error has the way round."""
    file.write_text("name: a\ndepends_on: b\nrun: x\n---\nname: b\ndepends_on: a\nrun: x\n")
    result = styx("dag", "show", "p.yaml")
    assert result.exit_code == 2
    assert "a -> b -> a" in result.stderr or "b -> a -> b" in result.stderr


def test_it_runs_and_tells(styx, client: FakeClient):
    """Each line says whose it is; what every task goes through is left out; then a table of them all."""
    client.outcome = Outcome([(0, b"one\ntw"), (0, b"o\nrest")])
    result = styx("dag", "run", "p.yaml")
    lines = result.stdout.splitlines()
    assert lines[:6] == [
        "prepare * running", "prepare | one", "prepare | two", "prepare | rest", "prepare * succeeded",
        "train-1 * running",
    ]  # fmt: skip
    assert lines[-5].split() == ["TASK", "STATE", "TOOK", "TRIES", "REASON"]
    assert result.exit_code == 0


def test_a_run_that_fails(styx, client: FakeClient):
    """The exit code is 1, and the reason stands in the table and in JSON, whose lines of progress go to stderr."""
    client.outcome = Outcome(exit_code=3, reason="it broke")
    assert styx("dag", "run", "p.yaml").exit_code == 1
    result = styx("dag", "run", "p.yaml", "-o", "json")
    found = json.loads(result.stdout)
    assert (found["succeeded"], found["tasks"][0]["reason"], found["tasks"][0]["exit_code"]) == (False, "it broke", 3)
    assert "prepare * running" in result.stderr


def test_options_are_passed_on(styx, client: FakeClient):
    """All of them say what they say."""
    arguments = ["-n", "nightly", "--at-once", "3", "--minimize", "time", "--keep", "--account", "a", "--max-cost", "9"]
    assert styx("dag", "run", "p.yaml", "--yes", *arguments).exit_code == 0
    assert client.calls[-1] == ("run_dag", RunOptions("nightly", 3, True, "a", Decimal(9), Objective.TIME))


def test_a_dry_run_makes_nothing(styx, client: FakeClient):
    """The places and what an hour of each costs, as a table and as JSON."""
    result = styx("dag", "run", "p.yaml", "--dryrun")
    assert result.stdout.splitlines()[1].split() == ["prepare", "local", "this", "-", "$0.00"]
    found = json.loads(styx("dag", "run", "p.yaml", "--dryrun", "-o", "json").stdout)
    assert (found["cost"], found["tasks"][3]["name"]) == ("0", "report")
    assert {call[0] for call in client.calls} == {"plan_dag"}


class TestConsent:
    """What costs money is asked about."""

    @pytest.fixture(autouse=True)
    def _paid(self, client: FakeClient) -> None:
        client.choices = (choice("acme/east", "gpu", "1.50"),)

    def test_nobody_is_there_to_ask(self, styx, client: FakeClient):
        """Without a terminal and --yes nothing is run."""
        result = styx("dag", "run", "p.yaml")
        assert result.exit_code == 2
        assert "--yes" in result.stderr
        assert "run_dag" not in {call[0] for call in client.calls}

    @pytest.mark.usefixtures("terminal")
    def test_the_cost_is_shown_first(self, styx, client: FakeClient):
        """Of all of them together; no means no."""
        result = styx("dag", "run", "p.yaml", stdin="n\n")
        assert "Run 4 tasks for about $6.00 in all?" in result.output
        assert "run_dag" not in {call[0] for call in client.calls}

    @pytest.mark.usefixtures("terminal")
    def test_no_more_is_paid_than_was_agreed_to(self, styx, client: FakeClient):
        """The run is told what an hour of each task may cost; one that nobody was asked about goes by its own plan."""
        styx("dag", "run", "p.yaml", stdin="y\n")
        styx("dag", "run", "p.yaml", "--yes")
        runs = [call[1] for call in client.calls if call[0] == "run_dag"]
        assert [run.agreed for run in runs] == [(Decimal("1.50"),) * 4, None]


def test_an_interruption(styx, client: FakeClient):
    """Ctrl-C ends all of it, and the exit code says so."""
    client.interrupt.add("run_dag")
    result = styx("dag", "run", "p.yaml")
    assert result.exit_code == 130
    assert "What was running was removed." in result.stderr


def test_an_interruption_that_keeps_the_clusters(styx, client: FakeClient):
    """Nothing is removed then, and it does not say that it was."""
    client.interrupt.add("run_dag")
    result = styx("dag", "run", "p.yaml", "--keep")
    assert result.exit_code == 130
    assert "Clusters are kept, and their jobs go on" in result.stderr
    assert "was removed" not in result.stderr


def test_an_interruption_that_could_not_remove_everything(styx, monkeypatch: pytest.MonkeyPatch):
    """It says that something is left, and how to find it."""

    def run_dag(_client: FakeClient, _dag: Dag, _options: RunOptions, report: Report) -> None:
        report("prepare", "left", "cluster c is not removed: denied")
        raise KeyboardInterrupt

    monkeypatch.setattr(FakeClient, "run_dag", run_dag)
    result = styx("dag", "run", "p.yaml")
    assert "prepare * cluster c is not removed: denied" in result.stdout
    assert "Not everything was removed" in result.stderr


def _signalled(monkeypatch: pytest.MonkeyPatch, *signals: signal.Signals) -> list[signal.Signals]:
    """Send these to a run after it was interrupted by the first, one by one; those that it has outlived."""
    outlived: list[signal.Signals] = []
    honest = FakeClient.run_dag

    def run_dag(client: FakeClient, *arguments: Any) -> Any:
        interrupt = None
        for each in signals:
            try:
                signal.raise_signal(each)
                outlived.append(each)
            except KeyboardInterrupt as error:
                if interrupt is not None:
                    raise
                interrupt = error
        if interrupt is not None:
            raise interrupt
        return honest(client, *arguments)

    monkeypatch.setattr(FakeClient, "run_dag", run_dag)
    return outlived


@pytest.mark.usefixtures("client", "heard_hangups")
def test_further_interruptions(styx, monkeypatch: pytest.MonkeyPatch):
    """The second says what is waited for, a third leaves it and says so; hangups, of which many come, do neither."""
    outlived = _signalled(monkeypatch, signal.SIGHUP, signal.SIGHUP, signal.SIGTERM, signal.SIGINT)
    result = styx("dag", "run", "p.yaml")
    assert (result.exit_code, outlived) == (130, [signal.SIGHUP, signal.SIGTERM, signal.SIGINT])
    assert "Ctrl-C once more leaves it" in result.stderr
    assert "What was running was removed." in result.stderr
    _signalled(monkeypatch, signal.SIGINT, signal.SIGINT, signal.SIGINT)
    assert "Not everything was removed" in styx("dag", "run", "p.yaml").stderr


@pytest.mark.usefixtures("client")
def test_a_hangup_that_is_ignored_stays_so(styx, monkeypatch: pytest.MonkeyPatch):
    """`nohup styx dag run` goes on when the terminal is closed."""
    _signalled(monkeypatch, signal.SIGHUP)
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        assert styx("dag", "run", "p.yaml").exit_code == 0
    finally:
        signal.signal(signal.SIGHUP, before)


def test_a_reader_that_pauses_holds_nothing_up():
    """What is told waits for the reader; who tells does not."""
    reading, writing = os.pipe()
    with os.fdopen(writing, "w", encoding="utf-8") as output, dagviews.Lines(load_dag("p.yaml"), output) as tell:
        for _ in range(100):
            tell("prepare", "log", "x" * 9_999 + "\n")  # far more than a pipe holds
        with os.fdopen(reading, encoding="utf-8") as reader:
            tell.finish(0)
            assert [len(reader.readline()) for _ in range(100)] == [10_010] * 100


def test_a_reader_that_goes_away():
    """The rest is printed nowhere, and nothing complains, also not at the exit."""
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "w", encoding="utf-8") as output:
        with dagviews.Lines(load_dag("p.yaml"), output) as tell:
            for _ in range(3):
                tell("prepare", "log", "x\n")
        print("the table", file=output)


def test_a_launch_of_several_tasks_says_how(styx):
    """Who launches a file of several tasks learns of the command that runs them."""
    assert "styx dag run p.yaml" in styx("launch", "p.yaml").stderr


def test_what_is_waited_for_is_told_once():
    """The engine says several times a second what it waits for."""
    lines = io.StringIO()
    with dagviews.Lines(load_dag("p.yaml"), lines) as tell:
        for _ in range(3):
            tell("train-1", "provision", "waiting for 1 of 1 node")
        tell("train-1", "provision", "waiting for 0 of 1 node")
    assert [line.split(" * ")[1] for line in lines.getvalue().splitlines()] == [
        "waiting for 1 of 1 node", "waiting for 0 of 1 node",
    ]  # fmt: skip


def test_a_launch_says_what_it_does_not_do(styx, file: Path):
    """Retries and outputs are for runs of graphs, and nobody should wait for them."""
    file.write_text("run: x\nretries: 2\n")
    assert "count in `styx dag run` and" in styx("launch", "-c", "dev", "p.yaml").stderr
