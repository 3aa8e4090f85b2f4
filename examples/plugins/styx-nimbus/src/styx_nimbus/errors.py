"""What Nimbus's errors mean, by the code in its answers or by HTTP status; other statuses mean what they always do."""

from styx.api import Conflict, ErrorMap, InsufficientCapacity, OfferGone, QuotaExceeded

ERRORS: ErrorMap = {
    "out_of_stock": InsufficientCapacity,
    "quota": lambda said: QuotaExceeded(said, resource="machines"),
    "unknown_type": OfferGone,
    "key_exists": Conflict,
}
