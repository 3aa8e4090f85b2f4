"""``styx storage``: files in stores, listed, copied, synchronised and removed."""

from __future__ import annotations

from time import monotonic
from typing import TYPE_CHECKING

import click

from styx.cli import failure, habits, options, storageviews
from styx.cli.ask import confirm
from styx.cli.command import Command, option
from styx.cli.complete import bucket_names, places, uris
from styx.cli.each import each
from styx.cli.moving import looking, moving
from styx.cli.render import clean, json_text, note
from styx.cli.session import connected
from styx.cli.values import WholeNumber
from styx.words import count, sentences, size

if TYPE_CHECKING:
    from styx.client.protocol import Client
    from styx.engine.storage import Mode, Transfer

LONGEST = 7 * 24 * 3600  # seconds that an address may work: as long as any store lets it

LS = """
styx storage ls                          # the buckets of this installation
styx storage ls file://datasets
styx storage ls -r file://datasets/images/
styx storage ls -r file://datasets -o json | jq 'map(.size) | add'
"""
LS_JSON = """
Without a URI a list of {store, uri, objects, size, modified_at}; numbers are
null for buckets of more than 1,000 objects. Else a list of {uri, size,
modified_at, objects}: objects is null for an object, and how many there are
for what stands for all below it.
"""
CP = """
styx storage cp model.bin file://models/v1/
styx storage cp file://models/v1/model.bin .
styx storage cp -r results file://models/results
"""
SYNC = """
styx storage sync data file://datasets/data           # only what changed
styx storage sync data file://datasets/data --delete  # nothing else there
styx storage sync file://datasets/data data --dry-run
"""
MOVED_JSON = """
{copied: [{source, target, size}], removed: [...], unchanged, left_out, bytes,
seconds}; with --dry-run what would be, and seconds is null.
"""
RM = """
styx storage rm file://models/v1/model.bin
styx storage rm -r file://models/v1/ --yes
"""
CREATE = """
styx storage create file://datasets
"""
DELETE = """
styx storage delete file://models
styx storage delete 'run-*' --yes         # by name, in whatever store
"""
PRESIGN = """
styx storage presign file://models/v1/model.bin --expires 600
"""
SEVERAL = """
0, or that of the first that failed; the others are still done.
"""


@click.group()
def storage() -> None:
    """Copy, list and remove files in stores, and make and delete buckets.

    A place in a store is SCHEME://BUCKET/KEY; `styx check` shows the stores that can be used.
    """


@storage.command(cls=Command, refused=habits.STORAGE, notes={"Examples": LS, "JSON": LS_JSON})
@click.argument("uri", required=False, shell_complete=uris)
@option("-r", "--recursive", is_flag=True, help="Every object, rather than what is directly there.")
@options.accepted("-v", "--verbose")
@options.output_option
@click.pass_context
def ls(ctx: click.Context, uri: str | None, recursive: bool, output: str) -> None:
    """List the buckets of this installation, or what is at a URI."""
    with connected() as client:
        if uri is None:
            ctx.exit(_show_buckets(client, output))
        with looking(f"listing {uri}"):
            found = client.storage.objects(uri)
        entries = storageviews.entries(uri, found, recursive=recursive)
        if output == "json":
            click.echo(json_text([storageviews.entry_shape(each) for each in entries]))
        elif entries:
            click.echo(storageviews.entry_table(entries))
        else:
            click.echo(f"There is nothing at or below {clean(uri)}.")


@storage.command(cls=Command, refused=habits.STORAGE, notes={"Examples": CP, "JSON": MOVED_JSON})
@click.argument("source", shell_complete=places)
@click.argument("target", shell_complete=places)
@option("-r", "--recursive", is_flag=True, help="All that is in the directory, or below the key.")
@option("--dry-run", "--dryrun", "dry_run", is_flag=True, help="Only show what would be copied.")
@options.output_option
def cp(source: str, target: str, recursive: bool, dry_run: bool, output: str) -> None:
    """Copy a file or an object, or with -r all below.

    One of SOURCE and TARGET, or both, is a URI.
    """
    from styx.engine.storage import Mode

    _move(source, target, Mode(recursive=recursive), dry_run=dry_run, output=output)


@storage.command(cls=Command, refused=habits.STORAGE, notes={"Examples": SYNC, "JSON": MOVED_JSON})
@click.argument("source", shell_complete=places)
@click.argument("target", shell_complete=places)
@option("--delete", is_flag=True, help="Remove from the target what the source has not (any more).")
@option("--dry-run", "--dryrun", "dry_run", is_flag=True, help="Only show what would be done.")
@options.accepted("-r", "--recursive")
@options.output_option
def sync(source: str, target: str, delete: bool, dry_run: bool, output: str) -> None:
    """Copy what differs between two directories.

    One or both are in a store. What .gitignore names is left alone at both ends; a .styxignore (or .skyignore) at the
    top of the directory replaces that. Interrupted anywhere, run it again.
    """
    from styx.engine.storage import Mode

    _move(source, target, Mode(sync=True, delete=delete), dry_run=dry_run, output=output)


@storage.command(cls=Command, refused=habits.STORAGE, notes={"Examples": RM, "Exit code": SEVERAL})
@click.argument("places", metavar="URI...", nargs=-1, required=True, shell_complete=uris)
@option("-r", "--recursive", is_flag=True, help="All at or below each URI.")
@option("--dry-run", "--dryrun", "dry_run", is_flag=True, help="Only show what would be removed.")
@options.yes_option
@click.pass_context
def rm(ctx: click.Context, places: tuple[str, ...], recursive: bool, dry_run: bool, yes: bool) -> None:
    """Remove objects, not buckets."""
    with connected() as client:

        def remove(uri: str) -> None:
            found = client.storage.find(uri, recursive=recursive)
            what = f"{count(len(found.objects), 'object')} of {size(found.size)} at {clean(uri)}"
            if dry_run:
                for thing in found.objects:
                    click.echo(f"Would remove {clean(found.place.at(thing.key))}")
                return
            confirm(f"Remove {what}?", yes=yes)
            client.storage.remove(found)
            click.echo(f"Removed {what}.")

        ctx.exit(each(places, remove))


@storage.command(cls=Command, refused=habits.STORAGE, notes={"Examples": CREATE})
@click.argument("uri", shell_complete=uris)
def create(uri: str) -> None:
    """Make a bucket. One that is ours already stays as it is."""
    with connected() as client:
        client.storage.create(uri)
    click.echo(f"Bucket {clean(uri)} is there.")


@storage.command(cls=Command, refused=habits.STORAGE, notes={"Examples": DELETE, "Exit code": SEVERAL})
@click.argument("buckets", metavar="[BUCKET]...", nargs=-1, shell_complete=bucket_names)
@option("-a", "--all", "everything", is_flag=True, help="All buckets of this installation.")
@options.accepted("--no-async")
@options.yes_option
@click.pass_context
def delete(ctx: click.Context, buckets: tuple[str, ...], everything: bool, yes: bool) -> None:
    """Remove buckets and all in them.

    They are given by URIs, or by names and patterns of this installation's buckets.
    """
    if bool(buckets) == everything:
        raise click.UsageError("name buckets, or say --all")
    with connected() as client:
        chosen = client.storage.named(buckets, everything=everything)
        if not chosen:
            click.echo("There are no buckets: nothing to do.")
            return
        what = "bucket" if len(chosen) == 1 else f"{count(len(chosen), 'bucket')}:"
        confirm(f"Remove {what} {clean(', '.join(chosen))} and all in {'it' if len(chosen) == 1 else 'them'}?", yes=yes)

        def remove(uri: str) -> None:
            client.storage.delete(uri)
            click.echo(f"Bucket {clean(uri)} is gone.")

        ctx.exit(each(chosen, remove))


@storage.command(cls=Command, refused=habits.STORAGE, notes={"Examples": PRESIGN})
@click.argument("uri", shell_complete=uris)
@option(
    "--expires",
    "--expires-in",
    "seconds",
    type=WholeNumber(min=1, max=LONGEST),
    metavar="SECONDS",
    default=3600,
    show_default=True,
    help="How long it works.",
)
@option("--write", is_flag=True, help="An address to write the object (PUT) rather than to read it.")
def presign(uri: str, seconds: int, write: bool) -> None:
    """Print an address from which anybody can read an object.

    Whoever has it can, for a while; not every store has such.
    """
    with connected() as client:
        click.echo(client.storage.presign(uri, seconds, writing=write))


def _show_buckets(client: Client, output: str) -> int:
    from styx.api.errors import AuthFailed

    with looking("looking for buckets"):
        buckets, problems = client.storage.buckets()
    if output == "json":
        click.echo(json_text([storageviews.bucket_shape(bucket) for bucket in buckets]))
    elif buckets:
        click.echo(storageviews.bucket_table(buckets))
    else:
        click.echo("No buckets. `styx storage create SCHEME://NAME` makes one.")
    for name, problem in problems.items():
        if failure.as_json():
            failure.say(problem.message, problem.hint, code=problem.code, details={"store": name, **problem.details})
        else:
            note(f"{name}: {clean(sentences(problem.message, problem.hint))}")
    serious = (problem for problem in problems.values() if not isinstance(problem, AuthFailed))
    return next((problem.exit_code for problem in serious), 0)  # a store without credentials is one that nobody uses


def _move(source: str, target: str, mode: Mode, *, dry_run: bool, output: str) -> None:
    with connected() as client:
        with looking("comparing" if mode.sync else "looking"):
            planned = client.storage.plan(source, target, mode)
        for name in planned.left_out:
            note(f"left out: {clean(name)}, a link to a directory or to nothing, or a name that is no text")
        seconds = None if dry_run else _carry_out(client, planned)
        if output == "json":
            click.echo(json_text(storageviews.transfer_shape(planned, seconds)))
        elif dry_run:
            click.echo("\n".join(map(clean, storageviews.would(planned))))
        else:
            assert seconds is not None
            click.echo(storageviews.done(planned, seconds))


def _carry_out(client: Client, planned: Transfer) -> float:
    began = monotonic()
    total = sum(planned.sizes.values())
    with moving(f"copying {count(len(planned.plan.moves), 'file')}", total) as moved:
        client.storage.carry_out(planned, moved)
    return monotonic() - began
