"""One side of the comparison: a process that stays warm and answers one question at a time, timed by itself.

Standard library only, for it runs in the environments of both sides. A question is a line on standard input, ``NAME
ARGUMENT``; the answer is a line of JSON. What else a side prints is lost.
"""

from __future__ import annotations

import json
import os
import resource
import sys
import time
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple


class Question(NamedTuple):
    """``prepare(argument)`` is not measured, nor is ``tell``, which makes JSON of what ``ask`` has found."""

    prepare: Callable[[str], Any]
    ask: Callable[[Any], Any]
    tell: Callable[[Any], Any]


def serve(questions: Mapping[str, Question]) -> None:
    """Answer until standard input ends."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    for line in sys.stdin:
        name, _, argument = line.rstrip("\n").partition(" ")
        prepare, ask, tell = questions[name]
        given = prepare(argument)
        wall, cpu = time.perf_counter(), time.process_time()
        found = ask(given)
        cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        answers.write(json.dumps({"cpu": 1000 * cpu, "wall": 1000 * wall, "peak": peak, "answer": tell(found)}) + "\n")
        answers.flush()
