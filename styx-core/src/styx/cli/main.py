"""The ``styx`` program: the root command, and the outermost loop that turns errors into messages and exit codes."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence

import click

from styx import __version__
from styx.cli.lazy import LazyGroup
from styx.cli.table import COMMANDS, CommandRow

INTERRUPTED = 130
IO_ERROR = 74


def _rows() -> Mapping[str, CommandRow]:
    return COMMANDS


def _show_version(ctx: click.Context, _param: click.Parameter, wanted: bool) -> None:
    if wanted and not ctx.resilient_parsing:
        click.echo(f"styx {__version__}")
        ctx.exit()


def _set_debug(_ctx: click.Context, _param: click.Parameter, wanted: bool) -> None:
    if wanted:
        os.environ["STYX_DEBUG"] = "1"


cli = LazyGroup(
    name="styx",
    rows=_rows,
    help="Run any AI workload on any infrastructure.",
    context_settings={"help_option_names": ["-h", "--help"]},
    params=[
        click.Option(
            ["--version"], is_flag=True, is_eager=True, expose_value=False, callback=_show_version,
            help="Show the version and exit.",
        ),
        click.Option(
            ["--debug"], is_flag=True, is_eager=True, expose_value=False, callback=_set_debug,
            help="Show tracebacks; also STYX_DEBUG=1.",
        ),
    ],
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code. No exception leaves here except SystemExit."""
    try:
        result = cli.main(args=arguments, prog_name="styx", standalone_mode=False)
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except (click.Abort, KeyboardInterrupt) as error:
        return _interrupted(error)
    except Exception as error:  # noqa: BLE001 - the outermost loop
        return _explain(error)
    return result if isinstance(result, int) and not isinstance(result, bool) else 0


def _interrupted(error: BaseException) -> int:
    click.echo("Interrupted.", err=True)
    return 1 if isinstance(error.__cause__, EOFError) else INTERRUPTED


def _explain(error: BaseException) -> int:
    raise error


if __name__ == "__main__":
    sys.exit(main())
