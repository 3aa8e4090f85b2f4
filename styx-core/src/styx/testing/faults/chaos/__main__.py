"""``python -m styx.testing.faults.chaos``: kill real clients at random moments, and look what that leads to."""

from __future__ import annotations

import argparse
import secrets
import signal
import sys
import tempfile
import time
from pathlib import Path

from styx.testing.faults.chaos.installation import Installation
from styx.testing.faults.chaos.loop import Chaos
from styx.testing.faults.chaos.places import HABITS, BazaarPlace, LocalPlace, Place


def main(arguments: list[str] | None = None) -> int:
    """Run until so many clients were killed; 0 when nothing leaked, was lost or was wrong."""
    options = _parser().parse_args(arguments)
    seed = secrets.randbelow(1_000_000) if options.seed is None else options.seed
    _say(f"seed {seed}")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))  # and clean up
    began = time.monotonic()
    made: dict[str, Place] = {"local": LocalPlace(), "bazaar": BazaarPlace(HABITS[seed % len(HABITS)])}
    places = [made[name] for name in options.clouds.split(",")]
    with tempfile.TemporaryDirectory(prefix="styx-chaos-", ignore_cleanup_errors=True) as name:
        installation = Installation(Path(name), places)
        try:
            tally = Chaos(installation, seed, _say).run(options.kills)
        finally:
            installation.close()
    for flaw in tally.flaws:
        _say(f"! {flaw}")
    _say(f"{tally.rounds} rounds, {tally.finished} commands were quicker, {tally.checks} looks,"
         f" {time.monotonic() - began:.0f} s; again with SEED={seed}")  # fmt: skip
    _say(tally.line)
    return 0 if tally.kills >= options.kills and not tally.flaws else 1


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m styx.testing.faults.chaos", description=__doc__)
    parser.add_argument("--seed", type=int, help="who does what, and when death comes; by default drawn and printed")
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--clouds", default="local,bazaar", help="of local and bazaar, separated by ','")
    return parser


if __name__ == "__main__":
    sys.exit(main())
