"""What a machine is told for its first boot: a host key for the first contact, who may log in, and core's script.

The host key's private half is derived from a secret of this client and the owner's name: it is stored nowhere, and a
launch that is repeated says the same again. It is good for one contact: whatever runs on the machine can ask the
metadata service for it, so core asks for a key that the machine has made itself, and has this one removed.
"""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from styx.api import Boot, Owner
from styx_aws.secret import Secret

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey

_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551  # of P-256: FIPS 186-4, D.1.2.3
_PRIVATE = "@STYX_PRIVATE_KEY@"

_SCRIPT = """\
#!/bin/sh
# Styx: run once, as root, when this machine boots for the first time.
PATH=${PATH:-/bin}:/usr/local/sbin:/usr/sbin:/sbin:/usr/bin:/bin
styx=$(mktemp) && cat >"$styx" <<'STYX_SCRIPT'
@SCRIPT@
STYX_SCRIPT
sh "$styx" </dev/null
rm -f "$styx"

# The host key by which the first contact knows this machine.
(
  umask 077
  cat >/etc/ssh/styx_key <<'STYX_KEY' && mv -f /etc/ssh/styx_key /etc/ssh/ssh_host_ecdsa_key
@PRIVATE@
STYX_KEY
  umask 022
  printf '%s\\n' @PUBLIC@ >/etc/ssh/ssh_host_ecdsa_key.pub
)

# Who may log in.
user=@USER@ key=@KEY@
home=$(getent passwd "$user" | cut -d: -f6)
if [ -n "$home" ]; then
  mkdir -p "$home/.ssh"
  grep -qxF "$key" "$home/.ssh/authorized_keys" 2>/dev/null || printf '%s\\n' "$key" >>"$home/.ssh/authorized_keys"
  chmod 700 "$home/.ssh"
  chmod 600 "$home/.ssh/authorized_keys"
  chown -R "$user:" "$home/.ssh"
fi

# sshd reads its host keys when it starts, or is told to; where a socket starts it, at the next connection.
if [ -d /run/systemd/system ]; then
  for unit in ssh sshd; do
    systemctl try-reload-or-restart "$unit" 2>/dev/null
  done
elif [ -s /run/sshd.pid ]; then
  kill -HUP "$(cat /run/sshd.pid)"
fi
:
"""


def public_key(secret: Secret, owner: Owner) -> str:
    """The public half of the key of the attempt's first contact, as OpenSSH writes it."""
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    return _key(secret, owner).public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode()


def template(boot: Boot, user: str, public: str) -> str:
    """The script for the machine without the private half of its key: this much may be stored."""
    said = {"SCRIPT": boot.script.rstrip("\n"), "PRIVATE": _PRIVATE}
    said |= {"PUBLIC": shlex.quote(public), "USER": shlex.quote(user), "KEY": shlex.quote(boot.authorized_key)}
    text = _SCRIPT
    for name, value in said.items():
        text = text.replace(f"@{name}@", value)
    return text


def script(template: str, secret: Secret, owner: Owner) -> str:
    """The whole script: what EC2 calls user data."""
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    # Not in OpenSSH's own format, which has random bytes in it: a repeated launch has to be the same to the byte.
    form = Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption()
    return template.replace(_PRIVATE, _key(secret, owner).private_bytes(*form).decode().strip())


def _key(secret: Secret, owner: Owner) -> EllipticCurvePrivateKey:
    from cryptography.hazmat.primitives.asymmetric import ec

    number = int.from_bytes(secret.derive(f"host key of {owner.name}")) % (_ORDER - 1) + 1
    return ec.derive_private_key(number, ec.SECP256R1())
