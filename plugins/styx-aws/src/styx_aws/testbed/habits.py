"""What the testbed does otherwise than at once and without complaint: every switch there is, in one place."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal

ACCOUNTS = {"AKIASTYXTESTBED00001": "111111111111", "AKIASTYXTESTBED00002": "222222222222"}
ALWAYS_ON = frozenset({  # regions that no account can switch off
    "ap-northeast-1", "ap-northeast-2", "ap-northeast-3", "ap-south-1", "ap-southeast-1", "ap-southeast-2",
    "ca-central-1", "eu-central-1", "eu-north-1", "eu-west-1", "eu-west-2", "eu-west-3", "sa-east-1", "us-east-1",
    "us-east-2", "us-west-1", "us-west-2",
})  # fmt: skip


@dataclass
class Refusal:
    """An error of EC2's for the next ``times`` requests of an action; empty fields fit every request."""

    action: str  # ec2:RunInstances
    code: str
    message: str = "No."
    status: int = 400
    times: int = 1
    region: str = ""
    zone: str = ""
    instance_type: str = ""

    def fits(self, action: str, region: str, zone: str = "", instance_type: str = "") -> bool:
        """Whether this request is refused."""
        asked = ((self.region, region), (self.zone, zone), (self.instance_type, instance_type))
        return self.times > 0 and self.action == action and all(mine in ("", its) for mine, its in asked)


@dataclass
class Habits:
    """Times are seconds of the testbed's clock. All may be changed while it runs."""

    lag: float = 0.0  # lists show instances, new ones and those that are gone, as they were so long ago
    boot: float = 0.0  # from RunInstances or StartInstances to running, at least
    stop: float = 0.0  # from StopInstances to stopped
    go: float = 0.0  # from TerminateInstances to terminated
    page: int = 1000  # a list has at most so many entries a page
    # How many instances of a TYPE, in a ZONE or of TYPE@ZONE there can be at once; no limit where nothing is said.
    capacity: dict[str, int] = field(default_factory=dict)
    vcpus: int | None = None  # an account's quota in a region, on demand
    spot_vcpus: int | None = None  # and as spot
    spot: dict[tuple[str, str], Decimal] = field(default_factory=dict)  # prices by type and zone; else the catalog's
    regions_off: set[str] = field(default_factory=set)  # not enabled for the account
    denied: set[str] = field(default_factory=set)  # actions that nobody may do: ec2:RunInstances
    allowed: set[str] | None = None  # the only actions that anybody may do
    expired: set[str] = field(default_factory=set)  # access keys whose time is over
    refusals: list[Refusal] = field(default_factory=list)
    address: str = ""  # what a client is told to be its address; empty is where it is seen from

    def refuse(self, action: str, code: str, message: str = "No.", **more: object) -> None:
        """Answer the next request of this kind with an error; see :class:`Refusal` for what else can be said."""
        self.refusals.append(Refusal(action, code, message, **more))  # type: ignore[arg-type]

    def refusal(self, action: str, region: str, zone: str = "", instance_type: str = "") -> Refusal | None:
        """The error for this request, which uses it up."""
        for refusal in self.refusals:
            if refusal.fits(action, region, zone, instance_type):
                refusal.times -= 1
                return refusal
        return None
