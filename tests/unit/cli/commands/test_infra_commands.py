"""``styx check``, ``styx doctor``, ``styx ssh`` and ``styx completion``."""

import importlib
import json
import subprocess
import sys

import click
import pytest

from styx.cli.complete import cluster_names
from styx.cli.table import COMMANDS
from styx.client.login import Login, save
from styx.client.protocol import CheckResult
from styx.hookspecs import DoctorFinding
from support.fake_client import FakeClient

GOOD = CheckResult("cloud", "local", "", True, "this machine", ("stop", "ports"))
BAD = CheckResult("cloud", "aws", "work", False, "no credentials: run aws configure")


@pytest.mark.parametrize(
    ("checks", "names", "code"),
    [([GOOD, BAD], [], 0), ([GOOD, BAD], ["local"], 0), ([GOOD, BAD], ["aws"], 1), ([BAD], [], 1), ([], [], 1)],
)
def test_check_exit_code(styx, client: FakeClient, checks, names, code):
    """0 when all that were named can be used or, without names, anything can."""
    client.checks = checks
    assert styx("check", *names).exit_code == code


@pytest.mark.parametrize("names", [["awz"], ["local", "awz"], [""]])
def test_check_of_what_is_not_there(styx, client: FakeClient, names):
    """A name that nothing has is a mistake, not a success."""
    client.checks = [GOOD]
    result = styx("check", *names)
    assert result.exit_code == 2
    assert f"no cloud and no store is named {names[-1]!r}" in result.stderr


def test_check_output(styx, client: FakeClient):
    """The table shows who we are or why not; the JSON shape is fixed."""
    client.checks = [GOOD, BAD]
    lines = styx("check").stdout.splitlines()
    assert lines[2].split(maxsplit=4) == ["aws", "cloud", "disabled", "work", "no credentials: run aws configure"]
    assert json.loads(styx("check", "-o", "json").stdout) == [
        {"kind": "cloud", "name": "local", "account": None, "enabled": True, "message": "this machine",
         "capabilities": ["stop", "ports"], "faults": []},
        {"kind": "cloud", "name": "aws", "account": "work", "enabled": False,
         "message": "no credentials: run aws configure", "capabilities": [], "faults": []},
    ]  # fmt: skip


def test_check_prints_a_policy(styx, client: FakeClient):
    """As it is, and nobody is asked for anything else."""
    result = styx("check", "aws", "--policy")
    assert (result.exit_code, result.stdout) == (0, "policy of aws\n")
    assert client.calls == [("policy", "aws")]


@pytest.mark.parametrize("words", [[], ["aws", "gcp"], ["aws", "-o", "json"]])
def test_a_policy_is_of_one_cloud(styx, client: FakeClient, words):
    """Policies of several cannot be told apart on one output; it is text of the provider's own kind."""
    result = styx("check", "--policy", *words)
    assert result.exit_code == 2
    assert "--policy" in result.stderr
    assert client.calls == []


def test_check_has_a_row_for_each_account(styx, client: FakeClient):
    """Faults and abilities are those of one account, and say of which."""
    client.checks = [BAD, CheckResult("cloud", "aws", "home", True, "1234", ("stop",), ("no GPUs in us-east-1",))]
    lines = styx("check", "-v").stdout.splitlines()
    assert [line.split()[3] for line in lines[1:3]] == ["work", "home"]
    assert lines[3:] == ["aws (home): no GPUs in us-east-1", "aws (work) can: nothing special", "aws (home) can: stop"]
    assert styx("check", "aws").exit_code == 1


def test_check_shows_faults_below_the_table(styx, client: FakeClient):
    """What cannot be used of a cloud has a line each, for people as for programs."""
    faulty = CheckResult("cloud", "ssh", "", True, "own-machines", faults=("lab/a cannot be used", "lab/b is slow"))
    client.checks = [faulty, GOOD]
    assert styx("check").stdout.splitlines()[3:] == ["ssh: lab/a cannot be used", "ssh: lab/b is slow"]
    assert json.loads(styx("check", "-o", "json").stdout)[0]["faults"] == ["lab/a cannot be used", "lab/b is slow"]


def test_doctor(styx, client: FakeClient):
    """An error is exit code 1, warnings are not; fixes are printed, and first whose machine it is, if a server's."""
    warning = DoctorFinding("bytecode", "warning", "is not written", "unset PYTHONDONTWRITEBYTECODE")
    client.findings = [DoctorFinding("store", "ok", "fine"), warning]
    result = styx("doctor")
    assert result.exit_code == 0
    assert "bytecode: unset PYTHONDONTWRITEBYTECODE" in result.stdout
    client.findings.append(DoctorFinding("ssh", "error", "is missing"))
    failed = styx("doctor", "-o", "json")
    assert failed.exit_code == 1
    assert json.loads(failed.stdout)[-1] == {"check": "ssh", "level": "error", "message": "is missing", "fix": None}
    save(Login("https://styx.example", "styx_a_b"))
    assert json.loads(styx("doctor", "-o", "json").stdout)[0]["check"] == "machine"
    assert "that of the server at https://styx.example" in styx("doctor").stdout.splitlines()[1]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["a"], ("a", 0, None)),
        (["a", "-w", "1"], ("a", 1, None)),
        (["a", "--", "ls", "-l", "a b"], ("a", 0, "ls -l 'a b'")),
        (["a", "echo $HOME | wc"], ("a", 0, "echo $HOME | wc")),
    ],
)
def test_ssh(styx, client: FakeClient, words, expected):
    """Words of a command stay apart, one word is a script; the exit code is that of what ran."""
    client.add("a")
    assert styx("ssh", *words).exit_code == 5
    assert client.calls == [("shell", *expected)]
    assert client.closed


def test_ssh_option_of_the_inner_command(styx, client: FakeClient):
    """An unknown option is probably the inner command's: the message tells about --."""
    client.add("a")
    result = styx("ssh", "a", "ls", "-l")
    assert result.exit_code == 2
    assert "after '--'" in result.stderr


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_script(styx, shell):
    """The script of each shell calls styx with its own variable."""
    result = styx("completion", shell)
    assert result.exit_code == 0
    assert "_STYX_COMPLETE" in result.stdout


def test_completion_of_another_shell(styx):
    """An unknown shell is exit code 2."""
    assert styx("completion", "tcsh").exit_code == 2


def test_cluster_names_are_completed_without_the_store(monkeypatch):
    """Completing a cluster's name reads SQLite directly and leaves out what is named already."""
    monkeypatch.setattr("styx.store.peek.cluster_names", lambda: ["dev", "demo", "prod"])
    context = click.Context(click.Command("down"))
    context.params = {"patterns": ("demo",)}
    assert cluster_names(context, click.Argument(["patterns"]), "de") == ["dev"]


TARGETS = sorted(row.target for row in COMMANDS.values() if row.name != "plugins")
# What lists catalogs reads them while it is imported anyway; `python -m benchmarks cataloguing` measures the whole.
MODULES = sorted(
    {target.partition(":")[0] for target in TARGETS} - {f"styx.cli.commands.{name}" for name in ("catalog", "gpus")}
)
HEAVY = {
    "asyncio", "decimal", "importlib.metadata", "json", "pluggy", "pydantic", "rich", "sqlalchemy", "stevedore",
    "styx.api", "styx.client", "styx.store", "yaml",
}  # fmt: skip


@pytest.mark.parametrize("module", MODULES)
def test_importing_a_command_is_cheap(module):
    """A command's module imports nothing beyond click that costs time."""
    code = (
        "import sys, click; before = set(sys.modules)\n"
        f"import {module}\n"
        f"print(*sorted(m for m in {HEAVY!r} if m in sys.modules and m not in before))"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.split() == []


def leaves(command):
    """The command, or all inside the group that are no groups themselves."""
    if not isinstance(command, click.Group):
        return [command]
    return [leaf for inner in command.commands.values() for leaf in leaves(inner)]


@pytest.mark.parametrize("target", TARGETS)
def test_every_help_has_a_sentence_and_examples(target):
    """Help begins with one sentence, and every command (not group) has examples."""
    module, _, attribute = target.partition(":")
    command = getattr(importlib.import_module(module), attribute)
    for each in leaves(command):
        text = each.get_help(click.Context(each, info_name=each.name))
        assert each.help.splitlines()[0].endswith(".")
        assert "Examples:\n  " in text
