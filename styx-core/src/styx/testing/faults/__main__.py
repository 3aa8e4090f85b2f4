"""``python -m styx.testing.faults``: what one failure at any call of a provider leads to."""

from __future__ import annotations

import argparse
import os
import signal
import sys
import time
from importlib import import_module
from pathlib import Path

from styx.testing.faults.bench import FaultBench
from styx.testing.faults.harness import Harness
from styx.testing.faults.operations import OPERATIONS
from styx.testing.faults.report import details, line, written
from styx.testing.faults.trial import Outcome

BENCHES = {
    "local": "styx.testing.faults.local:LocalBench",
    "bazaar": "styx.testing.faults.bazaar:BazaarBench",
    "aws": "styx_aws.testbed.faults:AwsBench",  # with styx-aws[testbed]
}


def main(arguments: list[str] | None = None) -> int:
    """Run the points that are asked for; 0 when nothing leaked, was lost or was wrong."""
    options = _parser().parse_args(arguments)
    kind = bench(options.cloud)
    if options.list_habits:
        _say("\n".join((*kind.variants, *kind.others)))
        return 0
    for name in [name for name in os.environ if name.startswith("STYX_")]:
        del os.environ[name]  # the caller's installation is nobody's business here
    harness = Harness(
        kind,
        variants=_variants(kind, options.habits),
        operations=options.operations.split(","),
        processes=options.processes,
    )
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))  # and clean up
    began = time.monotonic()

    def tell(outcome: Outcome) -> None:
        _say(details(outcome) if outcome.flaws else line(outcome))

    total = harness.run(step=options.every, offset=options.offset, tell=tell)
    for why, number in sorted(total.skipped.items()):
        _say(f"left out   {number} x {why}")
    for what in total.broken:
        _say(f"broken     {what}")
    if options.report is not None:
        options.report.parent.mkdir(parents=True, exist_ok=True)
        options.report.write_text("\n".join(written(total)) + "\n", encoding="utf-8")
        _say(f"the list of points is in {options.report}")
    _say(f"{time.monotonic() - began:.0f} s")
    _say(total.line)
    return 0 if total.fine else 1


def bench(name: str) -> type[FaultBench]:
    """The bench of that name, or at ``module:Class``."""
    module, _, attribute = BENCHES.get(name, name).partition(":")
    if not attribute:
        raise SystemExit(f"{name!r} is neither one of {', '.join(BENCHES)} nor a module:Class")
    if "" not in sys.path:
        sys.path.insert(0, "")  # an author's bench lies in the working directory
    found = getattr(import_module(module), attribute)
    if not (isinstance(found, type) and issubclass(found, FaultBench)):
        raise SystemExit(f"{name} is no FaultBench")
    return found


def _variants(kind: type[FaultBench], asked: str | None) -> list[str] | None:
    """What ``--habits`` means."""
    if asked is None:
        return None
    named = {"all": [*kind.variants, *kind.others], "others": [*kind.others]}
    return named.get(asked, asked.split(";"))


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m styx.testing.faults", description=__doc__)
    parser.add_argument("--cloud", required=True, help=f"one of {', '.join(BENCHES)}, or module:Class of a FaultBench")
    parser.add_argument("--habits", help="these variants of the provider, separated by ';'; or all, or others")
    parser.add_argument("--list-habits", action="store_true", help="list the variants, and do nothing")
    parser.add_argument("--operations", default=",".join(OPERATIONS), help="only these, separated by ','")
    parser.add_argument("--every", type=int, default=1, metavar="N", help="only one of N parts of the points ...")
    parser.add_argument("--offset", type=int, default=0, metavar="K", help="... the K-th, from 0")
    parser.add_argument("--processes", type=int, help="how many at a time; by default one for each processor")
    parser.add_argument("--report", type=Path, metavar="FILE", help="write the list of points there")
    return parser


if __name__ == "__main__":
    sys.exit(main())
