"""The server that stands for a provider's API."""

from __future__ import annotations

import http.client
from urllib.parse import urlsplit

import pytest

from styx.api import Transient
from styx.api.simple import JsonApi
from styx.testing import serving
from styx.testing.server import Answer, Asked


def test_a_test_sees_what_was_asked_and_says_the_answer() -> None:
    """All parts of both."""
    seen: list[Asked] = []

    def answer(asked: Asked) -> Answer:
        seen.append(asked)
        return 200, {"X-Page": "2"}, '{"rows": []}'

    with serving(answer) as url:
        connection = http.client.HTTPConnection(urlsplit(url).netloc)
        connection.request("POST", "/v1/rows?page=2", body="all", headers={"X-Key": "k"})
        response = connection.getresponse()
        assert (response.status, response.headers["X-Page"], response.read()) == (200, "2", b'{"rows": []}')
        connection.close()
    (asked,) = seen
    assert asked[:3] == ("POST", "/v1/rows", {"page": "2"})
    assert (asked.headers["x-key"], asked.body) == ("k", "all")


def test_an_answer_can_be_cut_off() -> None:
    """As one that a gateway loses half of."""
    with serving(lambda _: (200, {"Content-Length": "99"}, "{}")) as url, pytest.raises(Transient, match="cut off"):
        JsonApi(url).get("/")
