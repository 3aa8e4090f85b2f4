"""Engines that break one rule each; everything else they do as a freshly written one does."""

# ruff: noqa: D102 - the class says what is wrong with its methods

from __future__ import annotations

import secrets
import socket
from dataclasses import replace
from typing import Any

import making
from generated import generated
from registry import Registry

from styx.api import InvalidRequest, ModelRequest, ServePlan

WRONG = Registry()
Sample, Config = generated("engine")


class Misplans(Sample):  # type: ignore[misc, valid-type]
    """Plans otherwise."""

    def changed(self, plan: ServePlan, request: ModelRequest) -> ServePlan:
        """What is planned instead."""
        raise NotImplementedError

    def plan(self, request: ModelRequest) -> Any:
        return self.changed(super().plan(request), request)


@WRONG.breaks("test_name_fits_into_commands_and_manifests")
class Shouting(Sample):  # type: ignore[misc, valid-type]
    """A name that nobody can type."""

    name = "Sample Engine!"


@WRONG.breaks("test_making_the_object_needs_no_network")
class ConnectsAtOnce(making.ConnectsAtOnce, Sample):  # type: ignore[misc, valid-type]
    """A client made in the constructor."""


@WRONG.breaks("test_the_object_can_be_made_again")
class Singleton(making.Singleton, Sample):  # type: ignore[misc, valid-type]
    """One object for everybody."""


@WRONG.breaks("test_engines_are_pure")
class AsksTheHub(Sample):  # type: ignore[misc, valid-type]
    """Looks the model up."""

    def supports(self, request: ModelRequest) -> str | None:
        try:
            socket.getaddrinfo("localhost", 80)
        except OSError:
            return super().supports(request)  # type: ignore[no-any-return]
        return super().supports(request)  # type: ignore[no-any-return]


@WRONG.breaks("test_a_refusal_is_a_sentence")
class Speechless(Sample):  # type: ignore[misc, valid-type]
    """No, and nothing more."""

    def supports(self, request: ModelRequest) -> str | None:
        return None if super().supports(request) is None else ""


@WRONG.breaks("test_what_is_refused_is_not_planned")
class PlansAnything(Sample):  # type: ignore[misc, valid-type]
    """Plans what it has refused."""

    def plan(self, request: ModelRequest) -> Any:
        return super().plan(replace(request, num_nodes=1))


@WRONG.breaks("test_plans_are_stable")
class Unsteady(Misplans):
    """A key made up each time."""

    def changed(self, plan: ServePlan, request: ModelRequest) -> ServePlan:
        return replace(plan, envs={"API_KEY": secrets.token_hex(8)})


@WRONG.breaks("test_scripts_are_bash")
class Unfinished(Misplans):
    """An ``if`` without an end."""

    def changed(self, plan: ServePlan, request: ModelRequest) -> ServePlan:
        return replace(plan, setup="if true; then\n")


@WRONG.breaks("test_models_are_quoted")
class Unquoted(Misplans):
    """The model's name as part of the script, where it has no quotes by chance."""

    def changed(self, plan: ServePlan, request: ModelRequest) -> ServePlan:
        return replace(plan, run=plan.run + f"echo '{request.model}'\n")


@WRONG.breaks("test_envs_are_text")
class Numbers(Misplans):
    """A number where text is meant."""

    def changed(self, plan: ServePlan, request: ModelRequest) -> ServePlan:
        return replace(plan, envs={"WORKERS": 4})  # type: ignore[dict-item]


@WRONG.breaks("test_readiness_is_a_path")
class WholeAddress(Misplans):
    """An address where a path is meant."""

    def changed(self, plan: ServePlan, request: ModelRequest) -> ServePlan:
        return replace(plan, readiness_path="http://localhost:8000/health")


@WRONG.breaks("test_the_port_is_used")
class FixedPort(Sample):  # type: ignore[misc, valid-type]
    """8000, whatever is asked for."""

    def plan(self, request: ModelRequest) -> Any:
        return super().plan(replace(request, port=8000))


@WRONG.breaks("test_what_it_serves_it_supports")
class Doubtful(Sample):  # type: ignore[misc, valid-type]
    """Says no to what it then plans."""

    def supports(self, request: ModelRequest) -> str | None:
        return "it does not want to"

    def plan(self, request: ModelRequest) -> Any:
        if request.num_nodes > 1:
            raise InvalidRequest("one node only", field="num_nodes")
        self.supports = lambda request: None  # type: ignore[method-assign]
        try:
            return super().plan(request)
        finally:
            del self.supports
