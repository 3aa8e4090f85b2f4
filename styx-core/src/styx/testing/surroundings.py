"""The surroundings that core would hand to a plugin object, made for a test."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

from styx.api import Clock, OfferSource, Services, new_installation_id
from styx.clock import SystemClock


def services(
    tmp_path: Path,
    config: Any = None,
    *,
    installation: str | None = None,
    account: str = "default",
    clock: Clock | None = None,
    catalog: OfferSource | None = None,
) -> Services:
    """Services whose state lives below ``tmp_path``, under an installation of its own unless one is named.

    ``config`` is what the plugin's config model would have made of the user's settings; none is an empty mapping. The
    kit takes its time from ``clock``: the real one by default, a :class:`~styx.testing.FakeClock` for a provider that
    is simulated. ``catalog`` is for a cloud that sells by catalog.
    """
    state_dir = tmp_path / "state"
    state_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    return Services(
        installation=installation or new_installation_id(),
        account=account,
        config={} if config is None else config,
        state_dir=state_dir,
        clock=clock or SystemClock(),
        log=logging.getLogger("styx.testing"),
        catalog=catalog,
    )
