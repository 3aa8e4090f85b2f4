"""Whom the security groups of an instance let in to SSH: the only port of a host that is looked at."""

from __future__ import annotations

import ipaddress
from collections.abc import Collection
from typing import Any

_SSH = 22
_TCP, _ANYTHING = ("tcp", "6"), "-1"


def groups_of(instance: Any) -> set[str]:
    """The ids of its groups."""
    return {group.id for nic in instance.nics.values() for group in nic.group_set}


def lets_in(instance: Any, address: str, groups: Collection[str] = ()) -> bool:
    """Whether some rule of the instance admits this address, or a member of these groups."""
    rules = [rule for nic in instance.nics.values() for group in nic.group_set for rule in group.ingress_rules]
    return any(_admits(rule, address, groups) for rule in rules)


def _admits(rule: Any, address: str, groups: Collection[str]) -> bool:
    if rule.ip_protocol != _ANYTHING and not (rule.ip_protocol in _TCP and rule.from_port <= _SSH <= rule.to_port):
        return False
    cidr = rule.ip_range.get("CidrIp")
    if cidr and ipaddress.ip_address(address) in ipaddress.ip_network(cidr, strict=False):
        return True
    return rule.source_group.get("GroupId") in groups
