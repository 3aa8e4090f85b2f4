"""The outermost loop: errors become messages and exit codes, and only --debug shows tracebacks."""

import json
import os
import subprocess
import sys

import click
import pytest

from styx.api import AuthFailed, BadInput, InvalidTask, PluginError, StoreError, StyxError, Transient
from styx.cli import main as module
from styx.cli.lazy import LazyGroup
from styx.cli.main import main
from styx.cli.table import CommandRow


@pytest.fixture
def failing(monkeypatch):
    """Make ``styx`` a program whose only command raises the given error."""

    def arrange(error: BaseException) -> None:
        @click.command(context_settings={"ignore_unknown_options": True})
        @click.argument("words", nargs=-1)
        def go(words):
            raise error

        rows = {"go": CommandRow("go", "", "Go.", "Section")}
        params = module.cli.params
        group = LazyGroup(name="styx", rows=lambda: rows, load=lambda row, ctx: go, params=params)
        monkeypatch.setattr(module, "cli", group)

    return arrange


@pytest.mark.parametrize(
    ("error", "code", "text"),
    [
        (StyxError("plain"), 1, "Error: plain\n"),
        (BadInput("bad", hint="Mend it."), 2, "Error: bad\nHint: Mend it.\n"),
        (InvalidTask("wrong", file="t.yaml", line=3), 2, "Error: t.yaml:3: wrong\n"),
        (InvalidTask("wrong", file="t.yaml"), 2, "Error: t.yaml: wrong\n"),
        (InvalidTask("t.yaml is wrong", file="t.yaml", line=3), 2, "Error: t.yaml is wrong\n"),
        (PluginError("broken"), 69, "Error: broken\n"),
        (StoreError("locked"), 74, "Error: locked\n"),
        (Transient("busy"), 75, "Error: busy\n"),
        (AuthFailed("expired"), 77, "Error: expired\n"),
        (FileNotFoundError(2, "No such file or directory", "x"), 74, "Error: x: No such file or directory\n"),
        (OSError(28, "No space left on device"), 74, "Error: No space left on device\n"),
        (ExceptionGroup("several", [ValueError("x"), AuthFailed("expired")]), 77, "Error: expired\n"),
        (KeyError("x"), 1, "Error: unexpected KeyError: 'x'\nHint: `styx --debug ...` shows where it happened.\n"),
        (click.UsageError("odd"), 2, "Error: odd\n"),
        (click.exceptions.Exit(5), 5, ""),
        (KeyboardInterrupt(), 130, "\nInterrupted.\n"),
    ],
)
def test_errors(failing, capfd, error, code, text):
    """Every error is its message, its hint and its exit code; stdout stays empty, and there is no traceback."""
    failing(error)
    assert main(["go"]) == code
    out, err = capfd.readouterr()
    assert (out, err.endswith(text)) == ("", True)
    assert "Traceback" not in err


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (
            InvalidTask("\x1b[31mwrong\u202e", hint="Mend it.", file="t.yaml", line=3),
            {
                "code": "invalid_task",
                "message": "t.yaml:3: \x1b[31mwrong\u202e",
                "hint": "Mend it.",
                "details": {"file": "t.yaml", "line": 3},
            },
        ),
        (StoreError("locked"), {"code": "store_error", "message": "locked", "hint": None, "details": {}}),
        (click.ClickException("odd"), {"code": "error", "message": "odd", "hint": None, "details": {}}),
        (KeyboardInterrupt(), {"code": "interrupted", "message": "interrupted", "hint": None, "details": {}}),
        (OSError(28, "No space"), {"code": "error", "message": "No space", "hint": None, "details": {}}),
    ],
)
@pytest.mark.parametrize("words", [["-o", "json"], ["--output", "json"], ["-ojson"], ["--output=json"]])
def test_errors_for_programs(failing, capfd, error, told, words):
    """With -o json an error is one object on one line of stderr, which holds no character that plays tricks."""
    failing(error)
    assert main(["go", *words]) != 0
    out, err = capfd.readouterr()
    assert (out, json.loads(err.strip())) == ("", {"error": told})
    assert err.isascii()
    assert "\x1b" not in err


@pytest.mark.parametrize("words", [["-o", "table"], ["json"], ["--", "-o", "json"], []])
def test_errors_for_people(failing, capfd, words):
    """Without -o json, or with it behind ``--``, an error is a sentence."""
    failing(BadInput("bad"))
    main(["go", *words])
    assert capfd.readouterr().err == "Error: bad\n"


def test_usage_for_programs(capfd):
    """A command line that cannot be read is an object, too, and points at the help."""
    assert main(["queue", "--nope", "-o", "json"]) == 2
    error = json.loads(capfd.readouterr().err)["error"]
    assert "--nope" in error["message"]
    assert error["hint"] == "`styx queue --help` shows what there is."


def test_ctrl_c_at_a_plugins_question(failing, capfd, monkeypatch):
    """Click hides the Ctrl-C at a question; it ends with 130 all the same."""

    def press(*_: object) -> str:
        raise KeyboardInterrupt

    monkeypatch.setattr("click.termui._readline_prompt", press)
    with pytest.raises(click.Abort) as aborted:
        click.confirm("Sure?")
    failing(aborted.value)
    assert main(["go"]) == 130
    assert capfd.readouterr().err.endswith("Interrupted.\n")


def test_debug(failing, capfd):
    """--debug, or its variable, shows the traceback with all causes before the message."""
    error = BadInput("bad")
    error.__cause__ = RuntimeError("the cause")
    failing(error)
    assert main(["--debug", "go"]) == 2
    err = capfd.readouterr().err
    assert "RuntimeError: the cause" in err
    assert err.endswith("Error: bad\n")
    assert os.environ["STYX_DEBUG"] == "1"


def test_messages_cannot_play_tricks(failing, capfd):
    """What providers and nodes say is shown without terminal escapes."""
    failing(BadInput("\x1b]0;title\x07\x1b[31mred\u202e", hint="\x1b[2Jgone"))
    main(["go"])
    err = capfd.readouterr().err
    assert not {"\x1b", "\x07", "\u202e"}.intersection(err)
    assert "red" in err


def test_unexpected_messages_cannot_either(failing, capfd):
    """An error that nobody expected is shown on one line and without escapes."""
    failing(RuntimeError("\x1b[31mtwo\nlines"))
    main(["go"])
    err = capfd.readouterr().err
    assert "\x1b" not in err
    assert "unexpected RuntimeError: two lines" in err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["lunch"], "There is no command 'lunch'. Did you mean launch?"),
        (["zzz"], "There is no command 'zzz'."),
        (["--nope"], "No such option"),
        (["plugins", "lst"], "No such command 'lst'"),
    ],
)
def test_misspelt_commands(capfd, words, message):
    """A misspelt command is exit code 2, with the nearest one there is."""
    assert main(words) == 2
    assert message in capfd.readouterr().err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["cancel", "dev", "two"], "'two' is not a whole number"),
        (["cancel", "dev", "0"], "it must be at least 1, not 0"),
        (["autostop", "dev", "-i", "1000001"], "it must be at most 1000000, not 1000001"),
        (["logs", "dev", "-w", "-1"], "it must be at least 0, not -1"),
        (["completion"], "Missing argument '{bash|zsh|fish}'. It is one of bash, zsh, fish."),
        (["queue", "-o", "xml"], "'xml' is not one of 'table', 'json'"),
    ],
)
def test_values(capfd, words, message):
    """What a value must be is said in words, on one line."""
    assert main(words) == 2
    err = capfd.readouterr().err
    assert message in err
    assert "\t" not in err


def test_no_command(capfd):
    """Without a command the help is shown, as bad usage."""
    assert main([]) == 2
    assert "Clusters and tasks:" in capfd.readouterr().err


@pytest.mark.parametrize("flag", ["-h", "--help"])
def test_help(flag):
    """Both ways to ask for help work, for the program and for commands."""
    # In a process of its own: click keeps with a command what whoever asked it first in a process calls help.
    program = (sys.executable, "-c", "import sys; from styx.cli.main import main; sys.exit(main())")
    for words, shown in (((flag,), "Infrastructure:"), (("status", flag), "Examples:")):
        assert shown in subprocess.run((*program, *words), capture_output=True, text=True, check=True).stdout


def test_version(capfd):
    """The version is that of the package."""
    import styx

    assert main(["--version"]) == 0
    assert capfd.readouterr().out == f"styx {styx.__version__}\n"


def test_completion_never_writes_on_the_prompt(failing, capfd, monkeypatch):
    """An error while a shell completes shows nothing."""
    monkeypatch.setenv("_STYX_COMPLETE", "bash_complete")

    def explode():
        raise BadInput("bad settings")

    monkeypatch.setattr(module, "cli", LazyGroup(name="styx", rows=explode))
    monkeypatch.setenv("COMP_WORDS", "styx ")
    monkeypatch.setenv("COMP_CWORD", "1")
    assert main([]) == 1
    assert capfd.readouterr() == ("", "")
