"""How errors and findings say what to do next: everywhere in one form."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCES = [*ROOT.glob("styx-core/src/styx/**/*.py"), *ROOT.glob("plugins/*/src/**/*.py")]
NAMES = {"hint", "fix"}
OPEN = "\N{WHITE SQUARE}"  # stands for what only the running program knows
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
