"""Where the tasks of a DAG are put, compared with trying everything."""

from __future__ import annotations

import random
import sys
from dataclasses import replace
from decimal import Decimal
from graphlib import CycleError
from itertools import product
from types import ModuleType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from styx.api.errors import NoOffer, from_wire
from styx.optimizer import elimination, fronts, search
from styx.optimizer.bounds import without_hopeless
from styx.optimizer.dag import (
    Candidate,
    DagPlan,
    Data,
    Edge,
    Method,
    Objective,
    Rate,
    Site,
    SolverMissing,
    Transfer,
    Work,
    plan_dag,
)
from styx.optimizer.dominance import without_dear
from styx.optimizer.instance import build
from styx.optimizer.solver import solve
from support.dags import SITES, Case, best, cases

OBJECTIVES = st.sampled_from(Objective)
DEAR = Candidate(99, SITES[0], Decimal(4), 4.0)
EAST, WEST = Site("a", "east"), Site("b", "west")


def planned(case: Case, objective: Objective, method: Method = Method.AUTO) -> DagPlan[int]:
    """The plan of a case."""
    return plan_dag(case.works, case.edges, case.transfer, objective=objective, method=method)


def measured(found: DagPlan[int]) -> tuple[Decimal | None, float]:
    """What is compared: costs exactly, hours as they were counted."""
    return found.cost, found.hours


def assert_least(found: DagPlan[int], case: Case, objective: Objective) -> None:
    """No plan is better; one that says that it is not proved, as where HiGHS gives up, is at least none better."""
    wanted = best(case, objective)
    if found.proved:
        assert measured(found) == wanted
    elif objective is Objective.COST:
        assert (found.cost or 0) >= (wanted[0] or 0)
    else:
        assert found.hours >= wanted[1]


@pytest.mark.parametrize("method", [Method.AUTO, Method.SEARCH, Method.SOLVER])
@given(case=cases(), objective=OBJECTIVES)
def test_no_plan_is_better(case: Case, objective: Objective, method: Method) -> None:
    """The least cost and then the least time, or the other way round, as trying everything finds it."""
    assert_least(planned(case, objective, method), case, objective)


@given(case=cases(trees=True), objective=OBJECTIVES)
def test_no_plan_of_a_tree_is_better(case: Case, objective: Objective) -> None:
    """Dynamic programming over fronts alone finds the same on trees, whichever way their edges lead."""
    assert measured(planned(case, objective, Method.TREE)) == best(case, objective)


@pytest.mark.parametrize("entries", [0, 12, 40])
@given(case=cases(), objective=OBJECTIVES)
def test_what_is_too_wide_is_cut_down_first(case: Case, objective: Objective, entries: int) -> None:
    """Where the tables of an elimination would be too large, options are ruled out, none too many; then HiGHS helps."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(elimination, "LIMIT", entries)
        assert_least(planned(case, objective), case, objective)


@pytest.mark.parametrize("module", [search, fronts])
@given(case=cases(), objective=OBJECTIVES)
def test_what_takes_too_long_is_left_to_the_solver(case: Case, objective: Objective, module: ModuleType) -> None:
    """The plan is the same, however soon a search or the comparing of fronts is given up."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "LIMIT", 0)
        assert_least(planned(case, objective), case, objective)


@given(case=cases())
def test_bounds_rule_out_nothing_that_is_in_a_best_plan(case: Case) -> None:
    """What is left after every reduction still holds every plan of least cost that trying everything finds."""
    part = build(case.works, case.edges, case.transfer, Objective.COST)
    plans = [list(choice) for choice in product(*(range(len(options)) for options in part.options))]
    least = min(map(part.cost, plans))
    wanted = [set(options) for options in zip(*(plan for plan in plans if part.cost(plan) == least), strict=True)]
    for reduce in (without_dear, without_hopeless):
        left = reduce(part)
        for task, options in enumerate(wanted):
            assert {part.options[task][option] for option in options} <= set(left.options[task])
    regrets = elimination.eliminate(part)
    assert regrets is not None
    assert regrets.least == least
    assert [[each for each, more in enumerate(row) if not more] for row in regrets.least_regrets()] == [
        sorted(options) for options in wanted
    ]


@pytest.mark.parametrize("goal", Objective)
@given(case=cases(), data=st.data())
def test_nothing_within_the_bounds_is_better(case: Case, goal: Objective, data: st.DataObject) -> None:
    """Search, fronts and solver find the least of one objective under a bound on the other, or that there is none."""
    part = build(case.works, case.edges, case.transfer, Objective.TIME)
    plans = [list(choice) for choice in product(*(range(len(options)) for options in part.options))]
    measure, other = (part.cost, part.length) if goal is Objective.COST else (part.length, part.cost)
    most = other(data.draw(st.sampled_from(plans))) - data.draw(st.integers(0, 1))
    bound = {"deadline" if goal is Objective.COST else "ceiling": most}
    wanted = min((measure(plan) for plan in plans if other(plan) <= most), default=None)
    costs = elimination.eliminate(part)
    answers = [search.Search(part, goal, costs, **bound).run()]
    solved, proved = solve(part, goal, **bound)
    # It may give up over its own arithmetic, and take a bound for kept that is missed by a part in a million.
    if proved and (solved is None or other(solved) <= most):
        answers.append(solved)
    if goal is Objective.COST and fronts.leads_to_one(part):
        answers.append(fronts.cheapest(part, most))
    for found in answers:
        assert (None if found is None else measure(found)) == wanted
        assert found is None or other(found) <= most


def plain(candidate: Candidate[int]) -> Candidate[int]:
    """The same without what would leave it out of account."""
    return replace(candidate, preference=0, cost=candidate.cost or Decimal(0))


@given(case=cases(), objective=OBJECTIVES, data=st.data())
def test_taking_a_candidate_away_makes_nothing_better(case: Case, objective: Objective, data: st.DataObject) -> None:
    """A place that is blocked never makes a plan cheaper, or quicker where that is asked for."""
    works = [replace(work, candidates=tuple(map(plain, work.candidates))) for work in case.works]
    number = data.draw(st.integers(0, len(works) - 1))
    works[number] = replace(works[number], candidates=(*works[number].candidates, DEAR))
    before = planned(case._replace(works=works), objective)
    dropped = data.draw(st.integers(0, len(works[number].candidates) - 2))
    left = [each for position, each in enumerate(works[number].candidates) if position != dropped]
    works[number] = replace(works[number], candidates=tuple(left))
    after = planned(case._replace(works=works), objective)
    if objective is Objective.COST:
        assert (after.cost, after.hours) >= (before.cost, before.hours)
    else:
        assert (after.hours, after.cost) >= (before.hours, before.cost)


def shuffled(items: tuple[Candidate[int], ...], chance: random.Random) -> tuple[Candidate[int], ...]:
    """The same in another order."""
    return tuple(chance.sample(items, len(items)))


@given(case=cases(), objective=OBJECTIVES, seed=st.integers())
def test_the_order_of_the_tasks_does_not_matter(case: Case, objective: Objective, seed: int) -> None:
    """However the tasks, their edges and their candidates are listed, the plan costs and takes the same."""
    chance = random.Random(seed)
    order = chance.sample(range(len(case.works)), len(case.works))
    works = [replace(case.works[old], candidates=shuffled(case.works[old].candidates, chance)) for old in order]
    edges = [edge._replace(earlier=order.index(edge.earlier), later=order.index(edge.later)) for edge in case.edges]
    chance.shuffle(edges)
    assert measured(planned(Case(works, edges, case.rates), objective)) == measured(planned(case, objective))


@given(case=cases(), objective=OBJECTIVES)
def test_the_same_question_has_the_same_answer(case: Case, objective: Objective) -> None:
    """Asked twice the plan is the same, candidate by candidate, and adds up to what it says."""
    once, again = planned(case, objective), planned(case, objective)
    assert once == again
    if once.cost is not None:
        assert once.cost == once.transfer_cost + sum((pick.cost or Decimal(0) for pick in once.picks), Decimal(0))
    ends = [start + pick.hours for start, pick in zip(once.starts, once.picks, strict=True)]
    assert once.hours >= max(ends)


def one(*places: tuple[Site, str | None, float], inputs: tuple[Data, ...] = ()) -> Work[str]:
    """A task with those candidates."""
    return Work(
        "task",
        tuple(
            Candidate(str(number), site, None if cost is None else Decimal(cost), hours)
            for number, (site, cost, hours) in enumerate(places)
        ),
        inputs,
    )


def egress(usd: str, hours: float = 0.0) -> Transfer:
    """Every move between two places costs that for a GiB."""
    return lambda low, high: Rate() if low == high else Rate(Decimal(usd), hours)


def test_data_keeps_tasks_together() -> None:
    """What moves decides: a dearer machine beside the data is taken where moving it would cost more."""
    works = [one((EAST, "1", 1)), one((EAST, "3", 1), (WEST, "1", 1))]
    near = plan_dag(works, [Edge(0, 1, 100)], egress("0.09"))
    assert ([pick.site for pick in near.picks], near.cost, near.transfer_cost) == ([EAST, EAST], 4, 0)
    far = plan_dag(works, [Edge(0, 1, 10)], egress("0.09"))
    assert ([pick.site for pick in far.picks], far.cost, far.transfer_cost) == (
        [EAST, WEST],
        Decimal("2.9"),
        Decimal("0.9"),
    )


def test_what_a_task_reads_counts() -> None:
    """Inputs in a fixed place draw the task there, in money and in time."""
    work = one((EAST, "1", 1), (WEST, "1.5", 1), inputs=(Data(WEST, 20),))
    assert plan_dag([work], [], egress("0.05")).picks[0].site == WEST
    quick = plan_dag([work], [], egress("0", 0.5), objective=Objective.TIME)
    assert (quick.picks[0].site, quick.hours, quick.cost) == (WEST, 1.0, Decimal("1.5"))


def test_what_has_time_to_spare_is_cheap() -> None:
    """The least time is not bought for tasks that the critical path does not wait for."""
    slow, fast = (EAST, "1", 4.0), (EAST, "9", 1.0)
    works = [one(slow, fast), one((EAST, "1", 1.0)), one((WEST, "5", 5.0))]
    found = plan_dag(works, [Edge(0, 1), Edge(2, 1)], egress("0"), objective=Objective.TIME)
    assert (found.hours, found.cost, found.starts) == (6.0, 7, (0.0, 5.0, 0.0))


def test_the_first_alternative_that_can_be_had_comes_before_the_price() -> None:
    """Preference is looked at task by task, before anything else."""
    dear = Candidate("dear", EAST, Decimal(9), preference=1)
    cheap = Candidate("cheap", WEST, Decimal(1), preference=2)
    assert plan_dag([Work("t", (cheap, dear))], [], egress("0")).picks == (dear,)


def test_of_two_alike_the_first_is_taken() -> None:
    """Nothing but their order tells them apart."""
    works = [one((EAST, "1", 1), (WEST, "1", 1), (EAST, "1", 1))]
    assert plan_dag(works, [], egress("0")).picks[0].payload == "0"


def test_an_unknown_price_is_the_last_resort() -> None:
    """A candidate without a price is taken where there is no other, and then the cost is unknown."""
    assert plan_dag([one((EAST, None, 1), (WEST, "9", 1))], [], egress("0")).cost == 9
    assert plan_dag([one((EAST, None, 1))], [], egress("0")).cost is None


def test_no_tasks_and_no_candidates() -> None:
    """An empty DAG has an empty plan; a task that nothing fits is an error with its name."""
    assert plan_dag([], [], egress("0")).picks == ()
    with pytest.raises(NoOffer, match="task train"):
        plan_dag([Work("train", ())], [], egress("0"))


def test_a_circle_is_no_dag() -> None:
    """Tasks that wait for each other have no plan."""
    works = [one((EAST, "1", 1)), one((EAST, "1", 1))]
    with pytest.raises(CycleError):
        plan_dag(works, [Edge(0, 1), Edge(1, 0)], egress("0"))


def test_without_the_solver_the_error_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """A DAG that only HiGHS can plan raises an error that names the extra, and travels as data."""
    monkeypatch.setitem(sys.modules, "highspy", None)
    with pytest.raises(SolverMissing) as caught:
        plan_dag([one((EAST, "1", 1))], [], egress("0"), method=Method.SOLVER)
    assert "styx-core[solver]" in str(caught.value.hint)
    assert isinstance(from_wire(caught.value.to_wire()), SolverMissing)


def test_chains_and_trees_need_no_solver(monkeypatch: pytest.MonkeyPatch) -> None:
    """What most people have is planned with what core brings along."""
    monkeypatch.setitem(sys.modules, "highspy", None)
    chance = random.Random(4)

    def place() -> tuple[Site, str, float]:
        return Site("a", str(chance.randrange(9))), str(chance.randrange(1, 9)), chance.randrange(1, 9)

    works = [one(*(place() for _ in range(9))) for _ in range(40)]
    for edges in ([Edge(n, n + 1, 50) for n in range(39)], [Edge(n, (n - 1) // 2, 50) for n in range(1, 40)]):
        for objective in Objective:
            assert plan_dag(works, edges, egress("0.09", 0.01), objective=objective).cost


def test_without_patience_the_plan_says_that_it_is_not_proved() -> None:
    """A solver that has no time at all leaves the best plan that was known before."""
    chance = random.Random(1)
    works = [one(*((Site("abc"[n], str(n)), "1", chance.randrange(1, 4)) for n in range(3))) for _ in range(20)]
    edges = [Edge(low, high, 9) for high in range(20) for low in range(high) if chance.random() < 0.3]
    found = plan_dag(works, edges, egress("1", 0.3), method=Method.SOLVER, patience=0)
    assert not found.proved
    proved = plan_dag(works, edges, egress("1", 0.3))
    assert proved.proved
    assert (found.cost or 0) >= (proved.cost or 0)
