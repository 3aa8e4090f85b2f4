"""EC2 as a cloud: on demand and spot, several machines in one request, each removed by its own shutdown if need be."""

from __future__ import annotations

import json
import threading
from collections.abc import Collection, Iterable, Sequence
from typing import Any, ClassVar

from styx.api import (
    Cloud,
    Conflict,
    Fault,
    Idempotency,
    Identity,
    InvalidRequest,
    LaunchRequest,
    Node,
    NotFound,
    Observation,
    Offer,
    OfferQuery,
    Owner,
    Prepared,
    Receipt,
    Scope,
    SelfStop,
    Services,
    StartRequest,
    Traits,
    Unsupported,
)
from styx_aws import groups, launching, observing, policy, ports, rehearsal, removing, starting
from styx_aws.config import Settings, is_region
from styx_aws.errors import code_of
from styx_aws.regions import Regions
from styx_aws.secret import Secret
from styx_aws.session import Session
from styx_aws.whereabouts import networks

_DAY = 86400.0
# From the instance metadata service; the path is there once EC2 has said that it will take the machine.
_NOTICE = """\
t=$(curl -sf -m 2 -X PUT -H 'X-aws-ec2-metadata-token-ttl-seconds: 60' http://169.254.169.254/latest/api/token) &&
curl -sf -m 2 -o /dev/null -H "X-aws-ec2-metadata-token: $t" http://169.254.169.254/latest/meta-data/spot/instance-action
"""
_SHUTDOWN = 'if [ "$(id -u)" = 0 ]; then shutdown -h now; else sudo -n shutdown -h now; fi'


class AwsCloud(Cloud):
    """See :class:`styx.api.Cloud`. A scope is a region."""

    name: ClassVar[str] = "aws"
    traits: ClassVar[Traits] = Traits(
        Idempotency.TOKEN,
        token_lifetime=_DAY,  # "at least 24 hours after the termination of the instance"
        settle_after=30.0,  # EC2 gives no figure; its lists are seconds behind, and minutes on its worst days
        atomic_gang=True,
        boot_script=True,
        private_network=True,
        self_stop=frozenset(SelfStop),
        pace={"launch": 0.5},  # EC2 gives back two RunInstances a second, and some at once
        spot_stop=False,  # one-time requests: a machine that ends is gone
    )

    def __init__(self, services: Services) -> None:
        super().__init__(services)
        config = services.config
        self.settings = config if isinstance(config, Settings) else Settings.model_validate(config)
        self.session = Session(self.settings.profile)
        self._secret = Secret(services.state_dir / "secret")
        self._regions = Regions(self.session, self.settings, services.state_dir / "regions.json", services.clock)
        self._given_back: set[Owner] = set()  # those whose dead machines nobody needs to hear of any more
        self._lock = threading.Lock()

    def check(self) -> Identity:
        """The account of the credentials, and who of it they are."""
        who = self.session.call("sts:GetCallerIdentity")
        return Identity(str(who["Account"]), str(who["Arn"]))

    def faults(self) -> Sequence[Fault]:
        """Regions of the settings that the account cannot use, and what is denied in the first that it can."""
        enabled = self._regions.enabled() if self.settings.regions else ()
        missing = [region for region in self.settings.regions if region not in enabled]
        said = "is off for this account, or there is no such region: switch it on, or take it from clouds.aws.regions"
        off = [Fault(f"{region} {said}", serious=True) for region in missing]
        where = next((region for region in self.settings.regions if region in enabled), self.session.home)
        denied = rehearsal.denied(self.session, where)
        told = f"denied in {where}: {', '.join(denied)}; `styx check aws --policy` prints all that is needed"
        return [*off, Fault(told)] if denied else off

    def scopes(self) -> Iterable[Scope]:
        """The regions of the settings, else all that are enabled for the account."""
        return [Scope(region) for region in self._regions.all()]

    def offers(self, query: OfferQuery) -> Iterable[Offer]:
        """What the catalog has in regions that may be used."""
        catalog = self.services.catalog
        sold = catalog.offers(query) if catalog is not None else ()
        places = set(self._regions.for_sale()) if sold else set()
        return [offer for offer in sold if offer.region in places]

    def prepare(self, request: LaunchRequest) -> Prepared:
        """Find image, subnet, security group and key pair, and write the request down. Makes what costs nothing."""
        self._require_ours(request.owner)
        self._require_region(request.offer.scope)
        return launching.prepare(self.session, self._secret, request, self._group, self.settings.vpc)

    def launch(self, prepared: Prepared) -> Receipt:
        """Ask for all machines, or start all that were stopped."""
        self._require_ours(prepared.owner)
        self._require_region(prepared.scope)
        payload = _read(prepared)
        if payload["action"] == "start":
            return starting.start(self.session, self.services.installation, prepared, payload)
        return launching.launch(self.session, self._secret, prepared, payload)

    def observe(self, scope: Scope, owners: Collection[Owner] | None) -> Observation:
        """List the machines of the region, and what has outlived any."""
        self._require_region(scope)
        now = self.services.clock.now()
        with self._lock:
            given_back = frozenset(self._given_back)
        if owners is not None and not owners:
            return Observation(scope, now)
        return observing.observe(
            self.session, scope, self.services.installation, owners, now, ssh_port=self.settings.ssh_port,
            given_back=given_back,
        )  # fmt: skip

    def terminate(self, scope: Scope, owner: Owner, receipts: Sequence[Receipt]) -> None:
        """Remove the machines of the attempt, then its disks and groups."""
        self._require_ours(owner)
        self._require_region(scope)
        with self._lock:
            self._given_back.add(owner)
        removing.terminate(self.session, scope.name, self.services.installation, owner, receipts)

    def stop(self, scope: Scope, owner: Owner, receipts: Sequence[Receipt]) -> None:
        """Stop the machines; their disks stay, and bill. Their public addresses change with the next start."""
        self._require_ours(owner)
        removing.stop(self.session, scope.name, self.services.installation, owner, receipts)

    def prepare_start(self, request: StartRequest) -> Prepared:
        """Find the machines that are to start."""
        self._require_ours(request.owner)
        return starting.prepare_start(self.session, self.services.installation, request)

    def set_shutdown(self, scope: Scope, owner: Owner, mode: SelfStop) -> None:
        """Have a shutdown from inside stop, or remove, the machines."""
        self._require_ours(owner)
        starting.set_shutdown(self.session, scope.name, self.services.installation, owner, mode)

    def self_stop_command(self, node: Node, mode: SelfStop) -> str:
        """A shutdown: what EC2 makes of it is set for each machine, see :meth:`set_shutdown`."""
        del node, mode
        return _SHUTDOWN

    def preemption_notice_command(self, offer: Offer) -> str | None:
        """Ask the metadata service whether EC2 is about to take the machine: it says so two minutes before."""
        del offer
        return _NOTICE

    def open_ports(self, scope: Scope, owner: Owner, ports_: Collection[int]) -> None:
        """Open ports to everybody, on the machines of the attempt alone."""
        self._require_ours(owner)
        ports.open_ports(self.session, scope.name, self.services.installation, owner, ports_)

    def port_address(self, node: Node, port: int) -> str:
        """The port at the public address."""
        if not node.public_ip:
            raise NotFound(f"{node.id} has no public address now")
        return f"{node.public_ip}:{port}"

    def admit(self, scope: Scope, owner: Owner, cidr: str) -> None:
        """Let SSH in from this network too; without one from where this client is seen now, and no more from before."""
        self._require_ours(owner)
        where, said = ([cidr], groups.LASTING) if cidr else (networks(self.settings), self._seat())
        for group in groups.everywhere(self.session, scope.name, self.services.installation):
            groups.admit(self.session, scope.name, group, self.settings.ssh_port, where, said)

    def console_log(self, scope: Scope, node: Node) -> str:
        """What the console has shown; of older types what it had shown some time ago."""
        try:
            answer = self.session.call("ec2:GetConsoleOutput", scope.name, InstanceId=node.id, Latest=True)
        except Unsupported as error:
            if code_of(error) != "UnsupportedOperation":
                raise
            answer = self.session.call("ec2:GetConsoleOutput", scope.name, InstanceId=node.id)
        return str(answer.get("Output") or "")

    def policy(self) -> str:
        """The IAM policy, as JSON."""
        return policy.text()

    def _group(self, region: str, vpc: str) -> str:
        """The installation's security group of a VPC, letting this client in."""
        group = groups.of_installation(self.session, region, vpc, self.services.installation)
        groups.admit(self.session, region, group, self.settings.ssh_port, networks(self.settings), self._seat())
        return str(group["GroupId"])

    def _seat(self) -> str:
        return f"styx client {self._secret.derive('client').hex()[:12]}"

    def _require_ours(self, owner: Owner) -> None:
        if owner.installation != self.services.installation:
            raise Conflict(f"{owner.name} belongs to another installation of Styx", owner=owner.name)

    @staticmethod
    def _require_region(scope: Scope) -> None:
        if not is_region(scope.name):
            raise NotFound(f"{scope.name!r} is no region of AWS")


def _read(prepared: Prepared) -> dict[str, Any]:
    try:
        payload = json.loads(prepared.payload)
        if payload["action"] in {"launch", "start"}:
            return dict(payload)
    except (ValueError, TypeError, KeyError):
        pass
    raise InvalidRequest(f"this is no launch for AWS: {prepared.payload[:80]!r}", field="payload")
