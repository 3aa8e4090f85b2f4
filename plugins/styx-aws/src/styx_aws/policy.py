"""What the credentials must be allowed to do, exactly: no request is made that is not named here."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

# For what, and which actions. Those that only look cannot be limited to resources, say AWS' tables of actions.
ACTIONS: Mapping[str, Sequence[str]] = {
    "Look": (
        "ec2:DescribeImages", "ec2:DescribeInstances", "ec2:DescribeInternetGateways", "ec2:DescribeKeyPairs",
        "ec2:DescribePlacementGroups", "ec2:DescribeRegions", "ec2:DescribeRouteTables", "ec2:DescribeSecurityGroups",
        "ec2:DescribeSubnets", "ec2:DescribeVolumes", "ec2:DescribeVpcs", "ec2:GetConsoleOutput", "ssm:GetParameter",
        "sts:GetCallerIdentity",
    ),
    "Catalog": (
        "ec2:DescribeInstanceTypeOfferings", "ec2:DescribeInstanceTypes", "ec2:DescribeSpotPriceHistory",
        "pricing:GetProducts",
    ),
    "Network": (
        "ec2:AttachInternetGateway", "ec2:AuthorizeSecurityGroupIngress", "ec2:CreateInternetGateway",
        "ec2:CreateRoute", "ec2:CreateSecurityGroup", "ec2:CreateSubnet", "ec2:CreateVpc",
        "ec2:DeleteInternetGateway", "ec2:DeleteVpc", "ec2:ImportKeyPair", "ec2:RevokeSecurityGroupIngress",
    ),
    "Launch": ("ec2:CreatePlacementGroup", "ec2:CreateTags", "ec2:RunInstances"),
    "Storage": (
        "s3:AbortMultipartUpload", "s3:CreateBucket", "s3:DeleteBucket", "s3:DeleteObject", "s3:DeleteObjectVersion",
        "s3:GetBucketTagging", "s3:GetEncryptionConfiguration", "s3:GetObject", "s3:ListAllMyBuckets", "s3:ListBucket",
        "s3:ListBucketMultipartUploads", "s3:ListBucketVersions", "s3:ListMultipartUploadParts", "s3:PutBucketTagging",
        "s3:PutLifecycleConfiguration", "s3:PutObject", "sts:GetFederationToken",
    ),
}  # fmt: skip
# Of these only what Styx has made may be the object: it has the tag.
MADE_BY_STYX: Mapping[str, Sequence[str]] = {
    "Change": (
        "ec2:DeletePlacementGroup", "ec2:DeleteSecurityGroup", "ec2:DeleteVolume", "ec2:StartInstances",
        "ec2:StopInstances", "ec2:TerminateInstances",
    ),
}  # fmt: skip
# On an instance that Styx has made, with a security group that need not be.
_ATTRIBUTE = "ec2:ModifyInstanceAttribute"
# Needed inside of RunInstances: for instance profiles that tasks ask for, and for the first spot machine of an account.
IMPLIED = ("iam:PassRole", "iam:CreateServiceLinkedRole")


def declared() -> frozenset[str]:
    """Every action in the policy."""
    named = (*ACTIONS.values(), *MADE_BY_STYX.values(), (_ATTRIBUTE,), IMPLIED)
    return frozenset(action for actions in named for action in actions)


def text() -> str:
    """The policy as IAM takes it."""
    statements: list[dict[str, object]] = [
        {"Sid": sid, "Effect": "Allow", "Action": list(actions), "Resource": "*"} for sid, actions in ACTIONS.items()
    ]
    statements += [
        {
            "Sid": sid, "Effect": "Allow", "Action": list(actions), "Resource": "*",
            "Condition": {"Null": {"aws:ResourceTag/styx-installation": "false"}},
        }
        for sid, actions in MADE_BY_STYX.items()
    ]  # fmt: skip
    statements += [
        {"Sid": "Attribute", "Effect": "Allow", "Action": _ATTRIBUTE, "Resource": "*"},
        {
            "Sid": "Identity", "Effect": "Allow", "Action": IMPLIED[0], "Resource": "*",
            "Condition": {"StringEquals": {"iam:PassedToService": "ec2.amazonaws.com"}},
        },
        {
            "Sid": "Spot", "Effect": "Allow", "Action": IMPLIED[1],
            "Resource": "arn:aws:iam::*:role/aws-service-role/spot.amazonaws.com/AWSServiceRoleForEC2Spot",
            "Condition": {"StringEquals": {"iam:AWSServiceName": "spot.amazonaws.com"}},
        },
    ]  # fmt: skip
    return json.dumps({"Version": "2012-10-17", "Statement": statements}, indent=2)
