"""Groups whose commands are listed from rows and imported only when one is used."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module

import click
from click.shell_completion import CompletionItem

from styx.cli.table import SECTIONS, CommandRow

SUGGESTION_CUTOFF = 0.6

Rows = Callable[[], Mapping[str, CommandRow]]
Load = Callable[[CommandRow, click.Context], click.Command]


def import_command(row: CommandRow, ctx: click.Context) -> click.Command:
    """Import the command that ``row`` names. Errors of the import are not caught."""
    del ctx
    module, _, attribute = row.target.partition(":")
    command: click.Command = getattr(import_module(module), attribute)
    return command


class LazyGroup(click.Group):
    """A group that lists, completes and suggests from ``rows()`` and imports a command only to run or explain it.

    ``load`` turns a row into a command; it is given as an argument so that plugins can be loaded with more care.
    ``own`` are those of the rows that are known without asking.
    """

    def __init__(
        self, *, rows: Rows, load: Load = import_command, own: Mapping[str, CommandRow] | None = None, **attrs: object
    ) -> None:
        super().__init__(**attrs)  # type: ignore[arg-type]
        self._rows = rows
        self._load = load
        self._own = own or {}

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Names in the order of the rows."""
        del ctx
        return list(self._rows())

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command, imported now; None when there is no such row."""
        row = self._find(cmd_name)
        return None if row is None else self._load(row, ctx)

    def _find(self, name: str) -> CommandRow | None:
        return self._own.get(name) or self._rows().get(name)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Like click's, with a suggestion for a misspelt name."""
        name = args[0]
        if not ctx.resilient_parsing and not name.startswith("-") and self._find(name) is None:
            ctx.fail(self._unknown(name))
        return super().resolve_command(ctx, args)

    def _unknown(self, name: str) -> str:
        from difflib import get_close_matches

        near = get_close_matches(name, self._rows(), n=3, cutoff=SUGGESTION_CUTOFF)
        guess = f" Did you mean {' or '.join(near)}?" if near else ""
        return f"There is no command {name!r}.{guess}"

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the commands by section: core's sections first, then those of plugins."""
        del ctx
        sections: dict[str, list[tuple[str, str]]] = {title: [] for title in SECTIONS}
        for row in self._rows().values():
            sections.setdefault(row.section, []).append((row.name, row.help))
        for title, commands in sections.items():
            if commands:
                with formatter.section(title):
                    formatter.write_dl(commands)

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Complete command names with their help, and options, without importing a command."""
        names = [CompletionItem(r.name, help=r.help) for r in self._rows().values() if r.name.startswith(incomplete)]
        return [*names, *click.Command.shell_complete(self, ctx, incomplete)]
