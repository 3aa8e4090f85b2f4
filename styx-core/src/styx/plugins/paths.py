"""Where the plugin system keeps its files, as text: pathlib would cost 2 ms on the way to ``styx --help``."""

from __future__ import annotations

import os
from _thread import get_ident


def home() -> str:
    """The root of all state of this installation: ``$STYX_HOME`` or ``~/.styx``; the same as ``styx.config.home``."""
    return os.path.abspath(os.path.expanduser(os.environ.get("STYX_HOME") or "~/.styx"))


def cache_dir() -> str:
    """Where the index is kept; everything in it can be removed at any time."""
    return os.path.join(home(), "cache")


def settings_file() -> str:
    """What the user has switched off, allowed and preferred."""
    return os.path.join(home(), "plugins.json")


def make_private(directory: str) -> None:
    """Make a directory, and those above it that are missing, with mode 0700. Idempotent. Raises OSError."""
    # Of the directories above, makedirs() would leave the mode to the umask: the first to write would open all of them.
    if directory and not os.path.isdir(directory):
        make_private(os.path.dirname(directory))
        os.makedirs(directory, mode=0o700, exist_ok=True)


def write_atomically(path: str, text: str) -> None:
    """Replace the file whole, making its directory (mode 0700). Raises OSError and leaves the old file."""
    from styx.replacing import replacing

    make_private(os.path.dirname(path))
    draft = f"{path}.{os.getpid()}.{get_ident()}.tmp"
    with replacing(path, draft), open(draft, "w", encoding="utf-8") as file:
        file.write(text)
