"""The files that tasks bring: archives that clients send ahead, unpacked below the home and found by their SHA-256.

What a task names of its client's machine is replaced by what was sent of it. Nothing else of this machine can be named:
a path that was not sent is refused, for it would be one of the server's own. Each user has uploads of their own, for a
SHA-256 is no secret: who has not sent the same has no part in what another sent.
"""

from __future__ import annotations

import hashlib
import os
import re
import secrets
import shutil
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from styx.api.errors import BadInput, InvalidTask
from styx.client.refusals import NoSuchThing
from styx.server.auth.turns import Turns
from styx.server.files.room import OWNER, SIZE, Room, age
from styx.server.files.unpacking import CONTENT, unpack
from styx.server.settings import Settings
from styx.spec import Task
from styx.spec.files import is_uri
from styx.spec.model import StorageMount
from styx.threads import Pool

FOLDER = "uploads"
_NAMED = re.compile(rf"/{FOLDER}/([0-9a-f]{{64}})/{CONTENT}")
_PLACE = re.compile(rf"/.*{_NAMED.pattern}", re.DOTALL)
_WITH_FILES = frozenset({"workdir", "file_mounts"})
_TOLD = "uploaded"  # in place of where it is
_DAY = 86400.0  # seconds
_EXPANDS = 8  # times its archive, that what is in it may be large
_NOWHERE = Path("/nowhere")  # a relative path of the client's is none of ours
_receiving = Pool(16, "styx-upload")
_unpacking = Pool(4, "styx-unpack")  # not among those: what comes would be taken too late
_IN_TURN = Turns(2, 10_000)  # of one user's are unpacked at a time
_HINT = "A client sends it ahead with PUT /v1/files and says so in `files`."


class Uploads:
    """What was sent, by SHA-256 and who sent it."""

    def __init__(
        self, home: Path, settings: Settings, in_use: Callable[[], Iterable[str]], days: int | None = 30
    ) -> None:
        """``in_use`` tells all tasks, as text, that may still have to run.

        ``days`` is for how long an upload is kept after it was last named; None is for ever.
        """
        self._root = home / FOLDER
        self._settings = settings
        self._in_use = in_use
        self._days = days
        self._room = Room(self._root, settings, self._named)

    def has(self, digest: str, user: str) -> bool:
        """Whether this user has sent it. Then it is kept for a while longer."""
        place = self._place(digest, user)
        if not (place / CONTENT).exists():
            return False
        with suppress(OSError):
            os.utime(place)
        return True

    async def take(self, digest: str, pieces: AsyncIterator[bytes], user: str) -> None:
        """Keep an archive of this user's, in pieces. Idempotent. Raises TooLarge, BadInput; OSError of the disk."""
        await _receiving(self._prepare)
        draft = self._root / f".{secrets.token_hex(8)}"
        draft.mkdir(mode=0o700)
        came = 0

        def more(count: int) -> None:
            nonlocal came
            came += count
            self._room.more(user, count)

        try:
            await self._receive(digest, pieces, draft / "archive", more)
            async with _IN_TURN.of(user):
                await _unpacking(self._unpack, draft, user, more)
            with suppress(OSError):  # they have sent the same meanwhile
                draft.rename(self._place(digest, user))
        finally:
            await _receiving(shutil.rmtree, draft, ignore_errors=True)
            await _receiving(self._room.come, user, came)

    def _place(self, digest: str, user: str) -> Path:
        return self._root / hashlib.sha256(f"{digest} {user}".encode()).hexdigest()

    async def _receive(
        self, digest: str, pieces: AsyncIterator[bytes], path: Path, more: Callable[[int], None]
    ) -> None:
        found = hashlib.sha256()

        def add(piece: bytes) -> None:
            more(len(piece))
            file.write(piece)
            found.update(piece)

        with path.open("wb") as file:
            async for piece in pieces:
                await _receiving(add, piece)
        if found.hexdigest() != digest:
            raise BadInput("what was sent has another SHA-256 than its address says")

    def forget_old(self) -> None:
        """Remove what nobody has named for long, and drafts of a server that died over them. Raises StoreError."""
        old = [place for place in self._places() if self._is_old(place)]
        if old:
            named = self._named()
            for place in old:
                if place.name not in named and self._is_old(place):  # nobody has named it meanwhile
                    shutil.rmtree(place, ignore_errors=True)

    def _places(self) -> list[Path]:
        return list(self._root.iterdir()) if self._root.is_dir() else []

    def _is_old(self, place: Path) -> bool:
        kept = 1 if place.name.startswith(".") else self._days  # a draft, which is nobody's any more
        return kept is not None and age(place) > kept * _DAY

    def _prepare(self) -> None:
        self._root.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.forget_old()
        self._room.look()

    def _named(self) -> set[str]:
        return {digest for text in self._in_use() for digest in _NAMED.findall(text)}

    def _unpack(self, draft: Path, user: str, more: Callable[[int], None]) -> None:
        archive = draft / "archive"
        most = max(self._settings.max_dag, archive.stat().st_size) * _EXPANDS
        size = unpack(archive, draft, most, more)
        if not (draft / CONTENT).exists():
            raise BadInput(f"the archive has no {CONTENT!r}")
        archive.unlink()
        (draft / SIZE).write_text(str(size))
        (draft / OWNER).write_text(user, encoding="utf-8")

    def localised(self, task: Task, files: Mapping[str, str], user: str) -> Task:
        """The task with what this user has sent in place of their paths. Raises InvalidTask, NoSuchThing."""
        spec = task.spec

        def place(path: str, field: str) -> str:
            digest = files.get(path)
            if digest is None:
                raise InvalidTask(f"{field}: {path!r} was not sent to the server", hint=_HINT, field=field)
            if not self.has(digest, user):
                raise NoSuchThing(f"{field}: {user} has not sent the server a file {digest}", hint=_HINT)
            return str(self._place(digest, user) / CONTENT)

        def mounted(mount: str | StorageMount) -> str | StorageMount:
            if isinstance(mount, str):
                return mount if is_uri(mount) else place(mount, "file_mounts")
            if isinstance(mount.source, str):
                return mount if is_uri(mount.source) else replace(mount, source=place(mount.source, "file_mounts"))
            if mount.source is not None:
                sources = tuple(each if is_uri(each) else place(each, "file_mounts") for each in mount.source)
                return replace(mount, source=sources)
            return mount

        workdir = spec.workdir
        if isinstance(workdir, str) and not is_uri(workdir):
            workdir = place(workdir, "workdir")
        mounts = {target: mounted(mount) for target, mount in spec.file_mounts.items()}
        return Task.from_spec(replace(spec, workdir=workdir, file_mounts=mounts, base_dir=_NOWHERE))


def told(task: Mapping[str, Any]) -> Mapping[str, Any]:
    """A task in its canonical form as others are told of it: without where on this machine its files are."""
    if _WITH_FILES.isdisjoint(task):
        return task
    return {key: _without_places(value) if key in _WITH_FILES else value for key, value in task.items()}


def _without_places(value: Any) -> Any:
    if isinstance(value, str):
        return _TOLD if _PLACE.fullmatch(value) else value
    if isinstance(value, Mapping):
        return {key: _without_places(each) for key, each in value.items()}
    return [_without_places(each) for each in value] if isinstance(value, list | tuple) else value
