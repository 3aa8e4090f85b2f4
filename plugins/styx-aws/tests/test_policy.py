"""What the credentials must be allowed: neither more nor less than what is asked for."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING

import styx_aws
from styx.api import Scope, SelfStop, StartRequest
from styx_aws import policy

if TYPE_CHECKING:
    from conftest import Ec2

HERE = Scope("us-east-1")
ACTION = re.compile(r'"((?:ec2|pricing|ssm|sts):[A-Z]\w+)"')


def test_every_action_that_the_cloud_knows_is_declared_and_no_other() -> None:
    """An action is named where it is asked for; what only happens inside of RunInstances is declared as such."""
    sources = [path for path in Path(styx_aws.__file__).parent.glob("*.py") if path.name != "policy.py"]
    named = {action for path in sources for action in ACTION.findall(path.read_text())}
    assert named | set(policy.IMPLIED) | set(policy.ACTIONS["Storage"]) == policy.declared()


def test_what_stores_need_is_what_the_readme_says() -> None:
    """There each action has its reason; the tests of S3 deny and allow them one by one."""
    page = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")
    said = set(re.findall(r"`((?:s3|sts):[A-Z]\w+)`", page.partition("### What must be allowed")[2]))
    assert said == set(policy.ACTIONS["Storage"])


def test_with_what_is_declared_and_nothing_else_a_cluster_lives_and_goes(ec2: Ec2) -> None:
    """On demand and as spot, with ports, stopped and started; another action would be denied."""
    ec2.bed.habits.allowed = set(policy.declared())
    assert ec2.cloud.check().account == "111111111111"
    assert HERE in ec2.cloud.scopes()
    for spot in (False, True):
        owner, receipt = ec2.launched(nodes=2, spot=spot, ports=(8080,))
        ec2.cloud.open_ports(HERE, owner, (9090,))
        ec2.cloud.admit(HERE, owner, "198.51.100.0/24")
        ec2.cloud.console_log(HERE, ec2.seen(owner).nodes[0])
        if not spot:
            ec2.cloud.set_shutdown(HERE, owner, SelfStop.STOP)
            ec2.cloud.stop(HERE, owner, [receipt])
            request = StartRequest(owner, HERE, (0, 1), (receipt,), ec2.request().boot)
            ec2.cloud.launch(ec2.cloud.prepare_start(request))
        for _ in range(2):
            ec2.cloud.terminate(HERE, owner, [receipt])
    assert (ec2.seen().nodes, ec2.seen().leftovers) == ((), ())


def test_what_is_denied_is_told_before_it_is_needed(ec2: Ec2) -> None:
    """By dry runs, which make nothing; where nothing is denied nothing is told, nor where EC2 says something else."""
    ec2.bed.habits.allowed = set(policy.declared())
    assert ec2.cloud.faults() == []
    ec2.bed.habits.denied |= {"ec2:DescribeVolumes", "ec2:RunInstances"}
    (fault,) = ec2.cloud.faults()
    assert fault.message.startswith("denied in us-east-1: ec2:DescribeVolumes, ec2:RunInstances; ")
    ec2.bed.habits.denied = {"ssm:GetParameter"}
    ec2.bed.habits.refuse("ec2:DescribeVpcs", "RequestLimitExceeded")
    (fault,) = ec2.cloud.faults()
    assert fault.message.startswith("denied in us-east-1: ssm:GetParameter; ")
    assert not fault.serious
    assert ec2.bed.left() == []


def test_the_policy_is_as_iam_takes_it(ec2: Ec2) -> None:
    """Made without a request; each action once, and each statement with a name of letters."""
    text = ec2.cloud.policy()
    said = json.loads(text)
    assert said["Version"] == "2012-10-17"
    named: list[str] = []
    for statement in said["Statement"]:
        assert statement["Effect"] == "Allow"
        assert statement["Sid"].isalnum()
        assert statement["Resource"]
        named += [statement["Action"]] if isinstance(statement["Action"], str) else statement["Action"]
    assert sorted(named) == sorted(set(named))
    assert set(named) == policy.declared()
    assert ec2.calls() == []
    assert len(re.sub(r"\s", "", text)) < 6144  # what IAM allows for a managed policy


def test_what_ends_machines_is_for_those_of_styx_alone() -> None:
    """By the tag that each has from the first moment."""
    ending = [s for s in json.loads(policy.text())["Statement"] if "ec2:TerminateInstances" in s["Action"]]
    assert [each["Condition"] for each in ending] == [{"Null": {"aws:ResourceTag/styx-installation": "false"}}]
