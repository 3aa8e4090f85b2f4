"""The OpenAPI document: what the routes say of themselves, and what holds for all of them."""

from __future__ import annotations

import json
from functools import cached_property
from importlib.resources import files
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.routing import APIRoute

from styx.server.auth.access import OPEN
from styx.server.problems import Problem

DESCRIPTION = """\
Clusters, jobs and files of one Styx installation.

* Every request but `/health`, `/ready` and `/openapi.json` shows a token: `Authorization: Bearer styx_...`.
* What goes wrong is `application/problem+json` (RFC 9457), with a `code` for programs and a `hint` for people.
* Lists come in pages: `next` of one is what to ask `after` for the following.
* What takes a while answers 202 with a request, goes on without its client, and is watched at
  `/v1/requests/{number}/events`.
* A POST with an `Idempotency-Key` may be sent again: it is done once, and answered the same for a day. Jobs are found
  by it as long as they are on record, and answered as they are by then.
* Streams are server-sent events. One that was cut is resumed with `Last-Event-ID`.
* Money is text, in USD. Times are ISO 8601, in UTC. Unknown fields are ignored.
"""
_BEARER = {"bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "styx_ID_SECRET"}}
_AMOUNT = r"^-?[0-9]{1,20}(\.[0-9]{1,20})?$"
_KEY = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "description": "any text of 1 to 255 visible ASCII characters: sent again under the same key, it is done once",
    "schema": {"type": "string", "pattern": "^[!-~]{1,255}$"},
}


class Described(FastAPI):
    """An application whose document also says what surrounds its routes."""

    @cached_property
    def document(self) -> bytes:
        """As it is sent, to whoever asks: it must cost nothing to be asked often."""
        return json.dumps(self.openapi(), separators=(",", ":")).encode()

    def openapi(self) -> dict[str, Any]:
        """The document, made once."""
        if not self.openapi_schema:
            self.description = DESCRIPTION
            document = super().openapi()
            document["components"]["schemas"]["Problem"] = _problem()
            document["components"]["securitySchemes"] = _BEARER
            _say_amounts(document)
            _show_examples(document["components"]["schemas"])
            for path, methods in document["paths"].items():
                for method, operation in methods.items():
                    operation["security"] = [] if path in OPEN else [{"bearer": []}]
                    if method == "post":
                        operation["parameters"] = [*operation.get("parameters", ()), _KEY]
        return self.openapi_schema or {}


async def described(request: Request) -> Response:
    """The document."""
    return Response(request.app.document, media_type="application/json")


def _say_amounts(part: Any) -> None:
    """Say which texts are amounts: pydantic says of a Decimal that it is a number or a text."""
    if isinstance(part, dict):
        if {"type": "number"} in part.get("anyOf", ()):
            for each in part["anyOf"]:
                if each == {"type": "string"}:
                    each["pattern"] = _AMOUNT
        part = list(part.values())
    if isinstance(part, list):
        for each in part:
            _say_amounts(each)


def _show_examples(schemas: dict[str, Any]) -> None:
    """Give those an example that do not bring one: what the engine and the store have is described here alone."""
    examples = json.loads(files(__package__).joinpath("examples.json").read_text("utf-8"))
    for name, example in examples.items():
        schemas[name]["examples"] = [example]
    for name, schema in schemas.items():
        if name.startswith("Page_"):
            schema["examples"] = [{"items": schemas[name[len("Page_") : -1]]["examples"], "next": None}]


def operation_id(route: APIRoute) -> str:
    """A name that clients can be generated with: ``clusters_launch``."""
    module = str(route.endpoint.__module__).rpartition(".")[2]
    return f"{module}_{route.name.rstrip('_')}"


def _problem() -> dict[str, Any]:
    """Problem as a schema of the document."""
    return Problem.model_json_schema(ref_template="#/components/schemas/{model}")
