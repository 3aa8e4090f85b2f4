"""The OpenAPI document says all, and is the one that is checked in."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jsonschema_rs import Draft202012Validator

from styx.server.app import routed
from styx.server.auth.access import HARMLESS, OPEN

CHECKED_IN = Path(__file__).resolve().parents[3] / "docs" / "reference" / "openapi.json"


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    """As the server tells it, without plugins."""
    return dict(routed().openapi())


def operations(document: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Each with its path and method."""
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield path, method, operation


def test_it_is_checked_in(document: dict[str, Any]) -> None:
    """Whoever changes a route writes the document again: `make docs`."""
    assert json.loads(CHECKED_IN.read_text()) == json.loads(json.dumps(document))


def test_every_operation_says_what_it_does_and_answers(document: dict[str, Any]) -> None:
    """A sentence, a name of its own, what it answers, that it may answer with a problem, and who may ask."""
    found = list(operations(document))
    assert len(found) >= 60
    assert len({operation["operationId"] for _, _, operation in found}) == len(found)
    for path, method, operation in found:
        place = f"{method} {path}"
        assert operation["description"].rstrip().endswith((".", "`")), place
        assert set(operation["responses"]["4XX"]["content"]) == {"application/problem+json"}, place
        (success,) = [each for status, each in operation["responses"].items() if status.startswith("2")]
        assert success.get("content") or method in {"post", "put", "patch", "delete", "head"}, place
        for content in success.get("content", {}).values():
            assert content.get("schema") or path == "/metrics", place
        assert operation["security"] == ([] if path in OPEN else [{"bearer": []}]), place


def test_every_body_and_answer_has_an_example(document: dict[str, Any]) -> None:
    """Which is such a body, or such an answer; of what is bytes there is none."""
    schemas, found = document["components"]["schemas"], 0
    for path, method, operation in operations(document):
        for part in (operation.get("requestBody", {}), *operation["responses"].values()):
            content = part.get("content", {}).get("application/json")
            if content is None:
                continue
            schema = content["schema"]
            named = schemas[schema["$ref"].rpartition("/")[2]] if "$ref" in schema else {}
            examples = [content["example"]] if "example" in content else named["examples"]
            for example in examples:
                Draft202012Validator({**document, **schema}).validate(example)
                found += 1
            assert examples, f"{method} {path}"
    assert found > 70


def test_every_post_may_be_sent_again(document: dict[str, Any]) -> None:
    """All take an Idempotency-Key, and nothing else does."""
    for path, method, operation in operations(document):
        keyed = any(each["name"] == "Idempotency-Key" for each in operation.get("parameters", ()))
        assert keyed is (method == "post"), f"{method} {path}"


def test_what_is_harmless_is_there(document: dict[str, Any]) -> None:
    """The POSTs that viewers may use are routes, and none of them takes a while."""
    for path in HARMLESS:
        assert "202" not in document["paths"][path]["post"]["responses"]
