"""Plans as a mixed-integer programme for HiGHS, which comes with the extra ``styx-core[solver]``.

An option is a variable of 0 or 1. A pair of options that an edge joins gets one only where it is cheaper or quicker
than the worst pair with the same option before it: what such a pair saves is the value of its variable, which may be 1
only where both options are. That leaves out most pairs, as data costs the same to nearly everywhere else, and loses
nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from styx.api.errors import StyxError
from styx.optimizer.instance import Choice, Instance
from styx.optimizer.tasks import Objective

_LARGEST = 1e4  # of all coefficients: the solver takes numbers of very different sizes for contradictions
_INFINITY = float("inf")
_SLACK = 0.5  # everything is whole: half a micro-USD or millisecond is no difference
_OPTIONS: dict[str, bool | int | float | str] = {
    "output_flag": False,
    "parallel": "off",
    "random_seed": 0,
    "mip_rel_gap": 0.0,
}


class SolverMissing(StyxError):
    """A plan needs HiGHS, which is not installed; ``extra`` of styx-core brings it."""

    code = "solver_missing"
    exit_code = 69
    fields = ("extra",)


def solve(
    instance: Instance,
    goal: Objective,
    *,
    ceiling: int | None = None,
    deadline: int | None = None,
    patience: float | None = None,
) -> tuple[Choice | None, bool]:
    """The plan that is least in ``goal`` and within the bounds (micro-USD, milliseconds), and whether that is proved.

    None when there is none. After ``patience`` seconds, or where HiGHS gives up, the best that was found by then,
    unproved. Raises SolverMissing without the extra.
    """
    try:
        import highspy
        import numpy as np
        from highspy._core import _Highs
    except ImportError as error:
        raise SolverMissing(
            f"planning {len(instance.options)} tasks that depend on each other like this needs a solver",
            hint="Install it with `pip install 'styx-core[solver]'`.",
            extra="solver",
        ) from error
    model = _Model(instance, goal, ceiling, deadline)
    solver: Any = _Highs()  # highspy.Highs prints a banner that no option keeps back
    for name, value in _OPTIONS.items():
        solver.setOptionValue(name, value)
    solver.setOptionValue("mip_abs_gap", _SLACK / model.unit)
    if patience is not None:
        solver.setOptionValue("time_limit", patience)
    solver.passModel(model.programme(highspy, np))
    solver.run()
    status = solver.getModelStatus()
    if status == highspy.HighsModelStatus.kInfeasible:
        return None, True
    # It may also run out of time, or give up over its own arithmetic: then what it has found by then is not proved.
    values, proved = list(solver.getSolution().col_value), status == highspy.HighsModelStatus.kOptimal
    found = solver.getInfo().primal_solution_status == highspy.SolutionStatus.kSolutionStatusFeasible
    return model.read(values) if found else None, proved


class _Model:
    """The programme as rows of (column, coefficient), with the options of all tasks first among the columns.

    Costs and times are divided by a unit each.
    """

    def __init__(self, instance: Instance, goal: Objective, ceiling: int | None, deadline: int | None) -> None:
        self.instance = instance
        self.priced = goal is Objective.COST or ceiling is not None
        self.timed = goal is Objective.TIME or deadline is not None
        self.upper: list[float] = []
        self.rows: list[tuple[float, float, dict[int, float]]] = []
        self.first: list[int] = []  # the column of each task's first option
        for options in instance.options:
            self.first.append(len(self.upper))
            self.upper += [1.0] * len(options)
            self._row(1, 1, {self.first[-1] + option: 1 for option in range(len(options))})
        self.whole = len(self.upper)
        self.cost = dict(enumerate(cost for costs in instance.costs for cost in costs))
        waits = [self._edge(edge) for edge in range(len(instance.edges))]
        base = self._beyond_least()
        self.unit = _unit(self.cost.values())
        self.objective = {column: cost / self.unit for column, cost in self.cost.items()}
        if ceiling is not None:
            self._row(-_INFINITY, (ceiling - base + _SLACK) / self.unit, self.objective)
        if self.timed:
            unit = _unit(time for rows in (*instance.times, *(wait.values() for wait in waits)) for time in rows)
            done = self._ends(waits, unit)
            if deadline is not None:
                self.upper[done] = (deadline + _SLACK) / unit
            if goal is Objective.TIME:
                self.unit, self.objective = unit, {done: 1.0}

    def _beyond_least(self) -> int:
        """Count costs from the least of each task on, of which some option is paid in any case; their sum."""
        total = 0
        for first, options in zip(self.first, self.instance.options, strict=True):
            columns = range(first, first + len(options))
            least = min(self.cost[column] for column in columns)
            for column in columns:
                self.cost[column] -= least
            total += least
        return total

    def _ends(self, waits: list[dict[int, int]], unit: float) -> int:
        """When tasks end, each after those before it; the column of when all have."""
        ends = [self._column(_INFINITY) for _ in self.instance.options]
        done = self._column(_INFINITY)
        for task, times in enumerate(self.instance.times):
            own = {self.first[task] + option: -time / unit for option, time in enumerate(times)}
            self._row(0, _INFINITY, {ends[task]: 1, **own})
            self._row(0, _INFINITY, {done: 1, ends[task]: -1})
            for edge in self.instance.before[task]:
                wait = {column: time / unit for column, time in waits[edge].items()}
                self._row(0, _INFINITY, {ends[task]: 1, ends[self.instance.edges[edge][0]]: -1, **own, **wait})
        return done

    def _edge(self, edge: int) -> dict[int, int]:
        """The columns of an edge; its share of the cost is added, what it takes in time is returned, negated."""
        fee, delay = self.instance.fees[edge], self.instance.delays[edge]
        fee, delay = fee if self.priced else None, delay if self.timed else None
        low, high = self.instance.edges[edge]
        wait: dict[int, int] = {}
        into: dict[int, dict[int, int]] = {}
        for option in range(len(self.instance.options[low])):
            column = self.first[low] + option
            fees = fee[option] if fee is not None else None
            delays = delay[option] if delay is not None else None
            dearest, slowest = max(fees or [0]), max(delays or [0])
            self.cost[column] += dearest
            wait[column] = -slowest
            pairs: dict[int, int] = {}
            for other in range(len(self.instance.options[high])):
                saved = dearest - fees[other] if fees else 0
                sooner = slowest - delays[other] if delays else 0
                if saved or sooner:
                    pair = self._column(1.0)
                    self.cost[pair], wait[pair] = -saved, sooner
                    pairs[pair] = 1
                    into.setdefault(other, {})[pair] = 1
            if pairs:
                self._row(-_INFINITY, 0, {**pairs, column: -1})
        for other, pairs in into.items():
            self._row(-_INFINITY, 0, {**pairs, self.first[high] + other: -1})
        return wait

    def _column(self, upper: float) -> int:
        self.upper.append(upper)
        return len(self.upper) - 1

    def _row(self, low: float, high: float, terms: Mapping[int, float]) -> None:
        self.rows.append((low, high, {column: value for column, value in terms.items() if value}))

    def programme(self, highspy: Any, np: Any) -> Any:
        """The model as HiGHS takes it."""
        lp = highspy.HighsLp()
        lp.num_col_, lp.num_row_ = len(self.upper), len(self.rows)
        objective = np.zeros(len(self.upper))
        for column, value in self.objective.items():
            objective[column] = value
        lp.col_cost_ = objective
        lp.col_lower_, lp.col_upper_ = np.zeros(len(self.upper)), np.array(self.upper)
        lp.row_lower_ = np.array([row[0] for row in self.rows], dtype=float)
        lp.row_upper_ = np.array([row[1] for row in self.rows], dtype=float)
        lp.a_matrix_.format_ = highspy.MatrixFormat.kRowwise
        lp.a_matrix_.num_col_, lp.a_matrix_.num_row_ = len(self.upper), len(self.rows)
        lp.a_matrix_.start_ = np.cumsum([0, *(len(terms) for _, _, terms in self.rows)])
        lp.a_matrix_.index_ = np.array([column for _, _, terms in self.rows for column in terms])
        lp.a_matrix_.value_ = np.array([value for _, _, terms in self.rows for value in terms.values()])
        kinds = highspy.HighsVarType
        lp.integrality_ = [kinds.kInteger] * self.whole + [kinds.kContinuous] * (len(self.upper) - self.whole)
        return lp

    def read(self, values: list[float]) -> Choice:
        """The option of each task."""
        choice = []
        for task, options in enumerate(self.instance.options):
            found = values[self.first[task] : self.first[task] + len(options)]
            choice.append(found.index(max(found)))
        return choice


def _unit(values: Iterable[int]) -> float:
    """What to divide by, so that the solver is not given numbers of too different a size."""
    return max(1.0, max(map(abs, values), default=0) / _LARGEST)
