"""Graphs of tasks."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from styx.api.errors import InvalidTask
from styx.spec import Dag, Task

A, B, C, D = (Task(name, run="true") for name in "abcd")


def names(tasks: list[Task]) -> list[str | None]:
    """The names of tasks."""
    return [task.spec.name for task in tasks]


def test_arrows_fan_out_and_in() -> None:
    """``a >> [b, c] >> d`` is four edges, and takes the tasks in."""
    with Dag("fan") as dag:
        A >> [B, C] >> D
    assert names(dag.order()) == ["a", "b", "c", "d"]
    assert [(low.spec.name, high.spec.name) for low, high in dag.edges()] == [
        ("a", "b"),
        ("a", "c"),
        ("b", "d"),
        ("c", "d"),
    ]
    assert names(dag.before(D)) == ["b", "c"]
    assert not dag.is_chain
    assert dag.check() is dag
    assert len(dag) == 4
    assert repr(dag) == "Dag('fan': a, b, c, d)"


def test_a_list_may_stand_first() -> None:
    """``[a, b] >> c >> d`` works too."""
    with Dag() as dag:
        [A, B] >> C >> D
    assert names(dag.before(C)) == ["a", "b"]
    assert names(dag.before(D)) == ["c"]


def test_edges_without_a_block() -> None:
    """Edges can be added by task or by name; adding anything twice changes nothing."""
    dag = Dag()
    assert dag.add(B) is B
    dag.add(B)
    dag.edge(A, "b")
    dag.edge(A, B)
    assert names(dag.order()) == ["a", "b"]
    assert len(dag.edges()) == 1
    assert dag.is_chain


def test_a_task_may_name_what_it_comes_after() -> None:
    """``depends_on`` is an edge by name, also to a task that is added later."""
    dag = Dag()
    later = dag.add(D.after(A))
    with pytest.raises(InvalidTask, match="no task 'a'"):
        dag.before(later)
    dag.add(A)
    assert names(dag.order()) == ["a", "d"]
    assert names(dag.before(later)) == ["a"]
    dag.edge(B, later)
    assert names(dag.before(later)) == ["b", "a"]


def test_tasks_without_names_are_told_apart() -> None:
    """Tasks need no name; equal ones are still two."""
    dag = Dag()
    first, second = Task(run="x"), Task(run="x")
    dag.edge(first, second)
    assert [task is first for task in dag.order()] == [True, False]


def test_independent_tasks_keep_their_order() -> None:
    """Without edges the order is the one in which tasks were taken in."""
    dag = Dag()
    for task in (C, A, B):
        dag.add(task)
    assert names(dag.order()) == ["c", "a", "b"]


def test_blocks_nest() -> None:
    """The innermost block takes the edges, and the outer one goes on after it."""
    with Dag() as outer:
        with Dag() as inner:
            A >> B
        C >> D
    assert names(list(inner.tasks)) == ["a", "b"]
    assert names(list(outer.tasks)) == ["c", "d"]


@pytest.mark.parametrize(
    ("edges", "cycle"),
    [
        ("ab ba", {"a -> b -> a", "b -> a -> b"}),
        ("aa", {"a -> a"}),
        ("ab bc cd db", {"b -> c -> d -> b", "c -> d -> b -> c", "d -> b -> c -> d"}),
    ],
)
def test_a_cycle_is_named(edges: str, cycle: set[str]) -> None:
    """Tasks that wait for each other are an error that shows the circle in the order of the edges."""
    dag = Dag()
    tasks = dict(zip("abcd", (A, B, C, D), strict=True))
    for low, high in edges.split():
        dag.edge(tasks[low], tasks[high])
    with pytest.raises(InvalidTask, match="wait for each other") as caught:
        dag.order()
    assert caught.value.message.partition("circle: ")[2] in cycle


def test_refused() -> None:
    """Two tasks of one name, unknown names, an empty graph, what is not a task, and an arrow outside of a block."""
    dag = Dag()
    with pytest.raises(InvalidTask, match="no task"):
        dag.check()
    dag.add(A)
    with pytest.raises(InvalidTask, match="two tasks are called 'a'"):
        dag.add(Task("a"))
    with pytest.raises(InvalidTask, match="no task 'b'"):
        dag.edge(A, "b")
    with pytest.raises(InvalidTask, match="only tasks"):
        dag.add("a")  # type: ignore[arg-type]
    with pytest.raises(InvalidTask, match="inside of a Dag"):
        A >> B
    dag.add(Task("prepare"))
    dag.add(Task("later", depends_on="prepair"))
    with pytest.raises(InvalidTask) as caught:
        dag.order()
    assert caught.value.hint == "Did you mean 'prepare'?"


@given(
    st.integers(1, 12).flatmap(
        lambda n: st.tuples(st.just(n), st.sets(st.tuples(st.integers(0, n - 1), st.integers(0, n - 1))))
    )
)
def test_every_order_keeps_every_edge(graph: tuple[int, set[tuple[int, int]]]) -> None:
    """Either all tasks come in an order that keeps every edge, or there is a cycle and it is real."""
    count, edges = graph
    dag = Dag()
    tasks = [dag.add(Task(f"t{index}")) for index in range(count)]
    for low, high in edges:
        dag.edge(tasks[low], tasks[high])
    try:
        order = dag.order()
    except InvalidTask as error:
        path = [int(name.removeprefix("t")) for name in error.message.partition("circle: ")[2].split(" -> ")]
        assert path[0] == path[-1]
        assert all(pair in edges for pair in pairwise(path))
        return
    assert len(order) == count
    position = {id(task): index for index, task in enumerate(order)}
    assert all(position[id(tasks[low])] < position[id(tasks[high])] for low, high in edges)
