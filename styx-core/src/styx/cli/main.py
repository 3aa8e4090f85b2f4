"""The ``styx`` program: the root command, and the outermost loop that turns errors into messages and exit codes.

Nothing but click and what click imports itself may be imported on the way to ``styx --help``.
"""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, cast

import click

from styx import __version__, garbage
from styx.cli import added, bash, debug, failure
from styx.cli.lazy import LazyGroup, import_command
from styx.cli.table import COMMANDS, CommandRow
from styx.cli.width import help_width

if TYPE_CHECKING:
    from styx.api.errors import StyxError

EXIT_FAILED = 1
EXIT_IO = 74
EXIT_INTERRUPTED = 130

COMPLETION_VARIABLE = "_STYX_COMPLETE"


def _rows() -> Mapping[str, CommandRow]:
    return added.all_rows()


def _load(row: CommandRow, ctx: click.Context) -> click.Command:
    return added.load(row, ctx) if row.plugin else import_command(row, ctx)


def _show_version(ctx: click.Context, _param: click.Parameter, wanted: bool) -> None:
    if wanted and not ctx.resilient_parsing:
        click.echo(f"styx {__version__}")
        ctx.exit()


def _set_debug(_ctx: click.Context, _param: click.Parameter, wanted: bool) -> None:
    if wanted:
        debug.switch_on()


cli = LazyGroup(
    name="styx",
    rows=_rows,
    load=_load,
    own=COMMANDS,
    help="Run any AI workload on any infrastructure.",
    epilog="styx COMMAND --help shows examples of each command.",
    context_settings={"help_option_names": ["-h", "--help"], "terminal_width": help_width()},
    params=[
        click.Option(
            ["--version"],
            is_flag=True,
            is_eager=True,
            expose_value=False,
            callback=_show_version,
            help="Show the version and exit.",
        ),
        click.Option(
            ["--debug"],
            is_flag=True,
            is_eager=True,
            expose_value=False,
            callback=_set_debug,
            help=f"Show tracebacks of errors, like {debug.VARIABLE}=1.",
        ),
    ],
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code. Only SystemExit passes through."""
    gc.set_threshold(garbage.OBJECTS)
    failure.expect(sys.argv[1:] if arguments is None else arguments)
    _open_streams()
    if os.environ.get(COMPLETION_VARIABLE) == "bash_complete":
        bash.take_over()
    try:
        result = cli.main(args=arguments, prog_name="styx", standalone_mode=False)
    except click.Abort as error:
        return _interrupted(error.__cause__ or error.__context__)  # click hides the Ctrl-C at a question
    except click.ClickException as error:
        failure.show_usage(error)
        return error.exit_code
    except KeyboardInterrupt as error:
        return _interrupted(error)
    except Exception as error:  # noqa: BLE001 - the outermost loop
        return _failed(error)
    return result if type(result) is int else 0


def _open_streams() -> None:
    """Let those of the three streams that the caller has closed lead nowhere, before a file gets the number of one."""
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        if getattr(sys, name) is None:
            nowhere = os.open(os.devnull, os.O_RDWR)
            os.dup2(nowhere, number)
            os.set_inheritable(number, True)
            if nowhere != number:
                os.close(nowhere)
            setattr(sys, name, open(number, "w" if number else "r", encoding="utf-8", closefd=False))  # noqa: SIM115


def _interrupted(cause: BaseException | None) -> int:
    """Ctrl-C; or a question was asked where nobody can answer."""
    if isinstance(cause, KeyboardInterrupt):
        if failure.as_json():
            failure.say("interrupted", code="interrupted")
        else:
            click.echo("Interrupted.", err=True)
        return EXIT_INTERRUPTED
    click.echo("\nAborted: there was no answer to a question; see --yes.", err=True)
    return EXIT_FAILED


def _failed(error: Exception) -> int:
    """Say what happened and what to do next, and choose the exit code."""
    if COMPLETION_VARIABLE in os.environ:  # whatever is written now would end up on the user's prompt
        return EXIT_FAILED
    debug.show(error)
    known = _styx_error(error)
    if known is not None:
        failure.say(_located(known), known.hint, code=known.code, details=known.details)
        return known.exit_code
    if isinstance(error, OSError) and error.strerror:
        failure.say(": ".join(str(part) for part in (error.filename, error.strerror) if part))
        return EXIT_IO
    text = " ".join(str(error).split())
    failure.say(f"unexpected {type(error).__name__}: {text}", "`styx --debug ...` shows where it happened.")
    return EXIT_FAILED


def _styx_error(error: BaseException) -> StyxError | None:
    """The error if Styx raised it on purpose, also from inside an exception group; else None."""
    errors = sys.modules.get("styx.api.errors")
    if errors is None:  # then nobody can have raised one, and importing the contract is slow
        return None
    if isinstance(error, BaseExceptionGroup):
        return next((found for each in error.exceptions if (found := _styx_error(each))), None)
    return cast("StyxError", error) if isinstance(error, errors.StyxError) else None


def _located(error: StyxError) -> str:
    """The message, after ``file:line:`` where those are known and not told already."""
    file, line = error.details.get("file"), error.details.get("line")
    if not file or str(file) in error.message:
        return error.message
    return f"{file}:{line}: {error.message}" if line else f"{file}: {error.message}"


if __name__ == "__main__":
    sys.exit(main())
