"""One document for many tasks."""

from __future__ import annotations

import math
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from styx.api.errors import InvalidTask
from styx.spec import Dag, Task, load_dag, load_task, sweep
from styx.spec.load import dag_of, parse_text
from styx.spec.place import Place


def made(text: str) -> dict[str, dict[str, str]]:
    """The tasks of a text: their names, and their variables without those of every sweep."""
    tasks = dag_of(parse_text(text, None)).tasks
    return {
        str(task.spec.name): {k: v for k, v in task.spec.envs.items() if k not in (sweep.INDEX, sweep.SIZE)}
        for task in tasks
    }


def edges(dag: Dag) -> list[str]:
    """Each edge as the names of its two tasks."""
    return [f"{low.spec.name} {high.spec.name}" for low, high in dag.edges()]


@pytest.mark.parametrize(
    ("written", "tasks"),
    [
        ("foreach: 2", {"t-0": {}, "t-1": {}}),
        ("foreach: [a, 0.5, yes]", {f"t-{i}": {"STYX_SWEEP_VALUE": v} for i, v in enumerate(["a", "0.5", "True"])}),
        ("foreach: [{A: 1}, {A: 2, B: x}]", {"t-0": {"A": "1"}, "t-1": {"A": "2", "B": "x"}}),
        (
            "matrix: {LR: [0.1, 0.01], M: [a, b]}",
            {
                "t-0.1-a": {"LR": "0.1", "M": "a"},
                "t-0.1-b": {"LR": "0.1", "M": "b"},
                "t-0.01-a": {"LR": "0.01", "M": "a"},
                "t-0.01-b": {"LR": "0.01", "M": "b"},
            },
        ),
        ("matrix: {M: [a, a]}", {"t-a": {"M": "a"}}),
        ("matrix: {M: [org/a, b]}", {"t-0": {"M": "org/a"}, "t-1": {"M": "b"}}),
    ],
)
def test_a_document_for_many_tasks(written: str, tasks: dict[str, dict[str, str]]) -> None:
    """Tasks are numbered, or called by the values of their variables where these can be part of a name."""
    assert made(f"name: t\nrun: x\n{written}\n") == tasks


def test_each_has_its_number() -> None:
    """All know which they are, how many there are, and the name for all; their variables win over those written."""
    found = dag_of(parse_text("name: t\nenvs: {A: 1, B: 1}\nmatrix: {A: [2, 3]}\n", None))
    assert [task.spec.envs for task in found.tasks] == [
        {"A": "2", "B": "1", "STYX_SWEEP_INDEX": "0", "STYX_SWEEP_SIZE": "2"},
        {"A": "3", "B": "1", "STYX_SWEEP_INDEX": "1", "STYX_SWEEP_SIZE": "2"},
    ]
    assert [task.spec.sweep for task in found.tasks] == ["t", "t"]
    assert found.name == "t"
    assert all(Task.from_dict(task.to_dict()) == task for task in found.tasks)


def test_variables_of_a_sweep_are_replaced_in_its_paths() -> None:
    """Each task has its own paths, and may depend on its own counterpart."""
    text = (
        "name: a\nforeach: 2\n---\nname: b\nforeach: 2\nworkdir: d/$STYX_SWEEP_INDEX\ndepends_on: a-$STYX_SWEEP_INDEX\n"
    )
    found = dag_of(parse_text(text, None))
    assert [task.spec.workdir for task in found.tasks[2:]] == ["d/0", "d/1"]
    assert edges(found) == ["a-0 b-0", "a-1 b-1"]


def test_the_name_of_a_sweep_means_all_its_tasks() -> None:
    """``depends_on`` fans in, and fans out where several depend on one."""
    text = "name: p\nrun: x\n---\nname: t\nforeach: 2\ndepends_on: p\n---\nname: r\ndepends_on: [t]\n"
    assert edges(dag_of(parse_text(text, None))) == ["p t-0", "p t-1", "t-0 r", "t-1 r"]


def test_a_chain_of_sweeps() -> None:
    """Without ``depends_on`` all tasks of a document come after all of the one before; in a group nothing does."""
    text = "name: p\nrun: x\n---\nname: t\nforeach: 2\n---\nname: r\nrun: x\n"
    assert edges(dag_of(parse_text(text, None))) == ["p t-0", "p t-1", "t-0 r", "t-1 r"]
    group = "name: g\nexecution: parallel\n---\nname: t\nforeach: 2\n---\nname: r\n"
    assert edges(dag_of(parse_text(group, None))) == []


def test_sweeps_in_python() -> None:
    """``foreach`` and ``matrix`` give lists of tasks, which arrows take."""
    train = Task("train", run="x", workdir="out/$LR", secrets={"S": "s"}).matrix(LR=[0.1, 0.2])
    assert [(task.spec.name, task.spec.envs["LR"]) for task in train] == [("train-0.1", "0.1"), ("train-0.2", "0.2")]
    assert [Path(str(task.spec.workdir)).name for task in train] == ["0.1", "0.2"]
    assert train[0].spec.secrets == {"S": "s"}
    with Dag() as dag:
        Task("p") >> train >> Task("r", depends_on="train")
    assert edges(dag) == ["p train-0.1", "p train-0.2", "train-0.1 r", "train-0.2 r"]
    assert len(Task("t").foreach(3)) == 3
    assert Task("t").foreach(["x"])[0].spec.envs["STYX_SWEEP_VALUE"] == "x"


@pytest.mark.parametrize(
    ("written", "line", "field", "says"),
    [
        ("foreach: 2\nmatrix: {A: [1]}", 3, "matrix", "excludes foreach"),
        ("foreach: []", 2, "foreach", "empty"),
        ("foreach: 0", 2, "foreach", "from 1 to"),
        ("foreach: 10001", 2, "foreach", "from 1 to 10000"),
        ("foreach: {A: 1}", 2, "foreach", "must be a list"),
        ("foreach: [{A B: 1}]", 2, "foreach[0].A B", "not a variable name"),
        ("foreach: [[1]]", 2, "foreach[0]", "must be text"),
        ("foreach: [null]", 2, "foreach[0]", "must be text"),
        ("matrix: {}", 2, "matrix", "empty"),
        ("matrix: {A: []}", 2, "matrix.A", "empty"),
        ("matrix: {A: x}", 2, "matrix.A", "must be a list"),
        ("matrix: {A: [{}]}", 2, "matrix.A[0]", "must be text"),
        (
            f"matrix: {{{', '.join(f'{each}: [1, 2, 3, 4, 5, 6, 7, 8, 9, 0]' for each in 'ABCDE')}}}",
            2,
            "matrix",
            "100000",
        ),
    ],
)
def test_refused(written: str, line: int, field: str, says: str) -> None:
    """Sweeps of nothing, of too much, and of what is no variable are refused before a task is made."""
    with pytest.raises(InvalidTask, match=says) as caught:
        dag_of(parse_text(f"name: t\n{written}\n", "f.yaml"))
    assert (caught.value.line, caught.value.field) == (line, field)


def test_names_that_meet() -> None:
    """A sweep needs a name, and neither it nor its tasks share one with another task."""
    for text, says in (
        ("foreach: 2\n", "needs a name"),
        ("name: t\nrun: x\n---\nname: t\nforeach: 2\n", "two tasks are called 't'"),
        ("name: t\nforeach: 2\n---\nname: t\nrun: x\n", "two tasks are called 't'"),
        ("name: t-1\nrun: x\n---\nname: t\nforeach: 2\n", "two tasks are called 't-1'"),
    ):
        with pytest.raises(InvalidTask, match=says):
            dag_of(parse_text(text, None))


def test_one_task_is_no_sweep(here: Path) -> None:
    """Where one task is wanted a sweep is refused, with what gives its tasks."""
    (here / "f.yaml").write_text("name: t\nforeach: 2\n")
    with pytest.raises(InvalidTask, match="several tasks where one is wanted") as caught:
        load_task("f.yaml")
    assert (caught.value.line, caught.value.field) == (2, "foreach")
    assert "Task.foreach" in str(caught.value.hint)
    assert len(load_dag("f.yaml")) == 2


def test_limits() -> None:
    """All sweeps of a file together have a limit, and so have the edges between them."""
    with pytest.raises(InvalidTask, match="more than 10000 tasks"):
        dag_of(parse_text("name: a\nforeach: 6000\n---\nname: b\nforeach: 6000\n", None))
    with pytest.raises(InvalidTask, match="more than 1000000 ways"):
        dag_of(parse_text("name: a\nforeach: 1001\n---\nname: b\nforeach: 1000\n", None))
    with pytest.raises(InvalidTask, match="more than 1000000 ways"):
        dag_of(parse_text("name: a\nforeach: 1001\n---\nname: b\nforeach: 1000\ndepends_on: a\n", None))


@settings(max_examples=60)
@given(st.data())
def test_dependencies_of_any_file(data: st.DataObject) -> None:
    """In a file of ordinary tasks and sweeps, each task comes after exactly those that are named, sweeps unfolded."""
    sizes = data.draw(st.lists(st.integers(0, 3), min_size=1, max_size=6), label="sizes")  # 0: an ordinary task
    before = [data.draw(st.sets(st.sampled_from(range(index)))) if index else set() for index in range(len(sizes))]
    before[-1] |= {0} if len(sizes) > 1 else set()  # so that it is no chain
    named = [[f"t{each}" for each in each_before] for each_before in before]
    documents = [
        f"name: t{index}\n{f'foreach: {size}' if size else 'run: x'}\ndepends_on: {named[index]}\n"
        for index, size in enumerate(sizes)
    ]
    members = [[f"t{index}-{one}" for one in range(size)] or [f"t{index}"] for index, size in enumerate(sizes)]
    found = dag_of(parse_text("---\n".join(documents), None))
    assert sorted(edges(found)) == sorted(
        f"{low} {high}"
        for index, each in enumerate(before)
        for one in each
        for low in members[one]
        for high in members[index]
    )
    order = [task.spec.name for task in found.order()]
    assert all(order.index(edge.split()[0]) < order.index(edge.split()[1]) for edge in edges(found))


_axes = st.dictionaries(
    st.sampled_from(["A", "B", "C"]),
    st.lists(st.text("ab/ .", max_size=3) | st.integers(0, 9), min_size=1, max_size=4),
    min_size=1,
)


@settings(max_examples=60)
@given(_axes)
def test_a_matrix_has_every_combination_once(axes: dict[str, list[Any]]) -> None:
    """There are as many tasks as combinations of different values, all with names and variables of their own."""
    found = sweep.variations({"name": "t", "matrix": axes}, Place())
    assert len(found) == math.prod(len({str(each) for each in values}) for values in axes.values())
    assert len({each.name for each in found}) == len(found)
    every = product(*({str(each) for each in values} for values in axes.values()))
    assert {tuple(each.envs[key] for key in axes) for each in found} == set(every)
