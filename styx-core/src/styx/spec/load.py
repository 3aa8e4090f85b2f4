"""Task files: one task, a chain or graph of several, or standard input."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from styx.spec import fields, files, parse, sweep
from styx.spec.dag import LESS, MAX_EDGES, SERIAL, TOO_MANY, Dag
from styx.spec.header import check_names, read_header, split
from styx.spec.place import Place
from styx.spec.task import Task

STDIN = "-"
MAX_TASKS = 10_000


@dataclass(frozen=True, slots=True)
class Source:
    """What one file or text holds: documents, and where they came from."""

    documents: list[object]
    file: str | None


def load_task(
    path: str | os.PathLike[str],
    *,
    envs: Mapping[str, str] | None = None,
    secrets: Mapping[str, object] | None = None,
    overrides: Mapping[str, Any] | None = None,
    check_files: bool = True,
) -> Task:
    """The task of a YAML file; ``-`` is standard input. Relative paths in it start at the current directory.

    ``envs`` and ``secrets`` win over those in the file, and ``overrides`` (fields of the task, or of its resources)
    over everything. Raises InvalidTask, also for a file with several tasks and for local files that are missing.
    """
    return sole(read(Path(path)), envs=envs, secrets=secrets, overrides=overrides, check_files=check_files)


def load_dag(
    path: str | os.PathLike[str],
    *,
    envs: Mapping[str, str] | None = None,
    secrets: Mapping[str, object] | None = None,
    check_files: bool = True,
) -> Dag:
    """The tasks of a YAML file of one or more documents.

    The first may be a header, ``{name, execution}``. Tasks run one after the other, the many of one document side by
    side, unless the header says ``execution: parallel`` or any of them says ``depends_on``: then only that counts.
    Raises InvalidTask.
    """
    return dag_of(read(Path(path)), envs=envs, secrets=secrets, check_files=check_files)


def read(path: Path) -> Source:
    """Read a file. Raises InvalidTask when it cannot be read, is not text, or is not YAML."""
    from styx.spec.reader import MAX_BYTES

    if str(path) == STDIN:
        if sys.stdin is None:
            raise Place("<stdin>").error("there is no standard input to read")
        return parse_bytes(sys.stdin.buffer.read(MAX_BYTES + 1), "<stdin>")
    place = Place(str(path))
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except FileNotFoundError:
        raise place.error("there is no such file") from None
    except IsADirectoryError:
        raise place.error("is a directory, not a task file") from None
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise place.error(f"cannot be read: {reason}") from None
    return parse_bytes(data, str(path))


def parse_bytes(data: bytes, file: str) -> Source:
    """Read the content of a file. Raises InvalidTask."""
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise Place(file).error(f"is not text: byte {error.start + 1} is not UTF-8") from None
    return parse_text(text, file)


def parse_text(text: str, file: str | None) -> Source:
    """Read a YAML text. Raises InvalidTask."""
    from styx.spec.reader import read_text

    documents = read_text(text, file)
    if not any(documents):
        raise Place(file).error("is empty", hint="A task needs at least something to run, as in `run: echo hello`.")
    return Source(documents, file)


def sole(
    source: Source,
    *,
    envs: Mapping[str, str] | None = None,
    secrets: Mapping[str, object] | None = None,
    overrides: Mapping[str, Any] | None = None,
    check_files: bool = False,
) -> Task:
    """The one task of a source. Raises InvalidTask when it has several."""
    header, tasks = split(source.documents)
    if len(tasks) > 1:
        raise _place(source, tasks[1]).error(
            f"holds {len(tasks)} tasks where one is wanted",
            hint=f"`styx dag run {source.file or 'FILE'}` runs them all.",
        )
    if header is not None:
        read_header(header, _place(source, header))
    task = _task(tasks[0], source, envs, secrets)
    if overrides:
        task = task.override(overrides)
    if check_files:
        files.check(task.spec, None if overrides else tasks[0], source.file)
    return task


def dag_of(
    source: Source,
    *,
    envs: Mapping[str, str] | None = None,
    secrets: Mapping[str, object] | None = None,
    check_files: bool = False,
) -> Dag:
    """All tasks of a source, as :func:`load_dag` reads them. Raises InvalidTask."""
    header, documents = split(source.documents)
    dag = Dag() if header is None else read_header(header, _place(source, header))
    groups: list[list[Task]] = []
    for document in documents:
        place = _place(source, document)
        made = sweep.variations(document, place) if isinstance(document, dict) else []
        if len(dag) + max(1, len(made)) > MAX_TASKS:
            raise place.error(f"comes to more than {MAX_TASKS} tasks, which is the limit")
        tasks = [_task(document, source, envs, secrets, each) for each in made or (None,)]
        places = {key: place.at(document, key) for key in fields.mapping(document, place)}
        for task in tasks:
            if check_files:
                files.check(task.spec, document, source.file)
            dag.add(task, places=places)
        groups.append(tasks)
    if dag.name is None and len(documents) == 1:
        dag.name = dag.tasks[0].spec.sweep or dag.tasks[0].spec.name
    if dag.execution == SERIAL and not any(task.spec.depends_on for task in dag.tasks):
        if sum(len(earlier) * len(later) for earlier, later in pairwise(groups)) > MAX_EDGES:
            raise Place(source.file).error(TOO_MANY, hint=LESS)
        _chain(dag, groups)
    if header is not None:
        check_names(dag, header, _place(source, header))
    return dag.check()


def _chain(dag: Dag, groups: list[list[Task]]) -> None:
    """Let all tasks of each document come after all of the one before."""
    for earlier, later in pairwise(groups):
        for low in earlier:
            for high in later:
                dag.edge(low, high)


def _task(
    document: object,
    source: Source,
    envs: Mapping[str, str] | None,
    secrets: Mapping[str, object] | None,
    variation: sweep.Variation | None = None,
) -> Task:
    place = _place(source, document)
    spec = parse.parse_task(document, place, Path.cwd(), envs=envs, secrets=secrets, variation=variation)
    return Task.from_spec(spec)


def _place(source: Source, document: object) -> Place:
    return Place(source.file, line=getattr(document, "line", None))
