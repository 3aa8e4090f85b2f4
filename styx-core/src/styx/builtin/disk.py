"""What the built-ins do with this machine's disk: files replaced whole, and its refusals as the contract's errors."""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import subprocess
from collections.abc import Iterator
from pathlib import Path

from styx.api import InvalidRequest, NotFound, PermissionDenied, ProviderError, QuotaExceeded, Transient
from styx.replacing import replacing

_DENIED = frozenset({errno.EACCES, errno.EPERM, errno.EROFS})
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})
_MISSING = frozenset({errno.ENOENT})
_SENSELESS = frozenset({errno.ENOTDIR, errno.EISDIR, errno.ENAMETOOLONG, errno.ELOOP, errno.EINVAL})


def write_atomically(path: Path, text: str) -> None:
    """Replace ``path`` so that any reader sees the old text or the new, and a killed writer leaves the old."""
    draft = draft_beside(path)
    with replacing(path, draft):
        draft.write_text(text, encoding="utf-8")


def draft_beside(path: Path) -> Path:
    """An unused hidden name in the same directory, so that renaming it to ``path`` is atomic."""
    return path.with_name(f".{secrets.token_hex(4)}.draft")


@contextlib.contextmanager
def refusals(action: str) -> Iterator[None]:
    """Turn every OSError inside into the ProviderError it means. ``action`` completes "cannot ..."."""
    try:
        yield
    except OSError as error:
        raise translate(error, action) from error


def translate(error: OSError, action: str) -> ProviderError:
    """The error of the contract for what the system said when we tried to ``action``."""
    where = os.fsdecode(error.filename) if isinstance(error.filename, str | bytes) else ""
    message = f"cannot {action}: {error.strerror or error}" + (f" ({where})" if where else "")
    if error.errno in _DENIED:
        return PermissionDenied(message, hint="Check who owns the directory and how it is mounted.", action=action)
    if error.errno in _FULL:
        return QuotaExceeded(message, hint="Free some space and run the command again.", resource="disk", scope=where)
    if error.errno in _MISSING:
        return NotFound(message)
    if error.errno in _SENSELESS:
        return InvalidRequest(message)
    return Transient(message)


# A function for scripts: takes away what is mounted below the directory $1. It fails where something stays mounted, for
# whoever removes what is in there would remove it where it comes from.
UNMOUNT_BELOW = r"""
unmount_below() {
  below=$(cd "$1" 2>/dev/null && pwd -P) || return 0
  for try in one two; do
    left=
    while read -r _ at _; do
      at=$(printf %b "$at")
      case $at in "$below"/*) left=$at ;; *) continue ;; esac
      fusermount3 -uz "$at" || fusermount -uz "$at" || umount -l "$at" || sudo -n umount -l "$at"
    done </proc/self/mounts >/dev/null 2>&1
  done
  [ -z "$left" ]
}
"""


def unmount_below(directory: Path) -> None:
    """Take away what is mounted below a directory. Raises OSError (EBUSY) where something stays.

    Whoever removes what is in there would remove it where it comes from.
    """
    script = f'{UNMOUNT_BELOW}unmount_below "$0"'
    done = subprocess.run(["sh", "-c", script, str(directory)], stdin=subprocess.DEVNULL, check=False)
    if done.returncode:
        raise OSError(errno.EBUSY, "something is mounted in there", str(directory))
