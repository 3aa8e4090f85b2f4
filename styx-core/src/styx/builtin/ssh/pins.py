"""The host keys of machines: given in the settings, else pinned at the first contact, and never changed after that."""

from __future__ import annotations

import contextlib
import logging
import os
import re
from pathlib import Path

from styx.api import TransportError
from styx.builtin.disk import draft_beside
from styx.builtin.ssh.config import HostConfig
from styx.transports import hostkeys
from styx.transports.connect import Target
from styx.transports.firstcontact import shown_key


class Pins:
    """Pinned keys below one directory, a file for each machine."""

    def __init__(self, directory: Path, log: logging.Logger) -> None:
        self._directory = directory
        self._log = log

    async def key(self, host: HostConfig, target: Target, patience: float | None = None) -> str:
        """The only key that this machine may show.

        Raises TransportError when it has to be asked and is not there, within ``patience`` seconds if there is nothing
        in between.
        """
        if host.host_key:
            return host.host_key
        path = self.path(host)
        with contextlib.suppress(FileNotFoundError):
            return path.read_text(encoding="utf-8")
        shown = await shown_key(target, patience)
        try:
            pinned = _keep(path, shown)
        except OSError as error:
            raise TransportError(f"cannot pin the host key of {host.label}: {error}", node=host.host) from error
        if pinned == shown:
            self._log.warning(
                "first contact with %s: its host key %s is trusted from now on; compare it with "
                "`ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub` on the machine",
                host.label, hostkeys.fingerprints(hostkeys.parse(shown)),
            )  # fmt: skip
        return pinned

    def remedy(self, host: HostConfig) -> str:
        """What to do when the machine has another key for a good reason."""
        if host.host_key:
            return "write its new key into config.yaml, as host_key"
        return f"remove {self.path(host)}, and the key that it shows next is trusted"

    def path(self, host: HostConfig) -> Path:
        """Where the machine's key is pinned."""
        return self._directory / file_name(host)


def file_name(host: HostConfig) -> str:
    """A name for the machine that can be a file's."""
    return re.sub(r"[^A-Za-z0-9.-]", "_", f"{host.host}_{host.port}").lstrip(".")


def _keep(path: Path, key: str) -> str:
    """Write the pin unless another process was faster; the one that counts."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = draft_beside(path)
    draft.write_text(key, encoding="utf-8")
    try:
        with contextlib.suppress(FileExistsError):
            os.link(draft, path)
        return path.read_text(encoding="utf-8")
    finally:
        draft.unlink(missing_ok=True)
