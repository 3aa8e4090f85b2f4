"""EC2 as moto has it, with the rules that moto leaves out."""

from __future__ import annotations

import copy
from collections.abc import Iterable
from typing import Any, ClassVar

from moto.core.responses import ActionResult, EmptyResult, PaginatedResult
from moto.core.types import Base64EncodedString
from moto.ec2.exceptions import InvalidInstanceIdError
from moto.ec2.responses import EC2Response
from moto.ec2.utils import filter_dict_attribute_mapping, filter_reservations

from styx_aws.testbed import prices
from styx_aws.testbed.bed import Bed
from styx_aws.testbed.buying import Purchase, Refused, capacity, sold
from styx_aws.testbed.life import GONE
from styx_aws.testbed.matching import matching
from styx_aws.testbed.tokens import Place

# Filters of DescribeInstances that moto lacks, and the attributes that they look at.
filter_dict_attribute_mapping.update({
    "client-token": "client_token", "instance-lifecycle": "lifecycle", "reservation-id": "reservation_id",
    "placement-group-name": "placement.group_name",
})  # fmt: skip
# Headers of the testbed's own, for requests that arrive late and answers that are stale: see Bed.as_if.
AT, UNTIL = "X-Styx-At", "X-Styx-Until"


class Ec2(EC2Response):
    """Answers one request. ``bed`` is the testbed's, of which there is one a process."""

    bed: ClassVar[Bed]

    def call_action(self) -> Any:
        """One request at a time: moto's backends are not made for several."""
        at, until = self.headers.get(AT), self.headers.get(UNTIL)
        with self.bed.lock:
            self.bed.life.tick()
            with self.bed.as_if(None if at is None else float(at), None if until is None else int(until)):
                return super().call_action()

    def serialized(self, action_result: ActionResult) -> Any:
        """With pages, and the status that goes with an error."""
        result: Any = action_result.result
        if isinstance(result, dict) and not isinstance(action_result, PaginatedResult):
            self._page(result)
        status, headers, body = super().serialized(action_result)
        return result.status if isinstance(result, Refused) else status, headers, body

    def run_instances(self) -> ActionResult:
        """All of them or none, once for each token."""
        purchase = Purchase.of(self)
        place = Place(self.current_account, self.region, purchase.zone_named, self._get_param("ClientToken") or "")
        words = {name: value[0] for name, value in self.querystring.items()}
        if place.token and (known := self._reservation(place, words)) is not None:
            return ActionResult(known)
        sold(self.bed, self.ec2_backend, purchase)
        capacity(self.bed, self.ec2_backend, purchase)
        reservation: Any = super().run_instances().result
        if place.token:
            self.bed.tokens.spend(place, words, reservation.id)
        for instance in reservation.instances:
            self._born(instance, reservation.id, purchase)
        return ActionResult(reservation)

    def describe_instances(self) -> ActionResult:
        """As the lists show them, which may be behind."""
        ids, filters = self._get_param("InstanceIds", []), self._filters_from_querystring()
        found = [(each, list(self._shown(each.instances))) for each in self.ec2_backend.reservations.values()]
        listed = {instance.id for _, instances in found for instance in instances}
        if missing := [id_ for id_ in ids if id_ not in listed]:
            raise InvalidInstanceIdError(missing)
        reservations = [
            _reservation(each, [instance for instance in instances if not ids or instance.id in ids])
            for each, instances in found
        ]
        return ActionResult({"Reservations": filter_reservations(reservations, filters)})

    def terminate_instances(self) -> ActionResult:
        """They are on their way."""
        return self._changed("TerminatingInstances", self.bed.life.end)

    def stop_instances(self) -> ActionResult:
        """Those of one-time spot requests cannot."""
        for instance in self._named():
            if instance.lifecycle == "spot":
                raise Refused(
                    "UnsupportedOperation",
                    f"You can't stop the Spot Instance '{instance.id}' because it is associated with a one-time Spot "
                    "Instance request. You can only stop Spot Instances associated with persistent Spot Instance "
                    "requests.",
                )
            self._in_state(instance, "stopped", "running", "stopping", "stopped")
        return self._changed("StoppingInstances", self.bed.life.stop)

    def start_instances(self) -> ActionResult:
        """Where there is room for them, once more with another address."""
        stopped = [instance for instance in self._named() if instance.state != "running"]
        for instance in stopped:
            self._in_state(instance, "started", "stopped", "pending")
        again = [instance for instance in stopped if instance.state == "stopped"]
        for kind in {(instance.instance_type, instance.placement.zone) for instance in again}:
            alike = [instance for instance in again if (instance.instance_type, instance.placement.zone) == kind]
            capacity(self.bed, self.ec2_backend, Purchase.again(alike, self.region, self.current_account))

        def start(instance: Any) -> None:
            if instance in again:
                instance.start()
                instance.launch_time = self.bed.now()
                self.bed.life.begin(instance)

        return self._changed("StartingInstances", start)

    def modify_instance_attribute(self) -> ActionResult:
        """Also what a shutdown means."""
        behaviour = self._get_param("InstanceInitiatedShutdownBehavior.Value")
        if behaviour is None:
            return super().modify_instance_attribute()
        self.ec2_backend.get_instance(self._get_param("InstanceId")).instance_initiated_shutdown_behavior = behaviour
        return EmptyResult()

    def attach_internet_gateway(self) -> Any:
        """One for a network."""
        vpc = self._get_param("VpcId")
        if any(gateway.vpc and gateway.vpc.id == vpc for gateway in self.ec2_backend.internet_gateways.values()):
            raise Refused("Resource.AlreadyAssociated", f"Network {vpc} already has an internet gateway attached")
        return super().attach_internet_gateway()

    def authorize_security_group_ingress(self) -> Any:
        """Hosts are told at once."""
        return self._admitted(super().authorize_security_group_ingress())

    def revoke_security_group_ingress(self) -> Any:
        """Hosts are told at once."""
        return self._admitted(super().revoke_security_group_ingress())

    def get_console_output(self) -> ActionResult:
        """What the machine behind it has written at boot; nothing at first."""
        instance = self.ec2_backend.get_instance(self._get_param("InstanceId"))
        said = self.bed.machines.console(instance.id) if self.bed.machines is not None else ""
        result = {"InstanceId": instance.id, "Timestamp": self.bed.now()}
        return ActionResult(result | ({"Output": Base64EncodedString.from_raw_string(said)} if said else {}))

    def describe_spot_price_history(self) -> ActionResult:
        """The price of now, of each type and zone."""
        types = self._get_param("InstanceTypes", [])
        found = prices.spot_history(self.region, self.bed.habits.spot, types, self.bed.now())
        zone = self._get_param("AvailabilityZone")
        return ActionResult({"SpotPriceHistory": [each for each in found if zone in (None, each["AvailabilityZone"])]})

    def describe_spot_instance_requests(self) -> ActionResult:
        """Those that RunInstances has made."""
        mine = [
            request | {"State": "closed" if self.bed.instance(request["InstanceId"]).state in GONE else "active"}
            for request in self.bed.spot_requests.values()
            if (request["Account"], request["Region"]) == (self.current_account, self.region)
        ]
        ids = self._get_param("SpotInstanceRequestIds", [])
        found = [request for request in mine if not ids or request["SpotInstanceRequestId"] in ids]
        names = {"spot-instance-request-id": "SpotInstanceRequestId", "instance-id": "InstanceId", "state": "State"}
        return ActionResult({"SpotInstanceRequests": matching(found, self._filters_from_querystring(), names)})

    def cancel_spot_instance_requests(self) -> ActionResult:
        """Their instances go on."""
        ids = self._get_param("SpotInstanceRequestIds", [])
        cancelled = [{"SpotInstanceRequestId": id_, "State": "cancelled"} for id_ in ids]
        return ActionResult({"CancelledSpotInstanceRequests": cancelled})

    def create_placement_group(self) -> ActionResult:
        """One of a name that is not taken."""
        name = self._get_param("GroupName")
        if name in self._groups:
            raise Refused("InvalidPlacementGroup.Duplicate", f"The Placement Group '{name}' already exists.")
        tags = self._parse_tag_specification().get("placement-group", {})
        self._groups[name] = {
            "GroupName": name, "GroupId": f"pg-{len(self._groups):017x}", "Strategy": self._get_param("Strategy"),
            "State": "available", "Tags": [{"Key": key, "Value": value} for key, value in tags.items()],
        }  # fmt: skip
        return ActionResult({"PlacementGroup": self._groups[name]})

    def describe_placement_groups(self) -> ActionResult:
        """All, or those that are named or fit."""
        names = self._get_param("GroupNames", [])
        for name in names:
            self._group(name)
        found = [group for name, group in self._groups.items() if not names or name in names]
        filters = {"group-name": "GroupName", "strategy": "Strategy", "state": "State"}
        return ActionResult({"PlacementGroups": matching(found, self._filters_from_querystring(), filters)})

    def delete_placement_group(self) -> ActionResult:
        """Only one that nothing runs in."""
        name = self._group(self._get_param("GroupName"))["GroupName"]
        instances = self.bed.instances(self.current_account, self.region)
        if any(each.placement.group_name == name and each.state != "terminated" for each in instances):
            raise Refused(
                "InvalidPlacementGroup.InUse", f"The placement group '{name}' is in use and may not be deleted."
            )
        del self._groups[name]
        return EmptyResult()

    def describe_regions(self) -> ActionResult:
        """Those that are enabled for the account."""
        result: Any = super().describe_regions().result
        off = self.bed.habits.regions_off
        return ActionResult({"Regions": [each for each in result["Regions"] if _name(each) not in off]})

    @property
    def _groups(self) -> dict[str, dict[str, Any]]:
        return self.bed.groups.setdefault((self.current_account, self.region), {})

    def _group(self, name: str) -> dict[str, Any]:
        if name not in self._groups:
            raise Refused("InvalidPlacementGroup.Unknown", f"The Placement Group '{name}' is unknown.")
        return self._groups[name]

    def _reservation(self, place: Place, words: dict[str, str]) -> Any | None:
        try:
            known = self.bed.tokens.look_up(place, words)
        except ValueError:
            raise Refused(
                "IdempotentParameterMismatch",
                "Arguments on this idempotent request are inconsistent with arguments used in previous request(s).",
            ) from None
        if known is None:
            return None
        reservation = self.ec2_backend.reservations[known]
        if any(instance.state in GONE for instance in reservation.instances):
            raise Refused(
                "IdempotentInstanceTerminated",
                f"The request to launch an instance uses the same client token '{place.token}' as a previous request "
                "for which the instance has been terminated.",
            )
        return reservation

    def _born(self, instance: Any, reservation_id: str, purchase: Purchase) -> None:
        instance.reservation_id = reservation_id
        instance.launch_time = self.bed.now()
        instance.placement.group_name = purchase.group
        for nic in instance.nics.values():
            nic.delete_on_termination = True
        if purchase.spot:
            instance.lifecycle = "spot"
            instance.spot_instance_request_id = self._spot_request(instance)
        self.bed.life.begin(instance)

    def _spot_request(self, instance: Any) -> str:
        id_ = f"sir-{len(self.bed.spot_requests) + 1:08x}"
        tags = self._parse_tag_specification().get("spot-instances-request", {})
        self.bed.spot_requests[id_] = {
            "SpotInstanceRequestId": id_, "InstanceId": instance.id, "Type": "one-time", "Region": self.region,
            "Account": self.current_account, "CreateTime": self.bed.now(),
            "Tags": [{"Key": key, "Value": value} for key, value in tags.items()],
        }  # fmt: skip
        return id_

    def _admitted(self, result: Any) -> Any:
        if self.bed.machines is not None:
            self.bed.machines.admit()
        return result

    def _shown(self, instances: Iterable[Any]) -> Iterable[Any]:
        bed = self.bed
        for instance in instances:
            shown = bed.history.shown(instance, bed.seconds(), bed.habits.lag, bed.until)
            if shown is not None:
                yield shown

    def _named(self) -> list[Any]:
        found: list[Any] = self.ec2_backend.get_multi_instances_by_id(self._get_param("InstanceIds", []))
        return found

    @staticmethod
    def _in_state(instance: Any, what: str, *allowed: str) -> None:
        if instance.state not in allowed:
            raise Refused(
                "IncorrectInstanceState",
                f"The instance '{instance.id}' is not in a state from which it can be {what}.",
            )

    def _changed(self, key: str, change: Any) -> ActionResult:
        changes = []
        for instance in self._named():
            before = {"Code": instance.state_code, "Name": instance.state}
            change(instance)
            after = {"Code": instance.state_code, "Name": instance.state}
            changes.append({"InstanceId": instance.id, "PreviousState": before, "CurrentState": after})
        return ActionResult({key: changes})

    def _page(self, result: dict[str, Any]) -> None:
        lists = [name for name, value in result.items() if isinstance(value, list)]
        if not self._get_action().startswith("Describe") or len(lists) != 1 or result.get("NextToken"):
            return
        size = min(int(self._get_param("MaxResults") or self.bed.habits.page), self.bed.habits.page)
        start, listed = int(self._get_param("NextToken") or 0), result[lists[0]]
        result[lists[0]] = listed[start : start + size]
        result["NextToken"] = str(start + size) if start + size < len(listed) else None


def _reservation(reservation: Any, instances: list[Any]) -> Any:
    shown = copy.copy(reservation)
    shown.instances = instances
    return shown


def _name(region: Any) -> str:
    return str(region["RegionName"] if isinstance(region, dict) else region.name)
