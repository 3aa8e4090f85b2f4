"""Security groups: one of the installation in each VPC, and one of each attempt that has ports open.

The first lets SSH in from where its users are, and the nodes in from each other. Its rules say which client each is of,
so that a client that has moved takes its old address away with the new one, and nobody else's.
"""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import ip_network
from typing import Any

from styx.api import NotFound, Owner
from styx_aws import tags
from styx_aws.errors import done_already, waiting
from styx_aws.session import Session

LASTING = "styx: asked for"  # the description of a rule that no client takes away again
_EVERYWHERE = ("0.0.0.0/0", "::/0")

Group = dict[str, Any]


def of_installation(session: Session, region: str, vpc: str, installation: str) -> Group:
    """The installation's group in this VPC, made where there is none: nodes reach each other, nobody else them."""
    name = f"styx-{installation}"
    found = _named(session, region, name, vpc)
    tagged = {tags.INSTALLATION: installation, "Name": name}
    group = found[0] if found else _new(session, region, vpc, name, tagged)
    among = {
        pair.get("GroupId") for each in group.get("IpPermissions", ()) for pair in each.get("UserIdGroupPairs", ())
    }
    if group["GroupId"] not in among:
        itself = {"IpProtocol": "-1", "UserIdGroupPairs": [{"GroupId": group["GroupId"]}]}
        _authorize(session, region, group["GroupId"], itself)
    return group


def everywhere(session: Session, region: str, installation: str) -> list[Group]:
    """The installation's groups in all VPCs of the region."""
    return _named(session, region, f"styx-{installation}")


def admit(session: Session, region: str, group: Group, port: int, networks: Iterable[str], said: str) -> None:
    """Let SSH in, at its port, from these networks. Idempotent.

    ``said`` is the description of the rules: those with the same one and another network are taken away.
    """
    there = {
        cidr: str(rule.get("Description") or "")
        for permission in group.get("IpPermissions", ())
        if permission.get("FromPort") == permission.get("ToPort") == port
        for key, ranges in (("CidrIp", "IpRanges"), ("CidrIpv6", "Ipv6Ranges"))
        for rule in permission.get(ranges, ())
        if (cidr := rule.get(key))
    }
    wanted = list(networks)
    for cidr in wanted:
        if cidr not in there:
            _authorize(session, region, group["GroupId"], _opened(port, [cidr], said))
    stale = [cidr for cidr, whose in there.items() if whose == said != LASTING and cidr not in wanted]
    if stale:
        with done_already("InvalidPermission.NotFound"):
            session.call(
                "ec2:RevokeSecurityGroupIngress", region, GroupId=group["GroupId"],
                IpPermissions=[_opened(port, stale, said)],
            )  # fmt: skip


def of_ports(session: Session, region: str, vpc: str, owner: Owner, ports: Iterable[int]) -> str:
    """The id of the attempt's own group, with these ports open to everybody. Idempotent."""
    found = _named(session, region, owner.name, vpc)
    tagged = {**owner.tags(), "Name": owner.name}
    group = found[0] if found else _new(session, region, vpc, owner.name, tagged)
    there = {each.get("FromPort") for each in group.get("IpPermissions", ())}
    for port in sorted(set(ports) - there):
        _authorize(session, region, group["GroupId"], _opened(port, _EVERYWHERE, ""))
    return str(group["GroupId"])


def _named(session: Session, region: str, name: str, vpc: str | None = None) -> list[Group]:
    wanted = [{"Name": "group-name", "Values": [name]}]
    if vpc:
        wanted.append({"Name": "vpc-id", "Values": [vpc]})
    pages = session.pages("ec2:DescribeSecurityGroups", region, Filters=wanted)
    return [group for page in pages for group in page["SecurityGroups"]]


def _new(session: Session, region: str, vpc: str, name: str, tagged: dict[str, str]) -> Group:
    """A new group; where another client was faster, its. Names are unique in a VPC."""
    with done_already("InvalidGroup.Duplicate"):
        answer = session.call(
            "ec2:CreateSecurityGroup", region, GroupName=name, VpcId=vpc, Description=f"Machines of Styx, {name}",
            TagSpecifications=[{"ResourceType": "security-group", "Tags": tags.written(tagged)}],
        )  # fmt: skip
        return {"GroupId": answer["GroupId"]}
    found = _named(session, region, name, vpc)
    if not found:
        raise NotFound(f"the security group {name} of {vpc} is being removed by somebody else")
    return found[0]


def _opened(port: int, networks: Iterable[str], said: str) -> dict[str, Any]:
    rule: dict[str, Any] = {"IpProtocol": "tcp", "FromPort": port, "ToPort": port}
    for cidr in networks:
        ranges, key = ("Ipv6Ranges", "CidrIpv6") if ip_network(cidr).version == 6 else ("IpRanges", "CidrIp")  # noqa: PLR2004
        rule.setdefault(ranges, []).append({key: cidr, "Description": said} if said else {key: cidr})
    return rule


def _authorize(session: Session, region: str, group: str, permission: dict[str, Any]) -> None:
    """One at a time: of several, one that is there already would keep the others out."""
    with done_already("InvalidPermission.Duplicate"), waiting("the new security group", "InvalidGroup.NotFound"):
        session.call("ec2:AuthorizeSecurityGroupIngress", region, GroupId=group, IpPermissions=[permission])
