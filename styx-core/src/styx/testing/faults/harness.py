"""All points of a provider: found, shared out over the processors, and counted."""

from __future__ import annotations

import secrets
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from styx.api import SupportsStop
from styx.store import Store
from styx.testing.faults.audit import Harm
from styx.testing.faults.bench import FaultBench
from styx.testing.faults.crew import processors, shared_out
from styx.testing.faults.operations import OPERATIONS
from styx.testing.faults.points import Enumeration, enumerate_points, every
from styx.testing.faults.trial import Outcome, Point, try_point
from styx.testing.faults.world import NoGround, World
from styx.testing.surroundings import services

TRIES = 3  # for a point that was not reached: how many calls there are may depend on how fast processes end


@dataclass
class Total:
    """What came of a run. ``broken`` says what could not even be tried."""

    outcomes: list[Outcome] = field(default_factory=list)
    skipped: Counter[str] = field(default_factory=Counter)
    broken: list[str] = field(default_factory=list)

    @property
    def points(self) -> int:
        """How many were tried."""
        return sum(outcome.reached for outcome in self.outcomes)

    def bad(self, harm: Harm) -> int:
        """How many points have a flaw of this kind."""
        return sum(outcome.count(harm) > 0 for outcome in self.outcomes)

    @property
    def line(self) -> str:
        """The last line that is printed."""
        wrong = self.bad(Harm.WRONG) + len(self.broken)
        more = f", wrong {wrong}" if wrong else ""
        return f"points {self.points}, leaked {self.bad(Harm.LEAKED)}, lost {self.bad(Harm.LOST)}{more}"

    @property
    def fine(self) -> bool:
        """Whether points were tried, and nothing at all was wrong with them."""
        return self.points > 0 and not self.broken and not any(outcome.flaws for outcome in self.outcomes)


class Harness:
    """The fault harness for one kind of bench.

    ``room`` is where worlds are made: memory, by default, since hundreds of databases are synced a second.
    """

    def __init__(
        self,
        kind: type[FaultBench],
        *,
        variants: Sequence[str] | None = None,
        operations: Sequence[str] = tuple(OPERATIONS),
        room: Path | None = None,
        processes: int | None = None,
    ) -> None:
        self.kind = kind
        self.variants = tuple(kind.variants if variants is None else variants)
        self.operations = tuple(operations)
        self._processes = processes or processors()
        self._room = room or (Path("/dev/shm") if Path("/dev/shm").is_dir() else Path(tempfile.gettempdir()))

    def run(
        self,
        *,
        step: int = 1,
        offset: int = 0,
        about: int | None = None,
        only: Callable[[Point], bool] = lambda _: True,
        tell: Callable[[Outcome], None] = lambda _: None,
    ) -> Total:
        """Try one of ``step`` parts of the points that ``only`` accepts, the one numbered ``offset``.

        With ``about``, there are so many parts that one comes to about so many points.
        """
        with tempfile.TemporaryDirectory(prefix="styx-faults-", dir=self._room, ignore_cleanup_errors=True) as name:
            root, total = Path(name), Total()
            Store.open(home=root / "warm").close()  # imports what opening one imports, and leaves nothing open
            self.kind.warm()
            points: list[Point] = []
            for found in self._find(root, total):
                points += found.points
                total.skipped += found.skipped
            points = [point for point in points if only(point)]
            chosen = list(every(points, max(1, len(points) // about) if about else step, offset))
            for _, outcome in shared_out(lambda point: self._try(root, point), chosen, self._processes):
                total.outcomes.append(outcome)
                tell(outcome)
            return total

    def _find(self, root: Path, total: Total) -> Iterator[Enumeration]:
        places = [
            (variant, operation)
            for variant in self.variants
            for operation in self.operations
            if self.kind.differs(variant, operation)
        ]
        found = dict(shared_out(lambda place: self._enumerate(root, *place), places, self._processes))
        for place in places:
            answer = found[place]
            if isinstance(answer, str):
                total.broken.append(answer)
            else:
                yield answer

    def _enumerate(self, root: Path, variant: str, operation: str) -> Enumeration | str:
        """The points of one operation, or why there are none."""
        where = f"{self.kind.name} {variant} {operation}"
        if OPERATIONS[operation].needs_stop and not self._stops(root, variant):
            return Enumeration(skipped=Counter({f"{operation}: {self.kind.name} {variant} cannot stop machines": 1}))
        try:
            if self.kind.portable:
                World.make(self._template(root, variant, operation), self.kind, variant, OPERATIONS[operation])
            with self._world(root, variant, operation) as world:
                return enumerate_points(world, OPERATIONS[operation])
        except NoGround as error:
            return f"{where}: {error.message}"

    def _try(self, root: Path, point: Point) -> Outcome:
        for _ in range(TRIES):
            with self._world(root, point.variant, point.operation) as world:
                outcome = try_point(world, point)
            if outcome.reached:
                return outcome
        return outcome

    @contextmanager
    def _world(self, root: Path, variant: str, operation: str) -> Iterator[World]:
        """A world that is ready for the operation, and gone afterwards."""
        place = root / secrets.token_hex(4)
        if self.kind.portable:
            world = World.open(self._template(root, variant, operation), self.kind, variant).copy(place)
        else:
            world = World.make(place, self.kind, variant, OPERATIONS[operation])
        try:
            yield world
        finally:
            world.close()

    def _template(self, root: Path, variant: str, operation: str) -> Path:
        return root / f"ground-{self.variants.index(variant)}-{operation}"

    def _stops(self, root: Path, variant: str) -> bool:
        with tempfile.TemporaryDirectory(dir=root) as name:
            bench = self.kind(Path(name), variant)
            bench.open()
            try:
                return isinstance(bench.cloud(services(Path(name))), SupportsStop)
            finally:
                bench.close()
