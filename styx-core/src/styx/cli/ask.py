"""Asking the person at the terminal."""

from __future__ import annotations

import sys

import click


def interactive() -> bool:
    """Whether somebody can be asked: both the question (stderr) and the answer (stdin) go through a terminal."""
    return sys.stdin.isatty() and sys.stderr.isatty()


def confirm(question: str, *, yes: bool = False) -> None:
    """Go on only with consent: ``--yes``, or an answer at the terminal. Raises BadInput when nobody can be asked.

    A "no" ends the command with exit code 1.
    """
    if yes:
        return
    if not interactive():
        from styx.api.errors import BadInput

        raise BadInput(f"this needs consent, and there is no terminal to ask on: {question}", hint="Add --yes (-y).")
    if not click.confirm(question, default=True, err=True):
        click.echo("Nothing was changed.", err=True)
        raise click.exceptions.Exit(1)
