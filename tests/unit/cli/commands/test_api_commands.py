"""``styx api``: the server of this machine, the one to work with, and who may use it."""

# ruff: noqa: D102 - the class that it stands for documents its methods

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from styx.api import BadInput
from styx.client import local
from styx.client.login import Login, logged_in, save

TOKEN = "styx_5d0c8f3e2a1b_" + "x" * 43


class FakeAccess:
    """Implements :class:`styx.client.access.Access`."""

    def __init__(self) -> None:
        self.asked: list[Login | None] = []
        self.done: list[tuple[object, ...]] = []

    def me(self):
        return {"user": "ann", "role": "member", "level": "write", "token": "5d0c", "version": "1", "installation": "i"}

    def users(self):
        return [{"name": "ann", "role": "member", "created_at": "2026-01-01T00:00:00Z", "disabled": True}]

    def tokens(self):
        plain = {
            "id": "5d0c",
            "user": "ann",
            "name": "ci",
            "scopes": [],
            "created_at": "2026-01-01T00:00:00Z",
            "new": 1,
        }
        narrow = {"scopes": ["read", "write"], "expires_at": "2026-01-31T00:00:00Z", "maker": "5d0c"}
        return [plain, {**plain, **narrow}, {**plain, "revoked_at": "2026-01-02T00:00:00Z"}]

    def create_token(self, *arguments):
        self.done.append(arguments)
        return {"token": TOKEN, "id": "5d0c", "user": "ann", "name": arguments[0]}

    def add_user(self, name, role):
        if name == "taken":
            raise BadInput("there is a user named 'taken' already")
        self.done.append((name, role))

    def change_user(self, name, **changes):
        self.done.append((name, changes))
        return {"name": name, "role": "member", "disabled": False, **changes}

    def remove_user(self, name):
        self.done.append((name,))

    def revoke_token(self, number, *, alone):
        self.done.append((number, alone))


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> FakeAccess:
    """The server that is asked."""
    fake = FakeAccess()

    @contextmanager
    def access(login: Login | None = None) -> Iterator[FakeAccess]:
        fake.asked.append(login)
        yield fake

    monkeypatch.setattr("styx.client.access.access", access)
    return fake


def test_login(styx, server: FakeAccess, tmp_path: Path):
    """The token is read from a file, shown to the server, and kept together with its URL once it has answered."""
    (tmp_path / "token").write_text(f"{TOKEN}\n")
    result = styx("api", "login", "styx.example", "--token-file", "token")
    assert (result.exit_code, result.stdout) == (0, "Logged in to https://styx.example as ann (member).\n")
    assert server.asked == [Login("https://styx.example", TOKEN)]
    kept = logged_in()
    assert kept is not None
    assert (kept.url, kept.token) == ("https://styx.example", TOKEN)
    assert styx("api", "logout").stdout == "Logged out.\n"
    assert styx("api", "logout").stdout == "Nobody was logged in.\n"
    assert logged_in() is None


@pytest.mark.parametrize("stdin", ["two words\n", "sch\u00f6n\n"])
def test_what_is_no_token(styx, server: FakeAccess, stdin: str):
    """What cannot be a token is sent to nobody, and not repeated in the error."""
    result = styx("api", "login", "styx.example", "--token-file", "-", stdin=stdin)
    assert (result.exit_code, server.asked) == (2, [])
    assert "this is no token" in result.stderr
    assert "words" not in result.stderr


def test_an_empty_token(styx, server: FakeAccess, tmp_path: Path):
    """Where nothing was to be read is named."""
    (tmp_path / "token").write_text("\n")
    for given, source in (("token", "token"), ("-", "standard input")):
        result = styx("api", "login", "styx.example", "--token-file", given, stdin="")
        assert (result.exit_code, server.asked) == (2, [])
        assert f"there is no token: {source} is empty" in result.stderr


def test_a_token_from_the_environment_or_the_terminal(styx, server: FakeAccess, monkeypatch: pytest.MonkeyPatch):
    """Without a file it is STYX_API_TOKEN, or asked for; without a terminal the error says what there is."""
    assert "--token-file" in styx("api", "login", "styx.example").stderr
    monkeypatch.setattr("styx.cli.commands.api.interactive", lambda: True)
    asked = styx("api", "login", "-e", "styx.example", stdin=f"{TOKEN}\n")
    assert (asked.exit_code, TOKEN in asked.output) == (0, False)
    monkeypatch.setenv("STYX_API_TOKEN", "styx_a_b")
    styx("api", "login", "styx.example")
    assert [login and login.token for login in server.asked] == [TOKEN, "styx_a_b"]


def test_a_token_in_clear_needs_consent(styx, server: FakeAccess):
    """Without TLS a token is sent to this machine alone, unless that is agreed to."""
    words = ("--token-file", "-")
    assert styx("api", "login", "http://styx.example", *words, stdin=TOKEN).exit_code == 2
    assert server.asked == []
    assert styx("api", "login", "http://styx.example", "-y", *words, stdin=TOKEN).exit_code == 0
    assert styx("api", "login", "http://127.0.0.1:8080", *words, stdin=TOKEN).exit_code == 0


def test_a_token_on_the_command_line_is_refused(styx, server: FakeAccess):
    """Others on the machine could read it; the flag that SkyPilot's users know says what to do."""
    result = styx("api", "login", "styx.example", "--token", TOKEN)
    assert result.exit_code == 2
    assert "--token-file" in result.stderr


def test_info(styx, server: FakeAccess):
    """Which server commands work with, and as whom; without one that is said."""
    assert styx("api", "info").stdout.startswith("No server is used:")
    assert json.loads(styx("api", "info", "-o", "json").stdout)["url"] is None
    save(Login("https://styx.example", TOKEN))
    assert styx("api", "info").stdout.splitlines()[1].split()[:5] == [
        "https://styx.example",
        "1",
        "ann",
        "member",
        "write",
    ]
    found = json.loads(styx("api", "info", "-o", "json").stdout)
    assert (found["user"], TOKEN in str(found)) == ("ann", False)


def test_status(styx, monkeypatch: pytest.MonkeyPatch):
    """Whether there is a server of this home, whether it answers, and which one commands work with."""
    result = styx("api", "status")
    assert (result.exit_code, result.stdout.startswith("No server of this home is running.")) == (1, True)
    server = local.announce("http://127.0.0.1:1", TOKEN, "s1")
    for answers, code in ((False, 1), (True, 0)):
        monkeypatch.setattr(local, "answers", lambda _server, said=answers: said)
        assert styx("api", "status").exit_code == code
    save(Login("https://styx.example", TOKEN))
    assert "Commands work with https://styx.example, as " in styx("api", "status").stdout
    logs = styx("api", "logs")
    assert (logs.exit_code, logs.stdout) == (0, "")
    assert "This is about the server of this home. Commands work with https://styx.example, as " in logs.stderr
    found = json.loads(styx("api", "status", "-o", "json").stdout)
    assert (found["pid"], found["logged_in"], TOKEN in str(found)) == (server.pid, "https://styx.example", False)


def test_tokens(styx, server: FakeAccess):
    """A new token is all that is on stdout; listed ones have the known columns."""
    made = styx("api", "token", "create", "ci", "--user", "ann", "--scope", "read", "--expires", "30d")
    assert (made.stdout, server.done) == (f"{TOKEN}\n", [("ci", "ann", ("read",), 2592000.0)])
    assert json.loads(styx("api", "token", "create", "ci", "-o", "json").stdout)["token"] == TOKEN
    table = [re.split(" {2,}", line)[1:7] for line in styx("api", "token", "list").stdout.splitlines()]
    assert table == [
        ["NAME", "STATE", "USER", "SCOPES", "EXPIRES", "USED"],
        ["ci", "ok", "ann", "all", "never", "never"],
        ["ci", "expired", "ann", "read,write", "2026-01-31 00:00:00Z", "never"],
        ["ci", "revoked", "ann", "all", "never", "never"],
    ]
    listed, *_ = json.loads(styx("api", "token", "list", "-o", "json").stdout)
    assert (listed["scopes"], listed["revoked_at"], "new" in listed) == ([], None, False)
    assert styx("api", "token", "revoke", "a", "b").stdout == "Token a counts no more.\nToken b counts no more.\n"
    assert styx("api", "token", "revoke", "--alone", "c").exit_code == 0
    assert server.done[-3:] == [("a", False), ("b", False), ("c", True)]
    assert styx("api", "token", "create", "ci", "--scope", "all").exit_code == 2


def test_tokens_in_the_words_of_the_server(styx, server: FakeAccess):
    """What `styx-server token create` takes is taken here too; the same thing is said once."""
    create = ("api", "token", "create")
    assert styx(*create, "--user", "ann", "--name", "laptop", "--days", "30").exit_code == 0
    assert styx(*create).exit_code == 0
    assert server.done == [("laptop", "ann", (), 2592000.0), ("token", None, (), None)]
    assert styx(*create, "a", "--name", "b").exit_code == 2
    assert styx(*create, "a", "--days", "1", "--expires", "1d").exit_code == 2


def test_users(styx, server: FakeAccess):
    """Users are added, listed, changed, and removed with consent."""
    assert "ann is a member." in styx("api", "user", "add", "ann").stdout
    assert "ann is a viewer." in styx("api", "user", "role", "ann", "viewer").stdout
    headers, ann = styx("api", "user", "list").stdout.splitlines()
    assert (headers.split(), ann.split()[:3]) == (["NAME", "ROLE", "STATE", "AGE"], ["ann", "member", "disabled"])
    assert "ann may not use the server" in styx("api", "user", "set", "ann", "--disable").stdout
    assert "ann is a viewer." in styx("api", "user", "set", "ann", "--enable", "--role", "viewer").stdout
    assert styx("api", "user", "set", "ann").exit_code == 2
    assert styx("api", "user", "remove", "ann").exit_code == 2
    assert styx("api", "user", "remove", "ann", "-y").exit_code == 0
    changes = [{"role": "viewer"}, {"disabled": True}, {"disabled": False, "role": "viewer"}]
    assert server.done[:1] == [("ann", "member")]
    assert server.done[1:] == [*(("ann", each) for each in changes), ("ann",)]
    assert styx("api", "user", "add", "taken").exit_code == 2
    assert styx("api", "user", "add", "x", "--role", "king").exit_code == 2


def test_nothing_to_stop_and_no_log(styx):
    """Without a server there is nothing to stop, and nothing was written, which is said."""
    assert styx("api", "stop").stdout == "No server of this home is running.\n"
    logs = styx("api", "logs")
    assert (logs.stdout, logs.stderr.startswith("No server of this home has written anything")) == ("", True)
