"""The Python SDK, as far as it needs no cluster."""

from __future__ import annotations

from typing import Any

import pytest

import styx
from styx import sdk
from styx.api.errors import StyxError

TASK = styx.Task("t").run("x")


def test_the_error_to_catch_is_public() -> None:
    """``styx.StyxError`` is the root of every error."""
    assert styx.StyxError is StyxError
    with pytest.raises(styx.StyxError):
        styx.Task(num_nodes=-1)


@pytest.mark.parametrize(
    ("function", "arguments", "order"),
    [
        (sdk.exec, ("c", TASK), r"argument 1 cannot be of type str; it is called as styx.exec\(task, 'cluster'\)"),
        (sdk.launch, ("c", TASK), r"styx.launch\(task, resources, cluster='name'\)"),
        (sdk.launch, (TASK, "c"), r"argument 2 .* styx.launch\(task, resources, cluster='name'\)"),
        (sdk.run_dag, (TASK,), r"argument 1 cannot be of type Task; it is called as styx.run_dag\(dag\)"),
        (sdk.down, (TASK,), r"styx.down\('cluster'\)"),
        (sdk.cancel, ("c", 1), r"styx.cancel\('cluster', \[job_id\]\)"),
        (sdk.logs, (1, "c"), r"styx.logs\('cluster', job_id\)"),
        (sdk.status, ("c",), r"styx.status\(\['c'\]\)"),
    ],
)
def test_arguments_in_the_wrong_order(function: Any, arguments: tuple[object, ...], order: str) -> None:
    """An argument of another type is a TypeError that shows the call as it is meant."""
    with pytest.raises(TypeError, match=order):
        function(*arguments)
