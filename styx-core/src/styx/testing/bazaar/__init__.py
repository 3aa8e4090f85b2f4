"""The bazaar: a marketplace with every bad habit as a switch, and the reference that a contract is proven on.

::

    market = Market.in_memory(Habits(idempotency=Idempotency.SEARCH, late_births=8.0))
    cloud = bazaar(market.habits)(services(tmp_path, market, clock=market.clock))

Every habit is some provider's, and every habit is legal: a cloud with any of them passes the conformance kit. A market
made in a directory (:meth:`Market.make`) is the truth outside of its clients, which may be killed at any instruction.
"""

from styx.testing.bazaar.capabilities import bazaar
from styx.testing.bazaar.cloud import BazaarCloud
from styx.testing.bazaar.habits import Blindness, Habits, Interruption
from styx.testing.bazaar.ledger import FileClock
from styx.testing.bazaar.market import Bill, Market
from styx.testing.bazaar.state import Machine, Part

__all__ = [
    "BazaarCloud",
    "Bill",
    "Blindness",
    "FileClock",
    "Habits",
    "Interruption",
    "Machine",
    "Market",
    "Part",
    "bazaar",
]
