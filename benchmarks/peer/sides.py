"""Asking both sides the same, in turn."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any, Self


@dataclass(frozen=True, slots=True)
class Answer:
    """What one question took (CPU and wall clock, ms), the most memory until then (MiB), and what was found."""

    cpu: float
    wall: float
    peak: float
    answer: Any = None


class Side:
    """A process of :mod:`benchmarks.peer.worker`, for as long as the block lasts."""

    def __init__(self, command: Sequence[str], env: Mapping[str, str]) -> None:
        self._process = subprocess.Popen(command, env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.__exit__(None, None, None)  # closes its input, and waits for it

    def ask(self, question: str) -> Answer:
        """Ask once. Raises RuntimeError when the process has ended; what it said is on standard error."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{question}\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"no answer to {question!r}")
        return Answer(**json.loads(line))


def alternate(sky: Callable[[], Answer], styx: Callable[[], Answer], runs: int) -> tuple[Answer, Answer]:
    """Both in turn, ``runs`` times; of each the medians, its highest peak and its last answer."""
    pairs = [(sky(), styx()) for _ in range(runs)]
    theirs, ours = zip(*pairs, strict=True)
    return _typical(theirs), _typical(ours)


def _typical(answers: Sequence[Answer]) -> Answer:
    return Answer(
        median(each.cpu for each in answers),
        median(each.wall for each in answers),
        max(each.peak for each in answers),
        answers[-1].answer,
    )
