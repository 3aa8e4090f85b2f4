"""Fetching a new snapshot: written beside the old one, looked at, and only then made the one that counts.

Each update has a folder of its own below ``$STYX_HOME/catalog/CLOUD``, whose name begins with a number. It gets that
name, by one rename, once all of it is on disk, so whoever dies before has changed nothing; the highest number counts.
The one before stays until the next update, for those who are reading it; what is left of an update that died goes then
as well.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from styx.api.catalog import CatalogEntry
from styx.api.errors import CatalogError
from styx.api.services import Clock, Services
from styx.catalog.entries import to_snapshot, transfer_of
from styx.catalog.files import FILES
from styx.catalog.lock import locked
from styx.catalog.rows import Snapshot
from styx.catalog.snapshot import read, write
from styx.catalog.sources import Shelf
from styx.plugins.config import validated
from styx.plugins.contract import load_refresher
from styx.plugins.isolation import guard
from styx.plugins.paths import make_private

UNFINISHED = ".new"
COUNTED = 5000  # entries between two words on how many there are

Report = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Updated:
    """What was fetched, and what there was before; ``old`` is None where that could not be read."""

    folder: Path
    new: Snapshot
    old: Snapshot | None


def update(shelf: Shelf, services: Services, report: Report, *, force: bool = False) -> Updated:
    """Ask the provider, and make what it says the snapshot that counts. The old one stays where this raises anything.

    Raises what the refresher raises; CatalogError when nothing renews this catalog, when another process is at it, and
    without ``force`` when more than half of what was sold before is missing; PluginError.
    """
    if not shelf.refresher:
        raise CatalogError(
            f"{shelf.distribution} cannot renew the catalog of {shelf.cloud}",
            hint=f"A newer version of it may bring newer prices: `pip install -U {shelf.distribution}`.",
            cloud=shelf.cloud,
        )
    home = Path(shelf.updates)
    try:
        with locked(str(home / ".lock"), 0):
            _remove_all_but(shelf.updated(), home)
            old = _old(shelf)
            new = _fetch(shelf, services, report, old)
            _check(shelf, old, new, force=force)
            folder = _keep(home, new, _next_name(shelf, new.as_of))
    except TimeoutError:
        hint = "Wait until it is done."
        raise CatalogError(f"another process updates {shelf.cloud}", hint=hint, cloud=shelf.cloud) from None
    except OSError as error:
        problem = f"cannot write to {error.filename or home}: {error.strerror}"
        raise CatalogError(
            problem, hint="Is there room on the disk, and may you write there?", cloud=shelf.cloud
        ) from error
    return Updated(folder, new, old)


def services_for(shelf: Shelf, clock: Clock) -> Services:
    """The surroundings of a refresher: the settings of the cloud's first account, and no installation.

    Raises InvalidConfig, and CatalogError where the state directory cannot be made.
    """
    import logging

    from styx.config import home, load_config

    config = load_config()
    account = config.accounts_of(shelf.cloud)[0]
    section: Any = config.account(shelf.cloud, account)
    if shelf.config:
        section = validated(shelf.config_plugin, shelf.config, section, f"clouds.{shelf.cloud}")
    state_dir = home() / shelf.cloud
    try:
        make_private(str(state_dir))
    except OSError as error:
        problem = f"cannot make {state_dir}: {error.strerror}"
        raise CatalogError(problem, hint="Set STYX_HOME elsewhere.", cloud=shelf.cloud) from error
    return Services("", account, section, state_dir, clock, logging.getLogger(f"styx.catalog.{shelf.cloud}"))


def _fetch(shelf: Shelf, services: Services, report: Report, old: Snapshot | None) -> Snapshot:
    made = load_refresher(shelf.plugin, shelf.refresher)
    with guard(shelf.plugin, f"while asking for the prices of {shelf.cloud}"):
        refresher = made(services)
        entries = list(_counted(refresher.entries(report), report))
        moves = refresher.transfer()
        sources = dict(refresher.sources())
        if moves is None and old is not None:
            sources = {row.source: old.sources[row.source] for row in old.transfer} | sources
            moves = transfer_of(old)
        return to_snapshot(shelf.cloud, services.clock.now().date(), sources, entries, moves or ())


def _counted(entries: Iterable[CatalogEntry], report: Report) -> Iterator[CatalogEntry]:
    for number, entry in enumerate(entries, 1):
        if number % COUNTED == 0:
            report(f"{number:,} prices so far")
        yield entry


def _old(shelf: Shelf) -> Snapshot | None:
    """What counts now. Where it cannot be read a new one is all the more welcome."""
    try:
        return shelf.read(shelf.chosen()[0])
    except CatalogError:
        return None


def _check(shelf: Shelf, old: Snapshot | None, new: Snapshot, *, force: bool) -> None:
    """Raise CatalogError for a snapshot that had better not count."""
    first = f"; the first: {new.skipped[0].reason}" if new.skipped else ""
    left_out = f" ({len(new.skipped):,} made no sense{first})" if new.skipped else ""
    if not new.prices:
        hint = f"Tell the author of {shelf.distribution}."
        raise CatalogError(f"{shelf.cloud} was said to sell nothing{left_out}", hint=hint, cloud=shelf.cloud)
    before, now = (sum(len(row.zones) or 1 for row in each.prices) if each else 0 for each in (old, new))
    if 2 * now < before and not force:
        raise CatalogError(
            f"{shelf.cloud} was said to sell {now:,} things, and it was {before:,} before{left_out}",
            hint=f"The old catalog stays. If this is right: `styx catalog update {shelf.cloud} --force`.",
            cloud=shelf.cloud,
        )


def _next_name(shelf: Shelf, day: date) -> str:
    newest = shelf.updated()
    number = int(Path(newest).name.partition("-")[0]) + 1 if newest else 1
    return f"{number:06}-{day}"


def _keep(home: Path, snapshot: Snapshot, name: str) -> Path:
    """Put it where it counts, all of it or nothing. Raises OSError."""
    unfinished, folder = home / UNFINISHED, home / name
    write(snapshot, unfinished)
    read(unfinished, snapshot.cloud, strict=True)
    for path in [unfinished / file for file in FILES if (unfinished / file).exists()]:
        _sync(path)
    _sync(unfinished)
    unfinished.rename(folder)
    _sync(home)
    return folder


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _remove_all_but(newest: str | None, home: Path) -> None:
    for path in home.iterdir():
        if path.is_dir() and str(path) != newest:
            shutil.rmtree(path, ignore_errors=True)
