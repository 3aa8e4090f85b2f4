"""The command line says the same, byte for byte, whether its engine runs in the same process or a server has it."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import click
import pytest

from styx.cli.main import cli
from support.sides import Side

TASK = """
name: fit
resources: {infra: local}
workdir: src
run: cat hello.txt
"""
DAG = """
name: flow
---
name: make
resources: {infra: local}
run: echo N=7 >> $STYX_OUTPUTS; echo made
output_names: [N]
---
name: use
depends_on: make
resources: {infra: local}
envs: {N: "${{ tasks.make.outputs.N }}"}
run: echo got $N
"""
FILES = {"fit.yaml": TASK, "flow.yaml": DAG, "src/hello.txt": "hello\n"}

pytestmark = pytest.mark.timeout(600)  # two times seventy programs, also on a machine that has other things to do

# Run one after the other: what stands below sees what was done above.
SCRIPT = """
launch -c dev fit.yaml --yes
launch --infra local --dryrun -o json -- true
explain fit.yaml
exec dev -- 'echo out; echo err >&2; exit 3'
exec dev --detach-run -o json -- sleep 60
queue -o json
cancel dev 3
cancel dev 99
logs dev 2 --no-follow --tail 1
logs dev 1 2 -s
status
status -v -o json
status dve
ssh dev -- 'echo there; exit 4'
autostop dev -i 30 --down --yes
stop dev --yes
exec dev -- true
start dev
check local file
recover --yes
launch -c big --infra local --cpus 999+ --yes -- true
launch -c big --infra local --cpus 999+ --yes --detach-run -o json -- true
dag run flow.yaml --yes -o json
storage create file://outs
storage cp -r src file://outs/b
storage ls -r file://outs -o json
storage rm file://outs/nope
storage delete outs --yes
cost-report
down nope dev --yes
status --history dev -o json
status
dag show flow.yaml
jobs launch -n hello --infra local --yes -- 'echo hello; exit 3'
jobs logs 1 --no-follow
jobs status 1
jobs launch -d -n many --num-jobs 2 --pool shut --infra local --yes -- sleep 600
jobs launch -d flow.yaml --pool shut --yes
jobs launch -d -n odd --strategy luck --infra local --yes -- true
spot launch -d -n cheap --pool shut --infra local --yes -- true
jobs queue
jobs queue -o json
spot queue
jobs cancel 2 99 --yes
jobs cancel 2 --yes
spot cancel 6 --yes
jobs cancel --all --yes
jobs status 99
jobs queue
storage create file://more
storage sync src file://more
storage presign file://more/hello.txt
compat check .
gpus list
catalog status
catalog diff lambda
doctor
plugins list
plugins show local
plugins capabilities
plugins check
plugins refresh
plugins new acme --kind cloud
plugins disable notify
plugins enable notify
config path
config set jobs.at_once 50
config get jobs.at_once
config unset jobs.at_once
config list
completion bash
notify test
""".strip().splitlines()
FAILING = {
    "exec dev -- 'echo out; echo err >&2; exit 3'": 3,
    "cancel dev 99": 2,
    "logs dev 2 --no-follow --tail 1": 3,
    "status dve": 2,
    "ssh dev -- 'echo there; exit 4'": 4,
    "exec dev -- true": 1,
    "launch -c big --infra local --cpus 999+ --yes -- true": 75,
    "launch -c big --infra local --cpus 999+ --yes --detach-run -o json -- true": 75,
    "storage rm file://outs/nope": 1,
    "down nope dev --yes": 2,
    "jobs launch -n hello --infra local --yes -- 'echo hello; exit 3'": 3,
    "jobs logs 1 --no-follow": 3,
    "jobs launch -d -n odd --strategy luck --infra local --yes -- true": 2,
    "jobs cancel 2 99 --yes": 2,
    "jobs status 99": 2,
    "storage presign file://more/hello.txt": 2,
    "notify test": 2,
}
# Commands that no script of two sides can have, and why.
OF_ONE_SIDE = {
    **dict.fromkeys(
        ("api deploy", "api info", "api login", "api logout", "api logs", "api start", "api status", "api stop"),
        "which server is asked, or whether one runs, is what it is about",
    ),
    **dict.fromkeys(("api token create", "api token list", "api token revoke"), "there are tokens at a server alone"),
    **dict.fromkeys(
        ("api user add", "api user list", "api user remove", "api user role", "api user set"),
        "there are users at a server alone",
    ),
    "catalog update": "it asks providers; what it writes belongs to the machine of whoever calls it",
    "plugins test": "it runs the tests of a package that is in this directory",
}

# What is of the moment, of the machine or made up, and what a table's columns are as wide as.
OF_THE_MOMENT = [
    (r"\d{4}-\d\d-\d\d[ T]\d\d:\d\d(:\d\d(\.\d+)?)?(Z|\+00:00| UTC)?", "TIME"),
    (r"\b(\d+(\.\d+)? ?(ms|s|m|h)\b ?)+", "WHILE "),
    (r"\(\d[\d.]* \w+/s\)", "(RATE)"),
    (r'"(seconds|billed_seconds|unpriced)": "?[\d.E+-]+"?', r'"\1": SECONDS'),
    (r"styx-[a-z0-9]{6}-([a-z0-9-]+)-[a-z][a-z0-9]{3}\b", r"styx-ID-\1"),
    (r"\bstyx-[0-9a-f]{6}\b", "styx-NEW"),
    (r"(flow|many)-[0-9a-z]{4,8}", r"\1-NEW"),
    (r"(?m)^job \d+: (pending|starting|running)\n", ""),
    (r"http://127.0.0.1:\d+", "URL"),
    (r"process \d+", "PROCESS"),
    (r"(?m)^server [0-9a-f]{12}", "server ID"),
    (r"(?m)id [0-9a-z]{6}$", "id ID"),
    (r"(?m)^machine .*\n", ""),  # which of a client's two it is about
    (r"[ -]{2,}", " "),
]


def said(side: Side, line: str, place: Path) -> tuple[int, str, str]:
    """The exit code of a command, and what it wrote: without what is of the moment."""
    done = side.styx(*shlex.split(line), cwd=place)
    out, err = done.stdout, done.stderr
    for name, path in (("HERE", place), ("HOME", side.home), ("HOME", Path(side.environment["STYX_HOME"]))):
        out, err = (text.replace(str(path), name) for text in (out, err))
    for pattern, word in OF_THE_MOMENT:
        out, err = (re.sub(pattern, word, text) for text in (out, err))
    return done.returncode, out, err


@pytest.fixture(scope="module")
def both(
    sides: Mapping[str, Side], tmp_path_factory: pytest.TempPathFactory
) -> Mapping[str, list[tuple[int, str, str]]]:
    """What every command of the script came to on both sides, which go through it at the same time."""

    def play(side: Side) -> list[tuple[int, str, str]]:
        place = tmp_path_factory.mktemp(side.name)
        for name, text in FILES.items():
            (place / name).parent.mkdir(exist_ok=True)
            (place / name).write_text(text)
        return [said(side, line, place) for line in SCRIPT]

    with ThreadPoolExecutor(len(sides)) as threads:
        return dict(zip(sides, threads.map(play, sides.values()), strict=True))


@pytest.mark.parametrize("number", range(len(SCRIPT)), ids=[line.replace(" ", "_") for line in SCRIPT])
def test_same_output(both: Mapping[str, list[tuple[int, str, str]]], number: int) -> None:
    """Exit code, output and messages of a command are the same against a server."""
    assert both["remote"][number] == both["embedded"][number]


def test_every_command_is_in_the_script() -> None:
    """Or it is known why not: a new one has to be put there."""
    there = set(commands(cli))
    said = {path for path in there for line in SCRIPT if tuple(shlex.split(line)[: len(path)]) == path}
    excepted = {tuple(name.split()) for name in OF_ONE_SIDE}
    assert said | excepted == there
    assert not said & excepted


def commands(command: click.Command, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """All that there are, by their words; those of plugins too."""
    if not isinstance(command, click.Group):
        yield path
        return
    context = click.Context(command)
    for name in command.list_commands(context):
        found = command.get_command(context, name)
        assert found is not None
        yield from commands(found, (*path, name))


def test_the_script_does_what_it_says(both: Mapping[str, list[tuple[int, str, str]]]) -> None:
    """The commands succeed where they should, so that not just refusals are compared."""
    codes = dict(zip(SCRIPT, (code for code, _, _ in both["embedded"]), strict=True))
    assert {line: code for line, code in codes.items() if code} == FAILING
