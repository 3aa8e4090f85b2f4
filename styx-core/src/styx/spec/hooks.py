"""``config``: what a task changes of the settings for itself. Only its lifecycle hooks have a shape known here."""

from __future__ import annotations

from styx.spec import fields
from styx.spec.amounts import MAX_MINUTES
from styx.spec.place import Place
from styx.spec.plain import plain_mapping
from styx.spec.shapes import each_item, integer, keyed, one_of

EVENTS = ("stop", "preemption", "down")
MAX_HOOKS = 32
MAX_SCRIPT = 16 * 1024  # bytes


def config(value: object, place: Place) -> dict[str, object]:
    """The mapping, with ``hooks`` checked. Other sections belong to plugins, which check them when they are used."""
    found = plain_mapping(value, place)
    if found.get("hooks") is not None:
        found["hooks"] = _hooks(fields.mapping(value, place)["hooks"], place.at(value, "hooks"))
    return found


def _script(value: object, place: Place) -> str:
    found = fields.text(value, place, lines=True)
    if not found:
        raise place.error("must not be empty")
    if len(found.encode()) > MAX_SCRIPT:
        raise place.error(f"is longer than {MAX_SCRIPT // 1024} KiB", hint="Put it into a file and run that.")
    return found


def _events(value: object, place: Place) -> list[object]:
    """When to run; each event once."""
    found = each_item(one_of(*EVENTS), most=len(EVENTS))(value, place)
    assert isinstance(found, list)
    if not found:
        raise place.error(f"must name one of {', '.join(EVENTS)}")
    return [*dict.fromkeys(found)]


_hooks = each_item(
    keyed({"run": _script, "events": _events, "timeout": integer(1, MAX_MINUTES * 60)}, "run"), most=MAX_HOOKS
)
