"""The machines behind the testbed's instances: reached with ssh, and nothing of the plugin."""

from __future__ import annotations

import base64
import getpass
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from styx.testing.hosts import in_namespaces, unavailable
from styx_aws.testbed import Testbed

UBUNTU = "/aws/service/canonical/ubuntu/server/24.04/stable/current/amd64/hvm/ebs-gp3/ami-id"
PATIENCE = 20.0
METADATA = """\
at=http://169.254.169.254/latest
t=$(curl -sf -X PUT -H "X-aws-ec2-metadata-token-ttl-seconds: 60" $at/api/token)
get() { curl -s -m 5 -w ' %{http_code}\\n' -H "X-aws-ec2-metadata-token: $1" "$at/meta-data/$2"; }
get "$t" instance-id; get nobody instance-id; get "$t" spot/instance-action
"""

pytestmark = pytest.mark.skipif(
    not in_namespaces() or unavailable() is not None, reason=unavailable() or "needs root and iproute2"
)


class Yard:
    """Some machines, and the way to them."""

    def __init__(self, aws: Testbed, directory: Path) -> None:
        import boto3

        known = aws.environment()
        login = {
            "endpoint_url": known["AWS_ENDPOINT_URL"], "aws_access_key_id": known["AWS_ACCESS_KEY_ID"],
            "aws_secret_access_key": "x", "region_name": "us-east-1",
        }  # fmt: skip
        self.aws, self.ec2 = aws, boto3.client("ec2", **login)
        self.key = directory / "key"
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(self.key)], check=True)
        self.ec2.import_key_pair(KeyName="k", PublicKeyMaterial=self.key.with_suffix(".pub").read_bytes())
        self.image = boto3.client("ssm", **login).get_parameter(Name=UBUNTU)["Parameter"]["Value"]
        self.subnet = self.ec2.describe_subnets()["Subnets"][0]
        group = self.ec2.create_security_group(GroupName="g", Description="g", VpcId=self.subnet["VpcId"])
        self.group = group["GroupId"]

    def run(self, count: int = 1, **more: Any) -> list[str]:
        """The ids of new machines that run."""
        nic = {"DeviceIndex": 0, "SubnetId": self.subnet["SubnetId"], "Groups": [self.group]}
        answer = self.ec2.run_instances(
            MinCount=count, MaxCount=count, ImageId=self.image, InstanceType="t3.micro", KeyName="k",
            NetworkInterfaces=[{**nic, "AssociatePublicIpAddress": True}], **more,
        )  # fmt: skip
        ids = [each["InstanceId"] for each in answer["Instances"]]
        for instance_id in ids:
            self.until(instance_id, "running")
        return ids

    def about(self, instance_id: str) -> dict[str, Any]:
        """What the list says of it."""
        found = self.ec2.describe_instances(InstanceIds=[instance_id])["Reservations"][0]["Instances"][0]
        return dict(found)

    def until(self, instance_id: str, state: str) -> dict[str, Any]:
        """Wait for the state."""
        self.wait(lambda: self.about(instance_id)["State"]["Name"] == state)
        return self.about(instance_id)

    @staticmethod
    def wait(true: Callable[[], Any]) -> None:
        """Wait for something elsewhere."""
        give_up = time.monotonic() + PATIENCE
        while not true():
            assert time.monotonic() < give_up, "it did not come about"
            time.sleep(0.02)

    def admit(self, *, take: bool = False, **whom: Any) -> None:
        """Let somebody in to SSH, or no longer."""
        change = self.ec2.revoke_security_group_ingress if take else self.ec2.authorize_security_group_ingress
        change(GroupId=self.group, IpPermissions=[{"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, **whom}])

    def ssh(self, instance_id: str, command: str) -> str:
        """What the command prints there; where one does not get through, what ssh says."""
        address = self.about(instance_id)["PublicIpAddress"]
        options = ("StrictHostKeyChecking=no", "UserKnownHostsFile=/dev/null", "LogLevel=ERROR", "ConnectTimeout=2")
        done = subprocess.run(
            ["ssh", "-i", str(self.key), *(f"-o{each}" for each in options), f"ubuntu@{address}", command],
            capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
        return done.stdout + done.stderr


@pytest.fixture
def yard(tmp_path: Path) -> Iterator[Yard]:
    """A testbed with hosts that let this machine in."""
    with Testbed() as aws:
        assert aws.cannot == ""
        made = Yard(aws, tmp_path)
        made.admit(IpRanges=[{"CidrIp": f"{aws.bed.machines.client}/32"}])
        yield made


def test_user_data_runs_as_root_once(yard: Yard) -> None:
    """At the first boot; what it writes is on the console, and the key pair lets its owner in."""
    (one,) = yard.run(UserData="#!/bin/sh\necho I am $(id -u) on $(hostname)\ndate +%N >>/root/boots\n")
    yard.wait(lambda: yard.ec2.get_console_output(InstanceId=one).get("Output"))
    assert yard.ec2.get_console_output(InstanceId=one)["Output"] == f"I am 0 on {one}\n"
    assert yard.ssh(one, "sudo wc -l </root/boots; pwd") == "1\n/home/ubuntu\n"
    yard.ec2.stop_instances(InstanceIds=[one])
    before = yard.until(one, "stopped")
    assert "PublicIpAddress" not in before
    assert yard.aws.bed.machines is not None
    assert yard.aws.bed.machines.running() == []
    yard.ec2.start_instances(InstanceIds=[one])
    yard.until(one, "running")
    assert yard.ssh(one, "wc -l </root/boots") == "1\n"


def test_a_start_changes_the_public_address_alone(yard: Yard) -> None:
    """The private one stays, as the disk does."""
    (one,) = yard.run()
    before = yard.about(one)
    yard.ssh(one, "echo kept >~/file")
    yard.ec2.stop_instances(InstanceIds=[one])
    yard.until(one, "stopped")
    yard.ec2.start_instances(InstanceIds=[one])
    after = yard.until(one, "running")
    assert after["PublicIpAddress"] != before["PublicIpAddress"]
    assert after["PrivateIpAddress"] == before["PrivateIpAddress"]
    assert yard.ssh(one, "cat ~/file") == "kept\n"


@pytest.mark.parametrize(("means", "state"), [("stop", "stopped"), ("terminate", "terminated")])
def test_a_shutdown_means_what_was_said(yard: Yard, means: str, state: str) -> None:
    """From inside, by its own program: the machine is off, and the reason says who did it."""
    (one,) = yard.run(InstanceInitiatedShutdownBehavior=means)
    yard.ssh(one, "sudo -n shutdown -h now")
    about = yard.until(one, state)
    assert about["StateReason"]["Code"] == "Client.InstanceInitiatedShutdown"
    assert yard.aws.bed.machines is not None
    assert yard.aws.bed.machines.running() == []


def test_security_groups_are_kept(yard: Yard) -> None:
    """Who is not let in gets no answer; machines reach each other by private address where their group says so."""
    one, other = yard.run(2)
    address = yard.about(other)["PrivateIpAddress"]
    knock = f"timeout 2 bash -c 'read -r line </dev/tcp/{address}/22; echo $line'"
    assert "SSH-2.0" not in yard.ssh(one, knock)
    yard.admit(UserIdGroupPairs=[{"GroupId": yard.group}])
    assert "SSH-2.0" in yard.ssh(one, knock)
    machines = yard.aws.bed.machines
    assert machines is not None
    machines.move(3)
    assert "timed out" in yard.ssh(one, "echo in")
    yard.admit(IpRanges=[{"CidrIp": f"{machines.client}/32"}])
    assert yard.ssh(one, "echo in") == "in\n"
    yard.admit(take=True, IpRanges=[{"CidrIp": f"{machines.client}/32"}])
    assert "timed out" in yard.ssh(one, "echo in")


def test_metadata_are_told_to_the_machine_that_asks(yard: Yard) -> None:
    """With a token alone; and before a spot machine is taken, its notice."""
    (one,) = yard.run(InstanceMarketOptions={"MarketType": "spot"})
    said = yard.ssh(one, METADATA).splitlines()
    assert [line.split()[-1] for line in said] == ["200", "401", "404"]
    assert said[0].split()[0] == one
    yard.aws.interrupt(one, seconds=3)
    assert '"action": "terminate"' in yard.ssh(one, METADATA)
    assert yard.until(one, "terminated")["StateReason"]["Code"] == "Server.SpotInstanceTermination"
    assert yard.aws.bed.machines is not None
    assert yard.aws.bed.machines.running() == []


def test_what_is_terminated_leaves_nothing(yard: Yard) -> None:
    """No process, no network, no disk; and with the testbed go all others."""
    one, other = yard.run(2, UserData=base64.b64encode(b"#!/bin/sh\nsleep 1000 &\n").decode())
    machines = yard.aws.bed.machines
    assert machines is not None
    directory = machines.directory
    network = machines.host(one).network
    yard.ec2.terminate_instances(InstanceIds=[one])
    yard.until(one, "terminated")
    assert not Path(f"/run/netns/{network}").exists()
    assert not (directory / one).exists()
    assert machines.running() == [other]
    machines.close()
    assert not directory.exists()


def test_without_namespaces_user_data_do_not_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """For there they would change this machine; a host is a port, its user this one, and that is said."""
    for module in ("styx.testing.hosts.slots", "styx.testing.hosts.host", "styx_aws.testbed.machines"):
        monkeypatch.setattr(f"{module}.in_namespaces", lambda: False)
    monkeypatch.setattr("styx_aws.testbed.testbed.in_namespaces", lambda: False)
    with Testbed() as aws:
        assert "user data do not run" in aws.cannot
        yard = Yard(aws, tmp_path)
        boot_key = [{"ResourceType": "instance", "Tags": [{"Key": "styx-boot-key", "Value": "ecdsa-sha2-nistp256 A"}]}]
        (one,) = yard.run(UserData=f"#!/bin/sh\ntouch {tmp_path}/ran\n", TagSpecifications=boot_key)
        about = yard.about(one)
        assert about.get("Tags", []) == []
        image = yard.ec2.describe_images(ImageIds=[yard.image])["Images"][0]
        user = {tag["Key"]: tag["Value"] for tag in image["Tags"]}["styx-user"]
        with socket.create_connection((about["PublicIpAddress"], int(aws.environment()["STYX_AWS_SSH_PORT"]))) as there:
            assert there.recv(8) == b"SSH-2.0-"
        assert user == getpass.getuser()
    assert not (tmp_path / "ran").exists()
