"""The certificate that a server makes for itself."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256

from styx.api.errors import InvalidConfig
from styx.server.http import certificate


def test_it_is_made_once(tmp_path: Path) -> None:
    """The same is there at the next start, and its key is for its user alone."""
    home = tmp_path / "home"
    made, key = certificate.own(home)
    before = made.read_bytes(), key.read_bytes()
    assert certificate.own(home) == (made, key)
    assert (made.read_bytes(), key.read_bytes()) == before
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    assert sorted(path.name for path in home.iterdir()) == ["tls.crt", "tls.key"]


def test_its_fingerprint(tmp_path: Path) -> None:
    """It is the SHA-256 that others tell of it, also where a chain follows."""
    made, _ = certificate.own(tmp_path)
    told = x509.load_pem_x509_certificate(made.read_bytes()).fingerprint(SHA256()).hex()
    assert certificate.fingerprint(made) == told
    chain = tmp_path / "chain.pem"
    chain.write_bytes(b"# mine\n" + made.read_bytes() + certificate.own(tmp_path / "other")[0].read_bytes())
    assert certificate.fingerprint(chain) == told
    with pytest.raises(InvalidConfig, match="cannot read a certificate"):
        certificate.fingerprint(tmp_path / "tls.key")
