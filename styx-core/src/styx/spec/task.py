"""``Task``: what to run, said in Python or read from YAML."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from styx.spec import alternatives, fields, files, flow, parse, serialise, sweep
from styx.spec.model import Output, ResourcesSpec, TaskSpec
from styx.spec.place import Place
from styx.spec.plain import plain, plain_mapping
from styx.spec.resources import Resources
from styx.spec.variables import ENVS, SECRETS
from styx.spec.variables import variables as variables_of

if TYPE_CHECKING:
    from styx.spec.dag import Node

_HERE = Place()
_SHOWN = 80  # characters of one field that repr shows


class Task:
    """One task. Immutable: every method gives a new task, and what a task says is read through :attr:`spec`.

    ::

        Task("train").setup("pip install torch").run("python train.py").workdir(".").nodes(2)
        Task("train", run="python train.py", resources=Resources().gpu("A100", 8), envs={"EPOCHS": 3})

    Keywords are the fields of a task in YAML, in all the forms that YAML takes. Raises InvalidTask.
    """

    __slots__ = ("_spec",)

    def __init__(
        self,
        name: str | None = None,
        *,
        run: str | None = None,
        setup: str | None = None,
        envs: Mapping[str, Any] | None = None,
        secrets: Mapping[str, Any] | Sequence[str] | None = None,
        workdir: str | os.PathLike[str] | Mapping[str, str] | None = None,
        num_nodes: int | None = None,
        file_mounts: Mapping[str, Any] | None = None,
        resources: Resources | Mapping[str, Any] | None = None,
        depends_on: str | Sequence[str] | None = None,
        base_dir: str | os.PathLike[str] | None = None,
        **more: object,
    ) -> None:
        given: dict[str, object] = {
            "name": name,
            "run": run,
            "setup": setup,
            "envs": envs,
            "secrets": secrets,
            "workdir": workdir,
            "num_nodes": num_nodes,
            "file_mounts": file_mounts,
            "resources": None if isinstance(resources, Resources) else resources,
            "depends_on": depends_on,
            **more,
        }
        spec = _parse({key: each for key, each in given.items() if each is not None}, base_dir)
        self._spec = replace(spec, resources=resources.spec) if isinstance(resources, Resources) else spec

    @property
    def spec(self) -> TaskSpec:
        """The plain values."""
        return self._spec

    @classmethod
    def from_spec(cls, spec: TaskSpec) -> Task:
        """The task with these plain values, which are taken as they are."""
        made = cls.__new__(cls)
        made._spec = spec  # noqa: SLF001 - its own
        return made

    @classmethod
    def from_dict(cls, mapping: Mapping[str, Any], base_dir: str | os.PathLike[str] | None = None) -> Task:
        """A task from the mapping that YAML would hold; relative paths start at ``base_dir``. Raises InvalidTask."""
        return cls.from_spec(_parse(mapping, base_dir))

    @classmethod
    def from_yaml(cls, text_or_path: str | os.PathLike[str]) -> Task:
        """A task from YAML: the text itself, or the path of a file. Raises InvalidTask."""
        from styx.spec.load import parse_text, read, sole

        if isinstance(text_or_path, str) and not _names_a_file(text_or_path):
            return sole(parse_text(text_or_path, None))
        return sole(read(Path(text_or_path)))

    def to_dict(self) -> dict[str, Any]:
        """The canonical mapping: local paths absolute, secrets by name and never with their values."""
        return serialise.to_mapping(self._spec)

    def run(self, script: str) -> Task:
        """The script to run on every node."""
        return self._replace(run=parse.script(script, _at("run")))

    def setup(self, script: str) -> Task:
        """The script that prepares every node before."""
        return self._replace(setup=parse.script(script, _at("setup")))

    def named(self, name: str) -> Task:
        """The task under another name."""
        return self._replace(name=fields.name(name, _at("name")))

    def env(self, **variables: object) -> Task:
        """More environment variables, or other values for them."""
        return self.envs(variables)

    def envs(self, variables: Mapping[str, object]) -> Task:
        """More environment variables, or other values for them."""
        at = _at("envs")
        read = variables_of(ENVS, plain_mapping(variables, at), at)
        return self._replace(envs={**self._spec.envs, **read.values})

    def secrets(self, variables: Mapping[str, object] | None = None, **more: object) -> Task:
        """More secrets, or other values for them.

        None names one whose value must come before the task runs; ``{"ref": "vault:team/key"}`` one that a plugin looks
        up then.
        """
        at = _at("secrets")
        given = {**plain_mapping(variables, at), **more}
        read = variables_of(SECRETS, plain_mapping(given, at), at)
        values = {key: each for key, each in self._spec.secrets.items() if key not in given}
        references = {key: each for key, each in self._spec.secret_refs.items() if key not in given}
        missing = [key for key in self._spec.missing_secrets if key not in given]
        return self._replace(
            secrets={**values, **read.values},
            secret_refs={**references, **read.references},
            missing_secrets=(*missing, *read.missing),
            extra=parse.with_managed(self._spec.extra, read.managed),
        )

    def workdir(self, path: str | os.PathLike[str] | Mapping[str, str] | None, *, ref: str | None = None) -> Task:
        """A local directory to copy to the nodes and run in, the URI of one in a store, or ``{url, ref}`` of git.

        None is none of them.

        With ``ref``, ``path`` is the repository's URL.
        """
        given: object = {"url": path, "ref": ref} if ref is not None else path
        at = _at("workdir")
        return self._replace(workdir=files.workdir(plain(given, at), at, self._spec.envs))

    def nodes(self, count: int) -> Task:
        """How many nodes: all start the script at once, or none."""
        return self._replace(num_nodes=parse.num_nodes(count, _at("num_nodes")))

    def mount(self, target: str, source: str | os.PathLike[str] | Mapping[str, Any]) -> Task:
        """Put a local path, what is behind a URI, or a storage at ``target`` on every node."""
        at = _at("file_mounts")
        found = files.file_mounts(plain({target: source}, at), at, self._spec.envs)
        return self._replace(file_mounts={**self._spec.file_mounts, **found})

    def resources(self, resources: Resources | Mapping[str, Any] | ResourcesSpec) -> Task:
        """What one node must have, instead of what was said before."""
        if isinstance(resources, Resources):
            return self._replace(resources=resources.spec)
        if isinstance(resources, ResourcesSpec):
            return self._replace(resources=resources)
        return self._replace(resources=Resources.from_dict(resources).spec)

    def after(self, *tasks: str | Task) -> Task:
        """The tasks, by name, that must have succeeded before this one starts."""
        names: list[object] = [each.spec.name if isinstance(each, Task) else each for each in tasks]
        found = flow.depends_on(names, _at("depends_on"))
        return self._replace(depends_on=tuple(dict.fromkeys([*self._spec.depends_on, *found])))

    def when(self, condition: str) -> Task:
        """When it runs: on ``success`` of all it comes after, on ``failure`` of one, ``always``, or if an output is so.

        The last is a text such as ``f'{check.output("CHANGED")} == yes'``.
        """
        return self._replace(when=flow.when(condition, _at("when")))

    def retries(self, times: int, *exit_codes: int) -> Task:
        """How many more times to run it when it fails: after any exit code, or only after these."""
        return self._replace(retries=flow.retries({"times": times, "exit_codes": [*exit_codes]}, _at("retries")))

    def output_names(self, *names: str) -> Task:
        """The names of the values that it hands on."""
        return self._replace(output_names=flow.output_names([*names], _at("output_names")))

    def output(self, name: str) -> str:
        """What stands for one of its outputs in the variables and conditions of later tasks. Raises InvalidTask."""
        if self._spec.name is None or name not in self._spec.output_names:
            raise _at("output_names").error(f"{self._spec.name or 'a task without a name'} has no output {name!r}")
        return f"${{{{ {Output(self._spec.name, name)} }}}}"

    def foreach(self, values: int | Sequence[Any]) -> list[Task]:
        """This task many times, NAME-0, NAME-1, ...: for a number, for each value, or for each mapping of variables."""
        return self._varied(foreach=values)

    def matrix(self, **axes: Sequence[Any]) -> list[Task]:
        """This task for each combination of values of these variables, called by the values: NAME-a-b."""
        return self._varied(matrix=axes)

    def _varied(self, **given: object) -> list[Task]:
        found = sweep.variations({"name": self._spec.name, **plain_mapping(given, _HERE)}, _HERE)
        mapping = self.to_dict()
        paths = {key: mapping[key] for key in ("workdir", "file_mounts", *parse.EXPANDED) if key in mapping}
        named = [self._replace(name=each.name, sweep=each.sweep) for each in found]
        return [task.override({"envs": each.envs, **paths}) for task, each in zip(named, found, strict=True)]

    def override(self, changes: Mapping[str, object]) -> Task:
        """The task with some fields replaced; those of resources may stand at the top. None removes a field.

        ``envs`` and ``secrets`` add to those of the task, all other fields replace. Raises InvalidTask.
        """
        if isinstance(changes, Mapping):
            changes = {key: each.to_dict() if isinstance(each, Resources) else each for key, each in changes.items()}
        given = plain_mapping(changes, _HERE)
        machine = {key: each for key, each in given.items() if key in alternatives.KEYS and key not in parse.KEYS}
        own = {key: each for key, each in given.items() if key not in machine}
        task = self
        for key, add in (("envs", Task.envs), ("secrets", Task.secrets)):
            added = own.pop(key, None)
            if added is not None:
                task = add(task, fields.mapping(added, _at(key)))
            elif key in given:
                task = task._replace(**_CLEARED[key])
        spec = _replaced(task.spec, own)
        if machine:
            spec = replace(spec, resources=alternatives.overlaid(spec.resources, machine, _HERE))
        return self.from_spec(spec)

    def missing_secrets(self) -> list[str]:
        """The secrets that are named and have no value yet."""
        return list(self._spec.missing_secrets)

    def check_secrets(self) -> None:
        """Raise InvalidTask, which points at where it is named, for a secret that has no value."""
        for name in self._spec.missing_secrets:
            place = self._spec.secret_places.get(name, _at(f"secrets.{name}"))
            raise place.error(
                f"secret {name!r} has no value",
                hint=f"`--secret {name}` takes it from this shell, `--secret-file` from a file.",
            )

    def check_files(self) -> None:
        """Raise InvalidTask for a working directory or a source of file_mounts that is not on this machine."""
        files.check(self._spec)

    def _replace(self, **changes: Any) -> Task:
        return self.from_spec(replace(self._spec, **changes))

    def __rshift__(self, later: Node) -> Node:
        """``a >> b``: b comes after a, in the Dag whose ``with`` block this is."""
        from styx.spec.dag import link

        return link(self, later)

    def __rrshift__(self, earlier: Iterable[Task]) -> Task:
        """``[a, b] >> c``: c comes after both."""
        from styx.spec.dag import link

        link([*earlier], self)
        return self

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, Task) and self._spec.secrets == other._spec.secrets and self.to_dict() == other.to_dict()
        )

    def __hash__(self) -> int:
        return hash((self._spec.name, self._spec.run, self._spec.num_nodes))

    def __repr__(self) -> str:
        shown = [f"{key}={_short(each)}" for key, each in self.to_dict().items()]
        return f"Task({', '.join(shown)})"


_CLEARED: Mapping[str, dict[str, Any]] = {
    "envs": {"envs": {}},
    "secrets": {"secrets": {}, "secret_refs": {}, "missing_secrets": ()},
}


def _replaced(spec: TaskSpec, own: Mapping[str, object]) -> TaskSpec:
    """The plain values with whole fields of the task replaced."""
    if not own:
        return spec
    read = parse.parse_task({**own, "envs": spec.envs}, _HERE, spec.base_dir)
    changes: dict[str, Any] = {key: getattr(read, key) for key in own if key not in parse.EXTRA}
    extra = {key: each for key, each in spec.extra.items() if key not in own}
    return replace(spec, **changes, extra={**extra, **read.extra})


def _parse(mapping: object, base_dir: str | os.PathLike[str] | None) -> TaskSpec:
    return parse.parse_task(plain(mapping, _HERE), _HERE, Path.cwd() if base_dir is None else Path(base_dir).absolute())


def _at(field: str) -> Place:
    return Place(field=field)


def _names_a_file(text: str) -> bool:
    if "\n" in text:
        return False
    if text.endswith((".yaml", ".yml")):
        return True
    try:
        return Path(text).is_file()
    except (OSError, ValueError):
        return False


def _short(value: object) -> str:
    shown = repr(value)
    return shown if len(shown) <= _SHOWN else f"{shown[: _SHOWN - 3]}..."
