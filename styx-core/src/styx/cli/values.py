"""Types of options and arguments that say what is wrong in Styx's own words."""

from __future__ import annotations

from typing import Any

import click


class WholeNumber(click.IntRange):
    """A whole number, with a least one where ``min`` is given."""

    name = "number"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """The number. Raises click.BadParameter."""
        try:
            number = int(value)
        except (TypeError, ValueError):
            self.fail(f"{value!r} is not a whole number", param, ctx)
        if self.min is not None and number < self.min:
            self.fail(f"it must be at least {self.min:g}, not {number}", param, ctx)
        return number


class OneOf(click.Choice[str]):
    """One of several words."""

    def get_missing_message(self, param: click.Parameter, ctx: click.Context | None) -> str:
        """The words, on the line of the message itself."""
        del param, ctx
        return f"It is one of {', '.join(map(str, self.choices))}."
