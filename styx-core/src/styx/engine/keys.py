"""The installation's own SSH key: what new machines let in."""

from __future__ import annotations

import os
import secrets
from contextlib import suppress
from pathlib import Path

from styx.api.errors import StoreError


def private_key(home: Path) -> Path:
    """Where the private half is."""
    return home / "ssh" / "id_ed25519"


def public_key(home: Path) -> str:
    """The OpenSSH public key of this installation, made on first use below ``home/ssh`` (private half mode 0600)."""
    private = private_key(home)
    public = private.with_suffix(".pub")
    with suppress(FileNotFoundError):
        known = public.read_text().strip()
        if known:  # else another process is just writing it
            return known
    try:
        _make(private)
        text = _public_half(private)
        public.write_text(f"{text}\n")
    except OSError as error:
        raise StoreError(f"cannot write the SSH key below {private.parent}: {error}") from error
    return text


def _make(private: Path) -> None:
    """Make the private key unless there is one: complete at once, and of many processes one wins."""
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    if private.exists():
        return
    secret = Ed25519PrivateKey.generate().private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.OpenSSH, serialization.NoEncryption()
    )
    private.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = private.with_name(f".{private.name}.{secrets.token_hex(8)}")
    try:
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as out:
            out.write(secret)
        with suppress(FileExistsError):
            os.link(draft, private)
    finally:
        draft.unlink(missing_ok=True)


def _public_half(private: Path) -> str:
    from cryptography.hazmat.primitives import serialization

    try:
        key = serialization.load_ssh_private_key(private.read_bytes(), None)
    except ValueError as error:
        raise StoreError(
            f"{private} is not a private key: {error}", hint="Move it away; a new one will be made."
        ) from error
    raw = key.public_key().public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH)
    return f"{raw.decode()} styx"
