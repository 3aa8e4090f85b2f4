"""The help of every command, core's and the inner ones of groups."""

from __future__ import annotations

import re
from collections.abc import Iterator

import click
import pytest

from styx.cli.lazy import import_command
from styx.cli.main import cli
from styx.cli.table import COMMANDS


def walk(command: click.Command, path: str) -> Iterator[tuple[str, click.Command]]:
    """The command and all inside it."""
    yield path, command
    if isinstance(command, click.Group):
        for name, inner in command.commands.items():
            yield from walk(inner, f"{path} {name}")


ALL = dict(
    pair for row in COMMANDS.values() for pair in walk(import_command(row, click.Context(cli)), f"styx {row.name}")
)
LEAVES = {path: command for path, command in ALL.items() if not isinstance(command, click.Group)}


def text(path: str) -> str:
    """What ``--help`` prints, eighty columns wide."""
    # With -h too, as in the program: click keeps that with the command.
    settings = cli.context_settings | {"terminal_width": 78}
    context = click.Context(ALL[path], info_name=path, **settings)
    return ALL[path].get_help(context)


def test_all_are_there():
    """The commands of the core path exist."""
    expected = (
        "launch exec status start stop autostop down queue cancel logs check ssh doctor config plugins completion"
    )
    assert set(expected.split()) <= set(COMMANDS)
    inner = {path.removeprefix("styx plugins ") for path in LEAVES if path.startswith("styx plugins ")}
    assert inner >= {"list", "show", "capabilities", "check", "new", "test", "refresh", "enable", "disable"}


@pytest.mark.parametrize("path", sorted(ALL))
def test_every_help_begins_with_a_sentence(path):
    """The first line says what the command does, and ends like a sentence."""
    first = (ALL[path].help or "").strip().splitlines()[0]
    assert first.endswith(".")
    assert first[0].isupper()


@pytest.mark.parametrize("path", sorted(ALL.keys() - LEAVES.keys()))
def test_no_summary_is_cut_where_commands_are_listed(path):
    """The first sentence of each command has room in the list of its group."""
    _, listed = text(path).split("Commands:\n")
    assert [line for line in listed.splitlines() if line.endswith("...")] == []


@pytest.mark.parametrize("path", sorted(LEAVES))
def test_every_command_has_examples(path):
    """Examples are in a section of their own, and each begins with the program or a shell's doing around it."""
    assert "Examples:\n  " in text(path)
    examples = LEAVES[path].notes["Examples"].strip().splitlines()
    assert any(re.search(rf"\b{re.escape(path)}\b", line) for line in examples)


@pytest.mark.parametrize("path", sorted(LEAVES))
def test_examples_are_valid(path):
    """The options in the examples are options that the command has."""
    known = {flag for each in LEAVES[path].params for flag in (*each.opts, *each.secondary_opts)} | {"--help", "-h"}
    for line in LEAVES[path].notes["Examples"].splitlines():
        words = re.sub(r"'[^']*'", "", line).partition("#")[0].partition(" -- ")[0].partition(" | ")[0]
        if words.startswith(f"{path} "):
            used = re.findall(r"(?<=\s)(--?[a-z][a-z-]*)", words)
            assert set(used) <= known, line


@pytest.mark.parametrize("path", sorted(LEAVES))
def test_every_option_is_explained(path):
    """Every option that is shown has a help text that is a sentence."""
    for each in LEAVES[path].params:
        if isinstance(each, click.Option) and not each.hidden:
            assert (each.help or "").endswith("."), each.name


@pytest.mark.parametrize("path", sorted(LEAVES))
def test_no_line_is_too_long(path):
    """Help fits a terminal of eighty columns."""
    assert max(len(line) for line in text(path).splitlines()) <= 80


@pytest.mark.parametrize("path", sorted(path for path in LEAVES if "-o json" in str(LEAVES[path].notes)))
def test_json_is_described_where_it_is_offered(path):
    """What prints JSON takes ``-o json``."""
    assert any("--output" in each.opts for each in LEAVES[path].params)


def test_options_of_launch_are_in_sections():
    """A long list of options is ordered by what they are about."""
    shown = text("styx launch")
    titles = ["Cluster:", "Task:", "Resources of each node:", "Environment:", "Options:", "Examples:", "Exit code:"]
    places = [shown.index(f"\n{title}\n") for title in titles]
    assert places == sorted(places)
