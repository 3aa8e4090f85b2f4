"""What integration tests share: real hosts."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from styx.testing.hosts import Host, Hosts


@pytest.fixture
def hosts() -> Iterator[list[Host]]:
    """Two hosts that reach each other, new for this test."""
    with Hosts(2) as made:
        yield made


@pytest.fixture
def host() -> Iterator[Host]:
    """One host, new for this test."""
    with Hosts(1) as made:
        yield made[0]


@pytest.fixture(scope="module")
def shared_hosts() -> Iterator[list[Host]]:
    """Two hosts for all tests of a module that leave them as they found them."""
    with Hosts(2) as made:
        yield made
