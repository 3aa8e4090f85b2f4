"""Shell completion of what only the store knows. Reads SQLite directly and imports nothing heavy."""

from __future__ import annotations

import click


def cluster_names(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    """The clusters whose names begin with ``incomplete`` and that the command line does not name yet."""
    from styx.store.peek import cluster_names as names

    given = ctx.params.get(param.name or "") or ()
    taken = {given} if isinstance(given, str) else set(given)
    return [name for name in names() if name.startswith(incomplete) and name not in taken]
