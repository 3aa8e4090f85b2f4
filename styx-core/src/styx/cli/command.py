"""The click command behind all of Styx's: options in sections, and notes (examples, exit codes) below."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import click

from styx.cli.habits import EVERYWHERE, Refused

FunctionT = TypeVar("FunctionT", bound=Callable[..., Any])

DEFAULT_SECTION = "Options"


class SectionOption(click.Option):
    """An option that ``--help`` lists under ``section``."""

    def __init__(self, *args: Any, section: str = DEFAULT_SECTION, **attrs: Any) -> None:
        super().__init__(*args, **attrs)
        self.section = section


def option(*declarations: str, section: str = DEFAULT_SECTION, **attrs: Any) -> Callable[[FunctionT], FunctionT]:
    """Like ``click.option``, listed under ``section`` in the command's help."""
    return click.option(*declarations, cls=SectionOption, section=section, **attrs)


class Command(click.Command):
    """A command whose help has options in sections and ends with ``notes``: title to text, printed as it is.

    ``inner`` says that the arguments may hold a command of the user's own, so that an unknown option is probably meant
    for that one: the message then tells about ``--``. ``refused`` has what to say about flags that are known elsewhere.
    """

    def __init__(
        self,
        *args: Any,
        notes: Mapping[str, str] | None = None,
        inner: bool = False,
        refused: Refused | None = None,
        **attrs: Any,
    ) -> None:
        super().__init__(*args, **attrs)
        self.notes = dict(notes or {})
        self.inner = inner
        self.refused = {**EVERYWHERE, **(refused or {})}

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse like click, and say more about an option that it does not have."""
        try:
            return super().parse_args(ctx, args)
        except click.NoSuchOption as error:
            sentence = self.refused.get(error.option_name)
            message = f"There is no {error.option_name}: {sentence}" if sentence else error.format_message()
            if self.inner:
                message += "\nOptions of your own command go after '--', as in: -- python train.py --lr 3"
            elif not sentence:
                raise
            raise click.UsageError(message, ctx) from error

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the options by section, in the order in which they are declared; the unnamed section comes last."""
        sections: dict[str, list[tuple[str, str]]] = {}
        for parameter in self.get_params(ctx):
            record = parameter.get_help_record(ctx) if isinstance(parameter, click.Option) else None
            if record is not None:
                sections.setdefault(getattr(parameter, "section", DEFAULT_SECTION), []).append(record)
        general = sections.pop(DEFAULT_SECTION, [])
        for title, records in {**sections, DEFAULT_SECTION: general}.items():
            with formatter.section(title):
                formatter.write_dl(records)

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the notes, line by line as they are."""
        del ctx
        for title, text in self.notes.items():
            with formatter.section(title):
                for line in text.strip("\n").splitlines():
                    formatter.write(f"{'':>{formatter.current_indent}}{line}\n" if line else "\n")
