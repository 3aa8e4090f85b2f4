"""What is kept of uploads, and for how long. What is refused of them is tried at a real server."""

from __future__ import annotations

import asyncio
import hashlib
import io
import os
import tarfile
import threading
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from styx.api.errors import InvalidTask
from styx.client.refusals import NoSuchThing, TooLarge
from styx.server.files import uploads as module
from styx.server.files.unpacking import unpack
from styx.server.files.uploads import Uploads, told
from styx.server.settings import Settings
from styx.spec import Task


def packed(text: str) -> bytes:
    """An archive with one file."""
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as tar:
        member = tarfile.TarInfo("content")
        member.size = len(text)
        tar.addfile(member, io.BytesIO(text.encode()))
    return file.getvalue()


async def sent(uploads: Uploads, text: str, user: str = "ann") -> str:
    """Its SHA-256, once it is there."""
    data = packed(text)

    async def pieces() -> AsyncIterator[bytes]:
        for start in range(0, len(data), 1000):
            yield data[start : start + 1000]

    digest = hashlib.sha256(data).hexdigest()
    await uploads.take(digest, pieces(), user)
    return digest


def place(uploads: Uploads, digest: str, user: str = "ann") -> Path:
    """Where the contents of it are."""
    workdir = uploads.localised(Task(run="x", workdir="/w"), {"/w": digest}, user).spec.workdir
    assert isinstance(workdir, str)
    return Path(workdir)


def aged(uploads: Uploads, digest: str, seconds: float) -> None:
    """As if it had last been named so long ago."""
    then = time.time() - seconds
    os.utime(place(uploads, digest).parent, (then, then))


async def test_what_nobody_names_goes_and_what_a_job_may_need_stays(tmp_path: Path) -> None:
    """After a month, with the next upload; however old, what a task that is still to run names is kept."""
    tasks: list[str] = []
    uploads = Uploads(tmp_path, Settings(), lambda: tasks)
    old, needed, used = [await sent(uploads, text) for text in ("old", "needed", "used")]
    task = uploads.localised(Task(run="x", file_mounts={"a": "/theirs"}), {"/theirs": needed}, "ann")
    tasks.append(str(task.to_dict()))
    for digest in (old, needed, used):
        aged(uploads, digest, 30 * 86400 + 1)
    assert uploads.has(used, "ann")
    await sent(uploads, "new")
    assert [uploads.has(digest, "ann") for digest in (old, needed, used)] == [False, True, True]


async def test_the_same_again_changes_nothing(tmp_path: Path) -> None:
    """Whoever sends what is there has it kept for longer, and no draft is left."""
    uploads = Uploads(tmp_path, Settings(), tuple)
    digest = await sent(uploads, "text")
    assert await sent(uploads, "text") == digest
    assert list((tmp_path / "uploads").iterdir()) == [place(uploads, digest).parent]
    assert place(uploads, digest).read_text() == "text"


@pytest.mark.parametrize(
    ("settings", "whose"), [(Settings(max_uploads=70_000), "bob"), (Settings(user_uploads=70_000), "ann")]
)
async def test_there_is_an_end_to_it(tmp_path: Path, settings: Settings, whose: str) -> None:
    """When all that may be kept is there, of all or of one user, nothing more is taken, and no draft is left."""
    uploads = Uploads(tmp_path, settings, tuple)
    there = [await sent(uploads, name * 15_000) for name in "xy"]  # each as much again in its archive, while it comes
    with pytest.raises(TooLarge, match="MiB of uploads"):
        await sent(uploads, "z" * 15_000, whose)
    assert [uploads.has(digest, "ann") for digest in there] == [True, True]
    assert len(list((tmp_path / "uploads").iterdir())) == 2


async def test_one_does_not_fill_it_for_others(tmp_path: Path) -> None:
    """Whose share is used up has theirs used up alone, by what is on its way too."""
    uploads = Uploads(tmp_path, Settings(user_uploads=200_000), tuple)
    results = await asyncio.gather(*(sent(uploads, f"{n}" * 20_000) for n in range(9)), return_exceptions=True)
    assert TooLarge in {type(each) for each in results}
    assert await sent(uploads, "x" * 20_000, "bob")
    assert await sent(uploads, "x" * 20_000, "ann")  # what did not come is nobody's


@pytest.mark.parametrize(
    ("settings", "whose"), [(Settings(max_uploads=70_000), "bob"), (Settings(user_uploads=70_000), "ann")]
)
async def test_room_is_made_of_what_nothing_names(tmp_path: Path, settings: Settings, whose: str) -> None:
    """The oldest goes first, once it has not been named for an hour; what a task still needs stays."""
    tasks: list[str] = []
    uploads = Uploads(tmp_path, settings, lambda: tasks)
    old, needed, fresh = [await sent(uploads, name * 10_000) for name in "onf"]
    tasks.append(str(place(uploads, needed)))
    aged(uploads, needed, 9000)
    aged(uploads, old, 7200)
    assert await sent(uploads, "z" * 10_000, whose)
    assert [uploads.has(digest, "ann") for digest in (old, needed, fresh)] == [False, True, True]
    assert len(list((tmp_path / "uploads").iterdir())) == 3


async def test_paths_are_replaced_wherever_a_task_has_them(tmp_path: Path) -> None:
    """By what was sent of them; what was not sent is refused by name, and what has gone since too."""
    uploads = Uploads(tmp_path, Settings(), tuple)
    digest = await sent(uploads, "text")
    mounts = {"a": "/a", "b": "s3://bucket/key", "c": {"name": "bucket", "source": ["/a", "/b"]}}
    task = Task(run="x", workdir="/w", file_mounts=mounts)
    there = str(place(uploads, digest))
    found = uploads.localised(task, dict.fromkeys(("/w", "/a", "/b"), digest), "ann").spec
    assert found.workdir == there
    assert found.file_mounts["a"] == there
    assert found.file_mounts["b"] == "s3://bucket/key"
    assert found.file_mounts["c"].source == (there, there)  # type: ignore[union-attr]
    with pytest.raises(InvalidTask, match="'/b' was not sent"):
        uploads.localised(task, dict.fromkeys(("/w", "/a"), digest), "ann")
    with pytest.raises(NoSuchThing):
        uploads.localised(task, dict.fromkeys(("/w", "/a", "/b"), "0" * 64), "ann")


async def test_each_has_what_they_have_sent(tmp_path: Path) -> None:
    """Who knows the SHA-256 of another's upload has nothing of it, until they have sent the same: then it is theirs."""
    uploads = Uploads(tmp_path, Settings(), tuple)
    digest = await sent(uploads, "text", "ann")
    assert (uploads.has(digest, "ann"), uploads.has(digest, "bob")) == (True, False)
    with pytest.raises(NoSuchThing, match="bob has not sent"):
        place(uploads, digest, "bob")
    await sent(uploads, "text", "bob")
    assert place(uploads, digest, "bob").read_text() == "text"
    assert place(uploads, digest, "bob") != place(uploads, digest, "ann")


async def test_where_files_are_is_not_told(tmp_path: Path) -> None:
    """A task as others see it says that files were uploaded, and all else as it is."""
    uploads = Uploads(tmp_path, Settings(), tuple)
    digest = await sent(uploads, "text")
    mounts = {"a": "/w", "b": "s3://bucket/key", "c": {"name": "bucket", "source": ["/w", "/w"]}}
    task = Task(run="x", workdir="/w", envs={"A": "/w"}, file_mounts=mounts)
    found = told(uploads.localised(task, {"/w": digest}, "ann").to_dict())
    assert (found["workdir"], found["file_mounts"]["a"]) == ("uploaded", "uploaded")
    assert found["file_mounts"]["c"]["source"] == ["uploaded", "uploaded"]
    assert (found["file_mounts"]["b"], found["envs"], found["run"]) == ("s3://bucket/key", {"A": "/w"}, "x")


async def test_what_is_unpacked_keeps_nothing_waiting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many archives take long, others come meanwhile, and the threads of the event loop have nothing to do."""
    let_go, come = threading.Event(), asyncio.Semaphore(0)

    def slowly(*given: Any) -> int:
        let_go.wait(60)
        return unpack(*given)

    async def pieces(data: bytes) -> AsyncIterator[bytes]:
        yield data
        come.release()

    monkeypatch.setattr(module, "unpack", slowly)
    uploads, archives = Uploads(tmp_path, Settings(), tuple), [packed(str(number)) for number in range(40)]
    digests = [hashlib.sha256(data).hexdigest() for data in archives]
    sending = [
        asyncio.ensure_future(uploads.take(digest, pieces(data), f"u{number}"))
        for number, (digest, data) in enumerate(zip(digests, archives, strict=True))
    ]
    try:
        async with asyncio.timeout(30):
            for _ in sending:
                await come.acquire()
            await asyncio.to_thread(int)
        assert not any(each.done() for each in sending)
    finally:
        let_go.set()
        await asyncio.gather(*sending)
    assert all(uploads.has(digest, f"u{number}") for number, digest in enumerate(digests))
