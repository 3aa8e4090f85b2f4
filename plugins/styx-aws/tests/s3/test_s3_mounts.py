"""Buckets mounted by the script that nodes get: really, by rclone and FUSE, where this machine has them."""

from __future__ import annotations

import json
import os
import shutil
import signal
import stat
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import boto3
import pytest

from styx.api import NotFound, PermissionDenied
from styx_aws.s3.storage import S3Storage

from .conftest import Front, write_mount_s3


class Node:
    """A home and a PATH of its own on this machine, where the script is run as core runs it."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.programs = home / "programs"
        write_mount_s3(self.programs)

    def run(self, script: str | None, path: str | None = None) -> subprocess.CompletedProcess[str]:
        """The script's end, and what it said."""
        assert script is not None
        env = {"HOME": str(self.home), "PATH": path or f"{self.programs}:/usr/sbin:/usr/bin:/sbin:/bin"}
        return subprocess.run(
            ["/bin/sh", "-s"],
            input=script,
            cwd=self.home,
            env=env,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    def must(self, script: str | None) -> None:
        """Run it and require that it succeeds."""
        done = self.run(script)
        assert done.returncode == 0, done.stderr


def until(done: Callable[[], bool]) -> None:
    """Wait for what rclone does by itself: it sends what was written a second later."""
    give_up = time.monotonic() + 30
    while not done():
        assert time.monotonic() < give_up, "it has not come about in half a minute"
        time.sleep(0.1)


def end_rclone(at: Path) -> None:
    """Kill what serves the mount."""
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):  # it has just ended by itself
            words = entry.read_bytes().split(b"\0")
            if words[0].endswith(b"rclone") and os.fsencode(at) in words:
                os.kill(int(entry.parent.name), signal.SIGKILL)


@pytest.fixture
def node(tmp_path: Path) -> Iterator[Node]:
    """One on which nothing is mounted, before or after."""
    node = Node(tmp_path / "node")
    yield node
    for line in Path("/proc/self/mounts").read_text().splitlines():
        target = line.split()[1].replace("\\040", " ")
        if target.startswith(str(node.home)):
            subprocess.run(["umount", "-l", target], check=True)


@pytest.mark.usefixtures("fuse")
@pytest.mark.parametrize("cached", [False, True])
def test_a_mounted_prefix_is_read_and_written(store: S3Storage, aws: Any, node: Node, cached: bool) -> None:
    """Files are objects below it; what is mounted already is success."""
    aws.put_object(Bucket="ours", Key="data/in", Body=b"from the bucket")
    aws.put_object(Bucket="ours", Key="other", Body=b"not below")
    script = store.mount_command("s3://ours/data", "~/my data", cached=cached)
    node.must(script)
    at = node.home / "my data"
    assert [path.name for path in at.iterdir()] == ["in"]
    assert (at / "in").read_text() == "from the bucket"
    if cached:
        shutil.copy2(at / "in", node.home)  # which asks for extended attributes
        (at / "out").write_text("from the node")
    (at / "in").unlink()
    node.must(script)
    wanted = ["data/out", "other"] if cached else ["other"]
    until(lambda: [thing.key for thing in store.list("s3://ours")] == wanted)


@pytest.mark.usefixtures("fuse")
@pytest.mark.parametrize("cached", [False, True])
def test_a_mount_is_taken_away_once_all_is_stored(store: S3Storage, node: Node, cached: bool) -> None:
    """What was written a moment ago is in the bucket then; what is not mounted is success."""
    script = store.unmount_command("s3://ours", "data", cached=cached)
    node.must(script)
    node.must(store.mount_command("s3://ours", "data", cached=cached))
    (node.home / "data" / "late").write_text("late")
    node.must(script)
    assert not (node.home / "data").is_mount()
    assert [thing.key for thing in store.list("s3://ours")] == ["late"]
    assert list(node.home.glob(".styx/s3/*/credentials")) == []
    node.must(script)


@pytest.mark.usefixtures("fuse")
def test_what_is_not_stored_yet_is_not_given_up(store: S3Storage, front: Front, node: Node) -> None:
    """Where rclone was killed with something unsent, that is said; mounted again it is sent."""
    mount = store.mount_command("s3://ours", "data", cached=True)
    node.must(mount)
    front.refuse("PUT", "/ours/late", 503, "SlowDown", times=1000)
    (node.home / "data" / "late").write_text("late")
    until(lambda: front.count("PUT", "/ours/late") > 0)
    end_rclone(node.home / "data")
    unmount = store.unmount_command("s3://ours", "data", cached=True)
    assert "not all that was written is in the bucket" in node.run(unmount).stderr
    front.refusals.clear()
    node.must(mount)
    node.must(unmount)
    assert [thing.key for thing in store.list("s3://ours")] == ["late"]


@pytest.mark.usefixtures("fuse")
def test_a_mount_with_nobody_behind_it_is_made_again(store: S3Storage, aws: Any, node: Node) -> None:
    """As after its program was killed."""
    aws.put_object(Bucket="ours", Key="a", Body=b"a")
    script = store.mount_command("s3://ours", "data", cached=True)
    node.must(script)
    end_rclone(node.home / "data")
    with pytest.raises(OSError, match=r"not connected|connection abort"):
        list((node.home / "data").iterdir())
    node.must(script)
    assert (node.home / "data" / "a").read_text() == "a"


@pytest.mark.usefixtures("fuse")
def test_another_mount_takes_the_place_of_ours(store: S3Storage, aws: Any, node: Node) -> None:
    """A task that is changed mounts what it says now, and read-only is read-only."""
    aws.put_object(Bucket="ours", Key="one/a", Body=b"a")
    aws.put_object(Bucket="ours", Key="two/b", Body=b"b")
    node.must(store.mount_command("s3://ours/one", "data", cached=True))
    node.must(store.mount_command("s3://ours/two", "data", cached=True, read_only=True))
    assert [path.name for path in (node.home / "data").iterdir()] == ["b"]
    with pytest.raises(OSError, match="Read-only"):
        (node.home / "data" / "c").write_text("c")


@pytest.mark.usefixtures("fuse")
def test_what_is_there_is_not_hidden(store: S3Storage, node: Node) -> None:
    """Neither files nor somebody else's mount."""
    (node.home / "data").mkdir()
    (node.home / "data" / "mine").write_text("mine")
    script = store.mount_command("s3://ours", "data")
    assert "the directory is not empty" in node.run(script).stderr
    subprocess.run(["mount", "-t", "tmpfs", "tmpfs", node.home / "data"], check=True)
    assert "something else is mounted there" in node.run(script).stderr


@pytest.mark.usefixtures("fuse")
def test_credentials_go_in_a_file_that_others_cannot_read(store: S3Storage, front: Front, node: Node) -> None:
    """They are AWS' own for the mount, not ours, and Mountpoint is told of the prefix and the place of the bucket."""
    node.must(store.mount_command("s3://ours/data/", "data"))
    (file,) = node.home.glob(".styx/s3/*/credentials")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    text = file.read_text()
    assert "aws_session_token" in text
    assert "AKIAEXAMPLE" not in text
    asked = (node.home / "asked").read_text()
    assert "--region us-east-1 --allow-other --allow-delete --allow-overwrite --prefix data/ --endpoint-url" in asked
    assert "aws_session_token" not in asked


def test_without_fuse_it_is_said(store: S3Storage, node: Node, tmp_path: Path) -> None:
    """With what to do instead."""
    script = (store.mount_command("s3://ours", "data") or "").replace("/dev/fuse ]", f"{tmp_path}/no-fuse ]")
    done = node.run(script)
    assert done.returncode != 0
    assert "cannot mount s3://ours/ at data: this machine has no /dev/fuse; use mode: COPY" in done.stderr


@pytest.mark.usefixtures("fuse")
def test_what_cannot_be_installed_is_said(store: S3Storage, node: Node) -> None:
    """On a machine with neither the program nor a way to it."""
    few = node.home / "few"
    few.mkdir()
    for program in (
        "sh",
        "id",
        "awk",
        "ls",
        "mkdir",
        "rm",
        "cat",
        "grep",
        "uname",
        "mktemp",
        "fusermount3",
        "chmod",
        "python3",
    ):
        (few / program).symlink_to(shutil.which(program) or "/bin/false")
    script = (store.mount_command("s3://ours", "data") or "").replace("PATH=$PATH:", "PATH=$PATH # ")
    done = node.run(script, path=str(few))
    assert done.returncode != 0
    assert "there is no Mountpoint for S3 for this system; mode MOUNT_CACHED uses rclone" in done.stderr


def test_a_missing_bucket_is_noticed_before_a_node_is_made(store: S3Storage) -> None:
    """The command is asked for before a launch."""
    with pytest.raises(NotFound, match="the bucket 'nowhere'"):
        store.mount_command("s3://nowhere", "data")


def test_who_may_not_make_credentials_is_told(store: S3Storage, front: Front) -> None:
    """With the action that is missing."""
    front.refuse("POST", "/", 403, "AccessDenied")
    with pytest.raises(PermissionDenied) as denied:
        store.mount_command("s3://ours", "data")
    assert denied.value.action == "sts:GetFederationToken"


def test_credentials_of_a_mount_are_for_its_prefix_alone(store: S3Storage, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where it has letters that are wildcards to a policy."""
    bodies: list[str] = []
    read = boto3.session.Session.client

    def client(self: Any, service: str, *args: Any, **kwargs: Any) -> Any:
        made = read(self, service, *args, **kwargs)
        if service == "sts":
            made.meta.events.register("provide-client-params.sts", lambda params, **_: bodies.append(params["Policy"]))
        return made

    monkeypatch.setattr(boto3.session.Session, "client", client)
    store.mount_command("s3://ours/a*b?$/", "data")
    listing, objects, _ = json.loads(bodies[0])["Statement"]
    assert objects["Resource"] == "arn:aws:s3:::ours/a${*}b${?}${$}/*"
    assert listing["Condition"]["StringLike"]["s3:prefix"] == ["a${*}b${?}${$}/", "a${*}b${?}${$}/*"]
