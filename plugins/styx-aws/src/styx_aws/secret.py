"""A secret of this client: what it would otherwise have to store is derived from it, the same each time."""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
from contextlib import suppress
from pathlib import Path

from styx.api import InvalidConfig

_BYTES = 32


class Secret:
    """Random bytes in a file that only its owner can read, made when they are first needed. Thread-safe."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def derive(self, purpose: str) -> bytes:
        """64 bytes for this purpose: the same for the same, and without the secret nobody can tell them from others.

        Raises InvalidConfig where the file cannot be read or made.
        """
        return hmac.digest(self._read(), purpose.encode(), hashlib.sha512)

    def _read(self) -> bytes:
        try:
            with suppress(FileNotFoundError):
                return self._whole(self._path.read_bytes())
            draft = self._path.with_name(f".{self._path.name}.{secrets.token_hex(8)}")
            try:
                with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as out:
                    out.write(secrets.token_bytes(_BYTES))
                    out.flush()
                    os.fsync(out.fileno())
                with suppress(FileExistsError):  # of many processes one wins
                    os.link(draft, self._path)
            finally:
                draft.unlink(missing_ok=True)
            return self._whole(self._path.read_bytes())
        except OSError as error:
            raise InvalidConfig(f"cannot keep a secret in {self._path}: {error}") from error

    def _whole(self, kept: bytes) -> bytes:
        """What anybody could guess is no secret."""
        if len(kept) != _BYTES:
            raise InvalidConfig(
                f"{self._path} is damaged: it has {len(kept)} bytes instead of {_BYTES}",
                hint="Remove it. A launch that is under way then goes on by what is seen of its machines.",
            )
        return kept
