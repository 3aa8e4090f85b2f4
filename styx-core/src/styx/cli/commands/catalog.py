"""``styx catalog``: how old prices are, where they come from, what a new catalog changes, and fetching one."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from styx.catalog import listing
from styx.catalog.sources import PACKAGE, UPDATED, Shelf, shelves_of
from styx.cli import changes, failure, options
from styx.cli.command import Command, option
from styx.cli.complete import catalogs
from styx.cli.progress import progress
from styx.cli.render import clean, json_text, note, table
from styx.words import count, sentences

if TYPE_CHECKING:
    from styx.api.errors import CatalogError, StyxError
    from styx.catalog.update import Updated

STATUS = """
styx catalog status
styx catalog status -v aws
styx catalog status -o json | jq '.[] | select(.age_days > 90) | .cloud'
"""
STATUS_JSON = """
A list of {cloud, launchable, distribution, version, counts, folder, as_of,
age_days, rows, types, regions, skipped, skipped_rows: [{file, line, reason}],
sources: [{name, what, from, as_of, licence}], refresher, problem}; counts is
package or updated; problem is null unless the catalog cannot be used.
"""
STATUS_EXIT = """
0, or 74 when a catalog cannot be used.
"""
UPDATE = """
styx catalog update          # all that can be, one after the other
styx catalog update aws gcp
"""
UPDATE_JSON = """
A list of {cloud, folder, as_of, rows, skipped, changes}, one for each that
was updated; changes as `styx catalog diff` has them, or null.
"""
UPDATE_EXIT = """
0, or that of the first error; the old catalog stays where there is one.
"""
DIFF = """
styx catalog diff aws
styx catalog diff aws -o json | jq '.prices[] | select(.new > .old)'
"""
DIFF_JSON = """
{types_added, types_removed, types_changed, regions_added, regions_removed:
lists of names; places_added, places_removed, gained, lost: numbers;
prices: [{instance_type, region, zone, spot, old, new}]}, or null where
nothing was fetched. A place is a type in a zone or region; gained and lost
are prices that were not known and are, or the other way round.
"""


class State(NamedTuple):
    """A catalog as it is now: what it says of itself, or why it cannot be used."""

    shelf: Shelf
    counts: str
    folder: str
    about: listing.About | None
    skipped: list[tuple[str, int, str]]
    problem: CatalogError | None

    @property
    def age(self) -> int | None:
        """In days."""
        if self.about is None:
            return None
        return (datetime.now(UTC).date() - date.fromisoformat(self.about.as_of)).days


@click.group()
def catalog() -> None:
    """See how old the catalogs of clouds are, and fetch new ones.

    A catalog says what a cloud sells and for how much. Packages bring one; `update` asks the provider for a newer one.
    """


@catalog.command(cls=Command, notes={"Examples": STATUS, "JSON": STATUS_JSON, "Exit code": STATUS_EXIT})
@click.argument("clouds", nargs=-1, shell_complete=catalogs)
@option("-v", "--verbose", is_flag=True, help="Tell where facts come from, too, and which rows are left out.")
@options.output_option
@click.pass_context
def status(ctx: click.Context, clouds: tuple[str, ...], verbose: bool, output: str) -> None:
    """Show which catalogs there are, and of which day.

    FROM is a package, or updated if fetched since.
    """
    states = [_state(shelf) for shelf in shelves_of(clouds)]
    if output == "json":
        click.echo(json_text([_state_shape(state) for state in states]))
    elif states:
        headers = ("CLOUD", "FROM", "AS_OF", "AGE", "ROWS", "TYPES", "REGIONS", "SKIPPED", "SOURCES", "CAN_LAUNCH")
        click.echo(table(headers, [_state_row(state) for state in states]))
        for state in states:
            for line in _remarks(state, verbose=verbose):
                click.echo(f"{state.shelf.cloud}: {clean(line)}")
    else:
        click.echo("No catalog is installed: the packages of clouds bring them.")
    ctx.exit(next((state.problem.exit_code for state in states if state.problem), 0))


@catalog.command(cls=Command, notes={"Examples": UPDATE, "JSON": UPDATE_JSON, "Exit code": UPDATE_EXIT})
@click.argument("clouds", nargs=-1, shell_complete=catalogs)
@option("--force", is_flag=True, help="Take a new catalog also where more than half of the old one is missing in it.")
@options.output_option
@click.pass_context
def update(ctx: click.Context, clouds: tuple[str, ...], force: bool, output: str) -> None:
    """Ask providers what they sell now.

    All that can be asked, or those named, with the credentials of the cloud. The old catalog stays until all of the new
    one is there, and where anything goes wrong.
    """
    from styx.api.errors import StyxError

    chosen = [shelf for shelf in shelves_of(clouds) if clouds or shelf.refresher]
    if not chosen:
        click.echo("[]" if output == "json" else "No installed package can renew a catalog.")
        return
    done: list[dict[str, Any]] = []
    code = 0
    for shelf in chosen:
        try:
            fetched = _update(shelf, force=force)
        except StyxError as error:
            if len(chosen) == 1:
                raise
            _tell(shelf, error)
            code = code or error.exit_code
            continue
        done.append(_updated_shape(shelf, fetched))
        if output != "json":
            click.echo("\n".join(map(clean, _updated_lines(shelf, fetched))))
    if output == "json":
        click.echo(json_text(done))
    ctx.exit(code)


@catalog.command(cls=Command, notes={"Examples": DIFF, "JSON": DIFF_JSON})
@click.argument("cloud", shell_complete=catalogs)
@options.output_option
def diff(cloud: str, output: str) -> None:
    """Show what has changed in the catalog of a cloud.

    From the one that its package brought to the one fetched since.
    """
    from styx.catalog.diff import compare

    (shelf,) = shelves_of((cloud,))
    fetched = shelf.updated()
    if fetched is None:
        click.echo(
            "null" if output == "json" else f"Nothing was fetched for {cloud} yet: `styx catalog update {cloud}`."
        )
        return
    old, new = shelf.read(shelf.folder), shelf.read(fetched)
    change = compare(old, new)
    if output == "json":
        click.echo(json_text(changes.shape(change)))
        return
    click.echo(f"{cloud}: {PACKAGE} of {old.as_of} -> {UPDATED} on {new.as_of}")
    click.echo("\n".join(map(clean, changes.lines(change))))


def _state(shelf: Shelf) -> State:
    from styx.api.errors import CatalogError

    folder, counts = shelf.folder, PACKAGE
    try:
        folder, counts = shelf.chosen()
        database = shelf.database()
        return State(shelf, counts, folder, listing.about(database), listing.skipped(database), None)
    except CatalogError as error:
        return State(shelf, counts, folder, None, [], error)


def _state_row(state: State) -> tuple[object, ...]:
    shelf, about = state.shelf, state.about
    origin = f"{shelf.distribution} {shelf.version}" if state.counts == PACKAGE else UPDATED
    facts: tuple[object, ...] = ("cannot be used", *[None] * 6)
    if about is not None:
        numbers = (about.rows, about.types, about.regions, about.skipped, len(about.sources))
        facts = (about.as_of, f"{state.age}d", *(f"{number:,}" for number in numbers))
    return shelf.cloud, origin, *facts, "yes" if shelf.launchable else "not yet"


def _remarks(state: State, *, verbose: bool) -> Iterator[str]:
    if state.problem is not None:
        where = ":".join(str(state.problem.details[key]) for key in ("file", "line") if key in state.problem.details)
        yield sentences(f"{where}: {state.problem.message}" if where else state.problem.message, state.problem.hint)
    if not verbose:
        return
    for name, what, published, as_of, licence in state.about.sources if state.about else ():
        yield f"{name}: {what}, from {published}, {as_of}{f', {licence}' if licence else ''}"
    for file, line, reason in state.skipped:
        yield f"left out: {file}:{line}: {reason}"


def _state_shape(state: State) -> dict[str, Any]:
    shelf, about = state.shelf, state.about
    keys = ("name", "what", "from", "as_of", "licence")
    return {
        "cloud": shelf.cloud,
        "launchable": shelf.launchable,
        "distribution": shelf.distribution,
        "version": shelf.version,
        "counts": state.counts,
        "folder": state.folder,
        "as_of": about.as_of if about else None,
        "age_days": state.age,
        "rows": about.rows if about else None,
        "types": about.types if about else None,
        "regions": about.regions if about else None,
        "skipped": about.skipped if about else None,
        "skipped_rows": [dict(zip(("file", "line", "reason"), row, strict=True)) for row in state.skipped],
        "sources": [dict(zip(keys, source, strict=True)) for source in about.sources] if about else [],
        "refresher": bool(shelf.refresher),
        "problem": state.problem.to_wire() if state.problem else None,
    }


def _update(shelf: Shelf, *, force: bool) -> Updated:
    from styx.catalog.update import services_for, update
    from styx.clock import SystemClock

    with progress() as report:
        report(shelf.cloud, "asking what is sold")
        services = services_for(shelf, SystemClock())
        return update(shelf, services, lambda said: report(shelf.cloud, said), force=force)


def _tell(shelf: Shelf, error: StyxError) -> None:
    """What went wrong with one of several."""
    if failure.as_json():
        details = {"cloud": shelf.cloud, **error.details}
        failure.say(error.message, error.hint, code=error.code, details=details)
    else:
        note(f"{shelf.cloud}: {clean(sentences(error.message, error.hint))}")


def _updated_lines(shelf: Shelf, fetched: Updated) -> Iterator[str]:
    from styx.catalog.diff import compare

    new, old = fetched.new, fetched.old
    yield f"{shelf.cloud}: {count(len(new.prices), 'price')} of {count(len(new.types), 'type')}, as of {new.as_of}."
    if new.skipped:
        yield f"  left out: {len(new.skipped):,} that made no sense; the first: {new.skipped[0].reason}"
    if old is not None:
        yield from (f"  {line}" for line in changes.lines(compare(old, new)))


def _updated_shape(shelf: Shelf, fetched: Updated) -> dict[str, Any]:
    from styx.catalog.diff import compare

    new, old = fetched.new, fetched.old
    return {
        "cloud": shelf.cloud,
        "folder": str(fetched.folder),
        "as_of": new.as_of.isoformat(),
        "rows": len(new.prices),
        "skipped": len(new.skipped),
        "changes": None if old is None else changes.shape(compare(old, new)),
    }
