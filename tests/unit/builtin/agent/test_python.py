"""What is made of what a node says about its Pythons; real interpreters are for the integration tests."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from styx.api import BackendError, ByteStream, CommandResult, Transport, TransportError
from styx.builtin.agent.places import Places
from styx.builtin.agent.python import find_python

PLACES = Places("/home/me", 1000, "me", "key", 3)


class Saying(Transport):
    """Answers each command with the next of these; the last is said again and again."""

    def __init__(self, *answers: CommandResult | str) -> None:
        self.answers = [CommandResult(0, one.encode(), b"") if isinstance(one, str) else one for one in answers]
        self.commands: list[str] = []

    async def run(
        self, command: str, *, stdin: bytes | AsyncIterator[bytes] = b"", timeout: float = 60.0
    ) -> CommandResult:
        """Say the next."""
        self.commands.append(command)
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]

    async def open_unix(self, path: str) -> ByteStream:
        """Not here."""
        raise TransportError(path)

    def interactive(self, command: str | None = None) -> list[str]:
        """Not here either."""
        return []

    async def close(self) -> None:
        """Nothing is open."""


async def lacking(*answers: CommandResult | str) -> BackendError:
    """The error about a node that answers like this."""
    with pytest.raises(BackendError) as caught:
        await find_python(Saying(*answers), PLACES)
    assert "apt-get install python3" in (caught.value.hint or "")
    assert caught.value.node == "3"
    return caught.value


async def test_the_first_that_is_good_is_taken() -> None:
    """After those that are too old or lack something; nothing is installed then."""
    node = Saying("/usr/bin/python3 3.6.8 -\n/opt/minimal/python3 3.11.2 json,sqlite3\n/opt/python3.9 3.9.1 -\n")
    assert await find_python(node, PLACES) == "/opt/python3.9"
    assert len(node.commands) == 1


async def test_the_package_manager_is_asked_for_one() -> None:
    """What it brings is used."""
    node = Saying("", CommandResult(0, b"", b"Setting up python3\n"), "/usr/bin/python3 3.11.2 -")
    assert await find_python(node, PLACES) == "/usr/bin/python3"
    assert "apt-get" in node.commands[1]


@pytest.mark.parametrize(
    ("says", "told"),
    [
        ("", "node 3 has no Python. The agent needs Python 3.8 or newer"),
        ("/usr/bin/python3 3.6.15 -", "no Python of use: /usr/bin/python3 is 3.6.15. The"),
        ("/usr/bin/python3 3.7.1 json", "/usr/bin/python3 is 3.7.1. The"),
        ("/usr/bin/python3 3.11.2 json,sqlite3", "/usr/bin/python3 is 3.11.2 without json, sqlite3. The"),
        ("/usr/bin/python3 0.0.0 -", "/usr/bin/python3 does not start. The"),
    ],
)
async def test_an_error_says_what_there_is(says: str, told: str) -> None:
    """Which interpreters, and what is wrong with each."""
    assert told in (await lacking(says, CommandResult(77, b"", b""), says)).message


async def test_an_error_says_why_none_could_be_installed() -> None:
    """For want of rights, or in the last words of the package manager."""
    assert "right to use it" in (await lacking("", CommandResult(78, b"", b""), "")).message
    error = await lacking("", CommandResult(100, b"", b"Reading\nE: no \x1b[31mnetwork\n"), "")
    assert error.message.endswith("did not bring one: E: no  [31mnetwork")


@given(st.text(max_size=200), st.integers(0, 255))
async def test_whatever_a_node_answers_is_a_path_or_an_error(said: str, status: int) -> None:
    """A node that answers with a command instead of a path has nothing run."""
    answer = CommandResult(status, said.encode("utf-8", "surrogatepass"), said.encode("utf-8", "surrogatepass"))
    try:
        path = await find_python(Saying(answer), PLACES)
    except BackendError:
        return
    assert path.startswith("/")
    assert not set(path) & set(" \n;$`'\"&|<>()")
