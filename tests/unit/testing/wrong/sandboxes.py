"""Sandboxes that break one rule each; everything else they do as a freshly written provider does."""

# ruff: noqa: D102 - the class says what is wrong with its methods

from __future__ import annotations

import dataclasses
import shutil
import threading
from collections.abc import Iterable, Sequence
from typing import Any

import making
from generated import generated
from registry import Registry

from styx.api import Conflict, NotFound, SandboxInfo, SandboxSpec

WRONG = Registry()
Sample, Config = generated("sandbox")


@WRONG.breaks("test_name_fits_into_commands_and_manifests")
class Shouting(Sample):  # type: ignore[misc, valid-type]
    """A name that nobody can type."""

    name = "Sample Sandbox!"


@WRONG.breaks("test_making_the_object_needs_no_network")
class ConnectsAtOnce(making.ConnectsAtOnce, Sample):  # type: ignore[misc, valid-type]
    """A client made in the constructor."""


@WRONG.breaks("test_the_object_can_be_made_again")
class Singleton(making.Singleton, Sample):  # type: ignore[misc, valid-type]
    """One object for everybody."""


@WRONG.breaks("test_check_succeeds_and_again")
class ChecksOnce(Sample):  # type: ignore[misc, valid-type]
    """Good for one call."""

    checked = False

    def check(self) -> None:
        if self.checked:
            raise Conflict("checked already")
        self.checked = True


@WRONG.breaks("test_a_new_sandbox_is_listed")
class LocalTime(Sample):  # type: ignore[misc, valid-type]
    """Times without a zone."""

    def list(self) -> Iterable[SandboxInfo]:
        return [dataclasses.replace(i, created_at=i.created_at.replace(tzinfo=None)) for i in super().list()]


@WRONG.breaks("test_the_same_again_is_the_same")
class MakesAnew(Sample):  # type: ignore[misc, valid-type]
    """Empties what is there."""

    def create(self, spec: SandboxSpec) -> Any:
        made = super().create(spec)
        shutil.rmtree(self._place(spec.name) / "files")
        (self._place(spec.name) / "files").mkdir()
        return made


@WRONG.breaks("test_another_spec_is_a_conflict")
class AnySpec(Sample):  # type: ignore[misc, valid-type]
    """Takes what is there for what was asked for."""

    def create(self, spec: SandboxSpec) -> Any:
        return super().create(dataclasses.replace(spec, cpus=1.0))


@WRONG.breaks("test_commands_run_inside")
class ThroughAShell(Sample):  # type: ignore[misc, valid-type]
    """Joins the arguments, for a shell to take them apart."""

    def exec(self, name: str, command: Sequence[str], *, stdin: bytes = b"", timeout: float = 60.0) -> Any:
        quoted = [f'"{word}"' if " " in word and '"' not in word else word for word in command]
        wrapped = ["sh", "-c", " ".join(quoted)] if len(command) > 4 else [*command]
        return super().exec(name, wrapped, stdin=stdin, timeout=timeout)


@WRONG.breaks("test_envs_are_set")
class NoEnvs(Sample):  # type: ignore[misc, valid-type]
    """Forgets the variables."""

    def create(self, spec: SandboxSpec) -> Any:
        return super().create(dataclasses.replace(spec, envs={}))


@WRONG.breaks("test_files_come_back")
class TextMode(Sample):  # type: ignore[misc, valid-type]
    """Bytes that are no text do not survive."""

    def write(self, name: str, path: str, data: bytes, *, mode: int = 0o644) -> None:
        super().write(name, path, data.decode(errors="replace").encode(), mode=mode)


@WRONG.breaks("test_modes_are_set")
class NoModes(Sample):  # type: ignore[misc, valid-type]
    """The same mode for every file."""

    def write(self, name: str, path: str, data: bytes, *, mode: int = 0o644) -> None:
        super().write(name, path, data)


@WRONG.breaks("test_missing_files_are_not_found")
class MissingIsEmpty(Sample):  # type: ignore[misc, valid-type]
    """Nothing, where there is no file in a sandbox that holds nothing."""

    def read(self, name: str, path: str) -> Any:
        try:
            return super().read(name, path)
        except NotFound:
            if path != "missing.txt" or not self._place(name).exists():
                raise
            return b""


@WRONG.breaks("test_terminate_again_succeeds")
class TerminatesOnce(Sample):  # type: ignore[misc, valid-type]
    """Complains of what never was."""

    def terminate(self, name: str) -> None:
        if name == "no-such-sandbox":
            raise NotFound(f"there is no sandbox {name}")
        super().terminate(name)


@WRONG.breaks("test_a_fresh_object_finds_it")
class Remembers(Sample):  # type: ignore[misc, valid-type]
    """Lists what this object made."""

    def create(self, spec: SandboxSpec) -> Any:
        self.__dict__.setdefault("made", set()).add(spec.name)
        return super().create(spec)

    def list(self) -> Iterable[SandboxInfo]:
        return [info for info in super().list() if info.name in self.__dict__.get("made", ())]


class OneForAll(Sample):  # type: ignore[misc, valid-type]
    """One place for all installations."""

    @property
    def shared(self) -> Any:
        """The places of all installations."""
        return self._home.parent


@WRONG.breaks("test_others_are_not_listed")
class ListsEverybodys(OneForAll):
    """What other installations made, as well."""

    def list(self) -> Iterable[SandboxInfo]:
        return [self._info(mark.parent) for mark in self.shared.glob("*/[!.]*/spec.json")]


@WRONG.breaks("test_others_are_not_terminated")
class TerminatesEverybodys(OneForAll):
    """Everything of that name."""

    def terminate(self, name: str) -> None:
        for mark in self.shared.glob(f"*/{name}/spec.json"):
            shutil.rmtree(mark.parent)


@WRONG.breaks("test_terminate_removes")
class KeepsAll(Sample):  # type: ignore[misc, valid-type]
    """Removes nothing."""

    def terminate(self, name: str) -> None:
        pass


@WRONG.breaks("test_missing_sandboxes_are_not_found")
class OwnWords(Sample):  # type: ignore[misc, valid-type]
    """Another error for what is not there."""

    def exec(self, name: str, command: Sequence[str], **how: Any) -> Any:
        if not self._place(name).exists():
            raise Conflict(f"{name} is not there")
        return super().exec(name, command, **how)


@WRONG.breaks("test_sandboxes_are_apart")
class OneDisk(Sample):  # type: ignore[misc, valid-type]
    """What a sandbox lacks is looked for in the others."""

    def read(self, name: str, path: str) -> Any:
        try:
            return super().read(name, path)
        except NotFound:
            for other in self._home.glob(f"*/files/{path}"):
                return other.read_bytes()
            raise


@WRONG.breaks("test_threads_do_not_disturb_each_other")
class OneAnswer(Sample):  # type: ignore[misc, valid-type]
    """What a command gave is kept on the object for a moment."""

    def exec(self, name: str, command: Sequence[str], **how: Any) -> Any:
        self.answer = super().exec(name, command, **how)
        threading.Event().wait(0.02)  # others come in between
        return self.answer
