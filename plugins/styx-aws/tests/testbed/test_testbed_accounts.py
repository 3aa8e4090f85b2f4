"""Whose keys ask the testbed: accounts, their sessions, and what they are allowed."""

from __future__ import annotations

from .conftest import Client, refused


def test_two_sets_of_keys_are_two_accounts(client: Client) -> None:
    """Neither sees what the other has, and keys of nobody are refused."""
    import boto3

    client.run("mine")
    theirs = client.of("ec2", number=2)
    assert theirs.describe_instances()["Reservations"] == []
    assert client.of("sts", number=2).get_caller_identity()["Account"] == "222222222222"
    nobody = {"aws_access_key_id": "AKIANOBODY", "aws_secret_access_key": "x", "endpoint_url": client.aws.url}
    for service, ask, code in (
        ("ec2", "describe_instances", "AuthFailure"), ("sts", "get_caller_identity", "InvalidClientTokenId"),
        ("ssm", "describe_parameters", "UnrecognizedClientException"), ("s3", "list_buckets", "InvalidAccessKeyId"),
    ):  # fmt: skip
        with refused(code):
            getattr(boto3.client(service, "us-east-1", **nobody), ask)()


def test_keys_of_a_session_are_their_accounts(client: Client) -> None:
    """What STS hands out is known everywhere afterwards, each key to whoever asked for it."""
    import boto3

    client.of("s3", number=2).create_bucket(Bucket="theirs")
    for number, account, buckets in ((1, "111111111111", []), (2, "222222222222", ["theirs"])):
        given = client.of("sts", number=number).get_federation_token(Name="node")["Credentials"]
        login = {
            "aws_access_key_id": given["AccessKeyId"], "aws_secret_access_key": given["SecretAccessKey"],
            "aws_session_token": given["SessionToken"], "endpoint_url": client.aws.url, "region_name": "us-east-1",
        }  # fmt: skip
        assert boto3.client("sts", **login).get_caller_identity()["Account"] == account
        assert [each["Name"] for each in boto3.client("s3", **login).list_buckets()["Buckets"]] == buckets


def test_all_accounts_share_one_space_of_names_for_buckets(client: Client) -> None:
    """What another has taken is not available, and its own to look into."""
    client.of("s3", number=2).create_bucket(Bucket="theirs")
    with refused("BucketAlreadyExists"):
        client.of("s3").create_bucket(Bucket="theirs")
    with refused("AccessDenied"):
        client.of("s3").list_objects_v2(Bucket="theirs")


def test_actions_can_be_denied_and_keys_expire(client: Client) -> None:
    """By name, or all but those that are named; who one is can always be asked."""
    client.told("habits", denied=["ec2:RunInstances"])
    with refused("UnauthorizedOperation") as caught:
        client.run("denied")
    assert "ec2:RunInstances" in str(caught.value)
    client.habits.allowed = {"ec2:DescribeInstances"}
    client.states()
    for ask, code in ((client.ec2.describe_volumes, "UnauthorizedOperation"), (client.newest, "AccessDeniedException")):
        with refused(code):
            ask()
    assert client.of("sts").get_caller_identity()["Account"] == "111111111111"
    client.habits.expired = set(client.aws.environment()["AWS_ACCESS_KEY_ID"].split())
    with refused("RequestExpired"):
        client.states()
