"""What can go wrong with one call of a provider, and with which calls."""

from __future__ import annotations

from enum import StrEnum


class Role(StrEnum):
    """What a call does on the far side, which decides what can go wrong with it."""

    BUY = "buy"  # makes machines, or starts them
    CHANGE = "change"  # changes or removes what is there
    LIST = "list"  # says what is there
    ASK = "ask"  # anything else that changes nothing


class Fault(StrEnum):
    """One thing that goes wrong at one call. The first three end the process with SIGKILL."""

    UNSENT = "killed before it was sent"
    UNREAD = "killed when it was done and the answer not read"
    UNCOMMITTED = "killed when the answer was read and not committed"
    CUT = "cut off before it was sent"
    UNANSWERED = "cut off when it was done"
    OUTAGE = "cut off when it was done, and from then on"
    THROTTLED = "throttled"
    EXPIRED = "credentials expired"
    DENIED = "permission denied"
    NO_CAPACITY = "no capacity"
    OVER_QUOTA = "quota exceeded"
    GONE = "no longer sold"
    INVALID = "request rejected"
    LATE = "not answered, and done later"
    TWICE = "done twice"
    STALE = "answered with what was before the last change"
    SUSPENDED = "suspended before it was sent, until others had been there"
    SUSPENDED_DONE = "suspended when it was done, until others had been there"


KILLS = frozenset({Fault.UNSENT, Fault.UNREAD, Fault.UNCOMMITTED})
SUSPENSIONS = frozenset({Fault.SUSPENDED, Fault.SUSPENDED_DONE})
_ALWAYS = (
    Fault.UNSENT, Fault.UNREAD, Fault.UNCOMMITTED, Fault.CUT, Fault.UNANSWERED, Fault.OUTAGE, Fault.THROTTLED,
    Fault.EXPIRED, Fault.DENIED, Fault.SUSPENDED, Fault.SUSPENDED_DONE,
)  # fmt: skip
_REFUSALS = (Fault.NO_CAPACITY, Fault.OVER_QUOTA, Fault.GONE, Fault.INVALID)

POSSIBLE: dict[Role, tuple[Fault, ...]] = {
    Role.BUY: (*_ALWAYS, *_REFUSALS, Fault.LATE, Fault.TWICE),
    Role.CHANGE: (*_ALWAYS, Fault.LATE, Fault.TWICE),
    Role.LIST: (*_ALWAYS, Fault.STALE),
    Role.ASK: _ALWAYS,
}

# The calls of the contract. What is not here is no call of a provider (`port_address`, `transport`, ...).
ROLES: dict[str, Role] = {
    "check": Role.ASK,
    "scopes": Role.ASK,
    "offers": Role.ASK,
    "prepare": Role.ASK,
    "prepare_start": Role.ASK,
    "console_log": Role.ASK,
    "launch": Role.BUY,
    "terminate": Role.CHANGE,
    "discard": Role.CHANGE,
    "stop": Role.CHANGE,
    "open_ports": Role.CHANGE,
    "admit": Role.CHANGE,
    "set_shutdown": Role.CHANGE,
    "observe": Role.LIST,
}

# The requests of a SimpleCloud: what its author writes.
SIMPLE_ROLES: dict[str, Role] = {
    "account": Role.ASK,
    "price_list": Role.ASK,
    "upload_key": Role.ASK,
    "create": Role.BUY,
    "machines": Role.LIST,
    "delete": Role.CHANGE,
    "delete_rest": Role.CHANGE,
    "stop_machine": Role.CHANGE,
    "start_machine": Role.BUY,
    "open_machine": Role.CHANGE,
}
