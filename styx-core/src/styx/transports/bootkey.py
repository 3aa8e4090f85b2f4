"""The host key that boot data brought a machine: it vouches for the machine's own key, and is then taken from it.

Whoever may read the boot data has both halves of it, so it is good for the first contact and for nothing after. Both
scripts look where sshd does unless it is told otherwise: for ``/etc/ssh/ssh_host_*_key``. They may be cut short
anywhere and run again.
"""

from __future__ import annotations

import shlex
from collections.abc import Awaitable, Callable

from styx.api import CommandResult, TransportError

Run = Callable[[str], Awaitable[CommandResult]]

OWN = "/etc/ssh/ssh_host_ed25519_key"

_AS_ROOT = 'as_root() { if [ "$(id -u)" = 0 ]; then sh -c "$1"; else sudo -n sh -c "$1"; fi; }'

# The sshd that listens is the first process above us that is no session of its own; there is none where another
# program listens for it, and then every connection reads the keys anew.
_RELOAD = """\
reload() {
  p=$$
  while [ "${p:-0}" -gt 0 ]; do
    line=$(tr '\\0' ' ' </proc/$p/cmdline)
    case "$line" in
      'sshd: '*'[listener]'*) kill -HUP "$p"; return ;;
    esac
    case "${line%% *}" in
      /*/sshd) kill -HUP "$p"; return ;;
    esac
    p=$(sed 's/.*) //' /proc/$p/stat | cut -d' ' -f2)
  done
}
"""
_MAKE = f"""{_RELOAD}
ssh-keygen -q -t ed25519 -N '' -f {OWN} </dev/null >/dev/null && reload && sleep 1
"""
_ASK = f"""{_AS_ROOT}
[ -s {OWN}.pub ] || as_root {shlex.quote(_MAKE)}
cat {OWN}.pub
"""

# The public half goes last: while it is there the work is not done.
_TAKE = f"""{_RELOAD}
for public in /etc/ssh/ssh_host_*_key.pub; do
  read -r kind key rest <"$public"
  [ "$key" = @KEY@ ] || continue
  rm -f "${{public%.pub}}" && reload && rm -f "$public" || exit
done
"""
_TAKE_AWAY = f"""{_AS_ROOT}
grep -qsF @KEY@ /etc/ssh/ssh_host_*_key.pub || exit 0
as_root {shlex.quote(_TAKE)}
"""


async def own_key(run: Run) -> str | None:
    """The key that the machine has made itself, as an OpenSSH line; made now where it is missing, if that can be.

    None where there is none. Raises TransportError.
    """
    found = (await run(_ASK)).text.split()[:2]
    return " ".join(found) if len(found) > 1 else None


async def take_away(run: Run, boot_key: str) -> str | None:
    """Have the machine's sshd forget the key of its boot data; why it has not, or None. Idempotent."""
    key = boot_key.split()[1]
    try:
        done = await run(_TAKE_AWAY.replace("@KEY@", key))
    except TransportError as error:
        return error.message
    if done.status == 0:
        return None
    said = done.stderr.decode(errors="replace").strip().splitlines()
    return said[-1] if said else f"exit status {done.status}"
