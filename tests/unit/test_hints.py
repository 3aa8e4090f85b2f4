"""How errors and findings say what to do next: everywhere in one form."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from styx.cli import table
from styx.cli.lazy import import_command
from styx.cli.main import cli

ROOT = Path(__file__).parents[2]
SOURCES = [*ROOT.glob("styx-core/src/styx/**/*.py"), *ROOT.glob("plugins/*/src/**/*.py")]
NAMES = {"hint", "fix"}
OPEN = "\N{WHITE SQUARE}"  # stands for what only the running program knows
OF_PLUGINS = {"notify", "acme"}
PROGRAMS = r"\b(styx|pip|apt-get|dnf|apk) +(?!command|is\b)-*[a-z]"


def hints(source: Path) -> Iterator[tuple[int, str]]:
    """Every hint that is written out in this file, with its line."""
    for node in ast.walk(ast.parse(source.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call):
            for keyword in node.keywords:
                if keyword.arg in NAMES:
                    yield from written(keyword.value)
        elif isinstance(node, ast.Assign) and any(getattr(target, "id", "") in NAMES for target in node.targets):
            yield from written(node.value)


def written(node: ast.expr) -> Iterator[tuple[int, str]]:
    """The texts that an expression may come to."""
    if isinstance(node, ast.IfExp):
        yield from written(node.body)
        yield from written(node.orelse)
    elif isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value:
        yield node.lineno, node.value
    elif isinstance(node, ast.JoinedStr):
        yield node.lineno, "".join(str(v.value) if isinstance(v, ast.Constant) else OPEN for v in node.values)


@pytest.mark.parametrize("source", [pytest.param(each, id=str(each.relative_to(ROOT))) for each in sorted(SOURCES)])
def test_hints_are_sentences(source: Path) -> None:
    """A hint is a full sentence, and a command in it stands in backquotes."""
    for line, hint in hints(source):
        where = f"{source.name}:{line}: {hint!r}"
        assert not hint[0].islower(), where
        assert hint[-1] in f".?{OPEN}", where
        assert not re.search(PROGRAMS, re.sub(r"`[^`]*`", "", hint)), where


def test_they_are_found() -> None:
    """The search is not empty: it would notice a hint in another form."""
    assert sum(1 for source in SOURCES for _ in hints(source)) > 80


def walk(command: click.Command, words: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    """The command and all inside it, by the words that name them."""
    yield words, command
    if isinstance(command, click.Group):
        for name, inner in command.commands.items():
            yield from walk(inner, (*words, name))


COMMANDS = dict(
    pair for row in table.COMMANDS.values() for pair in walk(import_command(row, click.Context(cli)), (row.name,))
)


@pytest.mark.parametrize("source", [pytest.param(each, id=str(each.relative_to(ROOT))) for each in sorted(SOURCES)])
def test_commands_in_hints_exist(source: Path) -> None:
    """What a hint tells to run is a command, with options that it has."""
    texts = [node.value for node in ast.walk(ast.parse(source.read_text(encoding="utf-8"))) if is_text(node)]
    for line in re.findall(r"`styx ([^`{\n]*)", "\n".join(texts)):
        words = [word for word in line.split() if word not in {"--debug", "...", "COMMAND", "--help"}]
        named = tuple(word for word in words[:3] if re.fullmatch("[a-z]+", word))
        command = next((COMMANDS[named[:many]] for many in (3, 2, 1) if named[:many] in COMMANDS), None)
        assert command is not None or not named or named[0] in OF_PLUGINS, line
        if command is not None:
            known = {flag for each in command.params for flag in (*each.opts, *each.secondary_opts)}
            own = words[: words.index("--")] if "--" in words else words
            assert {word for word in own if word.startswith("-") and len(word) > 1} <= known, line


def is_text(node: ast.AST) -> bool:
    """Whether it is written text, also a part of an f-string."""
    return isinstance(node, ast.Constant) and isinstance(node.value, str)
