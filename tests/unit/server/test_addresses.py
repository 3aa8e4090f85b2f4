"""Whose address a request is taken to be from, and who is counted as one."""

from __future__ import annotations

import pytest

from styx.server.auth.rates import neighbourhood
from styx.server.http.forwarded import Forwarded
from styx.server.settings import PRIVATE

Headers = list[tuple[bytes, bytes]]


async def seen(peer: str, headers: Headers, proxies: tuple[str, ...] = PRIVATE) -> tuple[str, str]:
    """Address and scheme, as what is behind it sees them."""
    scope = {"type": "http", "client": (peer, 1), "scheme": "http", "headers": headers}

    async def app(*_: object) -> None:
        """Nothing."""

    await Forwarded(app, proxies)(scope, app, app)  # type: ignore[arg-type]
    return scope["client"][0], scope["scheme"]  # type: ignore[return-value]


@pytest.mark.parametrize(("said", "address"), [
    ("203.0.113.7", "203.0.113.7"), ("1.1.1.1, 10.0.0.9", "10.0.0.9"), ("203.0.113.7:443", "203.0.113.7"),
    ("[2001:db8::1]:443", "2001:db8::1"), ("2001:db8::1", "2001:db8::1"), ("me", "10.1.1.1"), ("", "10.1.1.1"),
    ("x" * 10_000, "10.1.1.1"), ("fe80::1%<b>", "10.1.1.1"),
])  # fmt: skip
async def test_the_last_word_of_the_proxy_counts(said: str, address: str) -> None:
    """What a client has sent stands before it, and is no address of anybody."""
    assert await seen("10.1.1.1", [(b"x-forwarded-for", said.encode())]) == (address, "http")


async def test_of_several_headers_the_last_counts() -> None:
    """Each of them may be the client's but that."""
    headers = [(b"x-forwarded-for", b"1.1.1.1"), (b"x-forwarded-for", b"10.0.0.9"), (b"x-forwarded-proto", b"https")]
    assert await seen("127.0.0.1", headers) == ("10.0.0.9", "https")
    assert await seen("127.0.0.1", [(b"x-forwarded-proto", b"ftp")]) == ("127.0.0.1", "http")


async def test_strangers_are_not_believed() -> None:
    """Who is on the internet is no proxy of ours."""
    assert await seen("203.0.113.7", [(b"x-forwarded-for", b"1.1.1.1")]) == ("203.0.113.7", "http")


@pytest.mark.parametrize(("peer", "believed"), [
    ("10.0.0.5", True), ("::ffff:10.0.0.5", True), ("192.0.2.77", True), ("10.0.0.6", False), ("127.0.0.1", False),
])  # fmt: skip
async def test_who_is_named_alone_is_believed(peer: str, believed: bool) -> None:
    """Others of the same network may be anybody."""
    found, _ = await seen(peer, [(b"x-forwarded-for", b"1.1.1.1")], ("10.0.0.5", "192.0.2.0/24"))
    assert found == ("1.1.1.1" if believed else peer)


@pytest.mark.parametrize(("address", "whole"), [
    ("203.0.113.7", "203.0.113.7"), ("::ffff:203.0.113.7", "203.0.113.7"), ("2001:db8:1:2:3::6", "2001:db8:1:2::/64"),
    ("fe80::1%eth0", "fe80::/64"), ("unix", "unix"),
])  # fmt: skip
def test_who_has_one_address_of_ipv6_has_many(address: str, whole: str) -> None:
    """So all that they can have are one to whoever counts."""
    assert neighbourhood(address) == whole
