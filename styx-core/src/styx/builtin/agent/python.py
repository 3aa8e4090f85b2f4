"""The Python that runs the agent on a node: found, or installed by its package manager, or said to be lacking."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from styx.api import BackendError, Transport
from styx.builtin.agent.codec import clean
from styx.builtin.agent.packages import INSTALLING, NO_RIGHTS, OWNED, installing
from styx.builtin.agent.places import Places

OLDEST = (3, 8)
_NEEDED = "The agent needs Python 3.8 or newer with its whole standard library."
_HINT = "Install one: `apt-get install python3`, `dnf install python3.11`, `apk add python3`, or conda."
_LISTED = 5  # interpreters that an error names

# Debian's python3-minimal has no json and no sqlite3; some builds lack what they were compiled without.
_MODULES = "fcntl json py_compile select sqlite3 zipfile"
_FIND = f"""
check='
import sys
lacking = []
for name in "{_MODULES}".split():
    try:
        __import__(name)
    except ImportError:
        lacking.append(name)
sys.stdout.write("%d.%d.%d %s" % (sys.version_info[:3] + (",".join(lacking) or "-",)))
sys.exit(sys.version_info < {OLDEST} or bool(lacking))
'
for python in python3 python3.14 python3.13 python3.12 python3.11 python3.10 python3.9 python3.8 \
/usr/local/bin/python3 /opt/conda/bin/python3 "$HOME/miniconda3/bin/python3" "$HOME/.local/bin/python3"; do
  path=$(command -v "$python" 2>/dev/null) || continue
  said=$("$path" -I -S -c "$check" 2>/dev/null)
  found=$?
  echo "$path ${{said:-0.0.0 -}}"
  [ $found != 0 ] || break
done
"""
_FOUND = re.compile(r"(/[\w./+-]+) (\d{1,3})\.(\d{1,3})\.(\d{1,3}) ([\w,]+|-)")

_INSTALL = installing(
    apt="python3", dnf="python3.11 python3.12 python3.9 python39 python38 python3", yum="python3.11 python38 python3",
    apk="python3", zypper="python311 python39 python3", pacman="python",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Found:
    """An interpreter on a node; version 0.0.0 where it does not even start."""

    path: str
    version: tuple[int, int, int]
    lacking: str

    @property
    def good(self) -> bool:
        return self.version[:2] >= OLDEST and not self.lacking

    def __str__(self) -> str:
        if not self.version[0]:
            return f"{self.path} does not start"
        name = f"{self.path} is {'.'.join(map(str, self.version))}"
        return f"{name} without {self.lacking.replace(',', ', ')}" if self.version[:2] >= OLDEST else name


async def find_python(transport: Transport, places: Places) -> str:
    """The path of a Python that can run the agent, installed if need be and if the machine is not somebody's own.

    Raises BackendError that says what there is and what to install.
    """
    found = await _look(transport)
    if not (found and found[-1].good):
        said = await _install(transport)
        first, found = found, await _look(transport)
        if not (found and found[-1].good):
            raise _lacking(places, first or found, said)
    return found[-1].path


async def _look(transport: Transport) -> list[_Found]:
    """What there is, up to the first that is good. What a node answers is not taken for a path unless it is one."""
    lines = (await transport.run(_FIND, timeout=60)).text.splitlines()
    matches = [match for line in lines if (match := _FOUND.fullmatch(line))]
    return [
        _Found(path, (int(major), int(minor), int(micro)), "" if lacking == "-" else lacking)
        for path, major, minor, micro, lacking in (match.groups() for match in matches)
    ]


async def _install(transport: Transport) -> str:
    """Have the package manager install one; what to tell when none is there afterwards."""
    result = await transport.run(_INSTALL, timeout=INSTALLING)
    if result.status == OWNED:
        return ""
    if result.status == NO_RIGHTS:
        return " It cannot be installed without a package manager and the right to use it."
    said = result.stderr.decode(errors="replace").strip().rpartition("\n")[2]
    return f" The node's package manager did not bring one: {clean(said)}" if said else ""


def _lacking(places: Places, found: Sequence[_Found], said: str) -> BackendError:
    has = "no Python" if not found else "no Python of use: " + "; ".join(map(str, found[:_LISTED]))
    return BackendError(f"node {places.rank} has {has}. {_NEEDED}{said}", hint=_HINT, node=str(places.rank))
