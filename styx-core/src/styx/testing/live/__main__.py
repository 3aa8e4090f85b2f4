"""``python -m styx.testing.live --cloud NAME --budget USD``: every rule for clouds, with real machines.

Ends with 0 when all that was tried was kept and nothing is left; also, saying so, where there are no credentials.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from collections import Counter
from decimal import Decimal
from pathlib import Path

import pytest

from styx.api import AuthFailed, Cloud, OfferQuery, StyxError
from styx.testing.driver import Driver
from styx.testing.live import suite
from styx.testing.live.lane import Place, cheapest, epoch, watched
from styx.testing.live.purse import Purse
from styx.testing.live.sweep import sweep


class Lane:
    """A plugin of pytest's: what the rules are given, and how they went."""

    def __init__(self, place: Place, purse: Purse, query: OfferQuery) -> None:
        self._place = place
        self._purse = purse
        self.query = query
        self._went: Counter[str] = Counter()

    @property
    def told(self) -> str:
        """How it went, and what it cost."""
        rules = ", ".join(f"{self._went[outcome]} {outcome}" for outcome in ("passed", "failed", "skipped"))
        refused = f", {self._purse.refused} launches were too dear" if self._purse.refused else ""
        return f"rules {rules}{refused}; spent at most ${self._purse.spent(epoch()):.4f} of ${self._purse.budget}"

    @pytest.fixture(scope="session")
    def lane(self) -> Lane:
        """This."""
        return self

    def cloud(self, state: Path) -> Cloud:
        """A cloud object with an installation of its own, which spends from the purse."""
        plain = self._place.make(state=state)
        return watched(type(plain), self._purse)(plain.services)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Count."""
        if report.when == "call" or report.outcome != "passed":
            self._went[report.outcome] += 1


def main(arguments: list[str] | None = None) -> int:
    """Run a lane."""
    options = _parser().parse_args(arguments)
    home = Path(options.home or f"build/live-{options.cloud}").absolute()
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    place = Place(home, options.cloud, options.account)
    try:
        plain = place.make()
        identity = plain.check()
    except AuthFailed as error:
        _say(f"live {options.cloud}: left out, for there are no credentials: {error.message}")
        return 0
    except StyxError as error:
        _say(f"live {options.cloud}: {error.message}. {error.hint or ''}".rstrip())
        return error.exit_code
    before = sweep(place, _say)
    if before.left:
        _say("\n".join(f"LEFT by an earlier run: {sentence}" for sentence in before.left))
        return 1
    query = OfferQuery(instance_type=options.type, region=options.region, zone=options.zone, named=True)
    offer = cheapest(plain, query, Driver(plain.services.clock, pace=plain.traits.pace))
    if offer is None:
        _say(f"live {options.cloud}: nothing that fits has a price, so nothing is launched")
        return 1
    query = OfferQuery(instance_type=offer.instance_type, region=offer.region, zone=offer.zone, named=True)
    deadline = epoch() + 60 * options.minutes
    purse = Purse(place.record, options.budget, deadline, epoch)
    lane = Lane(place, purse, query)
    where = f"{offer.instance_type} in {offer.zone or offer.region or offer.scope.name}"
    _say(f"live {options.cloud}: account {identity.account}, {where} at ${offer.hourly_price}/h")
    with _keeper(place, deadline):
        status = _rules(lane, home, options.only)
        after = sweep(place, _say)
    for sentence in after.left:
        _say(f"LEFT: {sentence}")
    _say(f"live {options.cloud}: {lane.told}; left {len(after.left)}")
    return 1 if status or after.left or purse.refused else 0


def _rules(lane: Lane, home: Path, only: str) -> int:
    """What pytest ends with."""
    settings = home / "pytest.ini"  # nobody else's, wherever this is run
    settings.write_text("[pytest]\n", encoding="utf-8")
    words = ["-c", str(settings), "-p", "no:cacheprovider", "-rs", "-q", "-k", only, suite.__file__]
    return int(pytest.main(words, plugins=[lane]))


def _keeper(place: Place, deadline: float) -> subprocess.Popen[bytes]:
    """The process that removes what this one leaves: it hears of the end by the end of its input."""
    words = (str(place.home), place.cloud, place.account, str(deadline), str(os.getpid()))
    return subprocess.Popen(
        (sys.executable, "-m", "styx.testing.live.keeper", *words), stdin=subprocess.PIPE, start_new_session=True
    )


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m styx.testing.live", description=__doc__)
    parser.add_argument("--cloud", required=True, help="as `styx check` names it, with your settings and credentials")
    parser.add_argument("--account", default="default", help="which of its accounts")
    parser.add_argument("--budget", type=Decimal, required=True, metavar="USD", help="no launch passes it")
    parser.add_argument("--minutes", type=float, default=90.0, help="after which all is removed (90)")
    parser.add_argument("--type", help="the instance type; by default that which costs least")
    parser.add_argument("--region", help="by default wherever that is")
    parser.add_argument("--zone", help="likewise")
    parser.add_argument(
        "--only", default="", metavar="WORDS", help="rules whose names have them, as `pytest -k` has it"
    )
    parser.add_argument("--home", help="where it keeps what it has launched (build/live-CLOUD)")
    return parser


if __name__ == "__main__":
    sys.exit(main())
