"""Asking the person at the terminal."""

from __future__ import annotations

import sys

import click

INTERRUPTED = 130  # what a shell reports for SIGINT


def interactive() -> bool:
    """Whether somebody can be asked: both the question (stderr) and the answer (stdin) go through a terminal."""
    return sys.stdin.isatty() and sys.stderr.isatty()


def confirm(question: str, *, yes: bool = False) -> None:
    """Go on only with consent: ``--yes``, or an answer at the terminal. Raises BadInput when nobody can be asked.

    Enter alone is a "no", which ends the command with exit code 1; Ctrl-C ends it as everywhere.
    """
    if yes:
        return
    if not interactive():
        from styx.api.errors import BadInput

        raise BadInput(
            f"this needs consent, and there is no terminal to ask on: {question}", hint="Add --yes (-y) to consent."
        )
    try:
        agreed = click.confirm(question, default=False, err=True)
    except click.Abort as end:
        if not isinstance(end.__context__, KeyboardInterrupt):  # click hides it
            raise
        click.echo("\nInterrupted. Nothing was changed.", err=True)
        raise click.exceptions.Exit(INTERRUPTED) from None
    if not agreed:
        click.echo("Nothing was changed.", err=True)
        raise click.exceptions.Exit(1)
