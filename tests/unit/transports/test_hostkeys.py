"""Pinned host keys."""

from __future__ import annotations

from pathlib import Path

import asyncssh
import pytest

from styx.api import TransportError
from styx.transports import hostkeys


@pytest.fixture(scope="module")
def line() -> str:
    """An OpenSSH public key line."""
    return asyncssh.generate_private_key("ssh-ed25519").export_public_key().decode().strip()


def test_several_keys_are_read_and_empty_lines_skipped(line: str):
    """A node may have a key per algorithm, one a line."""
    other = asyncssh.generate_private_key("ecdsa-sha2-nistp256").export_public_key().decode()
    keys = hostkeys.parse(f"\n{line}\n\n{other}")
    assert [key.get_algorithm() for key in keys] == ["ssh-ed25519", "ecdsa-sha2-nistp256"]


@pytest.mark.parametrize("text", ["", "\n \n", "ssh-ed25519", "ssh-ed25519 AAAA", "-----BEGIN", "ssh-ed25519 \0 x"])
def test_what_is_no_key_is_a_transport_error(text: str):
    """A host key on record that cannot be read lets nobody in and says so."""
    with pytest.raises(TransportError, match="host key on record"):
        hostkeys.parse(text)


def test_fingerprints_look_like_those_of_ssh_keygen(line: str):
    """They can be compared with what `ssh-keygen -l` prints."""
    assert hostkeys.fingerprints(hostkeys.parse(line)).startswith("ssh-ed25519 SHA256:")


def test_the_pinned_file_accepts_this_key_for_any_address(line: str, styx_home: Path):
    """The file is written once, below STYX_HOME, and named by what is in it."""
    path = hostkeys.pinned_file(line)
    assert path == hostkeys.pinned_file(f"{line}\n")
    assert path.is_relative_to(styx_home)
    assert path.read_text() == f"* {line}\n"
    assert [entry.name for entry in path.parent.iterdir()] == [path.name]


def test_two_keys_never_share_a_file(line: str):
    """Another key gets another file."""
    other = asyncssh.generate_private_key("ssh-ed25519").export_public_key().decode()
    assert hostkeys.pinned_file(line) != hostkeys.pinned_file(other)
