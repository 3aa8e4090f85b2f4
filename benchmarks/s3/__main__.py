"""``python -m benchmarks.s3``: `styx storage cp` beside `aws s3 cp`; exits 1 where Styx takes longer.

Both copy the same files to and from the same server, in turn, each time to a new place. Files and server are in memory,
so that neither a disk nor a network is measured, but what the programs themselves cost.
"""

from __future__ import annotations

import filecmp
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from benchmarks.process import STYX, environment, run
from benchmarks.report import columns
from benchmarks.s3.awscli import ready

BIG, COUNT, SMALL = 1 << 30, 10_000, 4 << 10  # bytes; files; bytes of each
MEMORY = Path("/dev/shm")


@dataclass(frozen=True, slots=True)
class Spent:
    """Seconds, and the most memory in MiB."""

    cpu: float
    wall: float
    peak: float


@dataclass(frozen=True, slots=True)
class Line:
    """A copy by both programs, run after run."""

    what: str
    theirs: Sequence[Spent]
    ours: Sequence[Spent]

    @property
    def ratios(self) -> tuple[float, float]:
        """What ours is of theirs in CPU time, at the median, and by the clock, where each was disturbed least."""
        cpu = median(spent.cpu for spent in self.ours) / median(spent.cpu for spent in self.theirs)
        return cpu, min(spent.wall for spent in self.ours) / min(spent.wall for spent in self.theirs)

    @property
    def met(self) -> bool:
        """Whether ours takes no longer."""
        return max(self.ratios) <= 1


def main() -> int:
    """Measure, compare what has arrived, and print the table."""
    aws = str(ready())
    memory = MEMORY if os.access(MEMORY, os.W_OK) else None
    with tempfile.TemporaryDirectory(prefix="styx-bench-s3-", dir=memory) as scratch, _server() as url:
        root = Path(scratch)
        _write(root)
        env = environment(
            root / "home", AWS_ENDPOINT_URL=url, AWS_ACCESS_KEY_ID="key", AWS_SECRET_ACCESS_KEY="secret",
            AWS_DEFAULT_REGION="us-east-1", AWS_EC2_METADATA_DISABLED="true", AWS_CONFIG_FILE=os.devnull,
            AWS_SHARED_CREDENTIALS_FILE=os.devnull,
        )  # fmt: skip
        run((STYX, "storage", "ls", "s3://bucket"), env)  # makes its home
        lines = list(_lines(root, aws, env))
    rows: list[tuple[str, ...]] = [("COPY", "AWS CLI", "", "", "STYX", "", "", "CPU", "CLOCK", "")]
    rows += [_row(line) for line in lines]
    print(columns(rows, right=range(1, 9)))
    return 0 if all(line.met for line in lines) else 1


def _lines(root: Path, aws: str, env: Mapping[str, str]) -> Iterator[Line]:
    programs = {"theirs": (aws, "s3", "cp", "--no-progress"), "ours": (STYX, "storage", "cp")}
    for what, source, many, runs in (
        ("1 GiB", root / "big", (), 5),
        (f"{COUNT:,} x 4 KiB", root / "small", ("--recursive",), 3),
    ):
        up: dict[str, list[Spent]] = {name: [] for name in programs}
        down: dict[str, list[Spent]] = {name: [] for name in programs}
        for number in range(runs):
            for name in sorted(programs, reverse=bool(number % 2)):  # each is first in its turn
                print(f"measuring {what}, {name}, {number + 1} of {runs} ...", file=sys.stderr, flush=True)
                uri, back = f"s3://bucket/{name}-{number}/{source.name}", root / "back"
                up[name].append(_spent((*programs[name], *many, str(source), uri), env))
                down[name].append(_spent((*programs[name], *many, uri, str(back)), env))
                _require_same(source, back)
                run((STYX, "storage", "rm", "--yes", *many, uri), env)
        yield Line(f"{what} up", up["theirs"], up["ours"])
        yield Line(f"{what} down", down["theirs"], down["ours"])


def _spent(command: Sequence[str], env: Mapping[str, str]) -> Spent:
    start = time.perf_counter()
    usage = run(command, env)
    return Spent(usage.cpu, time.perf_counter() - start, usage.peak)


def _row(line: Line) -> tuple[str, ...]:
    sides = []
    for side in (line.theirs, line.ours):
        sides += [f"{median(spent.cpu for spent in side):.2f} s CPU", f"{min(spent.wall for spent in side):.2f} s"]
        sides.append(f"{max(spent.peak for spent in side):.0f} MiB")
    cpu, wall = line.ratios
    return line.what, *sides, f"x {cpu:.2f}", f"x {wall:.2f}", "ok" if line.met else "MISSED"


def _write(root: Path) -> None:
    """The files to copy: bytes that are nowhere the same."""
    with (root / "big").open("wb") as file:
        for _ in range(BIG >> 24):
            file.write(os.urandom(1 << 24))
    (root / "small").mkdir()
    for number in range(COUNT):
        (root / "small" / f"{number:05}").write_bytes(os.urandom(SMALL))


def _require_same(source: Path, back: Path) -> None:
    """Raise RuntimeError unless what has come back is what went, and remove it."""
    if source.is_dir():
        names = os.listdir(source)  # noqa: PTH208 - names are all that is wanted
        wrong = filecmp.cmpfiles(source, back, names, shallow=False)[1:]
        shutil.rmtree(back)
    else:
        wrong = ([], []) if filecmp.cmp(source, back, shallow=False) else ([source.name], [])
        back.unlink()
    if any(wrong):
        raise RuntimeError(f"{len(wrong[0]) + len(wrong[1])} files of {source} came back otherwise")


@contextmanager
def _server() -> Iterator[str]:
    command = (sys.executable, "-m", "benchmarks.s3.server")
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield f"http://127.0.0.1:{process.stdout.readline().strip()}"
        finally:
            process.kill()


if __name__ == "__main__":
    sys.exit(main())
