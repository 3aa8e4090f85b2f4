"""Secrets at rest: text encrypted with AES-256-GCM, under a key that the database never sees.

The key is ``secret.key`` below the home, made on first use and readable by its owner alone, or comes from a plugin
(hook ``styx_sealing_key``): servers that share a database need the same. Sealed text is ``v1.KEY.DATA``, where ``KEY``
says under which key it was sealed and ``DATA`` is nonce and ciphertext. What it is ``about`` (``job:KEY``,
``request:ID``) is authenticated with it: moved to another row it cannot be opened.
"""

from __future__ import annotations

import os
import secrets
from base64 import b64decode, urlsafe_b64encode
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

from styx.api.errors import InvalidConfig, StyxError

if TYPE_CHECKING:
    from styx.plugins.manager import PluginManager
    from styx.store import Store

FILE_NAME = "secret.key"
HOOK = "styx_sealing_key"
_KEY_BYTES = 32
_NONCE_BYTES = 12
_VERSION = "v1"


class SealingError(StyxError):
    """Sealed text cannot be opened: it was sealed under another key, is about something else, or was changed."""

    code = "sealing_error"
    exit_code = 77


class Sealer:
    """Seals and opens text under one key, which comes from ``source``. Thread-safe."""

    def __init__(self, key: bytes, source: str = "") -> None:
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        self._source = source
        self._cipher = AESGCM(key)
        self._name = sha256(b"styx sealing key " + key).hexdigest()[:8]

    @classmethod
    def open(cls, home: Path, plugins: PluginManager | None = None) -> Sealer:
        """With the key that a plugin has, or else that of ``home``. Raises InvalidConfig, PluginError."""
        key = _of_plugin(plugins) if plugins is not None and plugins.implements(HOOK) else None
        if key:
            return cls(key, f"what a plugin gives by {HOOK}")
        return cls(_of_file(home / FILE_NAME), str(home / FILE_NAME))

    def require_for(self, store: Store) -> None:
        """Raise SealingError unless all servers of the store have this key: it is that of the first which asks."""
        if store.sealing_key(self._name) != self._name:
            raise SealingError(
                f"{self._source} is another key than the one of this database",
                hint=f"All its servers need the same: copy {FILE_NAME} from the home of another. If it is lost, "
                "`styx-server forget-key` gives up what is sealed.",
            )

    def seal(self, text: str, about: str) -> str:
        """The text, for those who have the key and ask about the same thing."""
        nonce = secrets.token_bytes(_NONCE_BYTES)
        data = nonce + self._cipher.encrypt(nonce, text.encode(), about.encode())
        return f"{_VERSION}.{self._name}.{urlsafe_b64encode(data).decode()}"

    def unseal(self, sealed: str, about: str) -> str:
        """The text that was sealed. Raises SealingError."""
        from cryptography.exceptions import InvalidTag

        version, _, rest = sealed.partition(".")
        name, _, encoded = rest.partition(".")
        if version != _VERSION:
            raise SealingError(
                f"the secrets of {about} are sealed in a way that is not known here", hint="Is this an older server?"
            )
        if name != self._name:
            raise SealingError(
                f"the secrets of {about} were sealed under another key",
                hint=f"Servers that share a database need the same {FILE_NAME} in their homes.",
            )
        try:
            data = b64decode(encoded, altchars=b"-_", validate=True)
            return self._cipher.decrypt(data[:_NONCE_BYTES], data[_NONCE_BYTES:], about.encode()).decode()
        except (ValueError, InvalidTag):  # ValueError: no base64, or too short
            raise SealingError(f"the sealed secrets of {about} were changed, or belong to something else") from None


def _of_plugin(plugins: PluginManager) -> bytes | None:
    """The key that a plugin has. One that has it but cannot be used must not be passed over for another key."""
    from styx.plugins.manager import unusable
    from styx.plugins.status import CONFLICT, DISABLED, OK

    for plugin in plugins.plugins:
        if HOOK in plugin.manifest["implements"] and plugin.status not in (OK, CONFLICT, DISABLED):
            raise unusable(f"the sealing key of plugin {plugin.name!r}", plugin)
    key = plugins.first(HOOK)
    if key is not None and not (isinstance(key, bytes) and len(key) == _KEY_BYTES):
        raise InvalidConfig(f"what a plugin gave as sealing key is not {_KEY_BYTES} bytes")
    return key


def _of_file(path: Path) -> bytes:
    """The key in the file, which is made unless it is there: complete at once, and of many processes one wins."""
    try:
        if not path.exists():
            _make(path)
        if path.stat().st_mode & 0o077:
            raise InvalidConfig(f"{path} can be read by others", hint=f"Close it: chmod 600 {path}")
        key = bytes.fromhex(path.read_text(encoding="ascii"))
    except OSError as error:
        raise InvalidConfig(f"cannot read or write {path}: {error.strerror}") from error
    except ValueError:
        key = b""
    if len(key) != _KEY_BYTES:
        raise InvalidConfig(
            f"{path} holds no key",
            hint="Put the one that was there back. If it is lost, move this away, so that a new one is made, and let "
            "`styx-server forget-key` give up what is sealed.",
        )
    return key


def _make(path: Path) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="ascii") as out:
            out.write(f"{secrets.token_hex(_KEY_BYTES)}\n")
            out.flush()
            os.fsync(out.fileno())
        with suppress(FileExistsError):
            os.link(draft, path)
    finally:
        draft.unlink(missing_ok=True)
