"""Clouds that break a rule about tokens and what is stored of an intent."""

# ruff: noqa: D102 - the class says what is wrong with its methods

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from clouds_base import WRONG

from styx.api import LaunchRequest, Prepared, Receipt
from styx.testing.memory import MemoryCloud


@WRONG.breaks("test_token_differs_for_another_place")
class Placeless(MemoryCloud):
    """A token that forgets the place."""

    def prepare(self, request: LaunchRequest) -> Prepared:
        prepared = super().prepare(request)
        return replace(prepared, token=replace(prepared, scope=type(prepared.scope)("x"), token="").token)


@WRONG.breaks("test_token_differs_for_spot")
class TokenWithoutSpot(MemoryCloud):
    """A token that forgets how it is bought."""

    def prepare(self, request: LaunchRequest) -> Prepared:
        return replace(super().prepare(request), token=super().prepare(replace(request, spot=False)).token)


@WRONG.breaks("test_payload_can_be_stored")
class Binary(MemoryCloud):
    """A NUL in what is stored."""

    def prepare(self, request: LaunchRequest) -> Prepared:
        prepared = super().prepare(request)
        return replace(prepared, payload=prepared.payload + "\0", token="")

    def launch(self, prepared: Prepared) -> Receipt:
        return super().launch(replace(prepared, payload=prepared.payload.rstrip("\0"), token=prepared.token))


@WRONG.breaks("test_prepare_is_the_same_in_another_process")
class HashesStrings(MemoryCloud):
    """A number that the next process does not come to."""

    portable = True

    def prepare(self, request: LaunchRequest) -> Prepared:
        prepared = super().prepare(request)
        payload: Mapping[str, Any] = json.loads(prepared.payload) | {"checksum": hash(prepared.payload)}
        return replace(prepared, payload=json.dumps(payload, sort_keys=True), token="")
