"""Some hosts for the length of a test."""

from __future__ import annotations

from styx.testing.hosts.host import Host, unavailable
from styx.testing.hosts.slots import Slot


class Hosts:
    """``with Hosts(3) as hosts:`` three hosts that reach each other; skips the test where there can be none."""

    def __init__(self, count: int = 2, *, shares: bool = False, **options: str) -> None:
        self.count = count
        self.shares = shares
        self.options = options
        self._slot: Slot | None = None
        self._hosts: list[Host] = []

    def __enter__(self) -> list[Host]:
        """Boot them. Skips the test where there can be none."""
        if reason := unavailable():
            import pytest

            pytest.skip(reason)
        self._slot = slot = Slot.take()
        try:
            slot.set_up()
            for number in range(self.count):
                host = Host.at(slot, number, options=dict(self.options), shares=self.shares)
                self._hosts.append(host)
                host.start()
        except BaseException:
            self.__exit__()
            raise
        return self._hosts

    def __exit__(self, *_: object) -> None:
        """Switch them off and remove what they were."""
        try:
            for host in self._hosts:
                host.stop()
        finally:
            if self._slot is not None:
                self._slot.release()
