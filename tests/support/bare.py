"""Hosts with a few tools and nothing else, for tests of what is installed on nodes."""

from __future__ import annotations

import shutil

from styx.testing.hosts import Host

# Everything that is on such a host's PATH: no interpreter, and no real package manager.
TOOLS = (
    "cat chmod cp cut dd env expr false grep head id ln ls mkdir mv ps pwd readlink rm rmdir sed sh sleep stat test "
    "touch tr true uname wc"
)


def strip(host: Host) -> None:
    """Leave the host with these tools alone."""
    host.run("mkdir bin")
    for tool in TOOLS.split():
        host.run(f"ln -s {shutil.which(tool)} bin/{tool}")
    host.configure(SetEnv="PATH=/root/bin")


def program(host: Host, name: str, text: str) -> None:
    """Put a shell script on the host's PATH."""
    path = host.home / "bin" / name
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
