"""Which files of a directory stay at home: what git ignores, unless the directory says otherwise itself.

A ``.styxignore`` (or ``.skyignore``) at the top, in the syntax of .gitignore, is the whole truth where there is one.
Else the ``.gitignore`` of every directory counts below it, and ``.git/info/exclude``, as git and SkyPilot have it.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from styx.api import InvalidTask

if TYPE_CHECKING:
    from pathspec import GitIgnoreSpec

OWN = (".styxignore", ".skyignore")


class Ignore:
    """The rules of one directory tree. Ask :meth:`enter` of every directory before anything in it."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._specs: dict[str, GitIgnoreSpec] = {}
        own = next((root / name for name in OWN if (root / name).is_file()), None)
        self._git = own is None
        self._read("", [own] if own is not None else [root / ".git" / "info" / "exclude", root / ".gitignore"])

    def enter(self, directory: str) -> None:
        """Take in the rules of a directory below the root, given by its relative path."""
        if self._git:
            self._read(directory, [self._root / directory / ".gitignore"])

    def matches(self, path: str, *, directory: bool) -> bool:
        """Whether this relative path stays at home. The deepest directory that has a rule for it decides."""
        if not self._specs:
            return False
        parents = [path[:at] for at in range(len(path) - 1, 0, -1) if path[at] == "/"]
        for parent in (*parents, ""):
            spec = self._specs.get(parent)
            if spec is not None:
                below = path[len(parent) + 1 if parent else 0 :] + ("/" if directory else "")
                verdict = spec.check_file(below).include
                if verdict is not None:
                    return verdict
        return False

    def _read(self, directory: str, files: Iterable[Path]) -> None:
        lines: list[str] = []
        for file in files:
            try:
                lines += file.read_text(encoding="utf-8", errors="surrogateescape").splitlines()
            except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
                continue
            except OSError as error:
                raise InvalidTask(f"cannot read {file}: {error.strerror}", file=str(file)) from error
        if any(line.strip() and not line.startswith("#") for line in lines):
            self._specs[directory] = _parse(lines, self._root / directory)


def _parse(lines: list[str], where: Path) -> GitIgnoreSpec:
    from pathspec import GitIgnoreSpec

    try:
        return GitIgnoreSpec.from_lines(lines)
    except ValueError as error:
        raise InvalidTask(f"a pattern of the ignore file in {where} makes no sense: {error}") from error
