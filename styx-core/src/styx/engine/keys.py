"""The installation's own SSH key: what new machines let in."""

from __future__ import annotations

import os
from pathlib import Path

from styx.api.errors import StoreError


def public_key(home: Path) -> str:
    """The OpenSSH public key of this installation, made on first use below ``home/ssh`` (private half mode 0600)."""
    private, public = home / "ssh" / "id_ed25519", home / "ssh" / "id_ed25519.pub"
    try:
        return public.read_text().strip()
    except FileNotFoundError:
        pass
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    key = Ed25519PrivateKey.generate()
    secret = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.OpenSSH, serialization.NoEncryption()
    )
    text = key.public_key().public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH).decode()
    try:
        private.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        try:
            file = os.open(private, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:  # another process is making it, or was killed between the two files
            return _derive(private, public)
        with os.fdopen(file, "wb") as out:
            out.write(secret)
        public.write_text(f"{text} styx\n")
    except OSError as error:
        raise StoreError(f"cannot write the SSH key below {private.parent}: {error}") from error
    return f"{text} styx"


def _derive(private: Path, public: Path) -> str:
    """The public half of a private key that another process may just be writing."""
    from time import sleep

    from cryptography.hazmat.primitives import serialization

    for _ in range(50):
        try:
            key = serialization.load_ssh_private_key(private.read_bytes(), None)
        except ValueError:
            sleep(0.02)
            continue
        raw = key.public_key().public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH)
        public.write_text(f"{raw.decode()} styx\n")
        return f"{raw.decode()} styx"
    raise StoreError(f"{private} is not a private key", hint="Move it away; a new one will be made.")
