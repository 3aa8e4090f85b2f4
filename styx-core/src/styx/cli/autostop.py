"""From ``-i``, ``--down`` and ``--wait-for`` to an autostop policy."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from styx.api.backend import Autostop


def policy(idle_minutes: int | None, wait_for: str | None, *, down: bool) -> Autostop | None:
    """The policy asked for, None when none was. ``--down`` alone means at once when idle. Raises click.UsageError."""
    from styx.api.backend import Autostop

    if idle_minutes is None and not down:
        if wait_for is not None:
            raise click.UsageError("--wait-for needs -i or --down")
        return None
    return Autostop(idle_minutes or 0, down=down, **({"wait_for": wait_for} if wait_for else {}))


def describe(autostop: Autostop | None, *, confirmed: bool = True) -> str:
    """The policy in a table: ``30m``, ``30m (down)``; with ``?`` when the node may not know it; empty for none."""
    if autostop is None:
        return ""
    return f"{autostop.idle_minutes}m{' (down)' if autostop.down else ''}{'' if confirmed else '?'}"
