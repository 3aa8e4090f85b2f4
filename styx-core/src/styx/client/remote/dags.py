"""Dags as a server takes them: every edge said, for of a sweep only the tasks go over that it stands for."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from styx.client.remote import files

if TYPE_CHECKING:
    from styx.client.remote.http import Http
    from styx.spec import Dag, Task


def sent(http: Http, dag: Dag) -> dict[str, Any]:
    """A Dag that is to be run, its files sent ahead. Raises InvalidTask."""
    return _shaped(dag, lambda task: files.sent(http, task))


def planned(dag: Dag) -> dict[str, Any]:
    """A Dag of which nothing will run yet. Raises InvalidTask."""
    return _shaped(dag, files.plain)


def _shaped(dag: Dag, form: Callable[[Task], dict[str, Any]]) -> dict[str, Any]:
    dag = dag.check()
    tasks = [form(task) for task in dag.tasks]
    for each in tasks:
        each["task"].pop("depends_on", None)
    edges = [list(pair) for pair in dag.numbered_edges()]
    return {"name": dag.name, "execution": dag.execution, "header": dag.options, "tasks": tasks, "edges": edges}
