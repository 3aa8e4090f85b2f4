"""Stop and start for a simple cloud whose machines keep their disks when they are switched off."""

from __future__ import annotations

import json
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from styx.api.errors import NotFound, NotYet
from styx.api.launch import Prepared, Receipt, StartRequest
from styx.api.names import Owner
from styx.api.nodes import NodeState
from styx.api.offers import Scope
from styx.api.simple.cloud import START, SimpleCloud
from styx.api.simple.machine import Machine
from styx.api.simple.removing import AGAIN, Step, each_once

GOING_OFF = {"state": NodeState.STOPPING}
GOING_ON = {"state": NodeState.PENDING}


class SimpleStop(SimpleCloud):
    """A :class:`SimpleCloud` with two calls more; derive from this one instead."""

    @abstractmethod
    def stop_machine(self, machine_id: str) -> None:
        """Switch one machine off. One that is off already may be Conflict."""

    @abstractmethod
    def start_machine(self, machine_id: str) -> None:
        """Switch one machine on. One that is on already may be Conflict."""

    def stop(self, scope: Scope, owner: Owner, receipts: Sequence[Receipt]) -> None:
        """Switch off every machine of the attempt that is not off."""
        self._must_exist(scope)
        self.require_ours(owner)
        turn = self.turn("stop")
        on = {NodeState.RUNNING, NodeState.PENDING}
        steps = [
            Step(f"stopping {one.name or one.id}", one.id, partial(self.stop_machine, one.id), GOING_OFF)
            for one in self._by_rank(owner, receipts, turn).values() if one.state in on
        ]  # fmt: skip
        each_once(self, self._memory, turn, steps)

    def prepare_start(self, request: StartRequest) -> Prepared:
        """Write down which machine is which rank. Raises NotFound when one of them is gone."""
        self.require_ours(request.owner)
        found = self._by_rank(request.owner, request.receipts, self.turn("prepare_start"))
        missing = [rank for rank in request.ranks if rank not in found]
        if missing:
            raise NotFound(f"machine {missing[0]} of {request.owner.name} is gone")
        ids = {str(rank): found[rank].id for rank in request.ranks}
        payload = {"action": START, "ids": ids}
        return Prepared(request.owner, request.scope, request.ranks, json.dumps(payload, sort_keys=True))

    def _start(self, prepared: Prepared, payload: Mapping[str, Any]) -> Receipt:
        turn = self.turn("launch")
        ids = {int(rank): str(id_) for rank, id_ in payload["ids"].items()}
        # A look of a moment ago may show what is off as on; it has to do where a new one would use up the turn.
        found = self.recent(turn) if self._pace("launch") else self.listing()
        there = {each.id: each for each in found if isinstance(each, Machine)}
        gone = [id_ for id_ in ids.values() if id_ not in there]
        if gone:
            raise NotFound(f"the machine {gone[0]} of {prepared.owner.name} is gone")
        steps = [
            Step(f"starting {one.name or one.id}", one.id, partial(self.start_machine, one.id), GOING_ON, False)
            for one in map(there.__getitem__, ids.values()) if one.state is NodeState.STOPPED
        ]  # fmt: skip
        each_once(self, self._memory, turn, steps)
        if any(there[id_].state is NodeState.STOPPING for id_ in ids.values()):
            self._memory.forget_listing()
            raise NotYet(AGAIN, f"machines of {prepared.owner.name} to be off, to switch them on")
        return Receipt(prepared.token, ids)

    def _by_rank(self, owner: Owner, receipts: Sequence[Receipt], turn: Any) -> dict[int, Machine]:
        """The machines of the attempt by rank, as names or else receipts tell it."""
        named = {id_: rank for receipt in receipts for rank, id_ in receipt.node_ids.items()}
        found: dict[int, Machine] = {}
        for thing in self.recent(turn):
            if isinstance(thing, Machine) and self._belongs(thing, owner, named):
                rank = self.whose(thing)[1]
                rank = named.get(thing.id) if rank is None else rank
                if rank is not None and thing.state is not NodeState.TERMINATING:
                    found[rank] = thing
        return found
