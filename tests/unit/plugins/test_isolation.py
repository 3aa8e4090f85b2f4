"""Running code of plugins so that nothing it does takes anything else down."""

import asyncio
import subprocess
import sys
import threading

import pytest

from styx.api import BadInput, NotYet, PluginError, Transient
from styx.plugins.isolation import collect, describe, guard, load_target


@pytest.mark.parametrize(
    ("error", "status", "message"),
    [
        (RuntimeError("no luck"), "broken", "RuntimeError: no luck"),
        (RuntimeError("two\n lines"), "broken", "RuntimeError: two lines"),
        (RuntimeError(), "broken", "RuntimeError"),
        (SystemExit(3), "broken", "it called sys.exit(3)"),
        (SystemExit(), "broken", "it called sys.exit(None)"),
        (ImportError("cannot import name 'x'"), "broken", "ImportError: cannot import name 'x'"),
        (SyntaxError("invalid syntax"), "broken", "SyntaxError: invalid syntax"),
        (RecursionError("too deep"), "broken", "RecursionError: too deep"),
        (BaseExceptionGroup("several", [SystemExit(1)]), "broken", "BaseExceptionGroup: several (1 sub-exception)"),
        (ModuleNotFoundError("No module named 'a'", name="a.b"), "missing-dependency", "No module named 'a'"),
        (ModuleNotFoundError("raised by hand"), "broken", "raised by hand"),
    ],
)
def test_what_a_plugin_raises(error, status, message):
    """Anything becomes one PluginError of one line that names the plugin, what it did, and the cause."""
    with pytest.raises(PluginError) as raised, guard("acme", "while importing acme.cloud"):
        raise error
    assert raised.value.message.startswith("plugin 'acme' failed while importing acme.cloud: ")
    assert message in raised.value.message
    assert "\n" not in raised.value.message
    assert raised.value.status == status
    assert raised.value.exit_code == 69
    assert raised.value.__cause__ is error
    assert "styx plugins disable acme" in raised.value.hint


def test_a_missing_library_is_named():
    """The hint of a missing library says what to install."""
    with pytest.raises(PluginError) as raised, guard("acme", "in a test"):
        import acme_sdk.compute  # noqa: F401
    assert raised.value.hint.startswith("Install what has the module 'acme_sdk'")


@pytest.mark.parametrize(
    "error",
    [BadInput("refused"), Transient("busy"), NotYet(1, "a disk"), KeyboardInterrupt(), asyncio.CancelledError()],
)
def test_what_passes(error):
    """What the contract lets a plugin raise, the user's Ctrl-C and our own cancelling pass as they are."""
    with pytest.raises(type(error)) as raised, guard("acme", "in a test"):
        raise error
    assert raised.value is error


def test_leaving_a_generator():
    """A generator that is closed inside the guard is closed."""

    def steps():
        with guard("acme", "in a test"):
            yield 1

    generator = steps()
    next(generator)
    generator.close()


def test_asyncio_is_not_loaded_for_it():
    """Commands of plugins start without asyncio."""
    code = "import sys, styx.plugins.isolation; sys.exit('asyncio' in sys.modules)"
    # The contract's own modules import logging and others, but none of them asyncio.
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("styx_nowhere:x", "ModuleNotFoundError"),
        ("json:nothing", "AttributeError"),
        ("json.nothing:x", "ModuleNotFoundError"),
    ],
)
def test_load_target_failures(target, message):
    """A module or attribute that is not there is one PluginError."""
    with pytest.raises(PluginError, match=message):
        load_target("acme", target)


def test_load_target():
    """A target is an attribute of a module, or the module."""
    import json

    assert load_target("acme", "json:loads") is json.loads
    assert load_target("acme", "json") is json


def boom():
    """Fail."""
    raise RuntimeError("boom")


def leave():
    """Leave the program."""
    sys.exit(1)


def refuse():
    """Refuse, as the contract allows."""
    raise BadInput("no")


def test_collect():
    """One that raises or exits does not silence the others; None is no answer; the order is kept."""
    calls = [("a", lambda: 1), ("b", boom), ("c", lambda: None), ("d", leave), ("e", refuse), ("f", list)]
    collected = collect(calls, "in a test")
    assert collected.results == [("a", 1), ("f", [])]
    assert [(type(each), each.message) for each in collected.failures] == [
        (PluginError, "plugin 'b' failed in a test: RuntimeError: boom"),
        (PluginError, "plugin 'd' failed in a test: it called sys.exit(1)"),
        (BadInput, "no"),
    ]


def test_collect_lets_ctrl_c_through():
    """Ctrl-C ends the whole call."""

    def interrupt():
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        collect([("a", interrupt), ("b", boom)], "in a test")


def test_ctrl_c_comes_to_the_main_thread_alone():
    """Raised by a plugin's code in another thread it is a failure like any other: there it would end a loop of ours."""
    found = []

    def work():
        try:
            with guard("acme", "in a test"):
                raise KeyboardInterrupt
        except PluginError as error:
            found.append(error.message)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert found == ["plugin 'acme' failed in a test: KeyboardInterrupt"]


def test_describe_a_long_text():
    """A description is one line, however the message is laid out."""
    assert describe(ValueError("a\n\n\tb   c")) == "ValueError: a b c"
