"""``styx storage`` with the real program: what a user sees, and what is left when it is killed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

MANY = 1500
LARGE = 24 << 20  # bytes


def contents(root: Path) -> dict[str, bytes]:
    """All files below a directory, apart from what the store or a copy keeps there for itself."""
    found = {path.relative_to(root).as_posix(): path for path in root.rglob("*") if path.is_file()}
    own = (".styx/", ".styx-partial-")
    return {name: path.read_bytes() for name, path in found.items() if not name.startswith(own)}


def number_of_files(root: Path) -> int:
    """How many files there are, at a glance, drafts and all."""
    return sum(len(names) for _, _, names in os.walk(root))


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """Many small files and a large one."""
    root = tmp_path / "source"
    for number in range(MANY):
        path = root / f"{number % 40}" / f"{number}.txt"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{number}\n" * (number % 7))
    (root / "large").write_bytes(os.urandom(LARGE))
    return root


@pytest.fixture
def bucket(styx, styx_home: Path) -> Path:
    """Where the objects of the bucket ``b`` lie on the disk."""
    assert styx("storage", "create", "file://b").stdout == "Bucket file://b is there.\n"
    return styx_home / "storage-file" / "buckets" / "b"


def killed_after(command: list[str], root: Path, number: int, *words: str) -> None:
    """Start ``styx storage sync`` and kill it when there are so many files below a directory."""
    process = subprocess.Popen(
        [*command, "storage", "sync", *words], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    deadline = time.monotonic() + 60
    while process.poll() is None:
        process.send_signal(signal.SIGSTOP)  # so that it is not over while files are counted
        if number_of_files(root) >= number:
            break
        assert time.monotonic() < deadline, "it does nothing"
        process.send_signal(signal.SIGCONT)
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL, "it was over before it could be killed"


@pytest.mark.parametrize("number", [2, 300, 1000])
def test_killed_on_the_way_up(styx, command: list[str], source: Path, bucket: Path, number: int) -> None:
    """Whatever was stored by then is whole; run again it copies the rest, and removes what is to go."""
    (source / "before").write_text("old")
    assert styx("storage", "cp", str(source / "before"), "file://b/d/gone").returncode == 0
    wanted = contents(source)
    killed_after(command, bucket, number, str(source), "file://b/d", "--delete")
    found = contents(bucket / "d")
    assert 0 < len(found) < len(wanted)
    assert all(wanted[name] == data for name, data in found.items() if name != "gone")
    assert found["gone"] == b"old"  # nothing is removed before all is there
    again = styx("storage", "sync", str(source), "file://b/d", "--delete", "-o", "json")
    done = json.loads(again.stdout)
    assert done["unchanged"] == len(found) - 1
    assert done["removed"] == ["file://b/d/gone"]
    assert contents(bucket / "d") == wanted


@pytest.mark.parametrize("number", [2, 300, 1000])
def test_killed_on_the_way_down(styx, command: list[str], source: Path, bucket: Path, tmp_path: Path, number) -> None:
    """Files in the directory are whole, others are only in the hidden one; run again, that is gone."""
    assert styx("storage", "sync", str(source), "file://b").returncode == 0
    target = tmp_path / "target"
    (target / "0").mkdir(parents=True)
    (target / "0" / "gone").write_text("old")
    wanted = contents(source)
    killed_after(command, target, number, "file://b", str(target), "--delete")
    found = contents(target)
    assert all(wanted[name] == data for name, data in found.items() if name != "0/gone")
    assert found["0/gone"] == b"old"
    assert styx("storage", "sync", "file://b", str(target), "--delete").returncode == 0
    assert contents(target) == wanted
    assert not [path for path in target.iterdir() if path.name.startswith(".")]


def test_interrupted_by_the_user(styx, start, source: Path, bucket: Path) -> None:
    """Ctrl-C ends it at once, with its own exit code, and the next run goes on."""
    running = start("storage", "sync", str(source), "file://b")
    deadline = time.monotonic() + 60
    while number_of_files(bucket) < 100 and time.monotonic() < deadline:
        assert running.process.poll() is None
    code, said = running.interrupt()
    assert (code, said.strip()) == (130, "Interrupted.")
    assert styx("storage", "sync", str(source), "file://b").returncode == 0
    assert contents(bucket) == contents(source)


def test_a_day_with_files(styx, tmp_path: Path) -> None:
    """Made, copied, listed, compared, removed: one line of output each."""
    (tmp_path / "data" / "sub").mkdir(parents=True)
    (tmp_path / "data" / "a.txt").write_text("hello")
    (tmp_path / "data" / "sub" / "b.txt").write_text("b" * 2048)

    def said(*words: str) -> str:
        done = styx("storage", *words)
        # Of other stores that are installed here it may tell that they have no credentials.
        ours = [line for line in done.stderr.splitlines() if "credentials" not in line]
        assert (done.returncode, ours) == (0, []), done.stderr
        return done.stdout

    assert said("ls") == "No buckets. `styx storage create SCHEME://NAME` makes one.\n"
    said("create", "file://b")
    assert said("sync", "data", "file://b/d", "--dry-run").count("Would copy") == 2
    assert said("sync", "data", "file://b/d").startswith("Copied 2 files, 2.0 KiB, in ")
    assert said("sync", "data", "file://b/d") == "Nothing to copy; 2 unchanged.\n"
    assert [line.split()[-1] for line in said("ls", "file://b/d").splitlines()] == [
        "URI",
        "file://b/d/a.txt",
        "file://b/d/sub/",
    ]
    (listed,) = json.loads(said("ls", "-o", "json"))
    assert (listed["uri"], listed["objects"], listed["size"]) == ("file://b", 2, 2053)
    assert said("cp", "file://b/d/a.txt", ".").startswith("Copied 1 file, 5 B")
    assert (tmp_path / "a.txt").read_text() == "hello"
    assert said("rm", "-r", "file://b/d/sub", "--yes") == "Removed 1 object of 2.0 KiB at file://b/d/sub.\n"
    assert said("sync", "file://b/d", "data", "--delete") == "Removed 1; 1 unchanged.\n"
    assert said("delete", "b", "-y") == "Bucket file://b is gone.\n"


def test_errors_have_hints_and_codes(styx, tmp_path: Path) -> None:
    """What cannot be done is said in a sentence, with what to do; scripts get JSON and an exit code."""
    (tmp_path / "dir").mkdir()
    for words, code, sentence in (
        (("ls", "s4://b"), 2, "no installed storage understands s4://"),
        (("ls", "file://none"), 1, "there is no bucket 'none'"),
        (("cp", "dir", "file://b"), 2, "Add -r to copy all in it."),
        (("cp", "dir", "dir2"), 2, "Write SCHEME://BUCKET/KEY"),
        (("presign", "file://b/k"), 2, "file has no addresses"),
        (("delete", "nope", "-y"), 1, "`styx storage ls` lists the buckets."),
        (("delete",), 2, "name buckets, or say --all"),
        (("sync", "dir", "file://b", "--exclude", "*.log"), 2, ".styxignore"),
        (("delete", "b", "--async"), 2, "a command returns when its work is done"),
        (("rm", "file://b/k"), 1, "there is no bucket"),
    ):
        done = styx("storage", *words)
        assert (done.returncode, sentence in done.stderr) == (code, True), (words, done.returncode, done.stderr)
    error = json.loads(styx("storage", "ls", "file://none", "-o", "json").stderr)["error"]
    assert error["code"] == "not_found"


def test_a_link_to_a_directory_is_left_out_and_told(styx, bucket: Path, tmp_path: Path) -> None:
    """By what it is; everything else is copied."""
    source = tmp_path / "source"
    (source / "sub").mkdir(parents=True)
    (source / "a").write_text("a")
    (source / "link").symlink_to("sub")
    done = styx("storage", "sync", str(source), "file://b")
    assert done.stdout.startswith("Copied 1 file, 1 B, in ")
    assert "left out: link, a link to a directory or to nothing, or a name that is no text\n" in done.stderr


def test_consent_is_asked_for(styx, tmp_path: Path) -> None:
    """Nothing is removed by rm and delete where nobody can be asked and nobody has said yes."""
    styx("storage", "create", "file://b")
    (tmp_path / "f").write_text("x")
    styx("storage", "cp", "f", "file://b")
    for words in (("rm", "file://b/f"), ("delete", "file://b")):
        done = styx("storage", *words)
        assert (done.returncode, "Add --yes" in done.stderr) == (2, True)
    assert "file://b/f" in styx("storage", "ls", "file://b").stdout
    assert "Would remove file://b/f" in styx("storage", "rm", "--dry-run", "file://b/f").stdout


def test_completion(styx) -> None:
    """The shell is told schemes, then the buckets as they were last seen; no store is asked for that."""
    styx("storage", "create", "file://datasets")

    def completed(word: str, command: str = "ls") -> list[str]:
        words = {"COMP_WORDS": f"styx storage {command} {word}", "COMP_CWORD": "3"}
        done = styx(_STYX_COMPLETE="zsh_complete", **words)
        return done.stdout.splitlines()[1::3]

    assert "file://" in completed("fi")
    assert completed("file://") == ["file://datasets/"]
    assert completed("data", "delete") == ["datasets"]
