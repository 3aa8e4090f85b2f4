"""Pinned host keys: what is accepted, and how it is told to asyncssh and to the ``ssh`` program."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from styx.api import TransportError
from styx.replacing import replacing
from styx.transports.streams import LOOK

if TYPE_CHECKING:
    import asyncssh


def parse(text: str) -> list[asyncssh.SSHKey]:
    """The keys in OpenSSH public key lines (``ssh-ed25519 AAAA...``). Raises TransportError when there is none."""
    import asyncssh

    try:
        keys = [asyncssh.import_public_key(line) for line in text.splitlines() if line.strip()]
    except (asyncssh.KeyImportError, ValueError) as error:
        raise TransportError(f"the host key on record is not an OpenSSH public key: {error}", hint=LOOK) from error
    if not keys:
        raise TransportError("the host key on record is empty", hint=LOOK)
    return keys


def fingerprints(keys: Sequence[asyncssh.SSHKey]) -> str:
    """The keys as ``ssh-keygen -l`` shows them: ``SHA256:...``, comma-separated."""
    return ", ".join(f"{key.get_algorithm()} {key.get_fingerprint()}" for key in keys)


def pinned_file(host_key: str) -> Path:
    """A known_hosts file that accepts exactly this key, whatever name or address the host goes by.

    Its name is the hash of its contents, so that writing it again is harmless and two nodes never share one by mistake.
    """
    text = "".join(f"* {line.strip()}\n" for line in host_key.splitlines() if line.strip())
    root = Path(os.environ.get("STYX_HOME") or Path.home() / ".styx")
    path = root / "known_hosts" / hashlib.sha256(text.encode()).hexdigest()[:16]
    if not path.exists():
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        draft = path.with_name(f".{path.name}.{os.getpid()}")
        with replacing(path, draft):
            draft.write_text(text)
    return path
