"""Types of options and arguments that say what is wrong in Styx's own words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from decimal import Decimal


class WholeNumber(click.IntRange):
    """A whole number, with a least one where ``min`` is given, and a greatest where ``max`` is."""

    name = "number"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """The number. Raises click.BadParameter."""
        try:
            number = int(value)
        except (TypeError, ValueError):
            self.fail(f"{value!r} is not a whole number", param, ctx)
        if self.min is not None and number < self.min:
            self.fail(f"it must be at least {self.min:g}, not {number}", param, ctx)
        if self.max is not None and number > self.max:
            self.fail(f"it must be at most {self.max}, not {number}", param, ctx)
        return number


class Directory(click.Path):
    """A directory of this machine that is there, or the URI of one in a store."""

    name = "directory"

    def __init__(self) -> None:
        super().__init__(exists=True, file_okay=False)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """The path or the URI as it is. Raises click.BadParameter."""
        return value if isinstance(value, str) and "://" in value else super().convert(value, param, ctx)


class Dollars(click.ParamType["Decimal"]):
    """An amount of money, 0 or more."""

    name = "usd"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Decimal:
        """The amount. Raises click.BadParameter."""
        from decimal import Decimal, InvalidOperation

        try:
            amount = Decimal(str(value).removeprefix("$"))
        except InvalidOperation:
            self.fail(f"{value!r} is no amount of USD", param, ctx)
        if not amount.is_finite() or amount < 0:
            self.fail(f"{value!r} is no amount of USD", param, ctx)
        return amount


class Span(click.ParamType[float]):
    """A length of time with its unit, in seconds: ``90s``, ``30m``, ``12h``, ``7d``."""

    name = "time"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """The seconds. Raises click.BadParameter."""
        from styx.words import span

        seconds = value if isinstance(value, float) else span(value)
        if seconds is None:
            self.fail(f"{value!r} is no time such as 90s, 30m, 12h or 7d", param, ctx)
        return seconds


class ExitCodes(click.ParamType[tuple[int, ...]]):
    """Exit codes with commas between them: ``33,34``."""

    name = "codes"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[int, ...]:
        """The codes. Raises click.BadParameter."""
        if isinstance(value, tuple):
            return value
        words = [word.strip() for word in value.split(",")]
        if not all(word.isascii() and word.isdigit() and 0 < int(word) <= _LAST_CODE for word in words):
            self.fail(f"{value!r} is no list of exit codes from 1 to {_LAST_CODE}, such as 33,34", param, ctx)
        return tuple(map(int, words))


_LAST_CODE = 255


class OneOf(click.Choice[str]):
    """One of several words."""

    def get_missing_message(self, param: click.Parameter, ctx: click.Context | None) -> str:
        """The words, on the line of the message itself."""
        del param, ctx
        return f"It is one of {', '.join(map(str, self.choices))}."
