"""What stands around the routes: TLS, what a proxy says, routes of plugins, and a disk that is full."""

from __future__ import annotations

import socket
import ssl
import urllib.request
from pathlib import Path

import pytest

from styx.server.http.certificate import own
from support.disks import small_disk
from support.plugin_packages import Package
from support.servers import running

ROUTES = """
from fastapi import APIRouter, Request
from pydantic import BaseModel
from styx.hookspecs import hookimpl

router = APIRouter()


class Wish(BaseModel):
    text: str


@router.get("/greeting")
def greeting(request: Request) -> dict[str, str]:
    return {"greeting": f"Hello {request.state.caller.user}"}


@router.post("/wishes")
def wish(body: Wish) -> Wish:
    if body.text == "break":
        raise ZeroDivisionError("secret words of the plugin")
    return body


@hookimpl
def styx_routes() -> APIRouter:
    return router
"""
MANIFEST = """
name = "{name}"
summary = "Routes."
implements = ["styx_routes"]
hooks = "styx_{name}.hooks"

[contract]
hooks = "1.0"
"""
BROKEN = """
from styx.hookspecs import hookimpl

@hookimpl
def styx_routes():
    raise RuntimeError("no routes today")
"""


def test_plugins_add_routes_behind_the_same_door(styx_home: Path, tmp_path: Path) -> None:
    """They are described and guarded as ours; one that cannot be made, or breaks, takes nothing else with it."""
    site = tmp_path / "site"
    for name, hooks in (("hello", ROUTES), ("gloomy", BROKEN)):
        package = Package(name, manifest=MANIFEST.format(name=name), modules={"hooks": hooks}, clouds=())
        package.install(site)
    with running(styx_home, env={"PYTHONPATH": str(site)}) as server:
        me = server.ask("GET", "/v1/me").json["user"]
        assert server.ask("GET", "/v1/x/hello/greeting").json == {"greeting": f"Hello {me}"}
        assert "/v1/x/hello/greeting" in server.ask("GET", "/openapi.json").json["paths"]
        assert server.ask("GET", "/v1/x/hello/greeting", token="").status == 401
        viewer = server.made("vic", "viewer")
        assert server.ask("GET", "/v1/x/hello/greeting", token=viewer).status == 200
        assert server.ask("POST", "/v1/x/hello/wishes", {"text": "rain"}, token=viewer).status == 403
        assert server.ask("POST", "/v1/x/hello/wishes", {"text": 1}).json["code"] == "invalid_body"
        broken = server.ask("POST", "/v1/x/hello/wishes", {"text": "break"})
        assert (broken.status, "secret words" in broken.body.decode()) == (500, False)
        assert server.ask("GET", "/v1/clusters").status == 200
    log = (styx_home / "server.log").read_text()
    assert "no routes today" in log
    assert "secret words" in log


def test_tls(styx_home: Path) -> None:
    """With a certificate it speaks TLS and nothing else, and says to come back that way."""
    certificate, key = own(styx_home)
    with running(styx_home, "--tls-cert", str(certificate), "--tls-key", str(key)) as server:
        assert server.url.startswith("https://")
        trusting = ssl.create_default_context(cafile=str(certificate))
        trusting.check_hostname = False
        with urllib.request.urlopen(f"{server.url}/ready", context=trusting) as answer:
            assert answer.status == 200
            assert answer.headers["strict-transport-security"].startswith("max-age=")
        with pytest.raises(OSError):  # noqa: PT011 - whichever
            urllib.request.urlopen(server.url.replace("https://", "http://") + "/ready", timeout=10)
    assert "Traceback" not in (styx_home / "server.log").read_text()


def test_a_handshake_that_does_not_come_is_not_waited_for(styx_home: Path) -> None:
    """Who connects and says nothing is hung up on, before TLS as after it."""
    certificate, key = own(styx_home)
    with running(styx_home, tls_cert=certificate, tls_key=key, header_patience=0.5) as server:
        host, _, port = server.url.removeprefix("https://").rpartition(":")
        with socket.create_connection((host, int(port)), timeout=20) as silent:
            assert silent.recv(1) == b""


def test_only_a_proxy_says_for_whom_it_asks(styx_home: Path) -> None:
    """Without one, an address that a client makes up is not believed; with one, it is on record."""
    forwarded = {"x-forwarded-for": "203.0.113.9", "x-forwarded-proto": "https"}
    for options, expected in (((), "127.0.0.1"), (("--behind-proxy",), "203.0.113.9")):
        with running(styx_home, *options) as server:
            server.ask("POST", "/v1/users", {"name": "-"}, headers=forwarded)
            assert server.ask("GET", "/v1/audit?limit=1").json["items"][0]["address"] == expected


def test_a_full_disk(tmp_path: Path) -> None:
    """What has to be written is refused, with the reason; what is there can still be read, and later all is well."""
    home = tmp_path / "disk"
    with small_disk(home, "size=8m"), running(home) as server:
        assert server.ask("POST", "/v1/users", {"name": "early"}).status == 201
        filler = home / "filler"
        with filler.open("wb", buffering=0) as file:
            try:
                while file.write(bytes(4096)):
                    pass
            except OSError:
                pass
        refused = server.ask("PUT", f"/v1/files/{'0' * 64}", bytes(1 << 20))
        assert (refused.status, refused.json["code"]) == (507, "no_room")
        statuses = {server.ask("POST", "/v1/jobs", {"task": {"run": "true"}}).status for _ in range(30)}
        assert statuses <= {201, 503}
        assert 503 in statuses
        assert server.ask("GET", "/v1/users").json["items"][0]["name"] == "early"
        filler.unlink()
        assert server.ask("POST", "/v1/users", {"name": "late"}).status == 201
        assert "Traceback" not in (home / "server.log").read_text()
