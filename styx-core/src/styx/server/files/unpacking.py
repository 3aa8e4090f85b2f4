"""Archives that somebody sent, unpacked so that nothing gets out: neither what is written nor what is read later.

Every step to a file is opened relative to the one before and never through a link (see styx.builtin.file.tree), so the
order and the lengths of names do not matter. Links are followed here on paper only, once all of them are known: one
that leads out of ``content``, be it through others, spoils the whole archive.
"""

from __future__ import annotations

import errno
import gzip
import os
import stat
import tarfile
import zlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from styx.api.errors import BadInput
from styx.builtin.file.tree import opened
from styx.client.refusals import TooLarge
from styx.server.files.archives import Archive

CONTENT = "content"  # what everything in an archive lies below, or the only file is called
_HINT = f"An archive is a tar file, gzipped or not, in which all lies below {CONTENT!r}, or that is the only file."
_MOST_ENTRIES = 500_000  # files, directories and links, those too that only stand in the names of others
_ENTRY = 4096  # bytes that each takes beside what is in it, on most disks
_LONGEST_PATH = 3000  # bytes: where it is copied to, something stands before it, and systems take 4095
_LONGEST_NAME = 255
_SHOWN = 100  # characters of a name that is too long
_DEEPEST = 200  # directories: what removes them again goes down one by one
_MOST_FOLLOWED = 40  # links on the way to a file, as in Linux
_MOST_STEPS = 10_000_000  # along all links
_NEW_FILE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_LATEST = 1 << 33  # seconds
# What systems say where a link or a file is in the way of another, or to a name that they do not take.
_REFUSED = frozenset({errno.ELOOP, errno.ENOTDIR, errno.EEXIST, errno.EISDIR, errno.ENAMETOOLONG, errno.EILSEQ,
                      errno.EINVAL, errno.EMLINK})  # fmt: skip

_Path = tuple[str, ...]


def unpack(archive: Path, target: Path, most: int, more: Callable[[int], None]) -> int:
    """Unpack into ``target``, which holds no links yet; how many bytes that takes.

    They are those of the archive when it is not zipped, and some for each entry. ``more`` is told of them as they come,
    and may raise.

    Raises BadInput for what is no archive or could get out, TooLarge for more than ``most`` bytes in it or too many
    entries, OSError of the disk.
    """
    links: dict[_Path, str] = {}
    name, entries = "", 0

    def made() -> None:
        nonlocal entries
        entries += 1
        if entries > _MOST_ENTRIES:
            raise _too_many()
        more(_ENTRY)

    try:
        with archive.open("rb") as file:
            members = Archive(file, most, more)
            for number, member in enumerate(members):
                if number >= _MOST_ENTRIES:  # the same directory many times
                    raise _too_many()
                name = member.name
                path = _path(name)
                _put(target, path, member, members, made)
                if member.issym():
                    links[path] = member.linkname
        _require_inside(links)
    except (tarfile.TarError, EOFError, UnicodeError, zlib.error, gzip.BadGzipFile) as error:
        raise BadInput(f"the archive cannot be unpacked: {error}", hint=_HINT) from None
    except OSError as error:
        if error.errno not in _REFUSED:
            raise
        raise BadInput(f"the archive cannot be unpacked: {name!r}: {error.strerror}", hint=_HINT) from None
    return members.size + entries * _ENTRY


def _path(name: str) -> _Path:
    """The steps to a member."""
    if len(os.fsencode(name)) > _LONGEST_PATH:
        raise _too_long(name)
    path = tuple(step for step in name.split("/") if step not in {"", "."})
    if name.startswith("/") or ".." in path or path[:1] != (CONTENT,):
        raise tarfile.ExtractError(f"{name!r} is not below {CONTENT!r}")
    if len(path) > _DEEPEST or max(len(os.fsencode(step)) for step in path) > _LONGEST_NAME:
        raise _too_long(name)
    return path


def _put(target: Path, path: _Path, member: tarfile.TarInfo, archive: Archive, made: Callable[[], None]) -> None:
    if member.isdir():
        with opened(target, path, create=True, made=made) as directory:
            os.fchmod(directory, member.mode & 0o777 | 0o700)
        return
    if not (member.issym() or member.islnk() or member.type in {tarfile.REGTYPE, tarfile.AREGTYPE}):
        raise tarfile.ExtractError(f"{member.name!r} is no file, directory or link")
    made()
    with opened(target, path[:-1], create=True, made=made) as directory:
        if member.issym():
            if not member.linkname or member.linkname.startswith("/"):
                raise _leads_out(path)
            os.symlink(member.linkname, path[-1], dir_fd=directory)
        elif member.islnk():
            _link(target, _path(member.linkname), path[-1], directory)
        else:
            _write(member, archive, path[-1], directory)


def _write(member: tarfile.TarInfo, archive: Archive, name: str, directory: int) -> None:
    """A file with the permissions and the time that it had: nodes get them as well."""
    with os.fdopen(os.open(name, _NEW_FILE, 0o600, dir_fd=directory), "wb") as file:
        file.writelines(archive.contents())
        file.flush()  # now, for it changes the time
        os.fchmod(file.fileno(), member.mode & 0o777 | 0o400)
        changed = min(max(0, member.mtime), _LATEST)
        os.utime(file.fileno(), (changed, changed))


def _link(target: Path, source: _Path, name: str, directory: int) -> None:
    """A second name for a file that is there already."""
    try:
        with opened(target, source[:-1]) as above:
            if not stat.S_ISREG(os.stat(source[-1], dir_fd=above, follow_symlinks=False).st_mode):
                raise tarfile.ExtractError(f"{'/'.join(source)!r} is no file")
            os.link(source[-1], name, src_dir_fd=above, dst_dir_fd=directory, follow_symlinks=False)
    except FileNotFoundError:
        raise tarfile.ExtractError(f"{'/'.join(source)!r} does not come before what links to it") from None


def _require_inside(links: Mapping[_Path, str]) -> None:
    """Raise ExtractError unless all links lead to places inside. What is not there is taken for a directory."""
    steps = 0
    for path in links:
        here, followed = list(path), 0
        ahead: list[str] = [here.pop()]
        while ahead:
            steps += 1
            step = ahead.pop()
            if step == "..":
                here.pop()
                if not here:
                    raise _leads_out(path)
            elif step not in {"", "."}:
                here.append(step)
                if (further := links.get(tuple(here))) is not None:
                    here.pop()
                    if not here:
                        raise _leads_out(path)
                    followed += 1
                    ahead += reversed(further.split("/"))
            if followed > _MOST_FOLLOWED or len(here) > _DEEPEST or steps > _MOST_STEPS:
                raise tarfile.ExtractError(f"{'/'.join(path)!r} leads too far")


def _too_many() -> TooLarge:
    return TooLarge(f"the archive holds more than the {_MOST_ENTRIES} files and directories that the server takes")


def _too_long(name: str) -> tarfile.ExtractError:
    return tarfile.ExtractError(f"{name[:_SHOWN]!r}... is too long, or too deep")


def _leads_out(path: Sequence[str]) -> tarfile.ExtractError:
    return tarfile.ExtractError(f"{'/'.join(path)!r} is a link that leads out of {CONTENT!r}")
