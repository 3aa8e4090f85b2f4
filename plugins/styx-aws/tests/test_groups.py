"""Who is let in: SSH from where users are, nodes among themselves, and ports that a task opens."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from styx.api import Conflict, NotFound, Scope, Transient
from styx.testing import serving
from styx_aws import groups

if TYPE_CHECKING:
    from conftest import Ec2

HERE = Scope("us-east-1")


def group(ec2: Ec2, name: str = "styx-abc123") -> dict[str, Any]:
    """A security group as AWS tells it."""
    wanted = [{"Name": "group-name", "Values": [name]}]
    (found,) = ec2.session.call("ec2:DescribeSecurityGroups", HERE.name, Filters=wanted)["SecurityGroups"]
    return dict(found)


def admitted(ec2: Ec2, port: int = 22) -> set[str]:
    """The networks from which this port is reached."""
    rules = [rule for rule in group(ec2)["IpPermissions"] if rule.get("FromPort") == port]
    found = {each["CidrIp"] for rule in rules for each in rule["IpRanges"]}
    return found | {each["CidrIpv6"] for rule in rules for each in rule["Ipv6Ranges"]}


def test_ssh_is_let_in_from_where_this_client_is_and_nowhere_else(ec2: Ec2) -> None:
    """As a service of AWS tells; and nodes reach each other by whatever they like."""
    ec2.bed.habits.address = "203.0.113.7"
    ec2.launched()
    assert admitted(ec2) == {"203.0.113.7/32"}
    (among,) = (rule for rule in group(ec2)["IpPermissions"] if rule["IpProtocol"] == "-1")
    assert [pair["GroupId"] for pair in among["UserIdGroupPairs"]] == [group(ec2)["GroupId"]]
    assert len(group(ec2)["IpPermissions"]) == 2


def test_a_client_that_has_moved_is_let_in_from_its_new_place_alone(ec2: Ec2) -> None:
    """What other clients of the installation have stays."""
    ec2.bed.habits.address = "203.0.113.7"
    owner, _ = ec2.launched()
    ec2.bed.habits.address = "198.51.100.9"
    elsewhere = ec2.client("elsewhere")
    elsewhere.admit(HERE, owner, "")
    assert admitted(ec2) == {"203.0.113.7/32", "198.51.100.9/32"}
    ec2.bed.habits.address = "192.0.2.3"
    ec2.cloud.admit(HERE, owner, "")
    assert admitted(ec2) == {"192.0.2.3/32", "198.51.100.9/32"}
    ec2.calls()
    ec2.cloud.admit(HERE, owner, "")
    assert ec2.calls() == ["ec2:DescribeSecurityGroups"]


def test_a_network_that_is_asked_for_stays(ec2: Ec2) -> None:
    """Wherever clients go afterwards."""
    owner, _ = ec2.launched()
    for _ in range(2):
        ec2.cloud.admit(HERE, owner, "198.51.100.0/24")
        ec2.cloud.admit(HERE, owner, "2001:db8::/32")
    ec2.bed.habits.address = "192.0.2.3"
    ec2.cloud.admit(HERE, owner, "")
    assert admitted(ec2) == {"198.51.100.0/24", "2001:db8::/32", "192.0.2.3/32"}


def test_the_networks_of_the_settings_are_let_in_instead(ec2: Ec2) -> None:
    """Nobody is asked where this client is; those that are taken out of the settings are let in no more."""
    first = ec2.client(admit=("198.51.100.0/24", "203.0.113.0/24"), checkip="http://127.0.0.1:1")
    first.launch(first.prepare(ec2.request()))
    assert admitted(ec2) == {"198.51.100.0/24", "203.0.113.0/24"}
    second = ec2.client(admit=("203.0.113.0/24",))
    second.prepare(ec2.request())
    assert admitted(ec2) == {"203.0.113.0/24"}


def test_a_service_that_is_down_keeps_nobody_out_who_says_where_he_is(ec2: Ec2) -> None:
    """The hint has the setting."""
    with pytest.raises(Transient, match=r"http://127.0.0.1:1 does not tell this client's address") as caught:
        ec2.client(checkip="http://127.0.0.1:1").prepare(ec2.request())
    assert "clouds.aws.admit" in str(caught.value.hint)


@pytest.mark.parametrize("said", ["<html>sign in</html>", "", "300.1.1.1"])
def test_an_answer_that_is_no_address_is_not_let_in(ec2: Ec2, said: str) -> None:
    """As that of a hotel's network."""
    with serving(lambda _: (200, {}, said)) as url, pytest.raises(Transient, match="where it should tell"):
        ec2.client(checkip=url).prepare(ec2.request())


def test_ssh_may_listen_elsewhere(ec2: Ec2) -> None:
    """On images whose sshd does; then that port is let in, and told."""
    cloud = ec2.client(ssh_port=2222)
    request = ec2.request()
    cloud.launch(cloud.prepare(request))
    (node,) = cloud.observe(HERE, [request.owner]).nodes
    assert node.endpoint is not None
    assert node.endpoint.options["port"] == "2222"
    assert admitted(ec2, 2222)
    assert not admitted(ec2, 22)


def test_a_group_whose_making_was_cut_off_is_finished(ec2: Ec2) -> None:
    """It was made, and nobody let in yet."""
    (vpc,) = ec2.session.call("ec2:DescribeVpcs", HERE.name)["Vpcs"]
    ec2.session.call(
        "ec2:CreateSecurityGroup", HERE.name, GroupName="styx-abc123", VpcId=vpc["VpcId"], Description="Begun"
    )
    ec2.launched()
    assert len(group(ec2)["IpPermissions"]) == 2


def test_a_rule_that_another_client_was_faster_with_is_there(ec2: Ec2) -> None:
    """Groups and rules have names and contents that nobody can have twice."""
    ec2.launched()
    known = group(ec2)
    known["IpPermissions"] = []  # as it was when the other client had not been there
    groups.admit(ec2.session, HERE.name, known, 22, admitted(ec2), "styx client 0")
    vpc = str(known["VpcId"])
    assert groups._new(ec2.session, HERE.name, vpc, "styx-abc123", {"Name": "x"})["GroupId"] == known["GroupId"]


def test_ports_are_opened_on_machines_that_run(ec2: Ec2) -> None:
    """To everybody, by a group of the attempt's own; again is no error, and more can be added."""
    owner, receipt = ec2.launched()
    other, others = ec2.launched()
    for ports in ((8080,), (8080,), (8080, 9090)):
        ec2.cloud.open_ports(HERE, owner, ports)
    mine = group(ec2, owner.name)
    assert sorted(rule["FromPort"] for rule in mine["IpPermissions"]) == [8080, 9090]
    assert {each["CidrIp"] for rule in mine["IpPermissions"] for each in rule["IpRanges"]} == {"0.0.0.0/0"}
    assert owner.name in {each["GroupName"] for each in ec2.instance(receipt.node_ids[0])["SecurityGroups"]}
    assert owner.name not in {each["GroupName"] for each in ec2.instance(others.node_ids[0])["SecurityGroups"]}
    assert ec2.node(other).owner == other


def test_ports_need_machines_of_ones_own(ec2: Ec2) -> None:
    """There is nothing to open them on."""
    with pytest.raises(NotFound, match="has no machine in us-east-1"):
        ec2.cloud.open_ports(HERE, ec2.owner(), (80,))
    with pytest.raises(Conflict):
        ec2.cloud.open_ports(HERE, ec2.owner(installation="zzz999"), (80,))
    with pytest.raises(Conflict):
        ec2.cloud.admit(HERE, ec2.owner(installation="zzz999"), "")
