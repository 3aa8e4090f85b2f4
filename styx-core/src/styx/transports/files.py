"""Copying files of this machine to a node, over any transport: tar, streamed into the node's own ``tar``."""

from __future__ import annotations

import asyncio
import posixpath
from collections.abc import Sequence
from pathlib import Path
from shlex import quote

from styx.api import BackendError, CommandResult, InvalidTask, StyxError, Transport
from styx.transports.process import ProcessTransport
from styx.transports.streams import strip_home
from styx.transports.tree import Entry, archive, entries, single

UPLOAD_SECONDS = 24 * 3600.0  # a copy ends with its connection, not after a time
KEPT_FROM = 1 << 16  # bytes: only files of this size are worth asking whether the node has them already
_NO_TAR, _OTHER_TYPE = 69, 73
_LISTING_LIMIT = 32_000_000  # bytes of the node's listing that are read; the rest of the files is simply sent
_NUMBERS = 3


async def upload(transport: Transport, source: Path, target: str, *, ignore: bool = True) -> None:
    """Copy a file, or what is in a directory, to ``target`` on the node (relative to its home, or absolute).

    Files are replaced, none are removed; modes and times are kept, links stay links wherever they lead, and what the
    node has at the names of the copied files is replaced and never written through. A file goes to the path
    ``target`` itself, or into it if that ends with a slash. With ``ignore`` a directory's ignore files are obeyed.

    Idempotent. Raises InvalidTask when the source cannot be read, or the target is something of another type or
    leads out of the node's home by ``..``; BackendError when the node cannot take the files.
    """
    path = _checked(transport, target)
    if not source.is_dir():
        if target.endswith("/"):
            path = posixpath.join(path, source.name)
        directory, name = posixpath.split(path)
        entry = await asyncio.to_thread(single, source, name)
        kind = f"if test -d {_word(path)}; then exit {_OTHER_TYPE}; fi"
        await _send(transport, source, path, directory or ".", kind, [entry])
        return
    found = await asyncio.to_thread(entries, source, ignore=ignore)
    if any(entry.size >= KEPT_FROM for entry in found):
        there = await _listing(transport, path)
        found = [entry for entry in found if entry.size < KEPT_FROM or entry.fingerprint not in there]
    kind = f"if test -e {_word(path)} && test ! -d {_word(path)}; then exit {_OTHER_TYPE}; fi"
    await _send(transport, source, path, path, kind, found)


async def _send(
    transport: Transport, source: Path, target: str, directory: str, kind: str, found: Sequence[Entry]
) -> None:
    into = _word(directory)
    command = (
        f"command -v tar >/dev/null || exit {_NO_TAR}; {kind}; "
        f"mkdir -p {into} && exec tar -xpof - -C {into}"  # o: the files belong to whoever runs this
    )
    result = await transport.run(command, stdin=archive(found), timeout=UPLOAD_SECONDS)
    if result.status:
        raise _refused(result, source, target)


def _refused(result: CommandResult, source: Path, target: str) -> StyxError:
    if result.status == _NO_TAR:
        return BackendError("the node has no tar, which copying files needs", hint="Install one there.")
    if result.status == _OTHER_TYPE:
        here, there = ("a directory", "a file") if source.is_dir() else ("a file", "a directory")
        return InvalidTask(
            f"cannot copy {source} to {target!r}: it is {here}, and the node has {there} there",
            hint="Choose another target, or remove what is there.",
        )
    lines = result.stderr.decode(errors="replace").strip().splitlines()
    said = "".join(c if c.isprintable() else " " for c in "; ".join(lines[:3]))[:500]
    full = "No space left" in said or "Wrote only" in said
    return BackendError(
        f"cannot copy {source} to {target!r} on the node: {said or f'status {result.status}'}",
        hint="Free disk space on the node, or launch with a larger disk." if full else None,
    )


async def _listing(transport: Transport, directory: str) -> set[tuple[str, int, int, int]]:
    """The fingerprints of the large files that are there already; empty where ``find`` cannot tell."""
    command = (
        f"cd {_word(directory)} 2>/dev/null || exit 0; find . -type f -size +{KEPT_FROM // 512 - 1} "
        rf"-printf '%m %s %T@ %P\0' 2>/dev/null | head -c {_LISTING_LIMIT}"
    )
    result = await transport.run(command, timeout=600)
    found = set()
    for record in result.stdout.split(b"\0")[:-1]:
        mode, size, mtime, *name = record.split(b" ", _NUMBERS)
        seconds = mtime.partition(b".")[0]
        if name and mode.isdigit() and size.isdigit() and seconds.isdigit():
            found.add((name[0].decode("utf-8", "surrogateescape"), int(mode, 8), int(size), int(seconds)))
    return found


def _checked(transport: Transport, target: str) -> str:
    """The target as the node's shell needs it: relative to the home, or absolute where a node is a whole machine."""
    path = posixpath.normpath(strip_home(target))
    if "\0" in target or path == ".." or path.startswith("../"):
        raise InvalidTask(f"{target!r} leads out of the node's home", field="file_mounts")
    if isinstance(transport, ProcessTransport) and path.startswith("/"):
        inside = posixpath.relpath(path, transport.home)
        if inside.startswith(".."):
            raise InvalidTask(
                f"{target!r} is an absolute path, which a node that shares this machine cannot have",
                hint="Use a path that is relative, or begins with ~/.", field="file_mounts",
            )  # fmt: skip
        return inside
    return path


def _word(path: str) -> str:
    """A path as one word of the shell that no command takes for an option."""
    return quote(path if path.startswith("/") else f"./{path}")
