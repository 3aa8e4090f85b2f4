"""From the arguments of ``launch`` and ``exec`` to a task."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import click

from styx.cli import dotenv

if TYPE_CHECKING:
    from pathlib import Path

    from styx.spec import Dag, Task
    from styx.spec.load import Source

YAML_SUFFIXES = (".yaml", ".yml")
STDIN = "-"

# Option name -> key of the task language, where they differ.
_KEYS = {"gpus": "accelerators"}
_OVERRIDES = (
    "name",
    "num_nodes",
    "infra",
    "cpus",
    "memory",
    "gpus",
    "instance_type",
    "use_spot",
    "image_id",
    "identity",
    "disk_size",
    "disk_tier",
    "network_tier",
    "local_disk",
    "ports",
)


def build_task(entrypoint: Sequence[str], options: Mapping[str, Any], *, check_files: bool = True) -> Task:
    """The task that the arguments describe: a YAML file, here or in a store, ``-`` for YAML on stdin, or a command.

    ``options`` holds the values of the shared task options by parameter name; the task's own files need not be there
    without ``check_files``. Raises InvalidTask, click.UsageError.
    """
    from styx.spec.load import sole

    file = yaml_file(entrypoint)
    if file is None:
        return _command(entrypoint, options)
    envs, secrets = environment(options)
    return sole(_source(file), envs=envs, secrets=secrets, overrides=overrides(options), check_files=check_files)


def build_tasks(entrypoint: Sequence[str], options: Mapping[str, Any]) -> Task | Dag:
    """Like :func:`build_task`, for what may also be several tasks: then the options change each of them.

    A name is that of them all. Raises InvalidTask, click.UsageError.
    """
    from styx.spec.load import dag_of, sole

    file = yaml_file(entrypoint)
    if file is None:
        return _command(entrypoint, options)
    envs, secrets = environment(options)
    changes = overrides(options)
    source = _source(file)
    dag = dag_of(source, envs=envs, secrets=secrets, check_files=not changes)
    if len(dag) == 1 and dag.tasks[0].spec.sweep is None:
        return sole(source, envs=envs, secrets=secrets, overrides=changes, check_files=True)
    dag.name = changes.pop("name", dag.name)
    return _changed(dag, changes) if changes else dag


def _command(words: Sequence[str], options: Mapping[str, Any]) -> Task:
    from styx.spec import Task

    envs, secrets = environment(options)
    return Task(run=command_line(words), envs=envs, secrets=secrets).override(overrides(options))


def _changed(dag: Dag, changes: Mapping[str, Any]) -> Dag:
    """The same order among the tasks, each with the changes. Raises InvalidTask."""
    from styx.spec import Dag, files

    made = Dag(dag.name, execution=dag.execution, options=dag.options)
    tasks = [made.add(task.override(changes)) for task in dag.tasks]
    for low, high in dag.numbered_edges():
        made.edge(tasks[low], tasks[high])
    for task in tasks:
        files.check(task.spec, None, None)
    return made


def _source(file: str) -> Source:
    """What a file holds, here or in a store; ``-`` is standard input. Raises InvalidTask, and what the store raises."""
    from styx.spec.load import parse_bytes, read

    return parse_bytes(_stored(file), file) if "://" in file else read(_path(file))


def _stored(uri: str) -> bytes:
    """A task file in a store. Raises what asking the store raises, and BadInput for one that is too large."""
    from styx.cli.session import connected
    from styx.spec.reader import MAX_BYTES

    with connected() as client:
        return client.storage.read(uri, MAX_BYTES)


def environment(options: Mapping[str, Any]) -> tuple[dict[str, str], dict[str, object]]:
    """The environment variables and the secrets that the shared options give. Raises click.UsageError."""
    envs = dotenv.collect(options["env"], options["env_file"], "--env")
    secrets = dotenv.collect(options["secret"], options["secret_file"], "--secret")
    return envs, {**secrets, **secret_references(options["secret_ref"])}


def secret_references(pairs: Sequence[str]) -> dict[str, dict[str, str]]:
    """Where secrets are kept, in the form of the task language. Raises click.BadParameter."""
    found = {}
    for pair in pairs:
        name, equals, reference = pair.partition("=")
        if not (equals and name):  # without the word, which may be a secret
            raise click.BadParameter("write NAME=SCHEME:KEY, as in TOKEN=vault:team/key", param_hint="--secret-ref")
        found[name] = {"ref": reference}
    return found


def yaml_file(entrypoint: Sequence[str]) -> str | None:
    """The entry point when it is a file (or ``-``) rather than a command."""
    if len(entrypoint) != 1:
        return None
    (word,) = entrypoint
    is_file = word == STDIN or word.lower().endswith(YAML_SUFFIXES) or _is_file(word)
    return word if is_file else None


def _is_file(word: str) -> bool:
    try:
        return _path(word).is_file()
    except OSError:  # a command may be longer than the name of a file
        return False


def _path(word: str) -> Path:
    """The path, with ``~`` expanded where there is such a home; pathlib would raise where there is none."""
    import os
    from pathlib import Path

    return Path(os.path.expanduser(word))  # noqa: PTH111


def command_line(words: Sequence[str]) -> str | None:
    """The shell command that ``words`` mean: one word as it is written, several with each kept as one word.

    Raises click.UsageError for one that is empty, as an unset variable of the caller's would be.
    """
    import shlex

    if not words:
        return None
    if not "".join(words).strip():
        raise click.UsageError("the command is empty")
    return words[0] if len(words) == 1 else shlex.join(words)


def overrides(options: Mapping[str, Any]) -> dict[str, Any]:
    """What the options change, by the keys of the task language; ``none`` removes what the file asks for."""
    changes: dict[str, Any] = {}
    for name in _OVERRIDES:
        value = options.get(name)
        if value is None or value == ():
            continue
        if isinstance(value, str) and name != "name" and value.lower() == "none":
            value = None
        changes[_KEYS.get(name, name)] = list(value) if isinstance(value, tuple) else value
    workdir = _workdir(options)
    if workdir is not None:
        changes["workdir"] = workdir
    return changes


def _workdir(options: Mapping[str, Any]) -> str | dict[str, str] | None:
    workdir, url, ref = options.get("workdir"), options.get("git_url"), options.get("git_ref")
    if workdir and url:
        raise click.UsageError("--workdir and --git-url exclude each other")
    if ref and not url:
        raise click.UsageError("--git-ref needs --git-url")
    if url:
        return {"url": url, "ref": ref} if ref else {"url": url}
    if not workdir or "://" in workdir:
        return workdir
    return str(_path(workdir).absolute())  # relative to where the user is, not to where the task file is
