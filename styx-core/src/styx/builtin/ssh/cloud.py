"""Machines you own as a cloud: what is rented is the right to use one, kept on the machine itself.

A pool is a region and a scope. Nothing is billed unless the owner puts a price on it, and nothing is ever switched off:
a node that is removed, by us or by itself, gives its machine back to the pool.
"""

from __future__ import annotations

import json
import logging
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from decimal import Decimal
from typing import ClassVar

from styx.api import (
    DIVISIBLE,
    AuthFailed,
    Billing,
    Cloud,
    Conflict,
    Fault,
    Idempotency,
    Identity,
    InsufficientCapacity,
    LaunchRequest,
    Node,
    NodeState,
    NotFound,
    Observation,
    Offer,
    OfferGone,
    OfferQuery,
    OutcomeUnknown,
    Owner,
    PermissionDenied,
    Prepared,
    Receipt,
    Scope,
    SelfStop,
    Services,
    Traits,
    Unsupported,
)  # fmt: skip
from styx.builtin.ssh import facts as sizes
from styx.builtin.ssh import marks
from styx.builtin.ssh.config import HostConfig, SshConfig
from styx.builtin.ssh.facts import Facts, FactsCache
from styx.builtin.ssh.marks import Mark, Marks
from styx.builtin.ssh.notes import Note, Notes, place_of
from styx.builtin.ssh.pins import Pins
from styx.builtin.ssh.reach import Answer, Reach
from styx.builtin.ssh.release import release, release_by_itself
from styx.builtin.ssh.silence import Silence

SPARE = 2  # machines an intent names beyond those it needs, for when another client is faster
RELEASE_SECONDS = 60.0
PROBE_SECONDS = 30.0  # the first nvidia-smi after a boot is slow
_YEAR = 365 * 86400.0


class SshCloud(Cloud):
    """See :class:`styx.api.Cloud`. The pools are those in ``clouds.ssh`` of config.yaml."""

    name: ClassVar[str] = "ssh"
    traits: ClassVar[Traits] = Traits(
        Idempotency.NAME,
        token_lifetime=_YEAR,  # a reservation has no end of its own
        private_network=True,
        self_stop=frozenset({SelfStop.TERMINATE}),
        boot_deadline=60.0,
    )

    def __init__(self, services: Services) -> None:
        super().__init__(services)
        config = services.config
        self._pools = (config if isinstance(config, SshConfig) else SshConfig.model_validate(config)).pools
        self._reach = Reach(Pins(services.state_dir / "host_keys", services.log))
        self._facts = FactsCache(services.state_dir / "facts")
        self._notes = Notes(services.state_dir / "attempts")
        self._silence = Silence(services.state_dir / "silent")
        self._told: set[tuple[str, str]] = set()

    def check(self) -> Identity:
        """One machine that lets us in is enough.

        The account is a constant: machines you own belong to nobody's account, and clusters must not be taken for
        another's when a machine or a pool is added. That a pool is taken away is noticed by its scope, and that a
        machine with a node on it is, or is used as another user now, by our notes. An attempt that has no note here and
        shows nowhere may be on machines that only another client lists.
        """
        if not self._pools:
            raise AuthFailed(
                "no machines are listed for the ssh cloud",
                hint="List them, as in `styx config set clouds.ssh.pools.lab.hosts '[me@10.0.0.5]'`.",
            )
        answers = self._reach.anybody(list(self._machines()))
        if all(answer.text is None for answer in answers.values()):
            story = "".join(f"\n  {fault.message}" for fault in self._faults(answers))
            raise AuthFailed(
                f"none of your {len(answers)} machines lets us in:{story}",
                hint="Each must be up, and let a key in without a password: ssh-copy-id, and identity_file.",
            )
        return Identity("own-machines")

    def faults(self) -> Sequence[Fault]:
        """Every machine that cannot be used now: those that show another key first, for that may be an attack."""
        return self._faults(self._ask(self._machines(), ":"))

    def scopes(self) -> Iterable[Scope]:
        """The pools."""
        return [Scope(name) for name in self._pools]

    def offers(self, query: OfferQuery) -> Iterable[Offer]:
        """Every size of machine in every pool, with how many are free now.

        Where nobody asked for these machines, what does not answer is neither waited for nor told of.
        """
        pools = [name for name in self._pools if query.region in (None, name)]
        hosts = {host: name for name in pools for host in self._pools[name].hosts}
        seen, problems = self._survey(hosts, impatient=not query.named, skip=not query.named)
        if hosts and not seen:
            raise _nobody(problems, ", ".join(pools))
        for host, pool in hosts.items():
            if host.label in problems:
                self._tell(pool, host, problems[host.label], named=query.named)
        groups: dict[tuple[str, str], list[HostConfig]] = defaultdict(list)
        known = self._sizes(hosts, seen)
        for host, size in known.items():
            groups[hosts[host], size.instance_type].append(host)
        return [
            _offer(pool, known[alike[0]], alike, sum(host in seen and not seen[host].held for host in alike))
            for (pool, _), alike in groups.items()
        ]

    def prepare(self, request: LaunchRequest) -> Prepared:
        """Name the machines that may be asked: free ones of the offer's size, and some to spare."""
        scope, wanted = request.offer.scope, len(request.ranks)
        if request.spot:
            raise Unsupported("machines you own are not sold as spot", capability="spot")
        if request.image:
            raise Unsupported("a machine you own keeps the system it has", capability="image")
        if request.identity:
            raise Unsupported("a machine you own has no provider that could give it an identity", capability="identity")
        if scope.name not in self._pools:
            raise OfferGone(f"there is no pool {scope.name!r} any more")
        hosts = self._pools[scope.name].hosts
        seen, problems = self._survey(hosts, impatient=True)
        known = self._sizes(hosts, seen)
        alike = [host for host, size in known.items() if size.instance_type == request.offer.instance_type]
        if not alike:
            raise OfferGone(f"pool {scope.name} has no machine of the size {request.offer.instance_type}")
        free = [host.label for host in alike if host in seen and not seen[host].held]
        if len(free) < wanted:
            raise _too_few(scope, len(free), wanted, alike, seen, problems)
        self._note(request.owner, [host for host in alike if host.label in free[: wanted + SPARE]], ())
        payload = {"hosts": free[: wanted + SPARE], "hourly_price": str(request.offer.hourly_price or 0)}
        return Prepared(request.owner, scope, request.ranks, json.dumps(payload, sort_keys=True))

    def launch(self, prepared: Prepared) -> Receipt:
        """Reserve a machine for every rank, or none. Again: go on with what is reserved already."""
        owner, order = self._ours(prepared.owner), json.loads(prepared.payload)
        hosts = [host for host in self._hosts(prepared.scope) if host.label in order["hosts"]]
        price = Decimal(order["hourly_price"])
        seen, problems = self._survey(hosts)
        placed = _placed(owner, prepared.token, seen)
        free = [host for host in hosts if host in seen and not seen[host].held]
        if problems and set(prepared.ranks) - set(placed):
            # They answered when the intent was made; an earlier call with it may have reserved them.
            raise OutcomeUnknown(f"cannot look at {_story(problems)}", hint="Launch again when they answer.")
        while missing := [rank for rank in prepared.ranks if rank not in placed]:
            if len(free) < len(missing):
                self._release(owner, placed.values())
                raise _too_few(prepared.scope, len(placed) + len(free), len(prepared.ranks), hosts, seen, problems)
            chosen, free = dict(zip(missing, free, strict=False)), free[len(missing) :]
            self._note(owner, hosts, [*placed.values(), *chosen.values()])
            placed |= self._reserve(owner, prepared.token, price, chosen, problems)
        ids = {rank: _id(placed[rank], owner.node_name(rank)) for rank in prepared.ranks}
        return Receipt(prepared.token, ids, price * len(ids))

    def observe(self, scope: Scope, owners: Collection[Owner] | None) -> Observation:
        """Read the marks of every machine in the pool, or of those alone that the attempts can be on."""
        hosts = self._hosts(scope)
        gone: set[str] = set()
        notes = {owner: self._notes.read(owner) for owner in owners or ()}
        if owners is not None:
            known = [note for note in notes.values() if note is not None]
            gone = {place for note in known for place in note.asked} - {place_of(host) for host in hosts}
            if len(known) == len(notes):
                may = {place for note in known for place in note.may}
                hosts = [host for host in hosts if place_of(host) in may]
        seen, problems = self._survey(hosts)
        problems |= dict.fromkeys(gone, f"it is no longer in pool {scope.name}")
        for owner in [owner for owner, note in notes.items() if note is None]:
            holding = [host for host, found in seen.items() if any(mark.owner == owner for mark in found.marks)]
            if holding:  # from now on it is known here where it is
                self._note(owner, hosts, [*holding, *(host for host in hosts if host not in seen)])
            else:
                problems[owner.name] = "not launched from here, so it may be on machines that are not listed here"
        nodes = [
            self._node(host, mark, found.address)
            for host, found in seen.items()
            for mark in found.marks
            if mark.owner.installation == self.services.installation and (owners is None or mark.owner in owners)
        ]
        unreachable = tuple(f"{label}: {problem}" for label, problem in sorted(problems.items()))
        return Observation(scope, self.services.clock.now(), tuple(nodes), unreachable=unreachable)

    def terminate(self, scope: Scope, owner: Owner, receipts: Sequence[Receipt]) -> None:
        """Give back every machine that the attempt holds. One that does not answer is left for the next call."""
        del receipts  # the machines know better
        self._ours(owner)
        note = self._notes.read(owner)
        hosts = [host for host in self._hosts(scope) if note is None or place_of(host) in note.may]
        released = self._release(owner, hosts)
        if note is not None:
            self._notes.write(owner, note.may, note.asked - released)

    def self_stop_command(self, node: Node, mode: SelfStop) -> str:
        """Give the machine back; it stays on."""
        if mode is not SelfStop.TERMINATE:
            raise Unsupported("a machine you own is never switched off; use autostop with --down", capability="stop")
        if node.owner is None:
            raise NotFound(f"nobody holds {node.id!r}")
        return release_by_itself(node.owner)

    def _hosts(self, scope: Scope) -> list[HostConfig]:
        pool = self._pools.get(scope.name)
        if pool is None:
            known = ", ".join(self._pools) or "none"
            raise NotFound(
                f"there is no pool {scope.name!r} in clouds.ssh (there are: {known})",
                hint="Put it back into config.yaml; nodes on its machines cannot be seen without.",
            )
        return pool.hosts

    def _ours(self, owner: Owner) -> Owner:
        if owner.installation != self.services.installation:
            raise Conflict(f"{owner.name} belongs to another installation of Styx", owner=owner.name)
        return owner

    def _machines(self) -> dict[HostConfig, str]:
        """All machines, each with the name of its pool."""
        return {host: name for name, pool in self._pools.items() for host in pool.hosts}

    def _faults(self, answers: Mapping[HostConfig, Answer]) -> list[Fault]:
        pools = self._machines()
        faults = [
            Fault(f"{pools[host]}/{host.label} cannot be used now: {answer.problem}", serious=answer.changed)
            for host, answer in answers.items()
            if answer.text is None
        ]
        return sorted(faults, key=lambda fault: (not fault.serious, fault.message))

    def _tell(self, pool: str, host: HostConfig, problem: str, *, named: bool) -> None:
        """Say once in a process why a machine is passed over, and aloud only to those who asked for such machines."""
        if (host.label, problem) not in self._told:
            self.services.log.log(
                logging.WARNING if named else logging.DEBUG, "%s/%s cannot be used now: %s", pool, host.label, problem
            )
            if named:
                self._told.add((host.label, problem))

    def _ask(self, hosts: Iterable[HostConfig], command: str, *, impatient: bool = False) -> dict[HostConfig, Answer]:
        """Ask machines something, and note which do not answer."""
        answers = self._reach.ask(dict.fromkeys(hosts, command), impatient=impatient)
        for host, answer in answers.items():
            if answer.silent:
                self._silence.write(host, answer.problem, self.services.clock.now())
            else:
                self._silence.end(host)
        return answers

    def _survey(
        self, hosts: Iterable[HostConfig], *, impatient: bool = False, skip: bool = False
    ) -> tuple[dict[HostConfig, Marks], dict[str, str]]:
        """The marks of the machines that answer, and by label why the others do not.

        With ``skip``, those that did not answer within the last minute are not asked.
        """
        seen: dict[HostConfig, Marks] = {}
        problems: dict[str, str] = {}
        asked = list(hosts)
        if skip:
            now = self.services.clock.now()
            silent = {host: problem for host in asked if (problem := self._silence.read(host, now)) is not None}
            problems |= {host.label: problem for host, problem in silent.items()}
            asked = [host for host in asked if host not in silent]
        for host, answer in self._ask(asked, marks.listing(), impatient=impatient).items():
            try:
                if answer.text is None:
                    problems[host.label] = answer.problem
                else:
                    seen[host] = marks.parse(answer.text)
            except ValueError as error:
                problems[host.label] = str(error)
        return seen, problems

    def _sizes(self, hosts: Iterable[HostConfig], reachable: Collection[HostConfig]) -> dict[HostConfig, Facts]:
        """The sizes of machines, in the hosts' order. Those that were never asked and cannot be are left out."""
        now = self.services.clock.now()
        found: dict[HostConfig, Facts | None] = {}
        for host in hosts:
            cached = self._facts.read(host, now)
            found[host] = sizes.overrule(cached, host) if cached else None
        unknown = [host for host, size in found.items() if size is None and host in reachable]
        for host, answer in self._reach.ask(dict.fromkeys(unknown, sizes.PROBE), PROBE_SECONDS).items():
            try:
                asked = sizes.parse(answer.text or "")
            except ValueError as error:
                self.services.log.warning("%s: %s", host.label, answer.problem or error)
            else:
                self._facts.write(host, asked, now)
                found[host] = sizes.overrule(asked, host)
        known = {host: size or sizes.stated(host) for host, size in found.items()}
        return {host: size for host, size in known.items() if size is not None}

    def _reserve(
        self, owner: Owner, token: str, price: Decimal, chosen: Mapping[int, HostConfig], problems: dict[str, str]
    ) -> dict[int, HostConfig]:
        """Reserve each machine for its rank; those that were taken meanwhile are left out."""
        now = self.services.clock.now()
        commands = {host: marks.reserve(Mark(owner, rank, token, price), now) for rank, host in chosen.items()}
        answers = self._reach.ask(commands)
        for host, answer in answers.items():
            if answer.error is not None and answer.sent:
                raise OutcomeUnknown(f"{host.label} may be reserved or not: {answer.problem}")
            if answer.text is None:
                taken = answer.result is not None and answer.result.status == marks.TAKEN
                problems[host.label] = "somebody else was faster" if taken else answer.problem
        return {rank: host for rank, host in chosen.items() if answers[host].text is not None}

    def _release(self, owner: Owner, hosts: Iterable[HostConfig]) -> frozenset[str]:
        """Give machines back; the places of those that surely are."""
        answers = self._reach.ask(dict.fromkeys(hosts, release(owner)), RELEASE_SECONDS)
        for host, answer in answers.items():
            if answer.error is None and answer.text is None:
                raise PermissionDenied(f"{host.label} cannot be given back: {answer.problem}", action="release")
        return frozenset(place_of(host) for host, answer in answers.items() if answer.text is not None)

    def _note(self, owner: Owner, may: Iterable[HostConfig], asked: Iterable[HostConfig]) -> None:
        before = self._notes.read(owner) or Note(frozenset())
        self._notes.write(owner, before.may | set(map(place_of, may)), before.asked | set(map(place_of, asked)))

    def _node(self, host: HostConfig, mark: Mark, address: str) -> Node:
        price = mark.hourly_price or Decimal(0)
        return Node(
            id=_id(host, mark.node), owner=mark.owner, state=NodeState.RUNNING, rank=mark.rank, name=mark.node,
            endpoint=self._reach.endpoint(host), private_ip=host.private_ip or address or host.host,
            billing=Billing.FULL if price else Billing.NONE, hourly_cost=price, token=mark.token or None,
        )  # fmt: skip


def _id(host: HostConfig, node: str) -> str:
    return f"{host.label}/{node}"


def _offer(pool: str, size: Facts, alike: Sequence[HostConfig], free: int) -> Offer:
    prices = [host.hourly_price for host in alike if host.hourly_price is not None]
    return Offer(
        cloud=SshCloud.name, scope=Scope(pool), instance_type=size.instance_type, vcpus=size.vcpus,
        memory_gib=size.memory_gib, region=pool, accelerators=size.accelerators,
        hourly_price=max(prices, default=Decimal(0)), arch=size.arch, disk_gib=size.disk_gib, available=free,
        capabilities=frozenset({DIVISIBLE}),
    )  # fmt: skip


def _placed(owner: Owner, token: str, seen: Mapping[HostConfig, Marks]) -> dict[int, HostConfig]:
    """Which ranks of the attempt hold a machine already. Raises Conflict when another launch put them there."""
    placed: dict[int, HostConfig] = {}
    for host, found in seen.items():
        for mark in found.marks:
            if mark.owner == owner:
                if mark.token and mark.token != token:
                    raise Conflict(f"{mark.node} on {host.label} was made by another launch", owner=owner.name)
                placed.setdefault(mark.rank, host)
    return placed


def _story(problems: Mapping[str, str]) -> str:
    return "; ".join(f"{label}: {problem}" for label, problem in sorted(problems.items()))


def _nobody(problems: Mapping[str, str], pools: str) -> InsufficientCapacity:
    return InsufficientCapacity(
        f"no machine of {pools} answers: {_story(problems)}", scope=pools,
        hint="`ssh` to them by hand; each must let a key in without asking for a password.",
    )  # fmt: skip


def _too_few(
    scope: Scope, free: int, wanted: int, alike: Sequence[HostConfig], seen: Mapping[HostConfig, Marks],
    problems: Mapping[str, str],
) -> InsufficientCapacity:  # fmt: skip
    reasons = {label: problem for label, problem in problems.items() if any(h.label == label for h in alike)}
    for host in alike:
        if host in seen and seen[host].held:
            reasons.setdefault(host.label, "held by " + (", ".join(m.node for m in seen[host].marks) or "somebody"))
    message = f"pool {scope.name} has {free} of {wanted} machines free"
    return InsufficientCapacity(f"{message}: {_story(reasons)}" if reasons else message, scope=scope.name)
