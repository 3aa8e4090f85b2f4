"""What the documents show is so: tasks load, commands and options exist, Python compiles, links lead somewhere."""

from __future__ import annotations

import inspect
import re
import shlex
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import pytest

from styx.cli.dagviews import drawing
from styx.cli.main import cli
from styx.plugins.manifest import parse_manifest
from styx.spec.load import dag_of, parse_text
from styx.spec.resources import Resources
from styx.spec.task import Task

ROOT = Path(__file__).resolve().parents[2]
PAGES = [*(ROOT / name for name in ("README.md", "CONTRIBUTING.md")), *sorted((ROOT / "docs").rglob("*.md"))]
FENCE = re.compile(r"^```(\w+)\n(.*?)^```", re.MULTILINE | re.DOTALL)


def blocks(language: str) -> Iterator[tuple[str, str]]:
    """Every block of code in that language, with the page it is on."""
    for page in PAGES:
        for found, text in FENCE.findall(page.read_text(encoding="utf-8")):
            if found == language:
                yield page.name, text


def commands() -> Iterator[list[str]]:
    """The words of every ``styx`` command shown in a shell block, comments left out."""
    for _, text in blocks("sh"):
        for line in text.replace("\\\n", " ").splitlines():
            for part in line.split("&&"):
                words = shlex.split(part, comments=True)
                if words[:1] == ["styx"]:
                    yield words[1:]


@pytest.mark.parametrize("text", [text for _, text in blocks("yaml") if "run:" in text])
def test_tasks_load(text: str) -> None:
    """Every task shown is one, alone or in a graph."""
    assert any(task.spec.run for task in dag_of(parse_text(text, None)).tasks)


def test_the_drawing_is_that_of_the_graph() -> None:
    """What `styx dag show` is shown to print is what it prints for the graph above."""
    ((_, shown),) = blocks("console")
    (graph,) = (text for _, text in blocks("yaml") if "matrix:" in text)
    assert shown.splitlines()[1:] == drawing(dag_of(parse_text(graph, None)), everything=False, encoding="utf-8")


@pytest.mark.parametrize("words", list(commands()), ids=" ".join)
def test_commands_and_options_exist(words: list[str]) -> None:
    """Every command shown is parsed without complaint."""
    command: click.Command = cli
    context = click.Context(cli, info_name="styx", resilient_parsing=True, **cli.context_settings)
    while isinstance(command, click.Group):
        name, *words = words
        found = command.get_command(context, name)
        if found is None:
            pytest.skip(f"{name} comes with a plugin that is not installed here")
        command = found
    parser = command.make_parser(click.Context(command, parent=context))
    parser.parse_args(args=list(words))


@pytest.mark.parametrize("text", [text for page, text in blocks("python") if page != "hooks.md"])
def test_python_compiles(text: str) -> None:
    """Every piece of Python shown is Python."""
    compile(text, "documentation", "exec")


@pytest.mark.parametrize("text", [text for _, text in blocks("toml") if "summary" in text])
def test_manifests_are_right(text: str) -> None:
    """Every manifest shown is accepted."""
    assert parse_manifest(tomllib.loads(text), "documentation")["name"]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    """A link to a file of ours leads to one."""
    for target in re.findall(r"\]\((?!https?:)([^)#]+)", page.read_text(encoding="utf-8")):
        assert (page.parent / target).exists(), target


@pytest.mark.parametrize("kind", [Task, Resources])
def test_the_page_on_python_has_every_method(kind: type[Any]) -> None:
    """Whatever tasks and resources can do is on the page, with the arguments that it takes."""
    page = (ROOT / "docs" / "python.md").read_text(encoding="utf-8")
    section = page.partition(f"\n## {kind.__name__.removesuffix('s')}s\n")[2].partition("\n## ")[0]
    shown = dict(re.findall(r"`(?:\w+\.)?(\w+)\(([^`]*)\)`", section))
    for name, each in vars(kind).items():
        if name[0] != "_" and not isinstance(each, property):
            arguments = [taken for taken in inspect.signature(getattr(kind, name)).parameters if taken != "self"]
            assert re.findall(r"\w+", re.sub(r"=[^,]*", "", shown[name])) == arguments
