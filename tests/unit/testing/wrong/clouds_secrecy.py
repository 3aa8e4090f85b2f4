"""Clouds that break a rule about secrets, or about talking to an API."""

# ruff: noqa: D102 - the class says what is wrong with its methods

from __future__ import annotations

import contextlib
import socket
from dataclasses import replace
from typing import ClassVar

from clouds_base import WRONG

from styx.api import (
    Identity,
    Prepared,
    ProviderError,
    Receipt,
    Services,
    Transient,
)
from styx.testing.memory import MemoryCloud
from support.http_cloud import HttpMemoryCloud

KEY = "hunter2-of-the-account"


class Secret:
    """A value as config models keep it."""

    def get_secret_value(self) -> str:
        return KEY


class Keyed(MemoryCloud):
    """An account with a key."""

    def __init__(self, services: Services) -> None:
        super().__init__(services)
        self.account.__dict__.setdefault("api_key", Secret())


@WRONG.breaks("test_answers_hold_no_secret")
class KeyInReceipt(Keyed):
    """The key it was launched with, for later."""

    def launch(self, prepared: Prepared) -> Receipt:
        return replace(super().launch(prepared), data={"key": KEY})


@WRONG.breaks("test_logs_hold_no_secret")
class LogsHeaders(Keyed):
    """Every request, with its headers."""

    def launch(self, prepared: Prepared) -> Receipt:
        self.services.log.debug("POST /machines Authorization: Bearer %s", KEY)
        return super().launch(prepared)


@WRONG.breaks("test_credentials_stay_off_nodes")
class KeyOnNodes(Keyed):
    """The key in every machine's home."""

    homes = True

    def launch(self, prepared: Prepared) -> Receipt:
        receipt = super().launch(prepared)
        for machine in self.account.machines(prepared.scope.name, self._clock):
            if machine.home is not None:
                (machine.home / ".memoryrc").write_text(KEY)
        return receipt


@WRONG.breaks("test_sockets_have_timeouts")
class WaitsForever(MemoryCloud):
    """A connection that may take as long as it likes."""

    def check(self) -> Identity:
        with socket.socket() as connection, contextlib.suppress(OSError):
            connection.connect(("127.0.0.1", 9))
        return super().check()


@WRONG.breaks("test_a_refused_call_is_made_once")
class RetriesByItself(HttpMemoryCloud):
    """Three times, as SDKs do."""

    tries: ClassVar[int] = 3


@WRONG.breaks("test_refusals_are_understood")
class EverythingPasses(HttpMemoryCloud):
    """One error for all that is refused."""

    errors: ClassVar[dict[int, type[ProviderError]]] = {
        status: Transient if status < 500 else error for status, error in HttpMemoryCloud.errors.items()
    }


@WRONG.breaks("test_no_answer_is_an_unknown_outcome")
class HopesForTheBest(HttpMemoryCloud):
    """What was not answered was not done."""

    lost: ClassVar[type[ProviderError]] = Transient
