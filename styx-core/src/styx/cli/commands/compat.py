"""``styx compat``: whether SkyPilot's task files mean here what they mean there."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from styx.cli import options
from styx.cli.command import Command
from styx.cli.render import json_text, table

if TYPE_CHECKING:
    from styx.compat.check import Report, Row

EXAMPLES = """
styx compat check .
styx compat check tasks -o json | jq -r '.rows[] | select(.styx == "error")'
"""
JSON = """
{files, agree, differ, explained,
 rows: [{file, skypilot, styx, kind, agree, difference, why}]}
skypilot and agree are null where no verdict is kept. difference names a
deliberate one, and is null for one that is a defect.
"""
EXIT = """
1 if a file differs and no deliberate difference explains it.
"""


@click.group()
def compat() -> None:
    """Check that SkyPilot's task files mean the same here."""


@compat.command(cls=Command, notes={"Examples": EXAMPLES, "JSON": JSON, "Exit code": EXIT})
@click.argument("directory", type=click.Path(path_type=Path))
@options.output_option
def check(directory: Path, output: str) -> None:
    """Read task files and say what does not parse, and why.

    All below DIRECTORY. Where DIRECTORY has a verdicts.json, which says what SkyPilot's own parser made of each, the
    two are compared. Deliberate differences: docs/skypilot.md.
    """
    from styx.compat.check import check as read

    report = read(directory)
    click.echo(json_text(_shape(report)) if output == "json" else f"{_table(report)}\n\n{report.summary}")
    if report.unexplained:
        click.get_current_context().exit(1)


def _table(report: Report) -> str:
    if all(row.theirs is None for row in report.rows):
        return table(("FILE", "STYX", "KIND", "WHY"), [(row.file, row.ours, row.kind, row.why) for row in report.rows])
    rows = [(row.file, row.theirs, row.ours, row.kind, _result(row)) for row in report.rows]
    return table(("FILE", "SKYPILOT", "STYX", "KIND", "RESULT"), rows)


def _result(row: Row) -> str:
    if not row.differs:
        return "agree" if row.theirs is not None else row.why
    return f"{row.difference.way}, on purpose: {row.difference.name}" if row.difference else row.why


def _shape(report: Report) -> dict[str, object]:
    return {
        "files": len(report.rows),
        "agree": report.agreeing,
        "differ": len(report.differing),
        "explained": report.explained,
        "rows": [
            {
                "file": row.file,
                "skypilot": row.theirs,
                "styx": row.ours,
                "kind": row.kind,
                "agree": None if row.theirs is None else not row.differs,
                "difference": row.difference and row.difference.name,
                "why": row.why,
            }
            for row in report.rows
        ],
    }
