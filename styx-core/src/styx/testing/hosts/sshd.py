"""The sshd of a host: its settings and keys."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from pathlib import Path

from styx.testing.hosts.programs import PATH
from styx.testing.hosts.slots import run

SSHD = shutil.which("sshd", path=os.environ.get("PATH", "") + ":/usr/sbin:/usr/local/sbin")
KEY = "ssh_host_ed25519_key"
BOOT_KEY = "ssh_host_ecdsa_key"  # only where boot data has brought one
# Only for hosts that are not isolated: a home of its own for every command, by which its processes are found, too.
# sshd runs this instead of what the line of the user's key in authorized_keys may ask for, so it has to obey that.
_SESSION = r"""#!/bin/sh
export HOME={home} PATH={programs}:$PATH
cd || exit
key=$(sed -n 's/^publickey //p' "$SSH_USER_AUTH")
own=$(grep -s -F -e "$key" .ssh/authorized_keys | sed -n '1s/^[^"]*command="\(.*\)" [^"]*$/\1/p' | sed 's/\\"/"/g')
command=${{own:-$SSH_ORIGINAL_COMMAND}}
exec sh ${{command:+-c "$command"}}
"""


def new_key(directory: Path, comment: str) -> None:
    """Make another host key."""
    key = directory / KEY
    for path in (key, key.with_suffix(".pub")):
        path.unlink(missing_ok=True)
    run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", comment, "-f", str(key))


def write_config(directory: Path, at: str, home: str, options: Mapping[str, str]) -> None:
    """Write ``sshd_config`` into the directory that the host knows as ``at``; ``options`` override."""
    defaults = {
        "AuthorizedKeysFile": f"{at}/authorized_keys {home}/.ssh/authorized_keys", "StrictModes": "no",
        "PasswordAuthentication": "no", "KbdInteractiveAuthentication": "no",
        "PermitRootLogin": "prohibit-password", "UseDNS": "no", "MaxStartups": "200:30:400",
        "PrintMotd": "no", "PrintLastLog": "no", "Subsystem": f"sftp {_sftp_server()}",
    }  # fmt: skip
    keys = [f"HostKey {at}/{name}\n" for name in (KEY, BOOT_KEY)]
    lines = [f"{name} {value}\n" for name, value in (defaults | dict(options)).items()]
    (directory / "sshd_config").write_text("".join((*keys, *lines)))


def write_session(directory: Path, home: Path, programs: Path) -> dict[str, str]:
    """Write what gives every command the host's home; the options that have sshd use it."""
    session = directory / "session"
    session.write_text(_SESSION.format(home=home, programs=programs))
    session.chmod(0o755)
    return {"ForceCommand": str(session), "ExposeAuthInfo": "yes"}


def environment(home: str) -> dict[str, str]:
    """What a program on a host finds."""
    return {"PATH": f"{os.environ.get('PATH', '')}:{PATH}", "HOME": home}


def _sftp_server() -> str:
    places = ("/usr/lib/openssh/sftp-server", "/usr/libexec/openssh/sftp-server", "/usr/lib/ssh/sftp-server")
    return next((place for place in places if Path(place).exists()), "internal-sftp")
