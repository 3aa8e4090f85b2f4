"""Terminals on nodes: who gets one, that nothing of one is lost or done twice, and what ends it."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from styx.client.embedded import EmbeddedClient
from styx.client.login import TOKEN_VARIABLE, URL_VARIABLE
from styx.server.terminals.shells import WINDOW
from styx.store import Store
from styx.store.managed import ServerRecord
from styx.testing.hosts import Host
from support.screens import screen
from support.servers import Server, running
from support.sides import PROGRAMS

LOCAL = {"infra": "local"}
PATIENCE = 30.0


@dataclass
class Terminal:
    """One that is open, between pipes."""

    server: Server
    token: str
    path: str

    def type(self, text: bytes = b"", offset: int = 0, **more: int) -> Any:
        """What is answered to something typed."""
        query = "&".join(f"{name}={value}" for name, value in {"offset": offset, **more}.items())
        answer = self.server.ask("PUT", f"{self.path}/input?{query}", text, token=self.token)
        return answer.json["taken"] if answer.status == 200 else answer.json["code"]

    def events(self, after: int = 0) -> Iterator[tuple[str, Any, str]]:
        """What is written after so many bytes; and how it ends."""
        headers = {"authorization": f"Bearer {self.token}", **({"last-event-id": str(after)} if after else {})}
        return self.server.events(f"{self.path}/output", headers)

    def wrote(self) -> bytes:
        """All that it writes to its end."""
        found = [data for name, data, _ in self.events() if name == "output"]
        return b"".join(base64.b64decode(data["data"]) for data in found)


def opened(server: Server, command: str, token: str | None = None, cluster: str = "dev") -> Terminal:
    """A new one."""
    token = token or server.token
    made = server.ask("POST", f"/v1/clusters/{cluster}/shells", {"command": command}, token=token)
    assert made.status == 201, made.json
    return Terminal(server, token, f"/v1/shells/{made.json['id']}")


@pytest.fixture(scope="module")
def dev(server: Server) -> Server:
    """A server with a cluster ``dev`` of its own user's."""
    launched(server, "dev")
    return server


def launched(server: Server, name: str, token: str | None = None, infra: str = "local") -> None:
    """Make a cluster."""
    body = {"task": {"resources": {"infra": infra}}, "options": {"cluster": name}}
    assert server.result(server.ask("POST", "/v1/clusters", body, token=token))["cluster"] == name


def gone(pid: int) -> bool:
    """Whether a process is not there any more, or about to be, soon."""
    deadline = time.monotonic() + PATIENCE
    while Path(f"/proc/{pid}").exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    return not Path(f"/proc/{pid}").exists()


def test_who_gets_one(dev: Server) -> None:
    """Neither viewers nor members whose cluster it is not; and nobody another's, not even by another token."""
    for role in ("viewer", "member"):
        other = dev.made(f"shells-{role}", role)
        assert dev.ask("POST", "/v1/clusters/dev/shells", {}, token=other).json["code"] == "forbidden"
    terminal = opened(dev, "cat")
    admin = dev.made("shells-admin", "admin")
    for method, path in (("GET", "output"), ("PUT", "input?offset=0"), ("DELETE", "")):
        address = f"{terminal.path}/{path}".rstrip("/")
        assert dev.ask(method, address, token=admin).status == 404, method
    assert terminal.type(b"typed secret\n", last=1) == len(b"typed secret\n")
    assert terminal.wrote() == b"typed secret\n"
    record = dev.ask("GET", "/v1/audit?limit=1000").json["items"]
    paths = [entry["path"] for entry in record if "/shells" in entry["path"] and entry["status"] < 300]
    assert paths == ["/v1/clusters/dev/shells"]  # what is typed is not on record, one by one
    log = (dev.home / "server.log").read_text()
    assert "/v1/clusters/dev/shells" in log
    assert "/input: 200" not in log


def test_a_terminal_at_another_server(dev: Server) -> None:
    """Where several share their records, one that does not have a terminal says which has it."""
    url, now = "https://other.example.org", datetime.now(UTC)
    with Store.open(home=dev.home) as store:
        later = now + timedelta(minutes=1)
        store.servers.register(ServerRecord("elsewhere", "far", 1, "", "", "0", url, now, now, later))
        answer = dev.ask("PUT", "/v1/shells/elsewhere-0123/input?offset=0")
        store.servers.retire("elsewhere")
    assert (answer.status, answer.json["details"]["url"]) == (421, url)
    assert dev.ask("PUT", "/v1/shells/elsewhere-0123/input?offset=0").status == 404


def test_only_administrators_on_the_servers_own_machine(styx_home: Path) -> None:
    """Who is one no more has no terminal there, on what they have made before; and loses the one that is open."""
    with running(styx_home, shell_patience=8.0) as server:
        eve = server.made("eve", "admin")
        launched(server, "dev", eve)
        terminal = opened(server, "echo $$; sleep 100", eve)
        said = terminal.events()
        pid = int(base64.b64decode(next(said)[1]["data"]))
        assert server.ask("PATCH", "/v1/users/eve", {"role": "member"}).status == 200
        refused = server.ask("POST", "/v1/clusters/dev/shells", {}, token=eve)
        assert (refused.status, "only administrators" in refused.json["detail"]) == (400, True)
        assert "only administrators" in next(said)[1]["detail"]
        assert gone(pid)
        server.result(server.ask("DELETE", "/v1/clusters/dev"))


def test_nothing_is_lost_or_done_twice(dev: Server) -> None:
    """Output goes on where a connection broke; what is typed again is not read again, and what is missing is missed."""
    terminal = opened(dev, "cat")
    said = terminal.events()
    assert terminal.type(b"one\n") == 4
    assert terminal.type(b"one\n") == 4
    assert terminal.type(b"one\ntwo\n") == 8
    assert terminal.type(b"four\n", offset=14) == "bad_input"
    assert terminal.type(b"three\n", offset=8, last=1) == 14
    name, _, number = next(said)
    assert name == "output"
    said.close()  # type: ignore[attr-defined]
    rest = [*terminal.events(int(number))]
    assert [each[0] for each in rest][-2:] == ["exit", "end"]
    assert terminal.wrote() == b"one\ntwo\nthree\n"
    assert terminal.type(offset=14, received=14) == 14
    assert next(each[0] for each in terminal.events(3)) == "problem"  # which was said to have come
    assert dev.ask("DELETE", terminal.path).status == 204
    assert terminal.type() == "no_such_thing"


def test_who_does_not_read_holds_up_the_program(dev: Server) -> None:
    """A program that writes without end waits for its reader, and so does who types to one that does not read."""
    terminal = opened(dev, "yes")
    written = 0
    for _, _, number in terminal.events():
        written = int(number)
        if written >= WINDOW:
            break
    time.sleep(0.3)
    assert written < WINDOW + (1 << 17)
    said = terminal.events(written)
    terminal.type(received=written)
    assert int(next(said)[2]) > written
    dev.ask("DELETE", terminal.path)
    assert [name for name, _, _ in said][-1] == "problem"
    deaf = opened(dev, "sleep 100")
    taken = deaf.type(bytes(1 << 18))
    assert taken < 1 << 18
    assert deaf.type(bytes(1 << 18), offset=taken) == taken
    dev.ask("DELETE", deaf.path)


def test_what_ends_it(styx_home: Path) -> None:
    """Its client's silence, the end of its token, and that of the server; and one user has no more than so many."""
    with running(styx_home, shell_patience=3.0, user_shells=2) as server:
        launched(server, "dev")
        ann = server.made("ann", "admin")
        terminals = [opened(server, "echo $$; sleep 100") for _ in range(2)]
        said = [each.events() for each in terminals]
        silent, kept = (int(base64.b64decode(next(each)[1]["data"])) for each in said)
        refused = server.ask("POST", "/v1/clusters/dev/shells", {})
        assert (refused.status, refused.json["code"]) == (429, "too_many_requests")
        third = opened(server, "echo $$; sleep 100", ann)
        words = third.events()
        revoked = int(base64.b64decode(next(words)[1]["data"]))
        server.ask("DELETE", f"/v1/tokens/{ann.split('_')[1]}")
        deadline = time.monotonic() + PATIENCE
        while Path(f"/proc/{silent}").exists() or Path(f"/proc/{revoked}").exists():
            assert time.monotonic() < deadline
            assert terminals[1].type() == 0
            time.sleep(0.2)
        assert next(said[0])[1]["code"] == "unavailable"
        assert next(words)[1]["code"] == "unauthenticated"
        assert server.stop() == 0
        assert next(said[1])[1]["code"] == "unavailable"
        assert gone(kept)
    client = EmbeddedClient()
    client.down("dev")
    client.close()


def test_over_ssh(host: Host, styx_home: Path, tmp_path: Path) -> None:
    """A member has one on a real host, whose key stays with the server, and whose program knows no escapes."""
    styx_home.mkdir(exist_ok=True)
    pools = {"lab": {"hosts": [host.entry()]}}
    (styx_home / "config.yaml").write_text(json.dumps({"clouds": {"ssh": {"pools": pools}}}))
    with running(styx_home) as server:
        token = server.made("ann")
        launched(server, "far", token, "ssh/lab")
        environment = {
            "STYX_HOME": str(tmp_path / "here"), URL_VARIABLE: server.url, TOKEN_VARIABLE: token, "TERM": "vt100"
        }  # fmt: skip
        styx = str(PROGRAMS / "styx")
        with screen([styx, "ssh", "far"], environment, (33, 101)) as seen:
            seen.type("stty size; echo on $(hostname) $TERM, $0\r")
            seen.until("33 101")
            seen.until(f"on {host.run('hostname').strip()} vt100")
            seen.type("\r~?\r~C\r~.\r")
            seen.type("echo st''ill; exit 6\r")
            seen.until("still")
            assert seen.ended() == 6
        assert b"escape sequences" not in seen.shown
        assert b"ssh>" not in seen.shown
        with screen([styx, "ssh", "far", "--", "echo be''gun; sleep 100"], environment) as seen:
            seen.until("begun")
            seen.type("\x03")
            assert seen.ended() in {130, 255}
        server.result(server.ask("DELETE", "/v1/clusters/far", token=token))
