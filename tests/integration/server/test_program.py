"""``styx-server`` as a program: what it refuses to begin with, and its users and tokens."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from socket import gethostname

import pytest

from styx.sealing import Sealer
from styx.store import Store
from styx.store.managed import ServerRecord
from styx.transports.process import user_name
from support.servers import running


def styx_server(home: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """The program, to its end."""
    return subprocess.run(
        [sys.executable, "-m", "styx.server.main", "--home", str(home), *words],
        capture_output=True, text=True, timeout=60, check=False, env={**os.environ, "COLUMNS": "100"},
    )  # fmt: skip


@pytest.mark.parametrize("host", ["0.0.0.0", "example.org"])
def test_tokens_go_over_no_wire_in_clear(styx_home: Path, host: str) -> None:
    """On an address that others can reach it takes TLS, or somebody in front who does; it says so and ends."""
    refused = styx_server(styx_home, "--host", host, "--port", "0")
    assert refused.returncode == 2
    assert "can read the tokens" in refused.stderr
    assert "--tls-cert" in refused.stderr
    assert "Traceback" not in refused.stderr
    assert not (styx_home / "server.json").exists()


def test_a_port_that_is_taken(styx_home: Path) -> None:
    """An error with what to do, and no server."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        refused = styx_server(styx_home, "--port", str(taken.getsockname()[1]))
    assert (refused.returncode, refused.stderr.count("\n")) == (2, 2)
    assert "Address already in use" in refused.stderr


def test_one_home_has_one_server(styx_home: Path) -> None:
    """A second is told which process is there, at which address, and what to do; the first is still to be found."""
    with running(styx_home) as server:
        said = (styx_home / "server.json").read_text()
        refused = styx_server(styx_home, "--port", "0")
        assert (refused.returncode, refused.stderr.count("\n")) == (75, 2)
        assert f"process {server.process.pid}, at {server.url}" in refused.stderr
        assert "has a home of its own: --home" in refused.stderr
        assert (styx_home / "server.json").read_text() == said
        assert server.ask("GET", "/v1/me").status == 200


def test_one_database_has_one_key(styx_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server whose secrets the others could not read ends with what to do, and begins once their key is given up.

    Not before: one that lives would go on with it.
    """
    with Store.open(home=tmp_path / "first") as store:
        Sealer.open(tmp_path / "first").require_for(store)
        monkeypatch.setenv("STYX_DATABASE_URL", f"sqlite:///{tmp_path}/first/state.db")
        refused = styx_server(styx_home, "--port", "0")
        assert (refused.returncode, refused.stderr.count("\n")) == (77, 2)
        assert f"{styx_home}/secret.key is another key" in refused.stderr
        assert styx_server(styx_home, "forget-key").returncode == 0
        Sealer.open(styx_home).require_for(store)
        now = store.now()
        lives = ServerRecord("a1", "there", 7, "", "", "1", "http://a", now, now, now + timedelta(hours=1))
        store.servers.register(lives)
        refused = styx_server(styx_home, "forget-key")
        assert (refused.returncode, "server a1 (process 7 on there, at http://a)" in refused.stderr) == (1, True)
        store.servers.retire("a1")
        assert styx_server(styx_home, "forget-key").returncode == 0


def test_what_is_done_at_the_home_is_on_record(styx_home: Path) -> None:
    """Users and tokens that were made or changed without any token, and by whom of the machine; no secret."""
    commands = "user add kim", "user set kim --role viewer --disable", "token create --user kim", "user remove kim"
    said = [styx_server(styx_home, *command.split()) for command in commands]
    assert [each.returncode for each in said] == [0, 0, 0, 0]
    token = said[2].stdout.split("_")[1]
    with Store.open(home=styx_home) as store:
        found = store.audit.page()
    assert [entry.path.partition(" (by ")[0] for entry in reversed(found)] == [
        "user add kim --role member", commands[1], f"token create {token} --user kim", commands[3]
    ]  # fmt: skip
    assert {(entry.method, entry.path.endswith(f" on {gethostname()})")) for entry in found} == {("styx-server", True)}


def test_a_home_that_was_not_there_is_told_of(styx_home: Path) -> None:
    """Who meant another home sees that one was begun; what is read by programs stays alone on standard output."""
    first = styx_server(styx_home, "token", "create")
    assert (first.stdout.startswith("styx_"), first.stdout.count("\n")) == (True, 1)
    assert first.stderr == f"{styx_home} had no installation of Styx; one was begun there now.\n"
    assert styx_server(styx_home, "token", "create").stderr == ""
    assert "had no certificate" in styx_server(styx_home, "fingerprint").stderr
    assert styx_server(styx_home, "fingerprint").stderr == ""


def test_users_and_tokens_from_the_command_line(styx_home: Path) -> None:
    """What is made beside a running server counts there at once, and what is revoked does no more."""
    with running(styx_home) as server:
        assert styx_server(styx_home, "user", "add", "ann", "--role", "viewer").returncode == 0
        made = styx_server(styx_home, "token", "create", "--user", "ann", "laptop", "--expires", "30d")
        token = made.stdout.strip()
        me = server.ask("GET", "/v1/me", token=token).json
        assert (me["user"], me["level"]) == ("ann", "read")
        listed = styx_server(styx_home, "token", "list", "--user", "ann").stdout
        headers, row = listed.splitlines()
        assert headers.split()[:6] == ["ID", "NAME", "STATE", "USER", "SCOPES", "EXPIRES"]
        assert row.split()[:5] == [me["token"], "laptop", "ok", "ann", "all"]
        assert token.split("_", 2)[2] not in listed
        sent = server.ask("GET", "/v1/me", token="hunter2").json["detail"]
        assert (sent.endswith("of the form styx_ID_SECRET"), "hunter2" in sent) == (True, False)
        assert styx_server(styx_home, "user", "set", "ann", "--role", "member").returncode == 0
        assert server.ask("GET", "/v1/me", token=token).json["level"] == "write"
        assert styx_server(styx_home, "token", "revoke", me["token"]).returncode == 0
        assert server.ask("GET", "/v1/me", token=token).status == 401
    for words in (("a", "--name", "b"), ("--days", "1", "--expires", "1d"), ("--expires", "4000d")):
        assert styx_server(styx_home, "token", "create", *words).returncode == 2
    unknown = styx_server(styx_home, "token", "create", "--user", "nobody-here")
    assert unknown.returncode == 2
    assert "Error: no user named 'nobody-here'" in unknown.stderr
    users = [line.split()[:3] for line in styx_server(styx_home, "user", "list").stdout.splitlines()]
    assert users[0] == ["NAME", "ROLE", "STATE"]
    assert sorted(users[1:]) == sorted([["ann", "member", "ok"], [user_name(), "admin", "ok"]])


def test_the_token_of_the_home_is_for_its_user_alone(styx_home: Path) -> None:
    """The file with it is closed to others from its first moment, and gone with the server."""
    with running(styx_home) as server:
        assert (styx_home / "server.json").stat().st_mode & 0o777 == 0o600
        assert server.ask("GET", "/v1/me").json["level"] == "admin"
        assert server.token not in (styx_home / "server.log").read_text()
    assert not (styx_home / "server.json").exists()
