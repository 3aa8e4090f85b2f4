"""What keys may look like, how they become files and listings, and what counts as the same."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import pytest

from styx.api import InvalidRequest, NotFound, StoredObject
from styx_aws.s3.drafts import SUFFIX
from styx_aws.s3.parts import PART
from styx_aws.s3.storage import S3Storage

from .conftest import Front

MANY = 3000


def keys(store: S3Storage, uri: str = "s3://ours") -> list[str]:
    """The keys at or below a URI."""
    return [thing.key for thing in store.list(uri)]


def test_listings_have_all_pages_and_each_when_it_is_needed(store: S3Storage, front: Front, shelf: Any) -> None:
    """3,000 objects are three pages; who looks at the first ones only asks for one, and so who looks at the last."""
    wanted = [f"many/{number:05}" for number in range(MANY)]
    for key in wanted:
        shelf.put_object("ours", key, b"")
    front.asked.clear()
    found = iter(store.list("s3://ours/many/"))
    assert [next(found).key for _ in range(1000)] == wanted[:1000]
    assert front.count("GET", "list-type=2") == 1
    assert [thing.key for thing in found] == wanted[1000:]
    assert front.count("GET", "list-type=2") == 3
    assert [thing.key for thing in store.list_after("s3://ours/many", wanted[1999])] == wanted[2000:]
    assert front.count("GET", "list-type=2") == 4
    store.remove("ours", wanted)
    assert keys(store) == []
    assert front.count("POST", "delete") == 3


@pytest.mark.parametrize(
    "key", ["a b/c d", "Grüße/日本語/😀", "/leading", "a//b", "100%/a%20b", "a+b=c&d;e?f#g", "~tilde*'()!"]
)
def test_strange_keys_are_taken_as_they_are(store: S3Storage, aws: Any, tmp_path: Path, key: str) -> None:
    """They go up, are listed, come down and are removed under the same name, which boto3 sees too."""
    (tmp_path / "file").write_text(key)
    store.upload(tmp_path / "file", f"s3://ours/{key}")
    assert aws.get_object(Bucket="ours", Key=key)["Body"].read().decode() == key
    assert keys(store, f"s3://ours/{key}") == [key]
    store.download(f"s3://ours/{key}", tmp_path / "back")
    assert (tmp_path / "back").read_text() == key
    with urlopen(store.presign(f"s3://ours/{key}", 60)) as answer:
        assert answer.read().decode() == key
    store.remove("ours", [key])
    assert keys(store) == []


@pytest.mark.parametrize("key", ["../up", "a/../b", "a/./b", "..", "x" * 1025, "", "broken\udc80"])
def test_keys_that_lead_elsewhere_are_refused(store: S3Storage, front: Front, tmp_path: Path, key: str) -> None:
    """Whatever is between here and S3 might walk them as steps. Nobody is asked."""
    (tmp_path / "file").write_text("x")
    front.asked.clear()
    for work in (
        lambda: store.put("ours", {key: tmp_path / "file"}),
        lambda: store.get("ours", {key: tmp_path / "back"}),
        lambda: store.presign(f"s3://ours/{key}", 60),
    ):
        with pytest.raises(InvalidRequest):
            work()
    assert front.asked == []


@pytest.mark.parametrize("key", ["data/../../out", "data//rooted", "data/a//b", "data/./a"])
def test_no_object_is_written_outside_of_the_target(store: S3Storage, aws: Any, tmp_path: Path, key: str) -> None:
    """Others may store such keys: they are listed and removed, and a download of a directory with one is refused."""
    aws.put_object(Bucket="ours", Key="data/fine", Body=b"fine")
    aws.put_object(Bucket="ours", Key=key, Body=b"x")
    assert keys(store, "s3://ours/data/") == sorted(["data/fine", key])
    with pytest.raises(InvalidRequest, match="has no place in a directory"):
        store.download("s3://ours/data/", tmp_path / "one" / "two")
    assert not (tmp_path / "one").exists()
    store.remove("ours", [key])
    assert keys(store) == ["data/fine"]


def test_markers_of_directories_become_directories(store: S3Storage, aws: Any, tmp_path: Path) -> None:
    """The console stores an empty object whose key ends in a slash when somebody makes a folder."""
    for key in ("data/", "data/empty/", "data/sub/"):
        aws.put_object(Bucket="ours", Key=key, Body=b"")
    aws.put_object(Bucket="ours", Key="data/sub/a", Body=b"a")
    store.download("s3://ours/data", tmp_path / "target")
    found = sorted(path.relative_to(tmp_path / "target").as_posix() for path in (tmp_path / "target").rglob("*"))
    assert found == ["empty", "sub", "sub/a"]
    (marker,) = (thing for thing in store.list("s3://ours") if thing.key == "data/empty/")
    assert store.same(tmp_path / "target" / "empty", marker)


def test_an_object_goes_before_what_is_below_its_name(store: S3Storage, aws: Any, tmp_path: Path) -> None:
    """``data`` may be an object and a directory; without a slash the object is meant, with one the directory."""
    for key in ("data", "data/a", "data-2"):
        aws.put_object(Bucket="ours", Key=key, Body=key.encode())
    assert keys(store, "s3://ours/data") == ["data", "data/a"]
    store.download("s3://ours/data", tmp_path / "file")
    store.download("s3://ours/data/", tmp_path / "dir")
    assert (tmp_path / "file").read_text() == "data"
    assert [path.name for path in (tmp_path / "dir").iterdir()] == ["a"]


def test_what_downloads_have_left_is_not_uploaded(store: S3Storage, tmp_path: Path) -> None:
    """Drafts are nobody's files."""
    (tmp_path / "tree").mkdir()
    (tmp_path / "tree" / "a").write_text("a")
    (tmp_path / "tree" / f".0123{SUFFIX}").write_text("half")
    store.upload(tmp_path / "tree", "s3://ours/")
    assert keys(store) == ["a"]


@pytest.mark.parametrize("size", [0, 1, PART, PART + 1])
def test_a_file_is_the_same_by_its_content(store: S3Storage, tmp_path: Path, size: int) -> None:
    """Whatever its time is, in one piece or in parts; and another content of that size is not."""
    path = tmp_path / "file"
    path.write_bytes(os.urandom(size))
    store.upload(path, "s3://ours/file")
    (thing,) = store.list("s3://ours/file")
    os.utime(path, (thing.modified_at.timestamp() + 1000,) * 2)
    assert store.same(path, thing)
    if size:
        with path.open("r+b") as file:
            file.seek(size - 1)
            last = file.read(1)
            file.seek(size - 1)
            file.write(bytes([last[0] ^ 1]))
        assert not store.same(path, thing)
    path.write_bytes(bytes(size + 1))
    assert not store.same(path, thing)


def test_where_the_checksum_says_nothing_the_time_does(store: S3Storage, aws: Any, tmp_path: Path) -> None:
    """So it is where a bucket encrypts with keys, and for objects in parts of other lengths; downloads keep times."""
    rule = {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms"}}
    aws.put_bucket_encryption(Bucket="ours", ServerSideEncryptionConfiguration={"Rules": [rule]})
    aws.put_object(Bucket="ours", Key="a", Body=b"a")
    (thing,) = store.list("s3://ours/a")
    assert thing.checksum == ""
    store.download("s3://ours/a", tmp_path / "a")
    assert store.same(tmp_path / "a", thing)
    later = StoredObject("a", 1, datetime.now(UTC) + timedelta(days=1), "0" * 32 + "-3")
    assert store.same(tmp_path / "a", later)
    os.utime(tmp_path / "a", (later.modified_at.timestamp() + 1,) * 2)
    assert not store.same(tmp_path / "a", later)


def test_addresses_read_and_write_for_a_while(store: S3Storage, tmp_path: Path) -> None:
    """Anybody can use them; for a week at most, which is AWS' rule."""
    address = store.presign("s3://ours/new", 60, writing=True)
    urlopen(Request(address, b"written", {"Content-Type": "text/plain"}, method="PUT")).close()
    with urlopen(store.presign("s3://ours/new", 60)) as answer:
        assert answer.read() == b"written"
    for seconds in (0, 7 * 86400 + 1):
        with pytest.raises(InvalidRequest, match="604800"):
            store.presign("s3://ours/new", seconds)


@pytest.mark.parametrize("program", ["curl", "wget", "python3"])
def test_nobody_on_a_node_sees_what_opens_an_object(store: S3Storage, aws: Any, tmp_path: Path, program: str) -> None:
    """Whichever program fetches, a signed address is not among its arguments, which every process list shows."""
    real = sys.executable if program == "python3" else shutil.which(program)
    if real is None:
        pytest.skip(f"{program} is not installed")
    key = 'it\'s "a" $key; #1?%'
    aws.put_object(Bucket="ours", Key=key, Body=b"content")
    programs = tmp_path / "bin"
    programs.mkdir()
    for name in ("mkdir", "mv", "rm"):
        (programs / name).symlink_to(shutil.which(name) or name)
    (programs / program).write_text(f'#!/bin/sh\nprintf "%s\\n" "$@" >>{tmp_path}/seen\nexec {real} "$@"\n')
    (programs / program).chmod(0o755)
    command = store.fetch_command(f"s3://ours/{key}", "~/there/it")
    assert command is not None
    subprocess.run(["/bin/sh", "-s"], input=command, text=True, cwd=tmp_path, env={"PATH": str(programs)}, check=True)
    assert (tmp_path / "there" / "it").read_bytes() == b"content"
    assert "ignature" not in (tmp_path / "seen").read_text()


def test_a_node_fetches_what_is_not_too_much(store: S3Storage, aws: Any, shelf: Any) -> None:
    """A command has an end: beyond some hundred objects the client copies them."""
    aws.put_object(Bucket="ours", Key="few/a", Body=b"a")
    for number in range(500):
        shelf.put_object("ours", f"many/{number:05}", b"")
    assert "fetch " in (store.fetch_command("s3://ours/few/", "target") or "")
    assert store.fetch_command("s3://ours/many/", "target") is None
    with pytest.raises(NotFound):
        store.fetch_command("s3://ours/none/", "target")
