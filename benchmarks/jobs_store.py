"""Managed jobs in the store, among a thousand to a million that have ended: ``python -m benchmarks.jobs_store``.

Every page that can be asked for, from its beginning and from anywhere in the middle, of the store and, among the most,
of a server; and handing a job in and starting it. On SQLite, and on PostgreSQL where a server can be run. Times are
those of a clock on the wall, disk included.
"""

from __future__ import annotations

import json
import random
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, replace
from datetime import timedelta
from functools import partial
from importlib import import_module
from itertools import product
from pathlib import Path
from secrets import token_hex
from statistics import median, quantiles
from urllib.parse import urlencode

from sqlalchemy import text

from benchmarks.asking import Question, answers
from benchmarks.process import environment
from benchmarks.report import Figure, columns, show
from benchmarks.server import serving
from styx.store import Store
from styx.store.holder import current
from styx.store.managed import JobQuery, Limits, ManagedState, NewJob, ServerRecord

SIZES = (1_000, 10_000, 100_000, 1_000_000)
TIMES = 200  # that each page is asked for, and that a job is started
P50, P99, GROWTH = 8, 20, 1.5  # ms, ms, and times as much as among the fewest
WAITING = 200  # jobs that have not ended, beside those that have
USERS, NAMES, POOLS, ARRAY = 50, 1_000, 5, 100  # so many of each, and jobs in an array
AT_ONCE = 50_000  # rows of one transaction
LIMITS = Limits(at_once=1, per_user=20, pools={"pool-1": 3})

# As `styx jobs launch` writes them.
TASK = {
    "name": "train",
    "num_nodes": 2,
    "resources": {"accelerators": {"H100": 8}, "cpus": "64+", "use_spot": True, "infra": "aws/us-east-1"},
    "envs": {"MODEL": "llama", "DATA": "s3://datasets/tokens", "STEPS": "100000"},
    "setup": "pip install -r requirements.txt",
    "run": "torchrun --nproc-per-node 8 train.py --model $MODEL --data $DATA --steps $STEPS",
}
OPTIONS = {"strategy": "failover", "max_restarts": 3, "restart_exit_codes": [33, 34], "priority": 500}

# What the store holds of a job that has ended, as a function of its number n.
_AT = "'2030-01-01T00:00:00.000000+00:00'"
_ENDED = {
    "key": "'ended/' || n",
    "name": f"'train-' || (n % {NAMES})",
    "state": "CASE WHEN n % 50 = 0 THEN 'cancelled' WHEN n % 12 = 0 THEN 'failed' ELSE 'succeeded' END",
    **dict.fromkeys(("created_at", "updated_at", "started_at", "ended_at"), _AT),
    "task": "'" + json.dumps(TASK).replace("100000", "' || n || '") + "'",  # no two have the same, as in an array
    "options": f"'{json.dumps(OPTIONS)}'",
    "user": f"'user-' || (n % {USERS})",
    "pool": f"'pool-' || (n % {POOLS})",
    "group": f"'array-' || (n / {ARRAY})",
    "rank": f"n % {ARRAY}",
    "size": str(ARRAY),
    **dict.fromkeys(("needs", "needed_by"), "'[]'"),
    **dict.fromkeys(("waiting", "restarts", "recoveries", "exit_code"), "0"),
    "turn": "-500",
    "server": "'server-' || (n % 3)",
    **dict.fromkeys(("epoch", "runs", "cluster_job"), "1"),
    "cluster": "'train-' || n",
    "reason": "''",
    "outputs": "'{}'",
    "cost": "'12.345678'",
    "cancelling": "n < 0",
    "ended": "n > 0",
}
_NUMBERS = {
    True: "WITH RECURSIVE numbers(n) AS (SELECT {0} UNION ALL SELECT n + 1 FROM numbers WHERE n < {1})",
    False: "WITH numbers AS (SELECT generate_series({0}, {1}) AS n)",
}


def figures(scratch: Path) -> Iterator[Figure]:
    """The slowest of all pages, and handing in and starting, by database and number of jobs."""
    for name, databases in (("SQLite", _sqlite(scratch)), ("PostgreSQL", _postgres())):
        with databases as urls, ExitStack() as stack:
            stores = [stack.enter_context(Store.open(url)) for url in urls]
            if stores:
                yield from _measured(name, *stores)
                yield from _served(name, scratch / name, urls[1], stores[1])


def _measured(name: str, few: Store, many: Store) -> Iterator[Figure]:
    """What is asked of ``many`` as they become more; ``few`` says what starting a job costs in the same minute."""
    servers = [_Starting(store) for store in (few, many)]
    _fill(few, 1, SIZES[0])
    there = 0
    for size in SIZES:
        _fill(many, there + 1, size)
        there = size
        pages = {kind: _milliseconds(partial(_page, many, query)) for kind, query in _queries(size)}
        pages["how many are in each state"] = _milliseconds(many.jobs.counts)
        yield from _slowest(f"{name}, {size:,} jobs: a page", pages)
        among_few, among_many = zip(*([each.start() for each in servers] for _ in range(TIMES)), strict=True)
        ratio = median(among_many) / median(among_few)
        told = f"p50 {_p50(among_many):.1f} ms, p99 {_p99(among_many):.1f} ms"
        yield Figure("  handing one in and starting it", GROWTH, ratio, f"x {SIZES[0]:,} jobs", told)


def _served(name: str, home: Path, url: str, store: Store) -> Iterator[Figure]:
    """The same pages as a server gives them."""
    with store._database.write() as connection:  # noqa: SLF001 - nobody else has to do this
        connection.execute(text("DELETE FROM managed_jobs WHERE NOT ended"))  # it would begin with them
    home.mkdir()
    with serving(home, env=environment(home, STYX_DATABASE_URL=url)) as server:
        answers(server, [Question(_path(query())) for _, query in _queries(SIZES[-1])])  # the first of each load more
        pages = {
            kind: answers(server, [Question(_path(query())) for _ in range(TIMES)])
            for kind, query in _queries(SIZES[-1])
        }
    yield from _slowest(f"{name}, {SIZES[-1]:,} jobs: GET /v1/jobs", pages)


def _path(query: JobQuery) -> str:
    given = {key: value for key, value in asdict(query).items() if value is not None}
    return f"/v1/jobs?{urlencode(given)}"


def _page(store: Store, query: Callable[[], JobQuery]) -> None:
    store.jobs.page(query())


def _slowest(what: str, pages: dict[str, list[float]]) -> Iterator[Figure]:
    """Print all, and yield those that took longest."""
    rows = [(kind, f"{_p50(took):.2f}", f"{_p99(took):.2f}") for kind, took in pages.items()]
    print(columns([(what.upper(), "P50 MS", "P99 MS"), *rows], right={1, 2}), end="\n\n", flush=True)
    for name, asked, which in (("p50", P50, _p50), ("p99", P99, _p99)):
        slowest = max(pages, key=lambda kind: which(pages[kind]))
        yield Figure(f"{what}, {name}", asked, which(pages[slowest]), "ms", slowest)


class _Starting:
    """A server on a store, with jobs that have to wait."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self._me = current()
        now = store.now()
        me, times = self._me, (now, now, now + timedelta(days=1))
        store.servers.register(ServerRecord(me.id, me.host, me.pid, me.started, me.boot_id, "0", "", *times))
        store.jobs.submit([_new(priority=0) for _ in range(WAITING)])

    def start(self) -> float:
        """Milliseconds to hand a job in and to start it; it has ended then."""
        new, jobs = _new(priority=900), self.store.jobs

        def start() -> None:
            jobs.submit([new])
            (job,) = jobs.admit(self._me.id, LIMITS)
            assert job.key == new.key

        (took,) = _milliseconds(start, 1)
        for job in jobs.under_way(self._me.id):
            jobs.move(job.id, jobs.own(job.id, self._me.id).epoch, ManagedState.SUCCEEDED)
        return took


def _queries(size: int) -> Iterator[tuple[str, Callable[[], JobQuery]]]:
    """Every filter and both orders, each for something else whenever it is asked for."""
    some = random.Random(size)
    filters: dict[str, Callable[[], JobQuery]] = {
        "all": JobQuery,
        "state, common": lambda: JobQuery(state="succeeded"),
        "state, rare": lambda: JobQuery(state="pending"),
        "ended": lambda: JobQuery(ended=True),
        "not ended": lambda: JobQuery(ended=False),
        "user": lambda: JobQuery(user=f"user-{some.randrange(USERS)}"),
        "user and state": lambda: JobQuery(user=f"user-{some.randrange(USERS)}", state="failed"),
        "user and ended": lambda: JobQuery(user=f"user-{some.randrange(USERS)}", ended=True),
        "user and not ended": lambda: JobQuery(user="somebody", ended=False),
        "name": lambda: JobQuery(name=f"train-{some.randrange(NAMES)}"),
        "group": lambda: JobQuery(group=f"array-{some.randrange(size // ARRAY)}"),
        "pool": lambda: JobQuery(pool=f"pool-{some.randrange(POOLS)}"),
    }
    for (kind, query), oldest_first in product(filters.items(), (False, True)):

        def anywhere(query: Callable[[], JobQuery] = query, oldest_first: bool = oldest_first) -> JobQuery:
            after = some.choice((None, some.randint(1, size)))
            return replace(query(), oldest_first=oldest_first, after=after)

        yield f"{kind}, {'oldest' if oldest_first else 'newest'} first", anywhere


def _milliseconds(action: Callable[[], object], times: int = TIMES) -> list[float]:
    took = []
    for _ in range(times):
        begun = time.perf_counter()
        action()
        took.append(1000 * (time.perf_counter() - begun))
    return took


def _new(priority: int) -> NewJob:
    return NewJob(token_hex(8), "train", TASK, OPTIONS, user="somebody", pool="pool-1", priority=priority)


def _fill(store: Store, first: int, last: int) -> None:
    """Put jobs on record that have ended, past everything that would take its time for each."""
    database = store._database  # noqa: SLF001 - nobody else has to do this
    names = ", ".join(f'"{name}"' for name in _ENDED)
    for low in range(first, last + 1, AT_ONCE):
        numbers = _NUMBERS[database.sqlite].format(low, min(last, low + AT_ONCE - 1))
        values = f"SELECT {', '.join(_ENDED.values())} FROM numbers"
        insert = f"INSERT INTO managed_jobs ({names})"
        whole = f"{numbers} {insert} {values}" if not database.sqlite else f"{insert} {numbers} {values}"
        with database.write() as connection:
            connection.execute(text(whole))
    if not database.sqlite:
        with database.read() as connection:
            connection.execute(text("VACUUM ANALYZE managed_jobs"))  # as the server does by itself, sooner or later


@contextmanager
def _sqlite(scratch: Path) -> Iterator[Sequence[str]]:
    """The URLs of two databases."""
    yield [f"sqlite:///{scratch}/{name}.db" for name in ("few", "many")]


@contextmanager
def _postgres() -> Iterator[Sequence[str]]:
    """The URLs of two databases; none where no server can be run."""
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))
    postgres = import_module("support.postgres")
    try:
        with postgres.server() as url:
            yield [postgres.new_database(url, name) for name in ("few", "many")]
    except postgres.Unavailable as why:
        print(f"PostgreSQL is left out: {why}", file=sys.stderr)
        yield ()


def _p50(took: Sequence[float]) -> float:
    return median(took)


def _p99(took: Sequence[float]) -> float:
    return quantiles(took, n=100)[-1]


def main() -> int:
    """Print the table; 1 when a promise is not kept."""
    with tempfile.TemporaryDirectory(prefix="styx-bench-") as scratch:
        measured = list(figures(Path(scratch)))
    print(show(measured))
    return 0 if all(figure.met for figure in measured) else 1


if __name__ == "__main__":
    sys.exit(main())
