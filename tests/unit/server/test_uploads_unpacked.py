"""What archives may hold: links that stay inside are kept as they are, and nothing leads or gets out of one."""

from __future__ import annotations

import gzip
import hashlib
import io
import tarfile
import tracemalloc
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from styx.api.errors import BadInput
from styx.client.refusals import TooLarge
from styx.client.remote.files import archived
from styx.server.files import unpacking
from styx.server.files.uploads import Uploads
from styx.server.settings import Settings
from styx.spec import Task
from styx.transports.tree import pieces

MiB = 1 << 20
Member = tuple[str, bytes] | tuple[str, bytes, str]  # a file and what it holds, or a link of a kind and where it leads


def packed(*members: Member, form: int = tarfile.GNU_FORMAT) -> bytes:
    """An archive of these."""
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w", format=form) as tar:
        for name, holds, *leads in members:
            member = tarfile.TarInfo(name)
            if leads:
                member.type, member.linkname = holds, leads[0]
            elif name.endswith("/"):
                member.type, member.mode = tarfile.DIRTYPE, 0o755
            else:
                member.size = len(holds)
            tar.addfile(member, io.BytesIO(holds))
    return file.getvalue()


def header(kind: bytes, size: int) -> bytes:
    """One that says there are so many bytes more of its kind."""
    member = tarfile.TarInfo("content/x")
    member.type, member.size = kind, size
    return member.tobuf(tarfile.GNU_FORMAT)


async def sent(home: Path, data: bytes, **settings: int) -> Path:
    """Where the contents of an archive are once it was sent."""
    uploads = Uploads(home, Settings(**settings), tuple)

    async def halves() -> AsyncIterator[bytes]:
        yield data[: len(data) // 2]
        yield data[len(data) // 2 :]

    digest = hashlib.sha256(data).hexdigest()
    await uploads.take(digest, halves(), "ann")
    workdir = uploads.localised(Task(run="x", workdir="/w"), {"/w": digest}, "ann").spec.workdir
    assert isinstance(workdir, str)
    return Path(workdir)


def link(name: str, target: str) -> Member:
    """A symbolic link."""
    return name, tarfile.SYMTYPE, target


def hard(name: str, target: str) -> Member:
    """A hard link."""
    return name, tarfile.LNKTYPE, target


def tunnel() -> list[Member]:
    """Links to links through long names, until the path is longer than a system resolves; and one that climbs out."""
    found: list[Member] = []
    path = "content"
    for letter in "abcdefghijklmnop":
        found += [(f"{path}/{letter * 247}/", b""), link(f"{path}/{letter}", letter * 247)]
        path += f"/{letter}"
    climbs = "/".join("abcdefghijklmnop")
    over = f"content/{climbs}/{'l' * 254}"
    return [*found, link(over, "../" * 16), link("content/escape", f"{climbs}/{'l' * 254}/../../../..")]


ESCAPES: dict[str, list[Member]] = {
    "long links": [*tunnel(), ("content/escape/pwned", b"x")],
    "links through links": [link("content/x", "y/y/../../../server.json"), link("content/y", ".")],
    "links through later links": [link("content/y", "."), link("content/x", "y/y/../../../server.json")],
    "a link through a chain": [
        ("content/d/e/", b""), link("content/d/e/up", "../.."), link("content/a", "d/e/up"), link("content/b", "a/.."),
    ],
    "a parent that is a link": [("content/d/", b""), link("content/l", "d"), ("content/l/file", b"x")],
    "a directory that is a link": [("content/d/", b""), link("content/l", "d"), ("content/l/", b"")],
    "a file over a link": [link("content/l", "file"), ("content/l", b"x")],
    "a hard link through a link": [
        ("content/d/f", b"x"), link("content/l", "d"), hard("content/h", "content/l/f"),
    ],
    "a hard link to a link": [link("content/l", "f"), hard("content/h", "content/l")],
    "a hard link to what is not there": [hard("content/h", "content/f")],
    "a hard link out": [("content/f", b"x"), hard("content/h", "content/../archive")],
    "a way around": [("content/../size", b"x")],
    "the contents are a link": [link("content", "size")],
    "an absolute name": [("/content/x", b"x")],
    "an absolute link": [link("content/x", "/content/x")],
    "a circle": [link("content/x", "y"), link("content/y", "x")],
    "nothing": [],
}  # fmt: skip


@pytest.mark.parametrize("form", [tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
@pytest.mark.parametrize("members", ESCAPES.values(), ids=ESCAPES)
async def test_what_leads_out_is_refused_whole(tmp_path: Path, members: list[Member], form: int) -> None:
    """However it is put, for writing or for reading: nothing of the archive stays, and nothing is outside of it."""
    home = tmp_path / "around" / "home"
    home.mkdir(parents=True)
    (home / "server.json").write_text("token")
    with pytest.raises(BadInput):
        await sent(home, packed(*members, form=form))
    assert sorted(path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*")) == [
        "around", "around/home", "around/home/server.json", "around/home/uploads",
    ]  # fmt: skip


async def test_links_that_stay_inside_are_kept(tmp_path: Path) -> None:
    """Whatever a client sends of a directory is the same at the server: links, permissions and times too."""
    there = tmp_path / "there"
    (there / "releases" / "2" / "data").mkdir(parents=True)
    (there / "releases" / "2" / "data" / "x").write_text("text")
    (there / "run").write_text("#!/bin/sh\n")
    (there / "run").chmod(0o755)
    for name, target in (("current", "releases/2"), ("data", "current/data"), ("gone", "no/../where"), ("self", "."),
                         ("releases/back", "../data/x"), ("releases/lock", "user@host.1:2")):  # fmt: skip
        (there / name).symlink_to(target)
    (there / ("n" * 200)).mkdir()
    (there / ("n" * 200) / ("m" * 200)).symlink_to("../" + "n" * 200)
    found = await sent(tmp_path, b"".join(pieces(archived(there, wrapped=False).found)))
    for path in there.rglob("*"):
        same = found / path.relative_to(there)
        assert same.is_symlink() == path.is_symlink()
        if path.is_symlink():
            assert same.readlink() == path.readlink()
        else:
            assert same.stat().st_mode == path.stat().st_mode
        if path.is_file() and not path.is_symlink():
            assert int(same.stat().st_mtime) == int(path.stat().st_mtime)
    assert (found / "releases" / "back").read_text() == "text"


@pytest.mark.parametrize(
    ("form", "folder"),
    [(tarfile.GNU_FORMAT, "\u00e9/" * 100), (tarfile.PAX_FORMAT, "\u00e9/" * 100), (tarfile.USTAR_FORMAT, "dir/" * 30)],
)
async def test_archives_of_other_programs(tmp_path: Path, form: int, folder: str) -> None:
    """Every common form of tar is read, gzipped or not, with hard links, and names that are long or no ASCII."""
    name = f"content/{folder}\u00e9"
    members = [("./content/", b""), (name, b"text"), ("content/b", b"text"), hard("content/h", "content/b")]
    for data in (packed(*members, form=form), gzip.compress(packed(*members, form=form))):
        found = await sent(tmp_path, data)
        assert (found / name.removeprefix("content/")).read_text() == (found / "h").read_text() == "text"
        assert (found / "h").samefile(found / "b")


@pytest.mark.parametrize("kind", [tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK])
async def test_headers_are_not_read_without_end(tmp_path: Path, kind: bytes) -> None:
    """What describes a file may be large in an archive that is small: little of it is ever in memory."""
    size = 48 * MiB
    data = gzip.compress(header(kind, size) + bytes(size))
    tracemalloc.start()
    try:
        with pytest.raises(BadInput):
            await sent(tmp_path, data)
        assert tracemalloc.get_traced_memory()[1] < 12 * MiB
    finally:
        tracemalloc.stop()


async def test_many_headers_break_nothing(tmp_path: Path) -> None:
    """Thousands that describe the same file are read one after the other."""
    data = header(tarfile.GNUTYPE_LONGNAME, 10) + b"content/y\0" + bytes(502)
    found = await sent(tmp_path, data * 5000 + header(tarfile.REGTYPE, 0) + bytes(1024))
    assert (found / "y").exists()


async def test_what_is_packed_counts_as_it_is_unpacked(tmp_path: Path) -> None:
    """Headers and what is skipped too."""
    data = gzip.compress(header(tarfile.XGLTYPE, 2 * MiB) * 1 + bytes(2 * MiB))
    with pytest.raises(TooLarge):
        await sent(tmp_path, data, max_dag=100)


@pytest.mark.parametrize("members", [
    [(f"content/{n}/", b"") for n in range(100)], [(f"content/{n}", b"") for n in range(100)],
    [(f"content/{n}/{'d/' * 50}", b"") for n in range(2)], [(f"content/{n}/{'d/' * 50}f", b"") for n in range(2)],
])  # fmt: skip
async def test_directories_count_as_files_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, members: list[Member]
) -> None:
    """Those too that only stand in the name of something else: a short archive could use up all that a disk has."""
    with pytest.raises(TooLarge, match="MiB of uploads"):
        await sent(tmp_path, gzip.compress(packed(*members)), user_uploads=300_000)
    monkeypatch.setattr(unpacking, "_MOST_ENTRIES", 100)
    with pytest.raises(TooLarge, match="more than the 100 files and directories"):
        await sent(tmp_path, gzip.compress(packed(*members)))
    assert list((tmp_path / "uploads").iterdir()) == []
    assert await sent(tmp_path, packed(*members[:1]))


@pytest.mark.parametrize(
    "name", ["/".join(["content", *["d" * 200] * 16]), "/".join(["content", *["d"] * 300]), f"content/{'d' * 256}"]
)
async def test_names_are_no_longer_than_what_copies_them_can_take(tmp_path: Path, name: str) -> None:
    """Too long a path, too deep a one and too long a name are refused when they are sent, not when a task is run."""
    with pytest.raises(BadInput, match="too long"):
        await sent(tmp_path, packed((name, b"x")))
    assert list((tmp_path / "uploads").iterdir()) == []


@pytest.mark.parametrize(
    "data",
    [b"no archive", gzip.compress(b"no archive"), gzip.compress(packed(("content/x", bytes(9000))))[:-30],
     packed(("content/x", bytes(9000)))[:2000], header(tarfile.XHDTYPE, 9) + b"99 path=x" + bytes(503),
     header(tarfile.XHDTYPE, 4) + b"junk" + bytes(508), header(tarfile.XHDTYPE, 15) + b"15 size=-10000\n" + bytes(497),
     header(tarfile.GNUTYPE_SPARSE, 0), header(tarfile.FIFOTYPE, 0), b"\x1f\x8b" + bytes(600)],
    ids=["text", "packed text", "cut packed", "cut", "long path", "junk", "negative", "sparse", "pipe", "no gzip"],
)  # fmt: skip
async def test_what_is_no_archive(tmp_path: Path, data: bytes) -> None:
    """Damaged, cut or of kinds that nobody sends: refused as the sender's mistake."""
    with pytest.raises(BadInput, match="archive"):
        await sent(tmp_path, data)
