"""What a host has for switching itself off and for its services.

A host shares its programs with this machine, where ``shutdown`` would be meant for this machine. These stand before
them: sshd is the first process of a host, and its end is the host's.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from pathlib import Path

NAMES = ("shutdown", "poweroff", "halt", "reboot", "systemctl", "service")
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_TEXT = """\
#!/bin/sh
# A host of a test: sshd is all that it runs as a service, and it is off when that ends.
off() {{ kill -TERM "$(cat {pid})"; }}
case ${{0##*/}} in
shutdown)
  minutes=0
  for word; do
    case $word in
    -c) kill "$(cat {pid}.shutdown)"; exit ;;
    +*) minutes=${{word#+}} ;;
    esac
  done
  [ "$minutes" -gt 0 ] || {{ off; exit; }}
  (sleep $((minutes * 60)); off) >/dev/null 2>&1 &
  echo $! >{pid}.shutdown ;;
poweroff | halt) off ;;
systemctl | service)
  case "$*" in
  *poweroff* | *halt*) off ;;
  *reload*ssh* | *restart*ssh* | *ssh*reload* | *ssh*restart*) kill -HUP "$(cat {pid})" ;;
  *) echo "$0 $*: there is no such thing on a test host" >&2; exit 5 ;;
  esac ;;
sudo) # for a user who is root by another name
  while :; do
    case $1 in -u | -g) shift 2 ;; -*) shift ;; *) break ;; esac
  done
  exec env "$@" ;;
*) echo "${{0##*/}}: a test host cannot" >&2; exit 1 ;;
esac
"""


def write(directory: Path, pid: str, *, sudo: bool) -> None:
    """Write the programs for a host whose sshd leaves its process id at ``pid``, as the host sees it."""
    directory.mkdir(exist_ok=True)
    for name in (*NAMES, *(("sudo",) if sudo else ())):
        program = directory / name
        program.write_text(_TEXT.format(pid=pid))
        program.chmod(0o755)


def mounts(directory: Path) -> Iterable[str]:
    """What to mount where (``SOURCE TARGET``), so that this machine's own are out of a host's reach."""
    yield f"{directory} /usr/local/sbin"
    found = {Path(path).resolve() for path in (shutil.which(name, path=PATH) for name in NAMES) if path}
    for path in sorted(found):
        yield f"{directory}/systemctl {path}"
