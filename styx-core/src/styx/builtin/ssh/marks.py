"""The reservation of a machine, kept on the machine itself.

::

    ~/.styx/nodes/<machine>/              made by mkdir, which one of several callers can do
                            styx-...-0    the node that holds the machine; one JSON line

The machine's name is part of the path because machines may share a home. Whoever comes by sees who holds it, so that
installations that know nothing of each other do not meet, and a lost database can be rebuilt. Everything here is POSIX
shell, for the machine may have nothing else.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal, InvalidOperation
from shlex import quote

from styx.api import Owner

TAKEN = 75  # exit status of `reserve` when somebody else holds the machine
_GREETING = "styx-marks"
_ABANDONED_MINUTES = 1  # a reservation without a holder is finished within milliseconds, or never

_PLACE = r"""
umask 077
cd || exit 71
machine=.styx/nodes/$(uname -n)
id=
[ ! -r /etc/machine-id ] || read -r id </etc/machine-id
[ -z "$id" ] || machine=$machine-$id
"""

_LIST = r"""
set -- $SSH_CONNECTION
echo "styx-marks ${3-}"
if [ -d "$machine" ]; then
  echo held
  for file in "$machine"/styx-*; do
    [ -f "$file" ] && printf '%s ' "${file##*/}" && cat "$file"
  done
fi
exit 0
"""

_RESERVE = r"""
abandoned() { # drafts do not show in a plain listing
  [ -n "$(find "$machine" -prune -mmin +MINUTES)" ] && [ -z "$(ls "$machine")" ]
}
if [ -e "$machine/$node" ]; then exit 0; fi
round=0
until mkdir "$machine" 2>/dev/null; do
  if [ -d "$machine" ]; then
    abandoned || exit 75
    rm -f "$machine"/.draft.*
    rmdir "$machine" 2>/dev/null || exit 75
  else # a first time, or whoever held it last has just removed what was left empty
    mkdir -p .styx/nodes || exit 73
  fi
  round=$((round + 1))
  [ $round -lt 10 ] || { mkdir "$machine"; exit 73; }
done
draft=$machine/.draft.$$
if ! { printf '%s\n' "$mark" >"$draft" && mv "$draft" "$machine/$node"; }; then
  rm -f "$draft"
  rmdir "$machine" 2>/dev/null
  exit 73
fi
set -- "$machine"/styx-*
if [ $# -ne 1 ]; then # somebody took the machine for abandoned in the moment we reserved it
  rm -f "$machine/$node"
  exit 75
fi
exit 0
""".replace("MINUTES", str(_ABANDONED_MINUTES))


@dataclass(frozen=True, slots=True)
class Mark:
    """Who holds a machine. ``token`` is that of the launch."""

    owner: Owner
    rank: int
    token: str = ""
    hourly_price: Decimal | None = None

    @property
    def node(self) -> str:
        """The node's name."""
        return self.owner.node_name(self.rank)


@dataclass(frozen=True, slots=True)
class Marks:
    """What a machine says of itself: the address it was reached under, whether it is held, and by whom."""

    address: str
    held: bool
    marks: tuple[Mark, ...]


def place() -> str:
    """The commands that go to the home and set ``machine`` to the path of the reservation."""
    return _PLACE


def listing() -> str:
    """The command that shows the machine's marks; read its output with :func:`parse`."""
    return _PLACE + _LIST


def reserve(mark: Mark, now: datetime) -> str:
    """The command that reserves the machine. Status 0 also when this node holds it already, 75 when another does."""
    text = {"token": mark.token, "reserved_at": now.isoformat(), "hourly_price": _text(mark.hourly_price)}
    return f"node={quote(mark.node)}\nmark={quote(json.dumps(text, sort_keys=True))}\n{_PLACE}{_RESERVE}"


def parse(text: str) -> Marks:
    """Invert what :func:`listing` prints. Raises ValueError for anything else: the machine is not trusted."""
    lines = text.splitlines()
    while lines and not lines[0].startswith(_GREETING):
        lines.pop(0)  # a login script that talks
    if not lines:
        raise ValueError("it does not say whether it is held")
    marks = [mark for line in lines[1:] if (mark := _mark(line)) is not None]
    return Marks(lines[0].removeprefix(_GREETING).strip(), "held" in lines[1:], tuple(marks))


def _mark(line: str) -> Mark | None:
    name, _, text = line.partition(" ")
    parsed = Owner.parse(name)
    if parsed is None or parsed[1] is None:
        return None
    try:
        described = json.loads(text)
        return Mark(parsed[0], parsed[1], str(described.get("token", "")), _price(described.get("hourly_price")))
    except (ValueError, AttributeError, InvalidOperation, RecursionError):
        return Mark(parsed[0], parsed[1])  # whose it is, the name alone tells


def _price(said: object) -> Decimal | None:
    """What the machine says it costs; None for what is no price. Raises InvalidOperation for what is no number."""
    price = Decimal(str(said)) if said else Decimal(0)
    return price if price.is_finite() and price > 0 else None


def _text(price: Decimal | None) -> str | None:
    return None if price is None else str(price)
