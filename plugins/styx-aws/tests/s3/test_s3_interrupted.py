"""Copies that are killed, cut off, refused for a while, or disturbed by somebody who writes at the same time."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from styx.api import InvalidRequest, QuotaExceeded, Transient
from styx_aws.s3.drafts import SUFFIX
from styx_aws.s3.parts import PART
from styx_aws.s3.storage import S3Storage
from support.disks import small_disk

from .conftest import Front

PARTS = 3
KILLED_AFTER = 1  # parts
_CHILD = """
import os, signal, sys
from pathlib import Path
from styx.testing import services
from styx_aws.s3.storage import S3Storage
from styx_aws.s3 import storage
storage.HANDS = 1
home, what, path = sys.argv[1:]
store, seen = S3Storage(services(Path(home), installation="abc123")), []
def moved(count):
    seen.append(count)
    if len(seen) == {after}:
        os.kill(os.getpid(), signal.SIGKILL)
getattr(store, what)("ours", {{"big": Path(path)}}, moved)
"""


@pytest.fixture
def big(tmp_path: Path) -> Path:
    """A file of three parts, of which no two are the same and the last is short."""
    path = tmp_path / "big"
    path.write_bytes(os.urandom(PART * (PARTS - 1) + 5))
    return path


@pytest.fixture
def one_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    """One part at a time, in order."""
    monkeypatch.setattr("styx_aws.s3.storage.HANDS", 1)


def killed(what: str, path: Path, home: Path) -> None:
    """A process that is killed in the middle of it."""
    code = _CHILD.format(after=KILLED_AFTER)
    child = subprocess.run([sys.executable, "-c", code, home, what, path], capture_output=True, check=False)
    assert child.returncode == -signal.SIGKILL, child.stderr.decode()


def drafts(directory: Path) -> list[Path]:
    """What downloads have left there."""
    return [path for path in directory.iterdir() if path.name.endswith(SUFFIX)]


def test_a_killed_upload_goes_on(store: S3Storage, front: Front, aws: Any, big: Path, tmp_path: Path) -> None:
    """The next one sends only the parts that had not arrived, and nothing unfinished is left."""
    killed("put", big, tmp_path / "child")
    assert list(store.list("s3://ours")) == []
    front.asked.clear()
    moved: list[int] = []
    store.put("ours", {"big": big}, moved.append)
    assert front.count("PUT", "partNumber") == PARTS - KILLED_AFTER
    assert front.count("POST", "?uploads") == 0
    assert sum(moved) == big.stat().st_size
    assert aws.get_object(Bucket="ours", Key="big")["Body"].read() == big.read_bytes()
    assert "Uploads" not in aws.list_multipart_uploads(Bucket="ours")


def test_parts_of_another_content_are_sent_again(store: S3Storage, front: Front, big: Path, tmp_path: Path) -> None:
    """A file that was written to since its upload was killed arrives as it is now."""
    killed("put", big, tmp_path / "child")
    content = bytearray(big.read_bytes())
    content[3] ^= 1
    big.write_bytes(content)
    front.asked.clear()
    store.upload(big, "s3://ours/big")
    assert front.count("PUT", "partNumber") == PARTS - KILLED_AFTER + 1
    store.download("s3://ours/big", tmp_path / "back")
    assert (tmp_path / "back").read_bytes() == content


def test_a_killed_download_goes_on(store: S3Storage, front: Front, big: Path, tmp_path: Path) -> None:
    """The next one asks only for the parts that had not arrived; until then the target is what it was."""
    store.upload(big, "s3://ours/big")
    target = tmp_path / "target" / "model"
    target.parent.mkdir()
    target.write_bytes(b"old")
    killed("get", target, tmp_path / "child")
    assert target.read_bytes() == b"old"
    assert len(drafts(target.parent)) == 1
    front.asked.clear()
    moved: list[int] = []
    store.get("ours", {"big": target}, moved.append)
    assert front.count("GET", "/ours/big") == 1 + PARTS - KILLED_AFTER  # the first is to see what is there
    assert sum(moved) == big.stat().st_size
    assert target.read_bytes() == big.read_bytes()
    assert drafts(target.parent) == []


def test_a_draft_of_an_older_object_is_not_gone_on_with(store: S3Storage, big: Path, tmp_path: Path) -> None:
    """Where the object was replaced since a download was killed, all of the new one is asked for."""
    store.upload(big, "s3://ours/big")
    killed("get", tmp_path / "back", tmp_path / "child")
    big.write_bytes(os.urandom(PART * (PARTS - 1) + 5))
    store.upload(big, "s3://ours/big")
    store.download("s3://ours/big", tmp_path / "back")
    assert (tmp_path / "back").read_bytes() == big.read_bytes()


def test_a_damaged_draft_is_noticed(store: S3Storage, big: Path, tmp_path: Path) -> None:
    """What was left on the disk is compared with the object before it takes the target's place."""
    store.upload(big, "s3://ours/big")
    target = tmp_path / "target" / "model"
    target.parent.mkdir()
    killed("get", target, tmp_path / "child")
    (draft,) = drafts(target.parent)
    with draft.open("r+b") as file:
        file.write(b"not what S3 has")
    with pytest.raises(Transient, match="was damaged"):
        store.download("s3://ours/big", target)
    assert list(target.parent.iterdir()) == []
    store.download("s3://ours/big", target)
    assert target.read_bytes() == big.read_bytes()


@pytest.mark.usefixtures("one_hand")
def test_an_object_that_is_replaced_meanwhile_is_noticed(store: S3Storage, aws: Any, big: Path, tmp_path: Path) -> None:
    """No file is put together from two objects; the next download is of the new one."""
    store.upload(big, "s3://ours/big")
    new = os.urandom(PART * 2)

    def replace(_: int) -> None:
        aws.put_object(Bucket="ours", Key="big", Body=new)

    with pytest.raises(Transient, match="'big' was replaced while it was being downloaded"):
        store.get("ours", {"big": tmp_path / "back"}, replace)
    assert not (tmp_path / "back").exists()
    store.download("s3://ours/big", tmp_path / "back")
    assert (tmp_path / "back").read_bytes() == new


@pytest.mark.usefixtures("one_hand")
def test_a_file_that_is_written_to_meanwhile_is_noticed(store: S3Storage, big: Path) -> None:
    """No object is put together from two states of a file."""

    def write(_: int) -> None:
        with big.open("r+b") as file:
            file.write(os.urandom(8))

    with pytest.raises(Transient, match="was changed while it was being uploaded"):
        store.put("ours", {"big": big}, write)
    assert list(store.list("s3://ours")) == []


@pytest.mark.usefixtures("one_hand")
def test_an_upload_that_somebody_ends_begins_anew(store: S3Storage, front: Front, aws: Any, big: Path) -> None:
    """Whoever aborts our upload makes us say so; called again it begins another."""

    def abort(_: int) -> None:
        for upload in aws.list_multipart_uploads(Bucket="ours").get("Uploads", ()):
            aws.abort_multipart_upload(Bucket="ours", Key="big", UploadId=upload["UploadId"])

    front.refuse("PUT", "partNumber=2", 404, "NoSuchUpload")  # moto itself fails at that
    with pytest.raises(Transient, match="somebody else has ended this upload"):
        store.put("ours", {"big": big}, abort)
    store.upload(big, "s3://ours/big")
    assert [thing.size for thing in store.list("s3://ours")] == [big.stat().st_size]


def test_a_lost_answer_to_the_last_request_is_no_failure(store: S3Storage, front: Front, big: Path) -> None:
    """An object that was put together though nobody was told is there."""
    front.refuse("POST", "uploadId=", 0)
    store.upload(big, "s3://ours/big")
    assert front.count("POST", "uploadId=") == 2
    assert [thing.size for thing in store.list("s3://ours")] == [big.stat().st_size]


@pytest.mark.parametrize(
    ("status", "code"),
    [(503, "SlowDown"), (500, "InternalError"), (0, ""), (400, "RequestTimeout"), (200, "answered by a proxy")],
)
def test_requests_are_repeated(
    store: S3Storage, front: Front, pauses: list[float], big: Path, tmp_path: Path, status: int, code: str
) -> None:
    """What is throttled, fails on their side or is cut off is asked for again, and that alone."""
    store.upload(big, "s3://ours/big")
    front.refuse("GET", "/ours/big", status, code, times=2)
    front.asked.clear()
    store.download("s3://ours/big", tmp_path / "back")
    assert front.count("GET", "/ours/big") == PARTS + 2
    assert (tmp_path / "back").read_bytes() == big.read_bytes()
    front.refuse("PUT", "/ours/small", status or 503, code)
    (tmp_path / "small").write_text("small")
    store.upload(tmp_path / "small", "s3://ours/small")
    assert len(pauses) == 3


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Path]:
    """A disk on which the object fits."""
    with small_disk(tmp_path / "small-disk", "size=24m") as place:
        yield place


def test_too_little_room_is_noticed_before_anything_is_copied(
    store: S3Storage, front: Front, big: Path, small: Path
) -> None:
    """A disk that is too full says so at once."""
    store.upload(big, "s3://ours/big")
    (small / "filler").write_bytes(bytes(14 << 20))
    front.asked.clear()
    with pytest.raises(QuotaExceeded, match="No space left") as full:
        store.download("s3://ours/big", small / "model")
    assert full.value.hint
    assert front.count("GET", "/ours/big") == 1
    assert [path.name for path in small.iterdir()] == ["filler"]


@pytest.mark.usefixtures("one_hand")
def test_a_disk_that_fills_in_mid_download_is_said(store: S3Storage, big: Path, small: Path) -> None:
    """The old file stays, no half one is left, and the room is given back."""
    store.upload(big, "s3://ours/big")
    (small / "model").write_bytes(b"old")

    def fill(_: int) -> None:
        with (small / "filler").open("ab") as file:
            file.write(bytes(9 << 20))

    with pytest.raises(QuotaExceeded, match="No space left"):
        store.get("ours", {"big": small / "model"}, fill)
    assert sorted(path.name for path in small.iterdir()) == ["filler", "model"]
    assert (small / "model").read_bytes() == b"old"


def test_a_small_file_on_a_full_disk_leaves_nothing(store: S3Storage, small: Path, tmp_path: Path) -> None:
    """The same holds for files of one piece."""
    (tmp_path / "one").write_bytes(os.urandom(2 << 20))
    store.upload(tmp_path / "one", "s3://ours/one")
    (small / "filler").write_bytes(bytes(23 << 20))
    with pytest.raises(QuotaExceeded, match="No space left"):
        store.download("s3://ours/one", small / "one")
    assert [path.name for path in small.iterdir()] == ["filler"]


def test_two_downloads_of_one_file_do_not_mix(store: S3Storage, make: Callable[..., S3Storage], big: Path) -> None:
    """The second is told that the first is at work."""
    store.upload(big, "s3://ours/big")
    target = big.with_name("back")

    def meanwhile(_: int) -> None:
        if not target.exists():
            with pytest.raises(Transient, match="by another process"):
                make().download("s3://ours/big", target)

    store.get("ours", {"big": target}, meanwhile)
    assert target.read_bytes() == big.read_bytes()


def test_a_directory_in_the_way_is_said(store: S3Storage, tmp_path: Path) -> None:
    """A file cannot take the place of a directory."""
    (tmp_path / "a").write_text("a")
    store.upload(tmp_path / "a", "s3://ours/a")
    (tmp_path / "dir").mkdir()
    with pytest.raises(InvalidRequest, match="Is a directory"):
        store.download("s3://ours/a", tmp_path / "dir")
    assert drafts(tmp_path) == []
