"""The errors of the contract."""

from __future__ import annotations

import traceback

from styx.api.errors import BadInput, StyxError, from_wire


def shown(error: StyxError) -> str:
    """What Python prints of the error when nobody catches it."""
    return "".join(traceback.format_exception_only(error))


def test_a_traceback_shows_the_hint() -> None:
    """The hint is a note: it is printed with the error and is no part of its text, also after it was sent."""
    error = BadInput("no such thing", hint="Try another.")
    assert (str(error), error.hint) == ("no such thing", "Try another.")
    assert shown(error) == "styx.api.errors.BadInput: no such thing\nHint: Try another.\n"
    assert shown(from_wire(error.to_wire())) == shown(error)


def test_the_note_follows_the_hint() -> None:
    """A hint that is changed, as one that held a secret, is not shown as it was; other notes stay."""
    error = BadInput("no", hint="see hunter2")
    error.add_note("also this")
    error.hint = "see ***"
    assert error.__notes__ == ["also this", "Hint: see ***"]
    error.hint = None
    assert error.__notes__ == ["also this"]
    assert shown(BadInput("no")) == "styx.api.errors.BadInput: no\n"
