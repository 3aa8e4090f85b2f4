"""Read a directory of task files, and compare with what SkyPilot's parser made of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from styx.api.errors import InvalidTask
from styx.compat import differences, verdicts
from styx.compat.compare import gaps
from styx.compat.differences import Difference
from styx.compat.forms import Form, of_dag
from styx.spec.load import load_dag

DUMMY = "dummy-value"  # what verdicts with_dummies give to every variable and secret that has no value
OK = "ok"
ERROR = "error"
MISSING = "missing"
SUFFIXES = (".yaml", ".yml")


class Finding(NamedTuple):
    """How one reading of a file went: what Styx says, where that is not what SkyPilot says, and whether on purpose."""

    ours: str
    why: str = ""  # Styx's error, or where the two part
    differs: bool = False
    difference: Difference | None = None


@dataclass(frozen=True, slots=True)
class Row:
    """One file. ``theirs`` is None where no verdict is kept for it."""

    file: str
    theirs: str | None
    ours: str
    kind: str | None
    why: str
    differs: bool
    difference: Difference | None


@dataclass(frozen=True, slots=True)
class Report:
    """All files of a directory, by name."""

    rows: tuple[Row, ...]

    @property
    def agreeing(self) -> int:
        """How many files SkyPilot and Styx read alike."""
        return sum(row.theirs is not None and not row.differs for row in self.rows)

    @property
    def differing(self) -> tuple[Row, ...]:
        """Those that Styx reads otherwise than SkyPilot."""
        return tuple(row for row in self.rows if row.differs)

    @property
    def unexplained(self) -> tuple[Row, ...]:
        """Those of them for which there is no deliberate difference."""
        return tuple(row for row in self.differing if row.difference is None)

    @property
    def explained(self) -> int:
        """For how many of them there is one."""
        return len(self.differing) - len(self.unexplained)

    @property
    def summary(self) -> str:
        """One line: how many files, how many agree, how many differ and how many of these on purpose.

        Where nothing is known of what SkyPilot makes of them, how many can be read.
        """
        if all(row.theirs is None for row in self.rows):
            return f"files {len(self.rows)}, read {sum(row.ours == OK for row in self.rows)}"
        found = f"files {len(self.rows)}, agree {self.agreeing}, differ {len(self.differing)}"
        return f"{found} (explained {self.explained})"


def check(directory: Path) -> Report:
    """Read every task file below a directory, and compare where a ``verdicts.json`` says what SkyPilot made of it.

    The verdicts are those of ``sky.utils.dag_utils.load_dag_from_yaml``: whether it takes the file, and what it then
    holds. Files are only parsed: nothing is looked up, neither paths nor offers. Raises InvalidTask for a directory
    that is none or has no task file, or verdicts that cannot be read.
    """
    if not directory.is_dir():
        raise InvalidTask(f"{str(directory)!r} is not a directory", hint="Name the one that holds the task files.")
    known = verdicts.read(directory) or {}
    found = (path for path in directory.rglob("*") if path.suffix.lower() in SUFFIXES and path.is_file())
    names = {path.relative_to(directory).as_posix() for path in found}
    if not names | known.keys():
        raise InvalidTask(f"{str(directory)!r} has no {' or '.join(SUFFIXES)} file in it")
    return Report(tuple(_row(directory, name, known.get(name)) for name in sorted(names | known.keys())))


def _row(directory: Path, name: str, verdict: Mapping[str, object] | None) -> Row:
    path = directory / name
    if not path.is_file():
        theirs = str((verdict or {})["verdict"])
        return Row(name, theirs, MISSING, None, "there is no such file", differs=True, difference=None)
    if verdict is None:
        form, error = _load(path, {}, {})
        kind = None if form is None else str(form["kind"])
        why = "" if error is None else _said(error, path)
        return Row(name, None, OK if error is None else ERROR, kind, why, differs=False, difference=None)
    found = _compare(path, verdict, {}, {})
    dummies = verdict.get("with_dummies")
    if isinstance(dummies, dict) and not found.differs:
        again = _compare(path, dummies, _dummies(verdict, "null_envs"), _dummies(verdict, "null_secrets"))
        found = again if again.differs else found
    return Row(name, str(verdict["verdict"]), found.ours, _kind(verdict), found.why, found.differs, found.difference)


def _compare(path: Path, verdict: Mapping[str, object], envs: Mapping[str, str], secrets: Mapping[str, str]) -> Finding:
    form, error = _load(path, envs, secrets)
    theirs = verdict["verdict"]
    if error is not None:
        differs = theirs == OK
        return Finding(ERROR, _said(error, path), differs, differences.of_refusal(error) if differs else None)
    assert form is not None
    text = path.read_text(encoding="utf-8")
    if theirs != OK:
        refusal = str(verdict.get("error_text") or verdict.get("error_first_line") or "")
        return Finding(OK, f"SkyPilot: {refusal}", True, differences.of_acceptance(refusal, text))
    parted = [(gap, differences.of_gap(gap, text)) for gap in gaps(verdicts.form(verdict), form)]
    if not parted:
        return Finding(OK)
    gap, difference = next((each for each in parted if each[1] is None), parted[0])
    return Finding(OK, str(gap), True, difference)


def _load(
    path: Path, envs: Mapping[str, str], secrets: Mapping[str, str]
) -> tuple[Form, None] | tuple[None, InvalidTask]:
    try:
        return of_dag(load_dag(path, envs=envs, secrets=secrets, check_files=False)), None
    except InvalidTask as error:
        return None, error


def _said(error: InvalidTask, path: Path) -> str:
    """The error, without the path that stands beside it."""
    return error.message.removeprefix(f"{path}:")


def _dummies(verdict: Mapping[str, object], key: str) -> dict[str, str]:
    names = verdict.get(key)
    return {str(name): DUMMY for name in names} if isinstance(names, list) else {}


def _kind(verdict: Mapping[str, object]) -> str | None:
    found = verdict.get("kind")
    return None if found is None else str(found)
