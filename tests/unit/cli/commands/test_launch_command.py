"""``styx launch`` and ``styx exec``."""

import json
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from styx.api import Autostop, BackendError, ClusterBusy, InsufficientCapacity, JobState, NoOffer
from support.fake_client import FakeClient, Outcome, choice

PAID = (choice("aws/us-east-1", "p4d.24xlarge", "32.77", gpus=("A100", 8)),)
YAML = """
name: train
num_nodes: 2
envs: {A: from-file, B: from-file}
run: echo $A
"""


@pytest.fixture
def task(tmp_path: Path) -> str:
    """A task file in the working directory."""
    (tmp_path / "task.yaml").write_text(YAML)
    return "task.yaml"


def last(client: FakeClient):
    """What was launched or run last: the task's values."""
    return next(call[1] for call in reversed(client.calls) if call[0] in {"launch", "exec", "plan"}).spec


def test_launch_follows_the_job(styx, client: FakeClient, task):
    """The job's output is stdout, all else is stderr, and the exit code is the task's."""
    client.outcome = Outcome([(0, b"hello\n")], JobState.FAILED, 7)
    result = styx("launch", "-c", "dev", task)
    assert result.exit_code == 7
    assert result.stdout == "(rank 0) hello\n"
    assert result.stderr == (
        "provision: waiting for 1 of 1 nodes\nJob 1 on dev; Ctrl-C leaves it running.\nJob 1 failed with exit code 7.\n"
    )
    assert (last(client).name, last(client).num_nodes, last(client).run.strip()) == ("train", 2, "echo $A")


@pytest.mark.parametrize(
    ("words", "run"),
    [
        (["ls"], "ls"),
        (["echo hello | wc"], "echo hello | wc"),
        (["--", "python", "train.py", "--lr", "3e-4"], "python train.py --lr 3e-4"),
        (["--", "echo", "a b", "$HOME"], "echo 'a b' '$HOME'"),
        ([], ""),
    ],
)
def test_a_command_instead_of_a_file(styx, client: FakeClient, words, run):
    """One word is a script as it is; several are kept apart; none makes a cluster and runs nothing."""
    result = styx("launch", "-c", "dev", *words)
    assert result.exit_code == 0
    assert last(client).run == run
    if not run:
        assert result.stderr.endswith("Cluster dev is up. The task has nothing to run.\n")


@pytest.mark.parametrize("word", ["echo " + "x" * 300, "~nobody-of-this-name/bin/x"])
def test_a_command_that_can_be_no_file(styx, client: FakeClient, word):
    """A command longer than the name of a file may be, or below a home that is not there, is a command."""
    assert styx("launch", "-c", "dev", word).exit_code == 0
    assert last(client).run == word


@pytest.mark.parametrize("words", [[""], [" "], ["--", ""], ["", ""]])
def test_an_empty_command_is_a_mistake(styx, client: FakeClient, words):
    """Nothing is made for what is probably a variable of the caller's that is not set."""
    result = styx("launch", "-y", *words)
    assert (result.exit_code, client.calls) == (2, [])
    assert "the command is empty" in result.stderr


def test_a_task_file_of_somebody_without_a_home(styx, client: FakeClient):
    """It is missing like any other file."""
    result = styx("launch", "-y", "~nobody-of-this-name/task.yaml")
    assert (result.exit_code, client.calls) == (2, [])
    assert "unexpected" not in result.stderr


def test_yaml_on_stdin(styx, client: FakeClient):
    """A dash reads the task from standard input."""
    assert styx("launch", "-c", "dev", "-", stdin="run: echo stdin\n").exit_code == 0
    assert last(client).run.strip() == "echo stdin"


def test_options_override_the_file(styx, client: FakeClient, task, tmp_path):
    """Options win over the file; variables come from files, options and this shell, later ones winning."""
    (tmp_path / "vars").write_text("A=from-env-file\nexport C='quoted # text'  # comment\n")
    words = ["--name", "x", "--num-nodes", "1", "--gpus", "A100:2", "--cpus", "4+", "--infra", "aws/us-east-1"]
    styx("launch", "-c", "d", *words, "--env-file", "vars", "--env", "B=from-option", "--env", "HOME", task)
    spec = last(client)
    assert (spec.name, spec.num_nodes) == ("x", 1)
    assert {name: spec.envs[name] for name in "ABC"} == {"A": "from-env-file", "B": "from-option", "C": "quoted # text"}
    assert spec.envs["HOME"]
    (wanted,) = spec.resources.alternatives
    assert (str(wanted.infra), str(wanted.cpus)) == ("aws/us-east-1", "4+")
    assert [(each.name, each.count) for each in wanted.accelerators] == [("A100", 2)]


def test_secrets_are_not_shown(styx, client: FakeClient, task, monkeypatch):
    """A secret reaches the task, and neither output nor errors."""
    monkeypatch.setenv("TOKEN", "hunter2")
    result = styx("launch", "-c", "d", "--secret", "TOKEN", "-d", "-o", "json", task)
    assert last(client).secrets == {"TOKEN": "hunter2"}
    assert "hunter2" not in result.output + result.stderr
    bad = styx("launch", "--secret", "hunter 2", task)
    assert (bad.exit_code, "hunter" in bad.stderr) == (2, False)


@pytest.mark.parametrize(
    ("words", "policy"),
    [
        ([], None),
        (["-i", "30"], Autostop(30)),
        (["-i", "0", "--down"], Autostop(0, down=True)),
        (["--down"], Autostop(0, down=True)),
        (["-i", "5", "--wait-for", "jobs"], Autostop(5, wait_for="jobs")),
    ],
)
def test_autostop(styx, client: FakeClient, words, policy):
    """The idle flags become one policy."""
    styx("launch", "-c", "dev", *words, "ls")
    assert client.clusters["dev"].autostop == policy


def test_all_switches_are_passed_on(styx, client: FakeClient):
    """Each switch of the launch reaches the client."""
    styx("launch", "-c", "dev", "-r", "--no-setup", "--fast", "--account", "work", "ls")
    options = next(call[2] for call in client.calls if call[0] == "launch")
    assert (options.retry_until_up, options.no_setup, options.fast, options.account) == (True, True, True, "work")


@pytest.mark.parametrize(
    "words",
    [
        ["nope.yaml"],
        ["-i", "-1", "ls"],
        ["--num-nodes", "0", "ls"],
        ["--wait-for", "jobs", "ls"],
        ["--git-ref", "main", "ls"],
        ["--workdir", ".", "--git-url", "https://example.org/x", "ls"],
        ["--workdir", "nowhere", "ls"],
        ["--env", "=x", "ls"],
        ["--env", "SURELY_NOT_SET", "ls"],
        ["--env-file", "nowhere", "ls"],
        ["--gpus", "A100:x", "ls"],
        ["--disk-tier", "fast", "ls"],
        ["-o", "json", "ls"],
        ["python", "train.py", "--lr", "3"],
    ],
)
def test_bad_input(styx, client: FakeClient, words):
    """What makes no sense is exit code 2 with one message, and nothing is made."""
    result = styx("launch", *words)
    assert result.exit_code == 2
    assert result.stderr.count("Error: ") + result.stderr.count('{"error": ') == 1
    assert "Traceback" not in result.stderr
    assert client.clusters == {}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "task.yaml"),
        (b"\x00\xff\xfe", "task.yaml"),
        (b"- a\n- b\n", "task.yaml"),
        (b"run: ls\nrnu: ls\n", "Did you mean 'run'"),
        (b"run: ls\nrun: ls\n", "task.yaml:2"),
        (b"num_nodes: -1\nrun: ls\n", "task.yaml:1"),
        (b"run: [\n", "task.yaml:"),
    ],
)
def test_a_task_file_that_is_wrong(styx, client: FakeClient, tmp_path, content, message):
    """A file that is no task is one message with file and line, exit code 2, and nothing is made."""
    (tmp_path / "task.yaml").write_bytes(content)
    result = styx("launch", "task.yaml")
    assert result.exit_code == 2
    assert message in result.stderr
    assert client.clusters == {}


def test_dry_run(styx, client: FakeClient, task):
    """A dry run shows what would be rented, and makes nothing."""
    client.choices = PAID
    said = styx("launch", "--dryrun", task).stdout
    assert said.startswith("train: 2 nodes of p4d.24xlarge on aws/us-east-1, $32.77 an hour: all that fits.")
    shape = json.loads(styx("launch", "--dryrun", "-o", "json", task).stdout)
    assert shape["chosen"] == {
        "infra": "aws/us-east-1", "account": "default", "instance_type": "p4d.24xlarge", "vcpus": 96,
        "memory_gib": 1152, "accelerators": "8x A100", "spot": False, "hourly_cost": "32.77",
    }  # fmt: skip
    assert client.clusters == {}


def test_what_costs_money_needs_consent(styx, client: FakeClient, task):
    """Without a terminal and without --yes nothing that costs is made; with it everything is."""
    client.choices = PAID
    refused = styx("launch", "-c", "dev", task)
    assert refused.exit_code == 2
    assert "Make cluster dev on aws/us-east-1 for $32.77 an hour?" in refused.stderr
    assert "--yes" in refused.stderr
    assert client.clusters == {}
    assert styx("launch", "-c", "dev", "-y", task).exit_code == 0


@pytest.mark.usefixtures("terminal")
@pytest.mark.parametrize(("answer", "there"), [("y\n", True), ("\n", False), ("n\n", False)])
def test_asking(styx, client: FakeClient, task, answer, there):
    """At a terminal the offers are shown first, and the answer counts."""
    client.choices = PAID
    result = styx("launch", "-c", "dev", task, stdin=answer)
    assert "p4d.24xlarge" in result.stderr
    assert (result.exit_code, "dev" in client.clusters) == (0 if there else 1, there)


def test_a_cluster_that_is_up_is_not_asked_about(styx, client: FakeClient, task):
    """A cluster that is up already costs what it costs."""
    client.choices = PAID
    client.add("dev", hourly_cost=Decimal("32.77"))
    assert styx("launch", "-c", "dev", task).exit_code == 0


def test_detach(styx, client: FakeClient, task):
    """--detach-run returns at once and says how to come back; as JSON the shape is fixed."""
    client.outcome = Outcome(state=JobState.RUNNING)
    result = styx("launch", "-c", "dev", "-d", task)
    assert result.exit_code == 0
    assert result.stdout.splitlines() == [
        "Job 1 is queued on dev.",
        "  styx logs dev 1    # show its output",
        "  styx queue dev     # list the jobs",
        "  styx cancel dev 1  # cancel it",
    ]
    assert json.loads(styx("launch", "-c", "dev", "-d", "-o", "json", task).stdout) == {
        "cluster": "dev", "job_id": 2, "created": False,
    }  # fmt: skip


def test_ctrl_c_before_anything_was_made(styx, client: FakeClient, task):
    """Ctrl-C during planning says that nothing was made."""
    client.interrupt = {"launch"}
    result = styx("launch", "-c", "dev", task)
    assert result.exit_code == 130
    assert "Nothing was made." in result.stderr


def test_ctrl_c_during_the_first_plan(styx, client: FakeClient, task):
    """Ctrl-C before anybody was asked says that nothing was made, too."""
    client.interrupt = {"plan"}
    result = styx("launch", "-c", "dev", task)
    assert (result.exit_code, result.stderr) == (130, "\nStopped. Nothing was made.\n")


def test_ctrl_c_while_machines_come_up(styx, client: FakeClient, task):
    """Ctrl-C says what exists, how to go on and how to remove it."""
    client.interrupt = {"provision"}
    result = styx("launch", task)
    assert result.exit_code == 130
    assert result.stderr.endswith(
        "Cluster made-up is there in part:\n"
        "  styx launch -c made-up ...  # go on, with the same task\n"
        "  styx down made-up           # remove it\n"
    )
    assert client.closed


def test_ctrl_c_on_a_cluster_that_is_up(styx, client: FakeClient, task):
    """Ctrl-C on a cluster that is up points at its queue: the job may be in it."""
    client.add("dev")
    client.interrupt = {"exec"}
    result = styx("exec", "dev", task)
    assert result.exit_code == 130
    assert "Cluster dev is up:\n  styx queue dev  # see whether the job was queued\n" in result.stderr


def test_ctrl_c_while_following(styx, client: FakeClient, task):
    """Ctrl-C while output is shown leaves the job alone."""
    client.outcome = Outcome([(0, b"so far\n")], JobState.RUNNING)
    client.interrupt = {"chunk"}
    result = styx("launch", "-c", "dev", task)
    assert result.exit_code == 130
    assert "Detached; the job goes on." in result.stderr
    assert client.job("dev").state == JobState.RUNNING


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (NoOffer("nothing fits", hint="Ask for less."), 75),
        (InsufficientCapacity("none left"), 75),
        (ClusterBusy("somebody else launches it", hint="Wait."), 75),
        (BackendError("the runtime said no"), 1),
    ],
)
def test_errors(styx, client: FakeClient, task, monkeypatch, error, code):
    """What goes wrong is one message with a hint, and the exit code of its kind."""

    def fail(*_):
        raise error

    monkeypatch.setattr(client, "launch", fail)
    result = styx("launch", "-c", "dev", "-y", task)
    assert result.exit_code == code
    assert f"Error: {error.message}\n" in result.stderr
    assert (f"Hint: {error.hint}\n" in result.stderr) == bool(error.hint)
    assert "Traceback" not in result.stderr
    assert client.closed


def test_exec(styx, client: FakeClient, task):
    """Exec runs on a cluster that is up, with what the job needs of each node."""
    client.add("dev")
    client.outcome = Outcome([(0, b"out\n")], exit_code=0)
    result = styx("exec", "dev", "--gpus", "A100:1", "--", "nvidia-smi", "-L")
    assert (result.exit_code, result.stdout) == (0, "out\n")
    assert last(client).run == "nvidia-smi -L"
    assert json.loads(styx("exec", "dev", "-d", "-o", "json", task).stdout)["job_id"] == 2


@pytest.mark.parametrize(("words", "code"), [(["off", "ls"], 1), (["nope", "ls"], 2), (["dev"], 2), ([], 2)])
def test_exec_where_it_cannot_run(styx, client: FakeClient, words, code):
    """A cluster that is not up, an unknown one and a missing command each have their exit code."""
    client.add("off", "stopped")
    client.add("dev")
    result = styx("exec", *words)
    assert result.exit_code == code
    assert client.queues == {}


def test_a_secret_by_reference(styx, client: FakeClient, task):
    """A reference reaches the task as one, from the command line as from a file; what is none is not repeated."""
    result = styx("launch", "-c", "d", "--secret-ref", "TOKEN=vault:team/key", "-d", task)
    assert result.exit_code == 0
    assert (last(client).secret_refs, last(client).secrets) == ({"TOKEN": "vault:team/key"}, {})
    for bad in ("hunter2", "TOKEN=hunter2", "=vault:hunter2"):
        refused = styx("launch", "--secret-ref", bad, task)
        assert (refused.exit_code, "hunter2" in refused.stderr) == (2, False)


@pytest.mark.parametrize(
    ("existing", "agreed"),
    [
        (None, Decimal("32.77")),
        ({"state": "stopped", "hourly_cost": Decimal(3)}, Decimal(3)),
        ({"state": "up", "hourly_cost": Decimal(3)}, Decimal(0)),
    ],
)
def test_consent_goes_with_the_launch(styx, client: FakeClient, task, monkeypatch, existing, agreed):
    """The launch is told what was agreed to: nothing where nobody was asked, and with --yes there is no limit."""
    client.choices = PAID
    monkeypatch.setattr("styx.cli.ask.interactive", lambda: True)
    monkeypatch.setattr("styx.cli.consent.interactive", lambda: True)
    if existing:
        client.add("dev", **existing)
    assert styx("launch", "-c", "dev", "-d", task, stdin="y\n").exit_code == 0
    assert next(call[2] for call in client.calls if call[0] == "launch").agreed_hourly_cost == agreed
    styx("launch", "-c", "dev", "-d", "-y", task)
    assert [call[2] for call in client.calls if call[0] == "launch"][-1].agreed_hourly_cost is None


def test_accounts_and_most_cost_are_passed_on(styx, client: FakeClient, task):
    """Which account, and what it may cost at most, decide about the offers and about the launch."""
    client.choices = PAID
    assert styx("launch", "--account", "dev", "--max-cost", "$40", "-y", task).exit_code == 0
    options = client.calls[0][2]
    assert (options.account, options.max_hourly_cost) == ("dev", Decimal(40))


def test_accounts_are_shown_where_they_have_names(styx, client: FakeClient, task):
    """The explanation and the question say whose account it would be; with one account nobody need know."""
    client.choices = tuple(replace(each, account="dev") for each in PAID)
    assert "on aws/us-east-1 as dev, $32.77 an hour" in styx("launch", "--dryrun", task).stdout
    assert "on aws/us-east-1 as dev for $32.77" in styx("launch", "-c", "dev", task).stderr


@pytest.mark.parametrize("amount", ["much", "-1", "nan", "inf", ""])
def test_a_cost_is_an_amount(styx, client: FakeClient, task, amount):
    """Anything else is refused before anybody is asked for anything."""
    refused = styx("launch", f"--max-cost={amount}", task)
    assert refused.exit_code == 2
    assert "is no amount of USD" in refused.stderr
    assert client.calls == []
